/** Login and logout in every state, and which media make an agent available. */
import t from 'tap';
import { agentConfig, Centre, flowConfig } from './centre.js';

const both = agentConfig({ id: 'ann', msrp_location: 'sip:ann@chat', msrp_max_sessions: 2 });
const audio = agentConfig({ id: 'ann' });
const chat = agentConfig({ id: 'ann', location: '', msrp_location: 'sip:ann@chat' });
const open = { reject_on_no_agents: false };

/** Brings ann into a state. */
const STATES: Record<string, { enter: (c: Centre) => void; over: (c: Centre) => void; after: string }> = {
  free: { enter: () => undefined, over: () => undefined, after: 'free' },
  'incall, ringing': {
    enter: (c) => c.arrive('x'),
    over: (c) => c.gone('x'),
    after: 'free',
  },
  'incall, talking': {
    enter: (c) => {
      c.arrive('x');
      c.connected('x', 1);
    },
    over: (c) => c.gone('x'),
    after: 'wrapup',
  },
  'inchat, ringing': {
    enter: (c) => c.arrive('x', 'sales', 'msrp'),
    over: (c) => c.gone('x'),
    after: 'free',
  },
  'inchat, chatting': {
    enter: (c) => {
      c.arrive('x', 'sales', 'msrp');
      c.connected('x', 1);
    },
    over: (c) => c.gone('x'),
    after: 'inchat',
  },
  'inchat, only its wrapup left': {
    enter: (c) => c.talk('x', 1, 'sales', 'msrp'),
    over: (c) => c.pass(30),
    after: 'free',
  },
  wrapup: { enter: (c) => c.talk('x', 1), over: (c) => c.pass(30), after: 'free' },
};

for (const [name, { enter, over, after }] of Object.entries(STATES)) {
  t.test(`logging out ${name}: offline at once, no new call, what goes on ends as it would`, async (t) => {
    const c = new Centre([flowConfig()], [both], open);
    enter(c);
    const { state } = c.agent('ann');
    t.equal(state, name.split(',')[0]);
    const calls = c.where('x');
    c.login('ann', false);
    t.match(c.agent_events.at(-1), { agent_id: 'ann', state: 'offline' });
    t.match(c.agent('ann'), { logged_in: false, state });
    t.equal(c.dispatcher.engineRow().free_agents, 0);
    t.equal(c.where('x'), calls, 'his call goes on');
    c.arrive('audio');
    c.arrive('chat', 'sales', 'msrp');
    t.same([c.where('audio'), c.where('chat')], ['queued', 'queued']);
    const events = c.agent_events.length;
    over(c);
    t.equal(c.agent('ann').state, after);
    t.equal(c.agent_events.length, events, 'offline he is all the time');
    t.same([c.where('audio'), c.where('chat')], ['queued', 'queued']);
    if (after === 'free') {
      c.login('ann', true);
      t.equal(c.where('audio'), 'toagent ann');
    }
  });

  t.test(`logging in again ${name}: the state is what it was`, async (t) => {
    const c = new Centre([flowConfig()], [both], open);
    enter(c);
    const before = c.agent('ann');
    c.login('ann', false);
    c.login('ann', true);
    t.same(c.agent('ann'), before);
    t.match(c.agent_events.at(-1), { agent_id: 'ann', state: before.state });
    t.equal(c.dispatcher.engineRow().free_agents, before.state === 'free' ? 1 : 0);
    c.login('ann', true);
    t.same(c.agent('ann'), before, 'twice is once');
  });
}

t.test('an agent takes what he has a location for', async (t) => {
  for (const [agent, takes] of [
    [audio, ['rtp']],
    [chat, ['msrp']],
    [both, ['rtp', 'msrp']],
  ] as const) {
    for (const media of ['rtp', 'msrp'] as const) {
      const c = new Centre([flowConfig()], [agent]);
      c.arrive('a', 'sales', media);
      const fits = takes.some((taken) => taken === media);
      t.equal(c.where('a'), fits ? 'toagent ann' : 'queued', `${media} for one of ${takes.join(' and ')}`);
      t.equal(
        c.connect('a').uri,
        fits ? (media === 'rtp' ? 'sip:ann@desk' : 'sip:ann@chat') : 'sip:queue@media',
      );
    }
  }
});

t.test('an agent without a session gets no chat', async (t) => {
  const c = new Centre([flowConfig()], [{ ...both, msrp_max_sessions: 0 }]);
  c.arrive('a', 'sales', 'msrp');
  t.equal(c.where('a'), 'queued');
  c.arrive('b');
  t.equal(c.where('b'), 'toagent ann', 'audio has the one session that nobody configures');
});

t.test('the ceiling of the flow holds for the wrapup of its chats too', async (t) => {
  const c = new Centre([flowConfig({ max_wrapup_s: 12 })], [both]);
  c.talk('a', 1, 'sales', 'msrp');
  t.equal(c.agent('ann').wrapup_end_ms, c.now_ms + 12_000);
  c.pass(12);
  t.equal(c.agent('ann').state, 'free');
});

t.test('a skill is exact, capitals and all', async (t) => {
  const c = new Centre(
    [flowConfig({ skill: 'Sales' })],
    [audio, agentConfig({ id: 'ben', skills: ['Sales'] })],
  );
  c.arrive('a');
  t.equal(c.where('a'), 'toagent ben');
  c.arrive('b');
  t.equal(c.where('b'), 'queued', 'sales is another skill');
});

/** Login, wrapup, the choice of agent and the order of the queue. */
import t from 'tap';
import { agentConfig, Centre, flowConfig, START_MS } from './centre.js';

const ann = agentConfig({ id: 'ann' });
const ben = agentConfig({ id: 'ben' });

t.test('wrapup is the agent’s own, else the global one, capped by the flow', async (t) => {
  const cases = [
    { agent_s: 0, flow_s: 0, wrapup_s: 30 },
    { agent_s: 12, flow_s: 0, wrapup_s: 12 },
    { agent_s: 50, flow_s: 40, wrapup_s: 40 },
    { agent_s: 0, flow_s: 20, wrapup_s: 20 },
    { agent_s: 5, flow_s: 20, wrapup_s: 5 },
  ];
  for (const { agent_s, flow_s, wrapup_s } of cases) {
    const c = new Centre(
      [flowConfig({ max_wrapup_s: flow_s })],
      [agentConfig({ id: 'ann', wrapup_s: agent_s })],
    );
    c.talk('a', 10);
    t.equal(c.agent('ann').state, 'wrapup');
    t.match(
      c.records.find((record) => record.kind === 'wrapup'),
      { agent_id: 'ann', ends_ms: c.now_ms + wrapup_s * 1000 },
    );
    c.pass(wrapup_s - 0.001);
    t.equal(c.agent('ann').state, 'wrapup');
    c.pass(0.001);
    t.equal(c.agent('ann').state, 'free', `after ${wrapup_s} s`);
  }
});

t.test('a global wrapup of 0 leaves no wrapup', async (t) => {
  const c = new Centre([flowConfig()], [ann], { wrapup_s: 0 });
  c.talk('a', 10);
  t.equal(c.agent('ann').state, 'free');
  t.notOk(c.records.some((record) => record.kind === 'wrapup'));
});

t.test('a wrapup configured for months is kept', async (t) => {
  const c = new Centre([flowConfig()], [agentConfig({ id: 'ann', wrapup_s: 6_000_000 })]);
  c.talk('a', 1);
  c.pass(3600);
  t.match(c.agent('ann'), { state: 'wrapup', wrapup_end_ms: c.now_ms + 5_996_400_000 });
});

t.test('events tell each change of an agent and each delivery', async (t) => {
  const c = new Centre([flowConfig()], [ann]);
  c.talk('a', 10);
  c.pass(30);
  c.login('ann', false);
  c.login('ann', false);
  t.match(c.agent_events, [
    { agent_id: 'ann', state: 'incall', flow_id: 'sales', wrapup_ends_ms: 0 },
    { state: 'wrapup', flow_id: '', wrapup_ends_ms: c.now_ms },
    { state: 'free', wrapup_ends_ms: 0 },
    { state: 'offline' },
  ]);
  t.equal(c.agent_events.length, 4);
});

t.test('audio goes to the agent idle longest', async (t) => {
  const c = new Centre([flowConfig()], [ann, ben], { wrapup_s: 0 });
  for (const [call, agent] of [
    ['a', 'ann'],
    ['b', 'ben'],
    ['c', 'ann'],
  ] as const) {
    c.arrive(call);
    t.equal(c.where(call), `toagent ${agent}`);
    c.gone(call);
  }
  c.login('ben', false);
  c.login('ben', true);
  c.arrive('d');
  t.equal(c.where('d'), 'toagent ann', 'idleness begins with the login');
});

t.test(
  'an agent takes the first call in order of priority, then arrival, of any of his skills',
  async (t) => {
    const flows = [
      flowConfig(),
      flowConfig({ id: 'vip', priority: 1 }),
      flowConfig({ id: 'tech', skill: 'tech', priority: 100 }),
      flowConfig({ id: 'other', skill: 'other', priority: 0 }),
    ];
    const agents = [
      agentConfig({ id: 'ann', skills: ['sales', 'tech'], logged_in: false }),
      agentConfig({ id: 'oli', skills: ['other'], logged_in: false }),
    ];
    const c = new Centre(flows, agents, { wrapup_s: 0, reject_on_no_agents: false });
    c.arrive('o', 'other');
    c.arrive('s1');
    c.arrive('s2');
    c.arrive('t', 'tech');
    c.arrive('v', 'vip');
    c.login('ann', true);
    for (const call of ['v', 't', 's1', 's2']) {
      t.equal(c.where(call), 'toagent ann');
      c.gone(call);
    }
    t.equal(c.where('o'), 'queued', 'not his skill');
  },
);

t.test('logging out lets the call end, shows offline at once and keeps the wrapup', async (t) => {
  const c = new Centre([flowConfig()], [ann], { reject_on_no_agents: false });
  c.arrive('a');
  c.connected('a', 1);
  c.login('ann', false);
  t.match(c.agent_events.at(-1), { state: 'offline' });
  t.equal(c.where('a'), 'toagent ann');
  c.pass(5);
  c.gone('a');
  t.match(c.agent('ann'), { logged_in: false, state: 'wrapup' });
  c.login('ann', true);
  t.match(c.agent_events.at(-1), { state: 'wrapup', wrapup_ends_ms: c.now_ms + 30_000 });
  c.login('ann', false);
  c.arrive('b');
  c.pass(30);
  t.equal(c.where('b'), 'queued');
  c.login('ann', true);
  t.equal(c.where('b'), 'toagent ann', 'a wrapup that is over is forgotten');
});

t.test('logging in is idempotent, unknown agents are not found', async (t) => {
  const c = new Centre([flowConfig()], [ann]);
  t.same(c.login('ann', true), { ok: true });
  t.same(c.agent_events, []);
  t.same(c.login('zoe', true), { ok: false, code: 404, message: 'Agent not found' });
});

t.test('an agent first loaded with a wrapup in the future starts in it', async (t) => {
  const resting = agentConfig({ id: 'ann', wrapup_end_time_s: START_MS / 1000 + 20 });
  const rested = agentConfig({ id: 'ben', wrapup_end_time_s: START_MS / 1000 });
  const c = new Centre([flowConfig()], [resting, rested]);
  t.match(c.agent('ann'), { state: 'wrapup', wrapup_end_ms: START_MS + 20_000 });
  t.equal(c.agent('ben').state, 'free');
  c.pass(20);
  t.equal(c.agent('ann').state, 'free');
});

t.test('an agent without an audio location gets no audio', async (t) => {
  const c = new Centre(
    [flowConfig()],
    [agentConfig({ id: 'ann', location: '', msrp_location: 'sip:ann@chat' })],
  );
  c.arrive('a');
  t.equal(c.where('a'), 'queued');
  c.arrive('b', 'sales', 'msrp');
  t.equal(c.where('b'), 'toagent ann');
  t.equal(c.connect('b').uri, 'sip:ann@chat');
});

/** What management may do: reload, dispatch by hand, switch dispatching, reset statistics. */
import t from 'tap';
import { agentConfig, Centre, flowConfig } from './centre.js';

const ann = agentConfig({ id: 'ann' });
const ben = agentConfig({ id: 'ben' });
const refusal = (code: number, message: string) => ({ ok: false, code, message });

t.test('a call is dispatched by hand, refused for the first reason of the list', async (t) => {
  const flows = [flowConfig(), flowConfig({ id: 'tech', skill: 'tech' })];
  const agents = [
    ann,
    agentConfig({ id: 'off', logged_in: false }),
    agentConfig({ id: 'tim', skills: ['tech'] }),
  ];
  const c = new Centre(flows, agents);
  const dispatch = (call: string, agent_id: string) => c.command({ kind: 'dispatch', call, agent_id });
  t.same(dispatch('none', 'nobody'), refusal(403, 'Internal dispatching is enabled'));
  c.command({ kind: 'internal_dispatching', on: false });
  t.same(dispatch('none', 'nobody'), refusal(404, 'Agent not found'));
  t.same(dispatch('none', 'off'), refusal(404, 'Agent not logged in'));
  t.same(dispatch('none', 'ann'), refusal(404, 'Call not found'));
  c.arrive('a');
  c.arrive('b');
  c.arrive('chat', 'sales', 'msrp');
  t.equal(c.where('a'), 'queued');
  t.same(dispatch('a', 'tim'), refusal(488, 'Agent has no skill for the call'));
  t.same(dispatch('chat', 'ann'), refusal(488, 'Agent is not free/chat enabled'));
  t.same(dispatch('b', 'ann'), { ok: true });
  t.equal(c.where('b'), 'toagent ann');
  t.same(dispatch('a', 'ann'), refusal(488, 'Agent is not free/audio enabled'));
  c.load(flows, [ann, ben]);
  t.same(dispatch('b', 'ben'), refusal(404, 'Call not in queue any more'));
  c.failed('b', c.connect('b').leg);
  c.pass(30);
  t.equal(c.where('b'), 'queued', 'a refused call waits for the next command');
});

t.test('dispatching that is switched on again matches everything that waits, in queue order', async (t) => {
  const flows = [flowConfig(), flowConfig({ id: 'tech', skill: 'tech', priority: 1 })];
  const both = ['sales', 'tech'];
  const agents = [agentConfig({ id: 'ann', skills: both }), agentConfig({ id: 'ben' })];
  const c = new Centre(flows, agents, { internal_call_dispatching: false });
  t.same(c.command({ kind: 'internal_dispatching' }), { ok: true, dispatching: false });
  for (const call of ['s1', 's2', 's3']) c.arrive(call);
  c.arrive('t', 'tech');
  t.equal(c.dispatcher.engineRow().free_agents, 2);
  t.same(c.command({ kind: 'internal_dispatching', on: true }), { ok: true, dispatching: true });
  t.same(
    ['t', 's1', 's2', 's3'].map((call) => c.where(call)),
    ['toagent ann', 'toagent ben', 'queued', 'queued'],
  );
  t.ok(c.dispatcher.engineRow().internal_dispatching);
});

t.test('a reload adds, changes and removes, and keeps counters and calls', async (t) => {
  const c = new Centre([flowConfig()], [ann, ben]);
  c.talk('a', 10);
  c.arrive('b');
  t.equal(c.where('b'), 'toagent ben');
  c.load(
    [flowConfig({ prependcid: 'New' })],
    [{ ...ann, location: 'sip:ann@new' }, agentConfig({ id: 'cat' })],
  );
  t.equal(c.flow().incalls, 2);
  t.equal(c.agent('ann').talk_sum_s, 10);
  t.equal(c.where('b'), 'toagent ben', 'a removed agent keeps his last call');
  t.same(c.login('ben', true), refusal(404, 'Agent not found'));
  const row = c.dispatcher.acd.agents.get('ben')?.row ?? -1;
  c.gone('b');
  t.equal(c.dispatcher.agentRow(row), undefined, 'and goes with it');
  c.arrive('c');
  t.equal(c.where('c'), 'toagent cat');
  c.pass(30);
  c.arrive('d');
  t.match(c.connect('d'), { uri: 'sip:ann@new', display: 'New Bob' });
});

t.test('a removed flow takes no new call and lives until its last one ends', async (t) => {
  const c = new Centre(
    [flowConfig(), flowConfig({ id: 'old' })],
    [agentConfig({ id: 'ann', logged_in: false })],
    {
      reject_on_no_agents: false,
    },
  );
  c.arrive('a', 'old');
  const row = c.call('a')?.flow ?? -1;
  c.load([flowConfig()], [ann]);
  t.equal(c.where('a'), 'toagent ann', 'its waiting call is delivered still');
  c.arrive('b', 'old');
  t.match(c.decisions.at(-1), { kind: 'end', call: 'b', status: 404 });
  t.equal(c.dispatcher.flowRow(row)?.id, 'old');
  c.gone('a');
  t.equal(c.dispatcher.flowRow(row), undefined);
});

t.test('what was removed comes back as it was while it still had a call', async (t) => {
  const c = new Centre([flowConfig()], [ann]);
  c.arrive('a');
  c.load([], []);
  c.load([flowConfig()], [ann]);
  t.equal(c.flow().incalls, 1);
  t.match(c.agent('ann'), { logged_in: true, state: 'incall', dist_incalls: 1 });
  c.gone('a');
  c.arrive('b');
  t.equal(c.where('b'), 'toagent ann');
});

t.test('a reload changes a login only where the column changed', async (t) => {
  const c = new Centre([flowConfig()], [ann, { ...ben, logged_in: false }]);
  c.login('ann', false);
  c.login('ben', true);
  c.load([flowConfig()], [ann, { ...ben, logged_in: false }]);
  t.notOk(c.agent('ann').logged_in);
  t.ok(c.agent('ben').logged_in);
  c.load(
    [flowConfig()],
    [
      { ...ann, logged_in: false },
      { ...ben, logged_in: true },
    ],
  );
  c.load([flowConfig()], [ann, { ...ben, logged_in: false }]);
  t.ok(c.agent('ann').logged_in);
  t.notOk(c.agent('ben').logged_in);
});

t.test('a reload that gives a flow another skill and priority moves its waiting calls', async (t) => {
  const agents = [agentConfig({ id: 'ann', logged_in: false }), agentConfig({ id: 'tim', skills: ['tech'] })];
  const c = new Centre([flowConfig(), flowConfig({ id: 'b', priority: 10 })], agents, {
    reject_on_no_agents: false,
  });
  c.arrive('1');
  c.arrive('2', 'b');
  c.arrive('3');
  c.load([flowConfig({ priority: 5, skill: 'tech' }), flowConfig({ id: 'b', priority: 10 })], agents);
  t.equal(c.where('1'), 'toagent tim');
  t.match(c.call('3'), { state: 'queued', order_priority: 5 });
  c.load([flowConfig({ priority: 5 }), flowConfig({ id: 'b', priority: 10 })], agents);
  c.login('ann', true);
  t.equal(c.where('3'), 'toagent ann', 'before 2, of the lower priority now');
});

t.test('a reload that gives an agent a skill brings him the calls that waited for it', async (t) => {
  const c = new Centre([flowConfig(), flowConfig({ id: 'tech', skill: 'tech' })], [ann], {
    reject_on_no_agents: false,
  });
  c.arrive('a', 'tech');
  t.equal(c.where('a'), 'queued');
  c.load([flowConfig(), flowConfig({ id: 'tech', skill: 'tech' })], [{ ...ann, skills: ['tech'] }]);
  t.equal(c.where('a'), 'toagent ann');
});

t.test('reset_stats clears counters and means, not levels', async (t) => {
  const c = new Centre([flowConfig()], [ann]);
  c.talk('a', 10);
  c.pass(30);
  c.arrive('b');
  c.arrive('c');
  c.command({ kind: 'reset_stats' });
  t.match(c.flow(), {
    incalls: 0,
    dist_incalls: 0,
    answ_incalls: 0,
    talk_sum_s: 0,
    talk_count: 0,
    wait_count: 0,
    queued_calls: 1,
    onhold_calls: 1,
    ongoing: 2,
  });
  t.match(c.agent('ann'), { dist_incalls: 0, answ_incalls: 0, talk_count: 0, refs: 1 });
  t.match(c.dispatcher.engineRow(), { incalls: 0, wait_sum_s: 0, logged_in_agents: 1, onhold_calls: 1 });
});

t.test('the mean wait counts all ended calls, the mean talk those handled', async (t) => {
  const c = new Centre([flowConfig()], [ann]);
  c.arrive('a');
  c.arrive('b');
  c.pass(4);
  c.connected('a', 1);
  c.pass(6);
  c.gone('b');
  c.gone('a');
  t.match(c.flow(), { wait_sum_s: 14, wait_count: 2, talk_sum_s: 6, talk_count: 1 });
  t.match(c.dispatcher.engineRow(), { wait_sum_s: 14, wait_count: 2 });
  t.match(c.agent('ann'), { talk_sum_s: 6, talk_count: 1 });
});

t.test('a call is ended by hand in any state, once', async (t) => {
  const flows = [
    flowConfig({ message_welcome: 'sip:welcome@media' }),
    flowConfig({ id: 'direct' }),
    flowConfig({ id: 'slow', message_dissuading: 'sip:sorry@media', dissuading_onhold_s: 5 }),
  ];
  const c = new Centre(flows, [ann]);
  const end = (call: string) => c.command({ kind: 'end_call', call });
  t.same(end('none'), refusal(404, 'Call not found'));
  c.arrive('welcomed');
  c.arrive('ringing', 'direct');
  t.equal(c.where('ringing'), 'toagent ann');
  c.arrive('waiting', 'direct');
  c.arrive('dissuaded', 'slow');
  c.pass(5);
  for (const [call, state] of [
    ['welcomed', 'welcome'],
    ['waiting', 'queued'],
    ['dissuaded', 'dissuading1'],
    ['ringing', 'toagent ann'],
  ] as const) {
    t.equal(c.where(call), state);
    t.same(end(call), { ok: true }, call);
    t.equal(c.where(call), 'ended');
    t.match(c.decisions.at(-1), { kind: 'end', call, status: 480, reason: 'ended by management' });
    t.match(c.cdrs.at(-1), { call_type: 1, talk_s: 0, wait_s: 5 });
    t.equal((c.cdrs.at(-1)?.fstats ?? 8) & 8, 0, 'nobody has abandoned it');
    t.same(end(call), refusal(404, 'Call not found'));
  }
  t.match(c.cdrs.at(-1), { agent_id: 'ann', pickup_s: 5, fstats: 3 });
  t.match(c.agent('ann'), { state: 'free', refs: 0, aban_incalls: 0 }, 'free at once, he has done nothing');
  t.match(c.dispatcher.engineRow(), { onhold_calls: 0, aban_incalls: 0, wait_count: 4 });
});

t.test('a talk ended by hand has been handled, and the agent has his wrapup', async (t) => {
  const c = new Centre([flowConfig()], [ann]);
  c.arrive('a');
  c.connected('a', c.connect('a').leg);
  c.pass(7);
  t.same(c.command({ kind: 'end_call', call: 'a' }), { ok: true });
  t.match(c.cdrs, [{ call_type: 0, agent_id: 'ann', talk_s: 7, fstats: 7 }]);
  t.match(c.decisions.at(-1), { kind: 'end', call: 'a' });
  t.match(c.agent('ann'), { state: 'wrapup', talk_sum_s: 7 });
});

t.test('an agent who talks is released: his call ends as handled, he is free for the next', async (t) => {
  const c = new Centre([flowConfig()], [ann]);
  const release = (agent_id: string) => c.command({ kind: 'release_agent', agent_id });
  t.same(release('nobody'), refusal(404, 'Agent not found'));
  t.same(release('ann'), { ok: true }, 'nothing to release is no error');
  t.same(c.agent_events, []);
  c.arrive('a');
  c.connected('a', c.connect('a').leg);
  c.arrive('b');
  c.pass(9);
  t.same(release('ann'), { ok: true });
  t.equal(c.where('a'), 'ended');
  t.match(c.cdrs, [{ call_type: 0, agent_id: 'ann', talk_s: 9 }]);
  t.equal(c.where('b'), 'toagent ann', 'without a wrapup in between');
});

t.test('a call that rings at an agent who is released goes back to the top of the queue', async (t) => {
  const c = new Centre([flowConfig()], [ann]);
  c.arrive('a');
  const { leg } = c.connect('a');
  c.arrive('b');
  c.login('ann', false);
  t.same(c.command({ kind: 'release_agent', agent_id: 'ann' }), { ok: true });
  t.match(
    c.decisions.filter((decision) => decision.kind === 'drop'),
    [{ call: 'a', leg }],
  );
  t.match(c.cdrs, [{ call_type: -2, agent_id: 'ann' }]);
  t.match(c.agent('ann'), { state: 'free', refs: 0, rej_incalls: 0 });
  t.equal(c.where('a'), 'queued');
  c.login('ann', true);
  t.equal(c.where('a'), 'toagent ann', 'before b, who came later');
});

t.test('an agent who hears the message of a flow is released from it', async (t) => {
  const c = new Centre([flowConfig({ message_flow_id: 'sip:flow@media' })], [ann]);
  c.arrive('a');
  t.equal(c.where('a'), 'preagent ann');
  c.login('ann', false);
  t.same(c.command({ kind: 'release_agent', agent_id: 'ann' }), { ok: true });
  t.equal(c.where('a'), 'queued');
  t.ok(c.decisions.some((decision) => decision.kind === 'drop' && decision.call === 'a'));
  t.match(c.agent('ann'), { state: 'free', refs: 0 });
  t.same(c.command({ kind: 'end_call', call: 'a' }), { ok: true });
  t.match(
    c.cdrs.map(({ call_type }) => call_type),
    [-2, 1],
  );
});

t.test('a wrapup ends when its agent is released, for a restart too', async (t) => {
  const c = new Centre([flowConfig()], [ann]);
  c.talk('a', 10);
  t.equal(c.agent('ann').state, 'wrapup');
  c.forgetOutput();
  t.same(c.command({ kind: 'release_agent', agent_id: 'ann' }), { ok: true });
  t.match(c.agent('ann'), { state: 'free', wrapup_end_ms: 0 });
  t.same(c.records, [{ kind: 'wrapup', agent_id: 'ann', ends_ms: c.now_ms }]);
  t.match(c.agent_events, [{ agent_id: 'ann', state: 'free', wrapup_ends_ms: 0 }]);
  c.pass(60);
  t.equal(c.agent_events.length, 1, 'nothing is left of it');
});

t.test('an agent with chats is released from all of them', async (t) => {
  const eve = agentConfig({ id: 'eve', msrp_location: 'sip:eve@chat' });
  const c = new Centre([flowConfig()], [eve]);
  for (const call of ['talks', 'over', 'rings']) c.arrive(call, 'sales', 'msrp');
  for (const call of ['talks', 'over']) c.connected(call, c.connect(call).leg);
  c.pass(3);
  c.gone('over');
  t.match(c.agent('eve'), { state: 'inchat', ongoing_chats: 2 });
  c.login('eve', false);
  t.same(c.command({ kind: 'release_agent', agent_id: 'eve' }), { ok: true });
  t.match(c.agent('eve'), { state: 'free', refs: 0, ongoing_chats: 0, wrapup_end_ms: 0 });
  t.same([c.where('talks'), c.where('rings')], ['ended', 'queued']);
});

t.test(
  'of two calls that an agent is released from, the first in the queue goes to who is free',
  async (t) => {
    const chats = (id: string, msrp_max_sessions: number) =>
      agentConfig({ id, msrp_max_sessions, msrp_location: `sip:${id}@chat`, logged_in: id === 'eve' });
    const c = new Centre([flowConfig()], [chats('eve', 2), chats('kim', 1)]);
    for (const call of ['first', 'second']) c.arrive(call, 'sales', 'msrp');
    c.login('kim', true);
    c.command({ kind: 'release_agent', agent_id: 'eve' });
    t.same([c.where('first'), c.where('second')], ['toagent kim', 'toagent eve']);
  },
);

t.test('an agent provisioned no longer goes when he is released from his last call', async (t) => {
  const c = new Centre([flowConfig()], [ann]);
  c.arrive('a');
  c.connected('a', c.connect('a').leg);
  c.load([flowConfig()], []);
  t.same(c.command({ kind: 'release_agent', agent_id: 'ann' }), { ok: true });
  t.equal(c.dispatcher.acd.agents.size, 0);
});

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

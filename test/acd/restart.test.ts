/** The dispatcher after a restart: everything is as it was, once the workers have said which calls they still have. */
import t from 'tap';
import { Dispatcher } from '../../core/acd/dispatcher.js';
import type { Memory } from '../../core/acd/memory.js';
import type { Decision } from '../../core/messages.js';
import { TimerWheel } from '../../core/timers.js';
import { checkInvariants } from '../../tools/sim/invariants.js';
import { agentConfig, Centre, flowConfig, OPTIONS } from './centre.js';

/** As a journal keeps it. */
const kept = (memory: Memory): Memory => JSON.parse(JSON.stringify(memory)) as Memory;

/** A centre with calls in every state: talking, ringing, two waiting, in welcome; an agent in wrapup, one logged out. */
function busy(): Centre {
  const flows = [
    flowConfig(),
    flowConfig({ id: 'greeted', skill: 'other', message_welcome: 'sip:welcome@media', priority: 5 }),
  ];
  const agents = ['ann', 'bob', 'cem', 'dan'].map((id) => agentConfig({ id }));
  const centre = new Centre(flows, [...agents, agentConfig({ id: 'eve', skills: ['other'] })]);
  centre.arrive('r-0-1');
  centre.connected('r-0-1', 1);
  centre.arrive('r-0-2');
  centre.login('dan', false);
  centre.arrive('r-0-3');
  centre.connected('r-0-3', 1);
  centre.pass(5);
  centre.report({ kind: 'caller_gone', call: 'r-0-3', at_ms: centre.now_ms, how: 'bye' });
  centre.arrive('r-0-4');
  centre.connected('r-0-4', 1);
  centre.arrive('r-0-5');
  centre.arrive('r-0-6', 'greeted');
  centre.pass(1);
  return centre;
}

function restarted(centre: Centre) {
  const timers = new TimerWheel(centre.now_ms + 2000);
  const dispatcher = new Dispatcher(OPTIONS, timers, 1);
  dispatcher.restore(kept(centre.dispatcher.memory()), 1);
  return { dispatcher, timers };
}

/** Every row that others see, by id; row numbers may differ. */
function rows({ acd }: Dispatcher) {
  return {
    agents: new Map([...acd.agents.values()].map((agent) => [agent.config.id, agent.view()])),
    flows: new Map(
      [...acd.flows.values()].map((flow) => [flow.config.id, { ...flow.view(), skill: flow.skill.name }]),
    ),
    skills: new Map([...acd.skills.values()].map((skill) => [skill.name, skill.view()])),
    calls: new Map(
      [...acd.calls.values()].map((call) => [
        call.id,
        { ...call.view(), flow: call.flow.config.id, agent: call.agent?.config.id },
      ]),
    ),
    engine: acd.statistics.engine,
  };
}

t.test('flows, agents, calls and statistics are what they were', async (t) => {
  const centre = busy();
  const { dispatcher } = restarted(centre);
  for (const id of ['r-0-1', 'r-0-2', 'r-0-4', 'r-0-5', 'r-0-6'])
    dispatcher.report({ kind: 'resumed', call: id }, 0);
  dispatcher.report({ kind: 'all_resumed' }, 0);
  t.same(rows(dispatcher), rows(centre.dispatcher));
  t.equal(dispatcher.nextCid, centre.dispatcher.nextCid);
});

/** The calls were worker 1's; now there are so many workers. */
function resized(workers: number): Dispatcher {
  const memory = kept(busy().dispatcher.memory());
  const timers = new TimerWheel(1_000_000_000);
  const dispatcher = new Dispatcher(OPTIONS, timers, 1);
  dispatcher.restore({ ...memory, calls: memory.calls.map((call) => ({ ...call, worker: 1 })) }, workers);
  return dispatcher;
}

t.test('with fewer workers, decisions go to those that there are', async (t) => {
  const dispatcher = resized(1);
  const calls = [...dispatcher.acd.calls.keys()];
  t.ok(calls.length > 3);
  for (const call of calls) dispatcher.command({ kind: 'end_call', call });
  const decisions = [...dispatcher.out.decisions];
  t.ok(decisions.length >= calls.length);
  t.same(new Set(decisions.map(({ worker }) => worker)), new Set([0]));
});

t.test('a worker that dies before another has told of its calls takes none of them along', async (t) => {
  const dispatcher = resized(2);
  const calls = [...dispatcher.acd.calls.keys()];
  dispatcher.workerDied(1);
  dispatcher.report({ kind: 'all_resumed' }, 1);
  t.same([...dispatcher.acd.calls.keys()], calls, 'they may be the other worker’s by now');
  const [first] = calls;
  dispatcher.report({ kind: 'resumed', call: first as string }, 0);
  dispatcher.report({ kind: 'all_resumed' }, 0);
  t.same([...dispatcher.acd.calls.keys()], [first], 'those that nobody has end');
});

t.test(
  'a load that comes before the workers have spoken: waiting calls enter their queue as their flow is now',
  async (t) => {
    const centre = busy();
    const { dispatcher, timers } = restarted(centre);
    const dissuading = { message_dissuading: 'sip:dissuade@media', dissuading_onhold_s: 60 };
    const flows = [
      flowConfig({ skill: 'other', priority: 3, ...dissuading }),
      flowConfig({ id: 'greeted', skill: 'other', message_welcome: 'sip:welcome@media', priority: 5 }),
    ];
    const agents = ['ann', 'bob', 'cem', 'dan'].map((id) => agentConfig({ id }));
    const eve = agentConfig({ id: 'eve', skills: ['other'] });
    t.same(dispatcher.command({ kind: 'load', provisioning: { flows, agents: [...agents, eve] } }), {
      ok: true,
    });
    for (const id of ['r-0-1', 'r-0-2', 'r-0-4', 'r-0-5', 'r-0-6'])
      dispatcher.report({ kind: 'resumed', call: id }, 0);
    dispatcher.report({ kind: 'all_resumed' }, 0);
    const calls = () => rows(dispatcher).calls;
    t.match(calls().get('r-0-4'), { state: 'toagent', agent: 'eve' }, 'the first of those who wait');
    t.match(calls().get('r-0-5'), { state: 'queued', order_priority: 3 });
    timers.advance(timers.now_ms + 60_000);
    t.match(calls().get('r-0-5'), { state: 'dissuading1' });
  },
);

t.test('waiting calls keep their place and go to the next free agent in their order', async (t) => {
  const centre = busy();
  const { dispatcher } = restarted(centre);
  // In another order than they arrived in.
  for (const id of ['r-0-5', 'r-0-4', 'r-0-2', 'r-0-1', 'r-0-6'])
    dispatcher.report({ kind: 'resumed', call: id }, 0);
  dispatcher.report({ kind: 'all_resumed' }, 0);
  dispatcher.out.clear();
  dispatcher.command({ kind: 'agent_login', agent_id: 'dan', logged_in: true });
  const delivered = dispatcher.out.decisions.map(({ decision }) => decision);
  t.match(delivered, [{ kind: 'connect', call: 'r-0-4', role: 'agent', uri: 'sip:dan@desk' }]);
});

t.test('a wrapup goes on and ends at its time', async (t) => {
  const centre = busy();
  const { dispatcher, timers } = restarted(centre);
  const cem = () => dispatcher.acd.agents.get('cem');
  t.equal(cem()?.visible, 'wrapup');
  timers.advance(timers.now_ms + 30_000);
  t.equal(cem()?.visible, 'free');
});

t.test('the legs that are to be made are said once more, with the same numbers', async (t) => {
  const centre = busy();
  const { dispatcher } = restarted(centre);
  dispatcher.out.clear();
  dispatcher.report({ kind: 'resumed', call: 'r-0-2' }, 0);
  dispatcher.report({ kind: 'resumed', call: 'r-0-6' }, 0);
  const said = dispatcher.out.decisions.map(({ decision }) => decision);
  t.match(said, [
    { kind: 'keep', call: 'r-0-2', agent_leg: 1, media_setup: 0, media_leg: 1 },
    { kind: 'connect', call: 'r-0-2', leg: 1, role: 'agent' },
    { kind: 'keep', call: 'r-0-6', agent_leg: 0, media_setup: 1, media_leg: 1 },
    { kind: 'connect', call: 'r-0-6', leg: 1, role: 'media', uri: 'sip:welcome@media' },
  ]);
});

t.test('what workers report again changes nothing', async (t) => {
  const centre = busy();
  const { dispatcher } = restarted(centre);
  const arrived = {
    flow: 'sales',
    media: 'rtp',
    caller_user: 'bob',
    param: 'p',
    caller_display: 'Bob',
  } as const;
  dispatcher.report({ kind: 'arrived', call: 'r-0-1', at_ms: centre.now_ms - 8_000, ...arrived }, 0);
  dispatcher.report(
    { kind: 'leg_connected', call: 'r-0-1', leg: 1, role: 'agent', answered_ms: centre.now_ms },
    0,
  );
  for (const id of ['r-0-1', 'r-0-2', 'r-0-4', 'r-0-5', 'r-0-6'])
    dispatcher.report({ kind: 'resumed', call: id }, 0);
  dispatcher.report({ kind: 'all_resumed' }, 0);
  t.same(rows(dispatcher), rows(centre.dispatcher));
});

t.test('what was reported and not heard is heard now', async (t) => {
  const centre = busy();
  const { dispatcher, timers } = restarted(centre);
  dispatcher.out.clear();
  dispatcher.report({ kind: 'caller_gone', call: 'r-0-1', at_ms: timers.now_ms, how: 'bye' }, 0);
  const cdrs = dispatcher.out.records.filter(({ kind }) => kind === 'cdr');
  t.match(cdrs, [{ caller: 'bob', call_type: 0, agent_id: 'ann' }]);
  t.equal(dispatcher.acd.agents.get('ann')?.visible, 'wrapup');
});

t.test('a call that no worker has ends with CDR -1, and its agent is free', async (t) => {
  const centre = busy();
  const { dispatcher } = restarted(centre);
  for (const id of ['r-0-1', 'r-0-4', 'r-0-5', 'r-0-6']) dispatcher.report({ kind: 'resumed', call: id }, 0);
  dispatcher.out.clear();
  dispatcher.report({ kind: 'all_resumed' }, 0);
  const cdrs = dispatcher.out.records.filter(({ kind }) => kind === 'cdr');
  t.match(cdrs, [{ call_type: -1, agent_id: 'bob' }]);
  t.equal(dispatcher.acd.agents.get('bob')?.visible, 'incall', 'and gets the next call at once');
  t.equal(dispatcher.acd.calls.get('r-0-4')?.agent?.config.id, 'bob');
});

t.test('a call that had ended does not begin anew, also after a second restart', async (t) => {
  const centre = busy();
  const { dispatcher } = restarted(centre);
  const again = new Dispatcher(OPTIONS, new TimerWheel(centre.now_ms + 4000), 1);
  again.restore(kept(dispatcher.memory()), 1);
  again.out.clear();
  const about = { flow: 'sales', media: 'rtp', caller_user: 'bob', param: '', caller_display: '' } as const;
  again.report({ kind: 'arrived', call: 'r-0-3', at_ms: centre.now_ms, ...about }, 0);
  const decisions: Decision[] = again.out.decisions.map(({ decision }) => decision);
  t.match(decisions, [{ kind: 'end', call: 'r-0-3' }]);
  t.notOk(again.acd.calls.has('r-0-3'));
  again.report({ kind: 'arrived', call: 'r-0-7', at_ms: centre.now_ms, ...about }, 0);
  t.ok(again.acd.calls.has('r-0-7'), 'a new one does');
});

t.test('calls that nobody had heard of arrive once, whichever worker tells of its own first', async (t) => {
  const dispatcher = resized(2);
  const about = { flow: 'sales', media: 'rtp', caller_user: 'bob', param: '', caller_display: '' } as const;
  const arrives = (call: string, worker: number): boolean => {
    dispatcher.report({ kind: 'arrived', call, at_ms: 0, ...about }, worker);
    const refused = dispatcher.out.decisions.some(({ decision }) => decision.kind === 'end');
    dispatcher.out.clear();
    return !refused && dispatcher.acd.calls.has(call);
  };
  t.ok(arrives('r-0-9', 1));
  dispatcher.report({ kind: 'all_resumed' }, 1);
  t.ok(arrives('r-0-8', 0), 'not taken for one that has ended');
  for (const call of ['r-0-8', 'r-0-9'])
    dispatcher.report({ kind: 'caller_gone', call, at_ms: 0, how: 'cancel' }, 0);
  t.notOk(arrives('r-0-8', 0), 'told of again');
  dispatcher.report({ kind: 'all_resumed' }, 0);
  for (const call of ['r-0-7', 'r-0-8', 'r-0-9'])
    t.notOk(arrives(call, 0), 'all that there was has been told of');
  t.same(new Map(dispatcher.memory().engine.heard).get('r-0'), 9);
});

t.test('of a worker that is replaced only its own calls are asked for', async (t) => {
  const centre = busy();
  const { dispatcher } = centre;
  dispatcher.acd.calls.get('r-0-5')!.worker = 1;
  dispatcher.workerDied(0);
  for (const id of ['r-0-1', 'r-0-2', 'r-0-6']) dispatcher.report({ kind: 'resumed', call: id }, 0);
  dispatcher.report({ kind: 'all_resumed' }, 0);
  t.same([...dispatcher.acd.calls.keys()], ['r-0-1', 'r-0-2', 'r-0-5', 'r-0-6'], 'only r-0-4 is lost');
});

t.test(
  'a call that was refused is refused again, when its worker comes back and tells of it again',
  async (t) => {
    const centre = new Centre([flowConfig()], [agentConfig({ id: 'ann', logged_in: false })]);
    centre.arrive('r-0-1');
    t.match(centre.decisions, [{ kind: 'end', call: 'r-0-1', status: 480 }]);
    centre.login('ann', true);
    centre.dispatcher.workerDied(0);
    centre.arrive('r-0-1');
    t.match(centre.decisions.at(-1), { kind: 'end', call: 'r-0-1' });
    t.equal(centre.where('r-0-1'), 'ended');
    t.equal(centre.agent('ann').state, 'free', 'nobody rings for a call that is over');
  },
);

t.test('a message that is being set up when its worker is replaced has its full time', async (t) => {
  const flow = flowConfig({
    message_dissuading: 'sip:dissuade@media',
    dissuading_onhold_s: 50,
    dissuading_hangup: true,
  });
  const centre = new Centre([flow], [agentConfig({ id: 'ann' })], { message_timeout_s: 60 });
  centre.command({ kind: 'internal_dispatching', on: false });
  centre.arrive('r-0-1');
  centre.connected('r-0-1', centre.connect('r-0-1').leg);
  centre.pass(50);
  const message = centre.connect('r-0-1');
  t.equal(message.uri, 'sip:dissuade@media');
  centre.dispatcher.workerDied(0);
  centre.report({ kind: 'resumed', call: 'r-0-1' });
  centre.report({ kind: 'all_resumed' });
  centre.pass(5);
  centre.connected('r-0-1', message.leg);
  centre.pass(59);
  t.equal(centre.where('r-0-1'), 'dissuading2', 'the deadline is its own, not that of what played before');
  centre.pass(1);
  t.equal(centre.where('r-0-1'), 'ended');
});

t.test('an agent who is given a call whose worker is gone is rung when that is back', async (t) => {
  const welcomed = flowConfig({ message_welcome: 'sip:welcome@media' });
  const centre = new Centre([welcomed], [agentConfig({ id: 'ann' })]);
  centre.arrive('r-0-1');
  centre.connected('r-0-1', 1);
  centre.pass(3);
  centre.dispatcher.workerDied(0);
  centre.decisions = [];
  // It had reported that, and died before it heard what follows from it.
  centre.ended('r-0-1', 1);
  centre.pass(2);
  t.equal(centre.where('r-0-1'), 'toagent ann');
  t.same(centre.decisions, [], 'nobody is there to hear of it, nor of the queue’s media');
  centre.report({ kind: 'resumed', call: 'r-0-1' });
  centre.report({ kind: 'all_resumed' });
  t.match(centre.decisions, [
    { kind: 'keep', agent_leg: 2, media_setup: 3, media_leg: 2 },
    { kind: 'connect', leg: 2, role: 'agent', uri: 'sip:ann@desk' },
    { kind: 'connect', leg: 3, role: 'media' },
  ]);
});

t.test(
  'a caller who waits unanswered hears that he is queued from a worker that comes back, too',
  async (t) => {
    const centre = new Centre([flowConfig()], [agentConfig({ id: 'ann', logged_in: false })], {
      reject_on_no_agents: false,
    });
    centre.arrive('r-0-1');
    t.equal(centre.connect('r-0-1').leg, 1);
    centre.dispatcher.workerDied(0);
    centre.decisions = [];
    centre.failed('r-0-1', 1);
    t.match(centre.decisions, [{ kind: 'progress' }]);
    centre.report({ kind: 'resumed', call: 'r-0-1' });
    centre.report({ kind: 'all_resumed' });
    t.match(centre.decisions, [
      { kind: 'progress' },
      { kind: 'keep' },
      { kind: 'connect', leg: 2, role: 'media' },
    ]);
  },
);

t.test('whom management frees while the worker is gone is not wanted when that is back', async (t) => {
  const centre = new Centre([flowConfig()], [agentConfig({ id: 'ann' })]);
  centre.arrive('r-0-1');
  t.equal(centre.where('r-0-1'), 'toagent ann');
  centre.login('ann', false);
  centre.dispatcher.workerDied(0);
  centre.decisions = [];
  centre.command({ kind: 'release_agent', agent_id: 'ann' });
  t.equal(centre.where('r-0-1'), 'queued');
  t.same(centre.decisions, []);
  centre.report({ kind: 'resumed', call: 'r-0-1' });
  centre.report({ kind: 'all_resumed' });
  t.match(centre.decisions, [
    { kind: 'keep', agent_leg: 0, media_setup: 2 },
    { kind: 'connect', leg: 2, role: 'media' },
  ]);
});

t.test('a call that its agent has refused meanwhile is in the queue once', async (t) => {
  const centre = busy();
  const { dispatcher } = restarted(centre);
  dispatcher.report({ kind: 'leg_failed', call: 'r-0-2', leg: 1, status: 486, refused_by: 'peer' }, 0);
  for (const id of ['r-0-1', 'r-0-2', 'r-0-4', 'r-0-5', 'r-0-6'])
    dispatcher.report({ kind: 'resumed', call: id }, 0);
  dispatcher.report({ kind: 'all_resumed' }, 0);
  checkInvariants(dispatcher);
  t.equal(dispatcher.acd.calls.get('r-0-2')?.rejections, 1);
});

t.test('an agent who has refused a call and left is not there after a restart', async (t) => {
  const agents = ['ann', 'bob'].map((id) => agentConfig({ id }));
  const centre = new Centre([flowConfig()], agents);
  centre.arrive('r-0-1');
  centre.failed('r-0-1', centre.connect('r-0-1').leg);
  centre.load([flowConfig()], agents.slice(1));
  const memory = kept(centre.dispatcher.memory());
  // Memory as a journal has it: of each the latest that was written.
  memory.provisioning.agents.push({ config: agentConfig({ id: 'ann' }), removed: true });
  const restored = new Dispatcher(OPTIONS, new TimerWheel(centre.now_ms), 1);
  restored.restore(memory, 1);
  t.same([...restored.acd.agents.keys()], ['bob']);
});

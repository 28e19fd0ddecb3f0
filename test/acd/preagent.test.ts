/** An agent who hears the flow's message before he gets the caller, and messages that never end. */
import t from 'tap';
import { agentConfig, Centre, flowConfig } from './centre.js';

const QUEUE = 'sip:queue@media';
const FLOW_ID = 'sip:flowid@media';
const told = flowConfig({ message_flow_id: FLOW_ID });
const ann = agentConfig({ id: 'ann' });
const bob = agentConfig({ id: 'bob' });

function answers(c: Centre, call: string, leg: number): void {
  c.report({ kind: 'leg_answered', call, leg, answered_ms: c.now_ms });
}

function isTold(c: Centre, call: string, leg: number): void {
  c.report({ kind: 'leg_announced', call, leg });
}

t.test('a call goes through the queue to an agent who hears the message first', async (t) => {
  const c = new Centre([told], [ann]);
  c.arrive('a');
  t.equal(c.where('a'), 'preagent ann');
  t.same(
    c.call_events.map(({ state }) => state),
    ['queued', 'preagent'],
  );
  const agent = c.decisions.find((decision) => decision.kind === 'connect_announced');
  t.match(agent, { uri: 'sip:ann@desk', announcement: FLOW_ID, display: 'Bob' });
  t.same(c.uris('a'), ['sip:ann@desk', QUEUE], 'the caller hears the queue meanwhile');
  t.equal(c.agent('ann').state, 'incall');
  t.equal(c.flow().onhold_calls, 1, 'he is on hold');
  t.equal(c.flow().dist_incalls, 1);
});

t.test('when the message is over the call is toagent, and talked when they are joined', async (t) => {
  const c = new Centre([told], [ann]);
  c.arrive('a');
  c.connected('a', 3);
  c.pass(5);
  answers(c, 'a', 1);
  c.pass(10);
  isTold(c, 'a', 1);
  t.equal(c.where('a'), 'toagent ann');
  t.equal(c.flow().onhold_calls, 0);
  t.equal(c.flow().answ_incalls, 0);
  c.connected('a', 1);
  t.equal(c.flow().answ_incalls, 1);
  c.pass(20);
  c.gone('a');
  t.match(c.cdrs, [{ call_type: 0, wait_s: 15, pickup_s: 5, talk_s: 20, fstats: 7, agent_id: 'ann' }]);
  t.equal(c.agent('ann').state, 'wrapup');
});

for (const when of ['ringing', 'message', 'moving'] as const) {
  t.test(`an agent's failure while ${when} is a rejection`, async (t) => {
    const c = new Centre([told], [ann, bob]);
    c.arrive('a');
    c.connected('a', 3);
    if (when !== 'ringing') answers(c, 'a', 1);
    if (when === 'moving') isTold(c, 'a', 1);
    c.pass(2);
    c.failed('a', 1, 480);
    t.match(c.cdrs, [{ call_type: -2, agent_id: 'ann', fstats: 3 }]);
    t.equal(c.agent('ann').state, 'wrapup');
    t.equal(c.where('a'), 'preagent bob', 'the next one is told too');
  });

  t.test(`a caller who gives up while ${when} has abandoned`, async (t) => {
    const c = new Centre([told], [ann]);
    c.arrive('a');
    c.connected('a', 3);
    if (when !== 'ringing') answers(c, 'a', 1);
    if (when === 'moving') isTold(c, 'a', 1);
    c.gone('a');
    t.match(c.cdrs, [{ call_type: 1, agent_id: 'ann', fstats: 11 }]);
    t.equal(c.agent('ann').state, 'free');
    t.equal(c.agent('ann').aban_incalls, 1);
  });
}

t.test('the ringing of an agent who hangs up during the message ends at his answer', async (t) => {
  const c = new Centre([told], [ann]);
  c.arrive('a');
  c.pass(3);
  answers(c, 'a', 1);
  c.pass(4);
  c.failed('a', 1, 480);
  t.match(c.cdrs, [{ call_type: -2, pickup_s: 3, wait_s: 7 }]);
});

t.test('the queue’s message fails and is asked for again while the agent hears his', async (t) => {
  const c = new Centre([told], [ann]);
  c.arrive('a');
  c.failed('a', 3, 503);
  t.match(c.decisions, [{}, {}, { kind: 'progress' }, { kind: 'connect', uri: QUEUE }]);
  t.equal(c.where('a'), 'preagent ann');
});

t.test('a call with a welcome waits in the queue for its agent', async (t) => {
  const c = new Centre([flowConfig({ message_flow_id: FLOW_ID, message_welcome: 'sip:w@media' })], [ann]);
  c.arrive('a');
  c.connected('a', 1);
  c.ended('a', 1);
  t.equal(c.where('a'), 'preagent ann');
  t.same(c.uris('a'), ['sip:w@media', 'sip:ann@desk', QUEUE]);
});

t.test('a welcome that never ends is over after its time', async (t) => {
  const c = new Centre([flowConfig({ message_welcome: 'sip:w@media' })], [ann], { message_timeout_s: 60 });
  c.arrive('a');
  c.connected('a', 1);
  c.pass(59);
  t.equal(c.where('a'), 'welcome');
  c.pass(1);
  t.match(c.decisions.slice(1), [
    { kind: 'drop', leg: 1 },
    { kind: 'connect', role: 'agent' },
  ]);
  t.equal(c.where('a'), 'toagent ann');
});

t.test('a dissuading message that never ends is over after its time', async (t) => {
  const dissuading = { message_dissuading: 'sip:d@media', dissuading_onhold_s: 5 };
  for (const dissuading_hangup of [true, false]) {
    const flow = flowConfig({ ...dissuading, dissuading_hangup });
    const c = new Centre([flow], [agentConfig({ id: 'ann', logged_in: false })], {
      reject_on_no_agents: false,
      message_timeout_s: 60,
    });
    c.arrive('a');
    c.connected('a', 1);
    c.pass(6);
    c.connected('a', 2);
    c.pass(60);
    t.equal(c.where('a'), dissuading_hangup ? 'ended' : 'queued');
    t.match(c.decisions.at(-2), { kind: 'drop', leg: 2 });
    t.match(c.decisions.at(-1), dissuading_hangup ? { kind: 'end' } : { kind: 'connect', uri: QUEUE });
  }
});

t.test('the queue’s message has no such deadline', async (t) => {
  const c = new Centre([flowConfig()], [agentConfig({ id: 'ann', logged_in: false })], {
    reject_on_no_agents: false,
    message_timeout_s: 60,
  });
  c.arrive('a');
  c.connected('a', 1);
  c.pass(3_600);
  t.equal(c.where('a'), 'queued');
  t.equal(c.decisions.length, 1);
});

/** A call that has waited too long and is asked to call the dissuading message itself. */
function sentAway(): Centre {
  const dissuading = { message_dissuading: 'sip:d@media', dissuading_onhold_s: 5, dissuading_hangup: true };
  const c = new Centre(
    [flowConfig({ ...dissuading, dissuading_refer: true })],
    [agentConfig({ id: 'ann', logged_in: false })],
    { reject_on_no_agents: false },
  );
  c.arrive('a');
  c.connected('a', 1);
  c.pass(6);
  t.match(c.decisions.at(-1), { kind: 'refer', uri: 'sip:d@media' });
  t.equal(c.where('a'), 'dissuading2');
  return c;
}

t.test('a caller who can call the dissuading message himself is not bridged to it', async (t) => {
  const c = sentAway();
  c.report({ kind: 'referred', call: 'a', status: 200 });
  t.match(c.cdrs, [{ call_type: 1, fstats: 1 }]);
  t.match(c.decisions.at(-1), { kind: 'end' });
  t.equal(c.flow().aban_incalls, 0);
});

t.test('one who hangs up to go there has not abandoned', async (t) => {
  const c = sentAway();
  c.gone('a');
  t.match(c.cdrs, [{ call_type: 1, fstats: 1 }]);
  t.equal(c.flow().aban_incalls, 0);
});

t.test('a queue message that begins while he is asked to go there has no deadline', async (t) => {
  const dissuading = { message_dissuading: 'sip:d@media', dissuading_onhold_s: 5, dissuading_hangup: true };
  const c = new Centre(
    [flowConfig({ ...dissuading, dissuading_refer: true })],
    [agentConfig({ id: 'ann', logged_in: false })],
    { reject_on_no_agents: false },
  );
  c.arrive('a');
  c.connected('a', 1);
  c.pass(4);
  c.report({ kind: 'leg_ended', call: 'a', leg: 1, at_ms: c.timers.now_ms });
  t.match(c.decisions.at(-1), { kind: 'connect', leg: 2, uri: 'sip:queue@media' });
  c.pass(1.5);
  t.match(c.decisions.at(-1), { kind: 'refer' });
  c.connected('a', 2);
  c.report({ kind: 'referred', call: 'a', status: 603 });
  c.connected('a', 3);
  c.report({ kind: 'leg_ended', call: 'a', leg: 3, at_ms: c.timers.now_ms });
  t.match(c.cdrs, [{ call_type: 1 }]);
  // Nothing is left that could happen to it.
  c.pass(3_600);
  t.equal(c.cdrs.length, 1);
});

t.test('one who does not take it is bridged', async (t) => {
  const c = sentAway();
  c.report({ kind: 'referred', call: 'a', status: 405 });
  t.match(c.decisions.at(-1), { kind: 'connect', uri: 'sip:d@media' });
  c.connected('a', 2);
  c.ended('a', 2);
  t.match(c.cdrs, [{ call_type: 1, fstats: 1 }]);
});

t.test('the queue’s message may end meanwhile', async (t) => {
  const c = sentAway();
  c.ended('a', 1);
  t.equal(c.where('a'), 'dissuading2');
  c.gone('a');
  t.equal(c.where('a'), 'ended');
});

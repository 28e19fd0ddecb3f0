/** Agents who hear a message first, and who sends whom elsewhere by REFER, with real sockets. */
import t from 'tap';
import { Agent } from '../../tools/endpoints/agent.js';
import type { Call } from '../../tools/endpoints/call.js';
import { followReferral, refer, TAKES_REFER } from '../../tools/endpoints/refer.js';
import { Center } from '../support/center.js';
import { eventually, within } from '../support/settle.js';

const center = await Center.start(
  {
    told: { flow_id: 'flowid', agents: { 'told-agent': {} } },
    untold: { flow_id: 'refuse', agents: { 'untold-agent': {} } },
    hasty: {
      flow_id: 'queue',
      agents: {
        'hasty-agent': {
          temper: (nth) => ({ answer_after_ms: 0, ...(nth === 0 ? { hangup_after_ms: 100 } : {}) }),
        },
      },
    },
    first: { agents: { 'first-agent': {} } },
    second: { welcome: 'welcome', agents: { 'second-agent': {} } },
    keeping: { agents: { 'keeping-agent': {} } },
    handing: { agents: { 'handing-agent': {} } },
    sending: {
      dissuading: 'dissuading',
      flow: { dissuading_onhold_th: 1, dissuading_hangup: 1, dissuading_refer: 1 },
      agents: { 'sending-agent': { logged_in: false } },
    },
  },
  {
    SIP_ACD_SIP_MESSAGE_TIMEOUT: '2',
    SIP_ACD_TRANSFER_CALLERS: 'true',
    SIP_ACD_CALL_CENTER_REJECT_ON_NO_AGENTS: 'false',
  },
);
const carol = new Agent(center.callers, 'carol', { answer_after_ms: 0 });
const busy = new Agent(center.callers, 'busy', { reject: 486 });

/** A caller who talks to the flow's agent, and the agent's side of it. */
async function talking(flow: string, caller: string): Promise<{ call: Call; delivered: Call }> {
  const call = center.call(flow, caller);
  await within(call.hears(`${flow}-agent`), 'the caller is joined to the agent');
  const delivered = await center.agent(`${flow}-agent`).nextCall();
  await within(delivered.hears(caller), 'and he to the caller');
  return { call, delivered };
}

t.test('an agent hears the flow’s message, the caller the queue’s, then each other', async (t) => {
  const call = center.call('told', 'told-caller');
  await within(call.hears('queue'), 'the queue plays');
  const delivered = await within(center.agent('told-agent').nextCall(), 'the agent rings');
  await within(delivered.hears('flowid'), 'the agent hears the message');
  await within(call.hears('told-agent'), 'the caller is moved');
  await within(delivered.hears('told-caller'), 'and he the caller');
  t.same(call.peers, ['queue', 'told-agent']);
  t.same(delivered.peers, ['flowid', 'told-caller']);
  await within(call.hangup(), 'the BYE is answered');
});

t.test('a message that cannot be played costs nothing but the message', async (t) => {
  const call = center.call('untold', 'untold-caller');
  await within(call.hears('untold-agent'), 'the agent is there');
  const delivered = await center.agent('untold-agent').nextCall();
  await within(delivered.hears('untold-caller'), 'and he hears the caller');
  t.same(delivered.peers, ['untold-caller']);
  await within(call.hangup(), 'the BYE is answered');
});

t.test(
  'an agent who hangs up during the message has refused; one that never ends has a deadline',
  async (t) => {
    const call = center.call('hasty', 'hasty-caller');
    const first = await within(center.agent('hasty-agent').nextCall(), 'the agent rings');
    await within(first.ended, 'and hangs up');
    const second = await within(center.agent('hasty-agent').nextCall(), 'the agent rings again');
    await within(second.hears('hasty-caller'), 'after the deadline he has the caller');
    t.same(second.peers, ['queue', 'hasty-caller']);
    await within(call.hangup(), 'the BYE is answered');
  },
);

t.test('an agent transfers a caller to somebody else', async (t) => {
  const { call, delivered } = await talking('first', 'first-caller');
  const transfer = await within(refer(delivered, carol.uri), 'the REFER is answered');
  t.equal(transfer.status, 202);
  t.equal(await within(transfer.outcome, 'the agent hears how it went'), 200);
  t.equal(transfer.progress[0], 'SIP/2.0 100 Trying');
  t.same(await within(delivered.ended, 'the agent is let go'), { how: 'remote-bye', status: 0 });
  await within(call.hears('carol'), 'the caller hears Carol');
  const taken = await carol.nextCall();
  await within(taken.hears('first-caller'), 'and she him');
  const { Agents } = (await center.engine.mi('cc_list_agents')) as { Agents: Record<string, unknown>[] };
  t.notMatch(
    Agents.find(({ id }) => id === 'first-agent'),
    { State: 'incall' },
  );
  await within(call.hangup(), 'the BYE is answered');
  t.equal((await within(taken.ended, 'Carol is let go')).how, 'remote-bye');
});

t.test('an agent transfers a caller into another flow', async (t) => {
  const { call, delivered } = await talking('first', 'moving-caller');
  const transfer = await within(refer(delivered, center.engine.uri('second')), 'the REFER is answered');
  t.equal(await within(transfer.outcome, 'the agent hears how it went'), 200);
  await within(call.hears('second-agent'), 'the caller is joined to the other flow’s agent');
  t.ok(call.peers.includes('welcome'), 'after its welcome');
  const second = await center.agent('second-agent').nextCall();
  await within(second.hears('moving-caller'), 'and he to the caller');
  await within(call.hangup(), 'the caller hangs up');
  t.equal((await within(second.ended, 'the agent is let go')).how, 'remote-bye');
});

t.test('a transfer that fails leaves agent and caller together', async (t) => {
  const { call, delivered } = await talking('keeping', 'keeping-caller');
  const toBusy = await within(refer(delivered, busy.uri), 'the REFER is answered');
  t.equal(await within(toBusy.outcome, 'the agent hears how it went'), 486);
  const nowhere = await within(refer(delivered, center.engine.uri('nowhere')), 'the REFER is answered');
  t.equal(await within(nowhere.outcome, 'the agent hears how it went'), 404);
  t.equal((await within(refer(delivered, 'sip:x@elsewhere.example'), 'the REFER is answered')).status, 403);
  t.equal(call.peer, 'keeping-agent');
  await within(call.hangup(), 'the BYE is answered');
});

t.test('a caller hands the agent on to somebody else, who has his place then', async (t) => {
  const { call, delivered } = await talking('handing', 'handing-caller');
  const toBusy = await within(refer(call, busy.uri), 'the REFER is answered');
  t.equal(await within(toBusy.outcome, 'the caller hears that she is busy'), 486);
  t.equal((await within(refer(call, 'sip:x@elsewhere.example'), 'the REFER is answered')).status, 403);
  const transfer = await within(refer(call, carol.uri), 'the REFER is answered');
  t.equal(transfer.status, 202);
  t.equal(await within(transfer.outcome, 'the caller hears how it went'), 200);
  t.same(await within(call.ended, 'and is let go'), { how: 'remote-bye', status: 0 });
  const taken = await carol.nextCall();
  t.equal(taken.invitation?.from.uri, center.engine.uri('handing'), 'the call centre calls her');
  await within(delivered.hears('carol'), 'the agent hears Carol');
  await within(taken.hears('handing-agent'), 'and she him');
  const { Agents } = (await center.engine.mi('cc_list_agents')) as { Agents: Record<string, unknown>[] };
  t.match(
    Agents.find(({ id }) => id === 'handing-agent'),
    { State: 'incall' },
    'he is not free for another',
  );
  await within(taken.hangup(), 'she hangs up');
  t.equal((await within(delivered.ended, 'the agent is let go')).how, 'remote-bye');
});

t.test('a caller who has waited too long is sent to the message, and is no call here any more', async (t) => {
  const call = center.call('sending', 'sent-caller', { headers: TAKES_REFER });
  const following = followReferral(call);
  await within(call.hears('queue'), 'the queue plays');
  const own = await within(following, 'he is asked to call the message himself');
  await within(own.hears('dissuading'), 'which plays to him');
  t.equal((await within(call.ended, 'the call is over')).how, 'remote-bye');
  t.same(call.peers, ['queue']);
  await within(own.ended, 'the message ends');
});

t.test('one who does not follow, or cannot, is bridged to the message', async (t) => {
  const refusing = center.call('sending', 'refusing-caller', { headers: TAKES_REFER });
  let asked = 0;
  refusing.onRefer = () => {
    asked++;
    return 603;
  };
  const unable = center.call('sending', 'unable-caller');
  for (const call of [refusing, unable]) {
    await within(call.hears('dissuading'), 'the message plays');
    t.equal((await within(call.ended, 'the call is over')).how, 'remote-bye');
    t.same(call.peers, ['queue', 'dissuading']);
  }
  t.equal(asked, 1);
  t.notOk(
    unable.requests.some(({ method }) => method === 'REFER'),
    'who does not take REFER is not asked',
  );
});

t.test('every transferred call has its CDR, and nothing on the wire was wrong', async (t) => {
  await eventually(
    async () => (await center.engine.mi('cc_list_calls')) as { Calls: unknown[] },
    ({ Calls }) => Calls.length === 0,
    'every call has ended',
  );
  const violations = center.violations();
  const cdrs = await center.finish();
  const shown = (caller: string) =>
    (cdrs.get(caller) ?? []).map(({ call_type, flow_id, agent_id }) => [call_type, flow_id, agent_id]);
  t.same(shown('told-caller'), [[0, 'told', 'told-agent']]);
  t.same(shown('hasty-caller'), [
    [-2, 'hasty', 'hasty-agent'],
    [0, 'hasty', 'hasty-agent'],
  ]);
  t.same(shown('first-caller'), [[0, 'first', 'first-agent']]);
  t.same(shown('moving-caller'), [
    [0, 'first', 'first-agent'],
    [0, 'second', 'second-agent'],
  ]);
  t.same(shown('keeping-caller'), [[0, 'keeping', 'keeping-agent']]);
  t.same(shown('handing-caller'), [[0, 'handing', 'handing-agent']]);
  for (const caller of ['sent-caller', 'refusing-caller', 'unable-caller']) {
    t.match(cdrs.get(caller), [{ call_type: 1, flow_id: 'sending', agent_id: null, fstats: 1 }], caller);
    t.equal(cdrs.get(caller)?.length, 1, caller);
  }
  t.same(violations, []);
});

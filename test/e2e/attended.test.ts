/** Attended transfers with several workers: whoever owns the call that is consulted, the caller gets there. */
import t, { type Test } from 'tap';
import type { Call } from '../../tools/endpoints/call.js';
import { refer, replacing } from '../../tools/endpoints/refer.js';
import { freeUdpPorts } from '../../tools/ports.js';
import { Center } from '../support/center.js';
import { within } from '../support/settle.js';

const WORKERS = 3;
const AGENTS = 4;
const MAX_ROUNDS = 40;

const named = (prefix: string) =>
  Object.fromEntries(Array.from({ length: AGENTS }, (_, index) => [`${prefix}${index}`, {}]));
const center = await Center.start(
  { front: { agents: named('front') }, back: { agents: named('back') } },
  {
    SIP_ACD_SIP_WORKERS: String(WORKERS),
    SIP_ACD_SIP_WORKER_PORTS: String(await freeUdpPorts(WORKERS)),
  },
);

/** Workers of the calls that there are, by their ids. */
async function owners(): Promise<string[]> {
  const { Calls } = (await center.engine.mi('cc_list_calls')) as { Calls: { id: string }[] };
  return Calls.map(({ id }) => id.split('-')[1] ?? '');
}

async function hearsOne(call: Call, prefix: string): Promise<string> {
  const names = Array.from({ length: AGENTS }, (_, n) => `${prefix}${n}`);
  return within(Promise.any(names.map((name) => call.hears(name).then(() => name))), `${prefix} answers`);
}

/** One caller is handed over. @returns whether his call and the one that was consulted had different workers */
async function handOver(t: Test, round: number): Promise<boolean> {
  const call = center.call('front', `caller${round}`);
  const front = await hearsOne(call, 'front');
  const delivered = await center.agent(front).nextCall();
  await within(delivered.hears(`caller${round}`), 'the agent hears the caller');
  const consulted = center.call('back', `consult${round}`);
  const back = await hearsOne(consulted, 'back');
  const asked = await center.agent(back).nextCall();
  const crossed = new Set(await owners()).size > 1;

  const transfer = await within(refer(delivered, replacing(consulted)), 'the REFER is answered');
  t.equal(transfer.status, 202);
  t.equal(await within(transfer.outcome, 'the agent hears how it went'), 200);
  await within(call.hears(back), 'the caller is joined to the other agent');
  await within(asked.hears(`caller${round}`), 'and she to him');
  t.equal((await within(consulted.ended, 'the consultation is over')).how, 'remote-bye');
  t.equal((await within(delivered.ended, 'the first agent is let go')).how, 'remote-bye');
  t.equal(await within(call.reinvite(), 'the caller changes his media'), 200);
  await within(call.hangup(), 'the caller hangs up');
  t.equal((await within(asked.ended, 'the other agent is let go')).how, 'remote-bye');
  return crossed;
}

t.test('a caller is handed to the agent whom his own has consulted, from worker to worker too', async (t) => {
  const crossed = new Set<boolean>();
  let rounds = 0;
  // Who owns a call is up to its Call-ID: both cases are met before long.
  while (crossed.size < 2 && rounds < MAX_ROUNDS) crossed.add(await handOver(t, rounds++));
  t.equal(crossed.size, 2, 'with one worker and with two');
  const violations = center.violations();
  const cdrs = await center.finish();
  for (let round = 0; round < rounds; round++) {
    t.match(cdrs.get(`caller${round}`), [{ call_type: 0, flow_id: 'front' }]);
    t.match(cdrs.get(`consult${round}`), [{ call_type: 0, flow_id: 'back' }]);
  }
  t.same(violations, []);
});

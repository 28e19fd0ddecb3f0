/** Attended transfers with several workers: whoever owns the call that is consulted, the caller gets there. */
import t from 'tap';
import { refer, replacing } from '../../tools/endpoints/refer.js';
import { freeUdpPorts } from '../../tools/ports.js';
import { Center } from '../support/center.js';
import { within } from '../support/settle.js';

const WORKERS = 3;
const CALLS = 6;

const named = (prefix: string) =>
  Object.fromEntries(Array.from({ length: CALLS }, (_, index) => [`${prefix}${index}`, {}]));
const center = await Center.start(
  { front: { agents: named('front') }, back: { agents: named('back') } },
  {
    SIP_ACD_SIP_WORKERS: String(WORKERS),
    SIP_ACD_SIP_WORKER_PORTS: String(await freeUdpPorts(WORKERS)),
  },
);
const owners = new Set<string>();

for (let index = 0; index < CALLS; index++) {
  t.test(`caller ${index} is handed to the agent whom his own has consulted`, async (t) => {
    const call = center.call('front', `caller${index}`);
    const front = await within(
      Promise.any(Array.from({ length: CALLS }, (_, n) => call.hears(`front${n}`).then(() => `front${n}`))),
      'the caller is joined to an agent',
    );
    const delivered = await center.agent(front).nextCall();
    await within(delivered.hears(`caller${index}`), 'and he to the caller');
    const consulted = center.call('back', `consult${index}`);
    const back = await within(
      Promise.any(
        Array.from({ length: CALLS }, (_, n) => consulted.hears(`back${n}`).then(() => `back${n}`)),
      ),
      'he consults another',
    );
    const asked = await center.agent(back).nextCall();
    const { Calls } = (await center.engine.mi('cc_list_calls')) as { Calls: { id: string; Flow: string }[] };
    owners.add(Calls.map(({ id }) => id.split('-')[1]).join(' to '));

    const transfer = await within(refer(delivered, replacing(consulted)), 'the REFER is answered');
    t.equal(transfer.status, 202);
    t.equal(await within(transfer.outcome, 'the agent hears how it went'), 200);
    await within(call.hears(back), 'the caller is joined to the other agent');
    await within(asked.hears(`caller${index}`), 'and she to him');
    t.equal((await within(consulted.ended, 'the consultation is over')).how, 'remote-bye');
    t.equal((await within(delivered.ended, 'the first agent is let go')).how, 'remote-bye');
    t.equal(await within(call.reinvite(), 'the caller changes his media'), 200);
    await within(call.hangup(), 'the caller hangs up');
    t.equal((await within(asked.ended, 'the other agent is let go')).how, 'remote-bye');
  });
}

t.test('no call was lost on the way, and some have gone from worker to worker', async (t) => {
  t.ok(
    [...owners].some((pair) => new Set(pair.split(' to ')).size > 1),
    [...owners].join(', '),
  );
  const violations = center.violations();
  const cdrs = await center.finish();
  for (let index = 0; index < CALLS; index++) {
    t.match(cdrs.get(`caller${index}`), [{ call_type: 0, flow_id: 'front' }]);
    t.match(cdrs.get(`consult${index}`), [{ call_type: 0, flow_id: 'back' }]);
  }
  t.same(violations, []);
});

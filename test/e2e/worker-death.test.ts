/** A SIP worker that dies: its calls go on in the one that takes its place, and nobody else notices. */
import t from 'tap';
import { benchDeath } from '../../tools/bench/loss/death.js';
import { freeUdpPorts } from '../../tools/ports.js';
import { Center } from '../support/center.js';
import { eventually, within } from '../support/settle.js';

t.setTimeout(300_000);
const WORKERS = 2;
const TALKING = 12;
const WAITING = 8;

const agents = Object.fromEntries(
  Array.from({ length: TALKING }, (_, index) => [`agent${index}`, { temper: { answer_after_ms: 0 } }]),
);

async function open(): Promise<Center> {
  const late = { temper: { answer_after_ms: 0 }, logged_in: false };
  return Center.start(
    { support: { agents }, busy: { agents: { late } } },
    {
      SIP_ACD_LOG_LEVEL: 'fatal',
      SIP_ACD_SIP_WORKERS: String(WORKERS),
      SIP_ACD_SIP_WORKER_PORTS: String(await freeUdpPorts(WORKERS)),
      SIP_ACD_CALL_CENTER_REJECT_ON_NO_AGENTS: 'false',
    },
  );
}

/** Polls until it is so. */
async function becomes(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  await eventually(async () => condition(), Boolean, what);
}

async function talkers(center: Center) {
  const calls = Array.from({ length: TALKING }, (_, index) => center.call('support', `talker${index}`));
  await becomes(() => calls.every((call) => call.peer.startsWith('agent')), 'every talker has an agent');
  return calls;
}

t.test('calls of workers that die talk, wait and end as if nothing had happened', async (t) => {
  const center = await open();
  const talking = await talkers(center);
  const waiting = Array.from({ length: WAITING }, (_, index) => center.call('busy', `waiter${index}`));
  await becomes(() => waiting.every((call) => call.peer === 'queue'), 'every waiter hears the queue');

  const drills = Array.from({ length: WORKERS }, (_, worker) => center.engine.drill(worker));
  // In the middle of it: what arrives while nobody is there is not lost.
  const newcomer = center.call('busy', 'newcomer');
  const half = talking.slice(0, TALKING / 2);
  await within(Promise.all(half.map((call) => call.hangup())), 'a BYE at that moment is answered');
  await becomes(() => newcomer.peer === 'queue', 'a new call too');
  await within(Promise.all(drills), 'both are replaced');

  await center.login('late', true);
  await becomes(() => waiting.some((call) => call.peer === 'late'), 'who waited is delivered');
  await within(Promise.all([...talking, ...waiting, newcomer].map((call) => call.hangup())), 'all hang up');
  t.same(center.violations(), []);
  await becomes(async () => {
    const { Agents } = (await center.engine.mi('cc_list_agents')) as { Agents: { State?: string }[] };
    return Agents.every(({ State }) => State === undefined || State === 'free' || State === 'wrapup');
  }, 'no agent is stuck');
  const cdrs = await center.finish();
  for (let index = 0; index < TALKING; index++) {
    const types = cdrs.get(`talker${index}`)?.map(({ call_type }) => call_type);
    t.same(types, [0], 'a talk is one CDR of type 0');
  }
  for (let index = 0; index < WAITING; index++) t.equal(cdrs.get(`waiter${index}`)?.length, 1);
});

t.test('a worker that dies again and again takes only its own shards out of service', async (t) => {
  const center = await open();
  const talking = await talkers(center);
  const { Calls } = (await center.engine.mi('cc_list_calls')) as { Calls: { id: string }[] };
  const lost = Calls.filter(({ id }) => id.split('-')[1] === '0').length;
  for (let death = 1; death <= 3; death++) await within(center.engine.drill(0), 'it is replaced or given up');
  await becomes(async () => {
    const left = (await center.engine.mi('cc_list_calls')) as { Calls: unknown[] };
    return left.Calls.length === TALKING - lost;
  }, 'its calls have ended, the others have not');

  const tries = Array.from({ length: 16 }, (_, index) => center.call('busy', `try${index}`));
  await becomes(
    () => tries.every((call) => call.final !== undefined || call.peer === 'queue'),
    'every new call is answered or refused',
  );
  const refused = tries.filter((call) => (call.final?.status ?? 0) >= 300);
  t.ok(refused.length > 0 && refused.length < tries.length, 'some shards are out of service, others are not');
  for (const call of refused) {
    t.equal(call.final?.status, 500);
    t.match(call.final?.header('retry-after'), /^[1-3]$/);
  }
  const served = tries.filter((call) => !refused.includes(call));
  await within(Promise.all(served.map((call) => call.hangup())), 'those who are served hang up');
  await center.finish();
  t.equal(talking.length, TALKING);
});

t.test('while callers come and go, no call fails when a worker dies', { timeout: 180_000 }, async (t) => {
  const options = { workers: WORKERS, victim: 0, kills: 1, rate: 8, agents: 60, talk: 4, db: 'embedded' };
  const figures = await benchDeath(options, (line) => t.comment(line));
  const { kills, failed_others, failed_own, agents_stuck, violations } = figures;
  t.same(
    { kills, failed_others, failed_own, agents_stuck, violations },
    { kills: 1, failed_others: 0, failed_own: 0, agents_stuck: 0, violations: 0 },
  );
  t.ok(figures.calls_own > 5 && figures.calls - figures.calls_own > 5, 'both workers had calls');
});

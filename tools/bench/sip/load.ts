/** `sip-acd bench sip`: a fresh engine under a load of real calls, and what each of them cost. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { rounded } from '../measure.js';
import { type Callees, FLOW, type Scenario, startCallees, WRAPUP_S } from './callees.js';
import { type Answer, chartOf } from './chart.js';
import { Children } from './children.js';
import { type BenchDatabase, prepareDatabase, type Remains } from './database.js';
import { TALK_MS } from './desks.js';
import { EngineProcess } from './engine.js';
import { cpu_ms, memory, postgresCpu_ms } from './proc.js';
import { Sipp, type SippCounts } from './sipp.js';

export interface LoadOptions {
  scenario: Scenario;
  /** New calls a second. */
  rate: number;
  /** Of the load that is measured, s. */
  duration: number;
  /** How long calls come before, until the code is compiled and memory has its size, s. */
  warmup: number;
  /** `embedded`, or the URL of a PostgreSQL server. */
  db: string;
  /** Left out, as many as the scenario needs. */
  agents?: number;
  /** File for a chart of the load. */
  chart?: string;
}

export interface LoadFigures {
  scenario: Scenario;
  rate: number;
  /** All, those of the warm-up too. */
  calls: number;
  /** Calls that the generators or the CDRs say did not go as they should, whichever says more. */
  failed: number;
  /** User and system time of the engine, database thread included, while calls came after the warm-up. */
  engine_cpu_ms_per_call: number;
  /** Of the PostgreSQL server, or of the engine's database thread; null when the server is elsewhere. */
  db_cpu_ms_per_call: number | null;
  /** From the BYE of an agent to his next INVITE, after the warm-up; null but in scenario queue. */
  free_to_invite_p50_ms: number | null;
  free_to_invite_p99_ms: number | null;
  /** From INVITE to 200, at the caller. */
  setup_p50_ms: number;
  setup_p99_ms: number;
  /** Most memory that the engine had, MB. */
  rss_mb: number;
  /** Calls answered a second. */
  calls_per_second: number;
  /** Of the whole machine in the last minute: more than its cores means that others had their share. */
  load_average: number;
}

const LIMIT_SLACK_S = 40;
const SETTLE_LIMIT_MS = 15_000;
/** Batches of rows are written within a second. */
const WRITE_MS = 1_500;

/**
 * Runs one load.
 * @param say told, in words, what went wrong
 * @throws BenchError when it cannot be run, or the engine dies
 */
export async function benchLoad(options: LoadOptions, say: (text: string) => void): Promise<LoadFigures> {
  const children = new Children();
  const folder = await mkdtemp(join(tmpdir(), 'sip-acd-bench-'));
  const data_dir = join(folder, 'data');
  let database: BenchDatabase | undefined;
  try {
    database = await prepareDatabase(options.db, data_dir);
    const callees = await startCallees(children, folder, options);
    const { flow, agents } = callees;
    await database.seedBefore(flow, agents);
    const engine = await EngineProcess.start(children, {
      ...{ folder, data_dir, db_url: database.url, reject_on_no_agents: true },
      wrapup_s: options.scenario === 'queue' ? 0 : WRAPUP_S,
    });
    if (await database.seedAfter(flow, agents)) await engine.mi('cc_reload');
    return await measure(options, { children, folder, engine, database, callees }, say);
  } finally {
    await children.close();
    await database?.drop();
    await rm(folder, { recursive: true, force: true });
  }
}

interface Setting {
  children: Children;
  folder: string;
  engine: EngineProcess;
  database: BenchDatabase;
  callees: Callees;
}

async function measure(
  options: LoadOptions,
  setting: Setting,
  say: (text: string) => void,
): Promise<LoadFigures> {
  const { children, folder, engine, database, callees } = setting;
  const { scenario, rate, duration, warmup } = options;
  const calls = rate * (warmup + duration);
  const limit_s = Math.ceil(
    warmup + duration + LIMIT_SLACK_S + drain_s(scenario, calls, callees.agents.length),
  );
  const load = { user: FLOW, port: engine.sip_port, calls, rate, limit_s };
  const callers = await Sipp.callers(children, folder, `caller-${scenario}`, load);
  const over = (): boolean => callers.child.code !== undefined || engine.child.code !== undefined;
  // As many calls are under way at one end of the measured time as at the other.
  await children.until(over, warmup * 1000);
  const start = await cpuOf(engine, database);
  // What began before does not count.
  await callees.desks?.takeGaps_ms();
  await children.until(over, duration * 1000);
  const end = await cpuOf(engine, database);
  const gaps_ms = (await callees.desks?.takeGaps_ms())?.sort((a, b) => a - b);
  const load_average = loadavg()[0] as number;
  const ended = await children.until(over, (limit_s + LIMIT_SLACK_S) * 1000);
  engine.mustRun();
  await children.pause(WRITE_MS);
  const peak_bytes = await memory(engine.pid, 'VmHWM');

  const problems: string[] = [];
  const idle = await children.until(
    async () => {
      const census = await engine.census('free');
      return census.calls === 0 && census.agents === callees.agents.length;
    },
    SETTLE_LIMIT_MS,
    500,
  );
  let stuck = 0;
  if (!idle) {
    const census = await engine.census('free');
    stuck = census.calls + callees.agents.length - census.agents;
    problems.push(`${census.calls} calls left, ${callees.agents.length - census.agents} agents not free`);
  }
  for (const sipp of callees.sipps) {
    if (sipp.child.code !== undefined) problems.push(`SIPp's ${sipp.name} was gone before the end`);
    await sipp.stop();
  }
  if (!ended) await children.end(callers.child, 'SIGTERM');
  const code = await engine.stop();
  if (code !== 0) problems.push(`the engine ended with code ${code}: ${engine.child.tail()}`);

  const refused = (await callees.refusing?.counts())?.created ?? 0;
  const remains = await database.remains();
  const generators = await sippFailures(calls, callers, callees.sipps, problems);
  const records = recordFailures(calls, refused, remains, problems);
  if (problems.length > 0 && engine.child.tail() !== '')
    problems.push(`the engine's log ends: ${engine.child.tail()}`);
  if (scenario === 'reject' && refused === 0) problems.push('no agent was asked who refuses');
  for (const problem of problems) say(problem);
  const answers = await callers.answers();
  if (options.chart !== undefined) await writeFile(options.chart, chartOf(titleOf(options), answers));
  const times_ms = answers.map(({ took_ms }) => took_ms).sort((a, b) => a - b);
  const span_s = answers.length === 0 ? 0 : (last(answers) - first(answers)) / 1000;
  const measured = (rate * (end.at_ms - start.at_ms)) / 1000;
  return {
    scenario,
    rate,
    calls,
    failed: Math.max(generators, records, stuck, code === 0 ? 0 : 1),
    engine_cpu_ms_per_call: rounded((end.engine_ms - start.engine_ms) / measured, 3),
    db_cpu_ms_per_call:
      start.db_ms === undefined || end.db_ms === undefined
        ? null
        : rounded((end.db_ms - start.db_ms) / measured, 3),
    free_to_invite_p50_ms: gaps_ms === undefined ? null : percentile(gaps_ms, 0.5),
    free_to_invite_p99_ms: gaps_ms === undefined ? null : percentile(gaps_ms, 0.99),
    setup_p50_ms: percentile(times_ms, 0.5) ?? Number.NaN,
    setup_p99_ms: percentile(times_ms, 0.99) ?? Number.NaN,
    rss_mb: rounded(peak_bytes / 2 ** 20, 1),
    calls_per_second: span_s === 0 ? 0 : rounded((times_ms.length - 1) / span_s, 1),
    load_average: rounded(load_average, 1),
  };
}

/** How long the queue takes to empty. */
function drain_s(scenario: Scenario, calls: number, agents: number): number {
  return scenario === 'queue' ? (calls * TALK_MS * 1.2) / 1000 / agents : 0;
}

async function cpuOf(
  engine: EngineProcess,
  database: BenchDatabase,
): Promise<{ at_ms: number; engine_ms: number; db_ms: number | undefined }> {
  const db_ms =
    database.name === undefined
      ? await cpu_ms(engine.pid, await engine.storeThread())
      : await postgresCpu_ms(database.name);
  return { at_ms: performance.now(), engine_ms: await cpu_ms(engine.pid), db_ms };
}

/** Calls that SIPp says failed or never were; a caller's and a callee's failure are often the same one. */
async function sippFailures(
  calls: number,
  callers: Sipp,
  callees: readonly Sipp[],
  problems: string[],
): Promise<number> {
  let worst = 0;
  for (const sipp of [callers, ...callees]) {
    const counts: SippCounts = await sipp.counts();
    const missing = sipp === callers ? calls - counts.created : 0;
    const failed = counts.failed + missing;
    // A message of no call is an unexpected one.
    worst = Math.max(worst, failed + counts.stray);
    if (failed + counts.stray === 0) continue;
    if (missing > 0) problems.push(`SIPp's ${sipp.name} made only ${counts.created} of ${calls} calls`);
    problems.push(
      `SIPp's ${sipp.name}: ${failed} of ${calls} calls failed, ${counts.stray} stray messages\n${await sipp.firstError()}`,
    );
  }
  if (callers.child.code !== 0) {
    problems.push(
      `SIPp's ${callers.name} ended with code ${callers.child.code}: ${callers.child.tail().slice(-300)}`,
    );
    worst = Math.max(worst, 1);
  }
  return worst;
}

/** Calls whose CDR is missing or of another kind, and rows of cc_calls that should have gone. */
function recordFailures(calls: number, refused: number, remains: Remains, problems: string[]): number {
  const expected = new Map([
    [0, calls],
    [1, 0],
    [-1, 0],
    [-2, refused],
  ]);
  let wrong = 0;
  for (const [type, count] of expected) {
    const found = remains.cdrs.get(type) ?? 0;
    if (found === count) continue;
    wrong = Math.max(wrong, Math.abs(found - count));
    problems.push(`${found} CDRs of call_type ${type}, not ${count}`);
  }
  if (remains.calls > 0) problems.push(`${remains.calls} rows left in cc_calls`);
  return Math.max(wrong, remains.calls);
}

function titleOf({ scenario, rate, db }: LoadOptions): string {
  return `${scenario}, ${rate} calls a second, ${db === 'embedded' ? 'embedded database' : 'PostgreSQL'}`;
}

function first(answers: readonly Answer[]): number {
  return answers.reduce((least, { at_ms }) => Math.min(least, at_ms), Number.POSITIVE_INFINITY);
}

function last(answers: readonly Answer[]): number {
  return answers.reduce((most, { at_ms }) => Math.max(most, at_ms), Number.NEGATIVE_INFINITY);
}

/** null of an empty list. */
function percentile(sorted: readonly number[], share: number): number | null {
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return value === undefined ? null : rounded(value);
}

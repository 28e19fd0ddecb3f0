/**
 * `sip-acd bench journal`: what the journals of calls cost. Two engines, one with them and one without, have their
 * turns in one run, so that what the machine does beside weighs on both alike.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rounded } from '../measure.js';
import { FLOW, startCallees, WRAPUP_S } from './callees.js';
import { BenchError, Children } from './children.js';
import { type BenchDatabase, prepareDatabase } from './database.js';
import { EngineProcess } from './engine.js';
import { cpu_ms } from './proc.js';
import { Sipp } from './sipp.js';

export interface JournalBenchOptions {
  scenario: 'direct' | 'bridged';
  /** New calls a second. */
  rate: number;
  /** How often each engine has its turn. */
  rounds: number;
  /** How long calls come in a turn, s. */
  slice: number;
  db: string;
}

export interface JournalFigures {
  scenario: string;
  rate: number;
  rounds: number;
  /** Of all turns. */
  calls: number;
  failed: number;
  /** CPU of the engine a call, ms, with journals and without: the median of the turns, the least and the most. */
  with_ms: number;
  with_least_ms: number;
  with_most_ms: number;
  without_ms: number;
  without_least_ms: number;
  without_most_ms: number;
  /** How much more the calls of a round cost with journals, %: the median of the rounds, the least and the most. */
  cost_percent: number;
  cost_least_percent: number;
  cost_most_percent: number;
}

/** Until the code is compiled. */
const WARM_S = 12;
/** Rows are written within a second after the calls. */
const WRITE_MS = 1_200;
const SLACK_S = 40;

interface Contender {
  engine: EngineProcess;
  folder: string;
  /** CPU of a call, ms, turn by turn. */
  costs_ms: number[];
}

/** Runs it; needs SIPp. */
export async function benchJournal(
  options: JournalBenchOptions,
  say: (text: string) => void,
): Promise<JournalFigures> {
  const children = new Children();
  const folder = await mkdtemp(join(tmpdir(), 'sip-acd-bench-'));
  const databases: BenchDatabase[] = [];
  try {
    const { flow, agents } = await startCallees(children, folder, options);
    const start = async (name: string, calls: boolean): Promise<Contender> => {
      const own = join(folder, name);
      await mkdir(own);
      const data_dir = join(own, 'data');
      const database = await prepareDatabase(options.db, data_dir);
      databases.push(database);
      await database.seedBefore(flow, agents);
      const engine = await EngineProcess.start(children, {
        ...{ folder: own, data_dir, db_url: database.url, reject_on_no_agents: true, wrapup_s: WRAPUP_S },
        env: { SIP_ACD_JOURNAL_CALLS: String(calls) },
      });
      if (await database.seedAfter(flow, agents)) await engine.mi('cc_reload');
      return { engine, folder: own, costs_ms: [] };
    };
    const on = await start('with', true);
    const off = await start('without', false);
    let failed = 0;
    let calls = 0;
    const turn = async (contender: Contender, seconds: number): Promise<number> => {
      const load = { calls: options.rate * seconds, rate: options.rate, limit_s: seconds + SLACK_S };
      const { cost_ms, lost } = await cpuPerCall(children, contender, options.scenario, load);
      failed += lost;
      calls += load.calls;
      return cost_ms;
    };
    for (const contender of [on, off]) await turn(contender, WARM_S);
    for (let round = 0; round < options.rounds; round++) {
      // Who comes first changes, as the machine does.
      const order = round % 2 === 0 ? [on, off] : [off, on];
      for (const contender of order) contender.costs_ms.push(await turn(contender, options.slice));
      say(
        `round ${round + 1}: ${on.costs_ms.at(-1)} ms a call with journals, ${off.costs_ms.at(-1)} without`,
      );
    }
    for (const { engine } of [on, off]) await engine.stop();
    const percent = on.costs_ms.map(
      (cost_ms, round) => (cost_ms / (off.costs_ms[round] as number) - 1) * 100,
    );
    const [with_least_ms, with_ms, with_most_ms] = spread(on.costs_ms, 3);
    const [without_least_ms, without_ms, without_most_ms] = spread(off.costs_ms, 3);
    const [cost_least_percent, cost_percent, cost_most_percent] = spread(percent, 1);
    return {
      ...{ scenario: options.scenario, rate: options.rate, rounds: options.rounds, calls, failed },
      ...{ with_ms, with_least_ms, with_most_ms, without_ms, without_least_ms, without_most_ms },
      ...{ cost_percent, cost_least_percent, cost_most_percent },
    };
  } finally {
    await children.close();
    for (const database of databases) await database.drop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** One turn, from the first INVITE until the last row is written. */
async function cpuPerCall(
  children: Children,
  { engine, folder }: Contender,
  scenario: string,
  load: { calls: number; rate: number; limit_s: number },
): Promise<{ cost_ms: number; lost: number }> {
  const turn = await mkdtemp(join(folder, 'turn-'));
  const before_ms = await cpu_ms(engine.pid);
  const callers = await Sipp.callers(children, turn, `caller-${scenario}`, {
    ...{ user: FLOW, port: engine.sip_port },
    ...load,
  });
  const over = (): boolean => callers.child.code !== undefined || engine.child.code !== undefined;
  if (!(await children.until(over, load.limit_s * 1000))) throw new BenchError('calls do not end');
  engine.mustRun();
  await children.pause(WRITE_MS);
  const { created, failed } = await callers.counts();
  return {
    cost_ms: rounded(((await cpu_ms(engine.pid)) - before_ms) / load.calls, 3),
    lost: failed + load.calls - created,
  };
}

/** The least, the median and the most. */
function spread(values: readonly number[], digits: number): [number, number, number] {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const median =
    sorted.length % 2 === 1
      ? (sorted[half] as number)
      : ((sorted[half - 1] as number) + (sorted[half] as number)) / 2;
  return [
    rounded(sorted[0] as number, digits),
    rounded(median, digits),
    rounded(sorted.at(-1) as number, digits),
  ];
}

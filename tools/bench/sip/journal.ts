/**
 * `sip-acd bench journal`: what the journals of calls cost. Two engines, one with them and one without, serve the same
 * calls side by side, so that what the machine does beside weighs on both alike.
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
  /** New calls a second, at each engine. */
  rate: number;
  /** How often CPU time is looked at. */
  rounds: number;
  /** How long is counted in a round, s. */
  slice: number;
  /** How long calls come before, s. */
  warmup: number;
  db: string;
}

export interface JournalFigures {
  scenario: string;
  rate: number;
  rounds: number;
  calls: number;
  failed: number;
  /** CPU of the engine a call, ms, with journals and without: the median of the rounds, the least and the most. */
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
  /** The same of all rounds together, in which a collection counts wherever it falls. */
  cost_total_percent: number;
}

const SLACK_S = 40;

interface Contender {
  engine: EngineProcess;
  folder: string;
  /** CPU of a call, ms, round by round. */
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
    const { scenario, rate, rounds, slice, warmup } = options;
    const both = [on, off];
    const seconds = warmup + rounds * slice;
    const load = { user: FLOW, calls: rate * seconds, rate, limit_s: seconds + SLACK_S };
    const callers: Sipp[] = [];
    for (const { engine, folder: own } of both)
      callers.push(
        await Sipp.callers(children, own, `caller-${scenario}`, { ...load, port: engine.sip_port }),
      );
    await children.pause(warmup * 1000);
    let before = await Promise.all(both.map(look));
    for (let round = 0; round < rounds; round++) {
      await children.pause(slice * 1000);
      const after = await Promise.all(both.map(look));
      for (const [index, contender] of both.entries()) {
        const { at_ms, engine_ms } = after[index] as Look;
        const { at_ms: since_ms, engine_ms: then_ms } = before[index] as Look;
        const calls = (rate * (at_ms - since_ms)) / 1000;
        contender.costs_ms.push(rounded((engine_ms - then_ms) / calls, 3));
      }
      before = after;
      say(
        `round ${round + 1}: ${on.costs_ms.at(-1)} ms a call with journals, ${off.costs_ms.at(-1)} without`,
      );
    }
    const over = (): boolean => callers.every(({ child }) => child.code !== undefined);
    if (!(await children.until(over, load.limit_s * 1000))) throw new BenchError('calls do not end');
    let failed = 0;
    for (const caller of callers) {
      const counts = await caller.counts();
      failed += counts.failed + load.calls - counts.created;
    }
    for (const { engine } of [on, off]) await engine.stop();
    const percent = on.costs_ms.map(
      (cost_ms, round) => (cost_ms / (off.costs_ms[round] as number) - 1) * 100,
    );
    const sum = (costs_ms: readonly number[]): number => costs_ms.reduce((all, cost_ms) => all + cost_ms, 0);
    const cost_total_percent = rounded((sum(on.costs_ms) / sum(off.costs_ms) - 1) * 100, 1);
    const [with_least_ms, with_ms, with_most_ms] = spread(on.costs_ms, 3);
    const [without_least_ms, without_ms, without_most_ms] = spread(off.costs_ms, 3);
    const [cost_least_percent, cost_percent, cost_most_percent] = spread(percent, 1);
    return {
      ...{ scenario, rate, rounds, calls: 2 * load.calls, failed },
      ...{ with_ms, with_least_ms, with_most_ms, without_ms, without_least_ms, without_most_ms },
      ...{ cost_percent, cost_least_percent, cost_most_percent, cost_total_percent },
    };
  } finally {
    await children.close();
    for (const database of databases) await database.drop();
    await rm(folder, { recursive: true, force: true });
  }
}

interface Look {
  at_ms: number;
  engine_ms: number;
}

async function look({ engine }: Contender): Promise<Look> {
  engine.mustRun();
  const engine_ms = await cpu_ms(engine.pid);
  return { at_ms: performance.now(), engine_ms };
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

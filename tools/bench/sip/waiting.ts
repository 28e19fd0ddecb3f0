/** `sip-acd bench waiting`: the memory that a waiting call takes, its queue message playing. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rounded } from '../measure.js';
import { BenchError, Children } from './children.js';
import { type BenchDatabase, prepareDatabase } from './database.js';
import { EngineProcess } from './engine.js';
import { memory } from './proc.js';
import { Sipp } from './sipp.js';

export interface WaitingOptions {
  calls: number;
  rate: number;
  /** `embedded`, or the URL of a PostgreSQL server. */
  db: string;
}

export interface WaitingFigures {
  calls: number;
  /** Calls that the engine says are waiting; each has its queue leg. */
  waiting: number;
  failed: number;
  rss_before_mb: number;
  rss_after_mb: number;
  /** Growth of the resident memory by the calls' number. */
  bytes_per_call: number;
}

const FLOW = 'bench';
/** For collections of garbage and writes that are still to come. */
const SETTLE_MS = 5_000;
const SLACK_S = 60;

/** Runs an engine of its own, fills its queue and measures. Throws BenchError when it cannot. */
export async function benchWaiting(
  options: WaitingOptions,
  say: (text: string) => void,
): Promise<WaitingFigures> {
  const children = new Children();
  const folder = await mkdtemp(join(tmpdir(), 'sip-acd-bench-'));
  const data_dir = join(folder, 'data');
  let database: BenchDatabase | undefined;
  try {
    database = await prepareDatabase(options.db, data_dir);
    const queue = await Sipp.callees(children, folder, 'agent', 'queue');
    const flow = { flowid: FLOW, skill: FLOW, message_queue: queue.uri('queue') };
    const agents = [{ agentid: 'absent', location: queue.uri('absent'), skills: FLOW, logstate: 0 }];
    await database.seedBefore(flow, agents);
    const engine = await EngineProcess.start(children, {
      ...{ folder, data_dir, db_url: database.url, wrapup_s: 0, reject_on_no_agents: false },
    });
    if (await database.seedAfter(flow, agents)) await engine.mi('cc_reload');
    await children.pause(SETTLE_MS);
    const before_bytes = await memory(engine.pid, 'VmRSS');
    const { calls, rate } = options;
    const limit_s = Math.ceil(calls / rate + SLACK_S);
    const load = { user: FLOW, port: engine.sip_port, calls, rate, limit_s };
    const callers = await Sipp.callers(children, folder, 'caller-waiting', load);
    let waiting = 0;
    const all = await children.until(
      async () => {
        waiting = await queued(engine);
        return waiting >= calls || callers.child.code !== undefined;
      },
      (limit_s - SLACK_S / 2) * 1000,
      500,
    );
    if (!all) say(`only ${waiting} of ${calls} calls wait`);
    await children.pause(SETTLE_MS);
    waiting = await queued(engine);
    const after_bytes = await memory(engine.pid, 'VmRSS');
    const { failed } = await callers.counts();
    if (failed > 0) say(await callers.firstError());
    if (waiting === 0) throw new BenchError('no call waits');
    return {
      calls,
      waiting,
      failed: Math.max(failed, calls - waiting),
      rss_before_mb: rounded(before_bytes / 2 ** 20, 1),
      rss_after_mb: rounded(after_bytes / 2 ** 20, 1),
      bytes_per_call: Math.round((after_bytes - before_bytes) / waiting),
    };
  } finally {
    await children.close();
    await database?.drop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Calls in the queue: a statistic, which costs the engine less memory than a list. */
async function queued(engine: EngineProcess): Promise<number> {
  const name = `ccf_queued_calls-${FLOW}`;
  const answer = (await engine.mi('get_statistics', [[name]])) as Record<string, number>;
  const value = answer[`call_center:${name}`];
  if (value === undefined) throw new BenchError(`the engine has no statistic ${name}`);
  return value;
}

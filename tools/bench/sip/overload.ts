/** `sip-acd bench overload`: many times what an engine can do is offered to it, twice, and what it makes of that. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rounded } from '../measure.js';
import { Children } from './children.js';
import { type BenchDatabase, prepareDatabase } from './database.js';
import { EngineProcess } from './engine.js';
import { cpu_ms, memory } from './proc.js';
import { Sipp } from './sipp.js';

export interface OverloadOptions {
  /** Calls a second that the engine can do here, as `bench sip --scenario direct --search` finds. */
  capacity: number;
  /** How many times that is offered. */
  factor: number;
  /** How long, s. */
  duration: number;
  db: string;
}

export interface OverloadFigures {
  capacity: number;
  offered: number;
  /** Calls a second that were answered and handled while so many were offered, the first time and the second. */
  handled_per_s: number;
  handled_again_per_s: number;
  /** Calls that ended otherwise than answered or with 503 and Retry-After, of both times. */
  failed: number;
  calls: number;
  /** CPU seconds of the generators a second, of the first time. */
  generator_cpu: number;
  engine_cpu: number;
  peak_mb: number;
  peak_again_mb: number;
  /** Calls and busy agents left at the end. */
  left: number;
}

const FLOW = 'bench';
/** An agent is busy for 2 s a call. */
const AGENTS_PER_RATE = 3;
const MAX_AGENTS = 16_000;
const SETTLE_MS = 60_000;
const WRITE_MS = 1_500;

interface Wave {
  /** The first that a caller found wrong. */
  error: string;
  handled: number;
  failed: number;
  created: number;
  peak_bytes: number;
  generator_ms: number;
  engine_ms: number;
  took_ms: number;
}

/** Runs it; needs SIPp. */
export async function benchOverload(
  options: OverloadOptions,
  say: (text: string) => void,
): Promise<OverloadFigures> {
  const children = new Children();
  const folder = await mkdtemp(join(tmpdir(), 'sip-acd-bench-'));
  const data_dir = join(folder, 'data');
  let database: BenchDatabase | undefined;
  try {
    database = await prepareDatabase(options.db, data_dir);
    const queue = await Sipp.callees(children, folder, 'agent', 'queue');
    const answering = await Sipp.callees(children, folder, 'agent');
    const flow = { flowid: FLOW, skill: FLOW, message_queue: queue.uri('queue') };
    const count = Math.min(MAX_AGENTS, options.capacity * AGENTS_PER_RATE);
    const agents = Array.from({ length: count }, (_, index) => {
      const agentid = `agent${index}`;
      return { agentid, location: answering.uri(agentid), skills: FLOW, logstate: 1 };
    });
    await database.seedBefore(flow, agents);
    const engine = await EngineProcess.start(children, {
      ...{ folder, data_dir, db_url: database.url, reject_on_no_agents: true, wrapup_s: 1 },
    });
    if (await database.seedAfter(flow, agents)) await engine.mi('cc_reload');
    const settled = async (): Promise<boolean> => {
      const census = await engine.census('free');
      return census.calls === 0 && census.agents === count;
    };
    const waves: Wave[] = [];
    for (let nth = 1; nth <= 2; nth++) {
      const wave = await flood(options, {
        children,
        folder: await mkdtemp(join(folder, 'wave-')),
        engine,
        answering,
      });
      say(`wave ${nth}: ${wave.handled} handled, ${wave.created} offered, ${wave.failed} failed`);
      if (wave.error !== '') say(wave.error);
      waves.push(wave);
      await children.until(settled, SETTLE_MS, 500);
      await children.pause(WRITE_MS);
    }
    const census = await engine.census('free');
    const [one, two] = waves as [Wave, Wave];
    await engine.stop();
    return {
      capacity: options.capacity,
      offered: options.capacity * options.factor,
      handled_per_s: rounded((one.handled / one.took_ms) * 1000, 1),
      handled_again_per_s: rounded((two.handled / two.took_ms) * 1000, 1),
      failed: one.failed + two.failed,
      calls: one.created + two.created,
      generator_cpu: rounded(one.generator_ms / one.took_ms),
      engine_cpu: rounded(one.engine_ms / one.took_ms),
      peak_mb: rounded(one.peak_bytes / 2 ** 20, 1),
      peak_again_mb: rounded(two.peak_bytes / 2 ** 20, 1),
      left: census.calls + count - census.agents,
    };
  } finally {
    await children.close();
    await database?.drop();
    await rm(folder, { recursive: true, force: true });
  }
}

interface Shore {
  children: Children;
  folder: string;
  engine: EngineProcess;
  answering: Sipp;
}

/** One wave of calls. What was handled is counted at the agents, while the wave lasts. */
async function flood(
  options: OverloadOptions,
  { children, folder, engine, answering }: Shore,
): Promise<Wave> {
  const { capacity, factor, duration } = options;
  const rate = capacity * factor;
  const load = { user: FLOW, port: engine.sip_port, calls: rate * duration, rate, limit_s: duration + 60 };
  const before = (await answering.counts()).created;
  const engine_before_ms = await cpu_ms(engine.pid);
  const answering_before_ms = await cpu_ms(answering.child.pid);
  const callers = await Sipp.callers(children, folder, 'caller-overload', load);
  const start_ms = performance.now();
  let peak_bytes = 0;
  let generator_ms = 0;
  const look = async (): Promise<boolean> => {
    peak_bytes = Math.max(peak_bytes, await memory(engine.pid, 'VmRSS'));
    if (callers.child.code !== undefined || engine.child.code !== undefined) return true;
    generator_ms =
      (await cpu_ms(callers.child.pid)) + (await cpu_ms(answering.child.pid)) - answering_before_ms;
    return performance.now() - start_ms >= duration * 1000;
  };
  await children.until(look, duration * 1000, 200);
  const took_ms = performance.now() - start_ms;
  const handled = (await answering.counts()).created - before;
  const engine_ms = (await cpu_ms(engine.pid)) - engine_before_ms;
  const over = (): boolean => callers.child.code !== undefined || engine.child.code !== undefined;
  await children.until(over, load.limit_s * 1000);
  engine.mustRun();
  const { created, failed } = await callers.counts();
  const error = failed === 0 ? '' : await callers.firstError();
  return { error, handled, failed, created, peak_bytes, generator_ms, engine_ms, took_ms };
}

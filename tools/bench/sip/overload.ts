/** `sip-acd bench overload`: many times what an engine can do is offered to it, twice, and what it makes of that. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rounded } from '../measure.js';
import { Children } from './children.js';
import { type BenchDatabase, prepareDatabase } from './database.js';
import { EngineProcess } from './engine.js';
import { cpu_ms, memory } from './proc.js';
import { Sipp, type SippCounts } from './sipp.js';

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
  /** Calls a second that the generator really offered, the first time and the second. */
  offered_per_s: number;
  offered_again_per_s: number;
  /** Calls a second that were answered while so many were offered. */
  accepted_per_s: number;
  accepted_again_per_s: number;
  /** Callers turned away with 503 and Retry-After, of both times. */
  refused: number;
  calls: number;
  /** Callers who got neither: of these, whose INVITE or BYE nobody answered, who got another message, or a 503 without Retry-After. */
  failed: number;
  unanswered: number;
  unexpected: number;
  unfit: number;
  /** Messages that callers had to send again. */
  resent: number;
  /** From INVITE to 503. */
  refusal_p50_ms: number;
  refusal_p99_ms: number;
  /** From INVITE to 200, and from BYE to its answer, of the calls that were let in. */
  setup_p50_ms: number;
  setup_p99_ms: number;
  bye_p50_ms: number;
  bye_p99_ms: number;
  /** Cores that the callers' generator, the agents' and the engine used, the first time. */
  callers_cpu: number;
  agents_cpu: number;
  engine_cpu: number;
  peak_mb: number;
  peak_again_mb: number;
  /** Calls and busy agents left at the end. */
  left: number;
}

const FLOW = 'bench';
/** More than are ever busy: who waited for one would get another scenario's messages. */
const AGENTS = 16_000;
/** Longer than what is left of a finished call is kept: each overload meets an engine in service, that has forgotten the one before. */
const WARM_S = 40;
const SETTLE_MS = 60_000;
const WRITE_MS = 1_500;

interface Wave {
  /** What callers found wrong, by kind. */
  errors: string;
  counts: SippCounts;
  answered: number;
  refused: number;
  offered_per_s: number;
  accepted_per_s: number;
  refusals_ms: number[];
  setups_ms: number[];
  byes_ms: number[];
  peak_bytes: number;
  callers_cpu: number;
  agents_cpu: number;
  engine_cpu: number;
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
    const agents = Array.from({ length: AGENTS }, (_, index) => {
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
      return census.calls === 0 && census.agents === AGENTS;
    };
    const waves: Wave[] = [];
    for (let nth = 1; nth <= 2; nth++) {
      await warmUp(options, children, await mkdtemp(join(folder, 'warm-')), engine);
      const wave = await flood(options, {
        children,
        folder: await mkdtemp(join(folder, 'wave-')),
        engine,
        answering,
      });
      const { counts, answered, refused, errors } = wave;
      say(
        `wave ${nth}: ${counts.created} calls, ${answered} answered, ${refused} refused, ${counts.failed} failed`,
      );
      if (errors !== '') say(errors);
      waves.push(wave);
      await children.until(settled, SETTLE_MS, 500);
      await children.pause(WRITE_MS);
    }
    const census = await engine.census('free');
    const [one, two] = waves as [Wave, Wave];
    await engine.stop();
    const sum = (of: (wave: Wave) => number): number => of(one) + of(two);
    const times = (of: (wave: Wave) => number[]): [number, number] => {
      const sorted = [...of(one), ...of(two)].sort((a, b) => a - b);
      const at = (share: number): number => rounded(sorted[Math.floor(sorted.length * share)] ?? Number.NaN);
      return [at(0.5), at(0.99)];
    };
    const [refusal_p50_ms, refusal_p99_ms] = times((wave) => wave.refusals_ms);
    const [setup_p50_ms, setup_p99_ms] = times((wave) => wave.setups_ms);
    const [bye_p50_ms, bye_p99_ms] = times((wave) => wave.byes_ms);
    return {
      capacity: options.capacity,
      offered_per_s: one.offered_per_s,
      offered_again_per_s: two.offered_per_s,
      accepted_per_s: one.accepted_per_s,
      accepted_again_per_s: two.accepted_per_s,
      refused: sum((wave) => wave.refused),
      calls: sum((wave) => wave.counts.created),
      failed: sum((wave) => wave.counts.failed),
      unanswered: sum((wave) => wave.counts.unanswered),
      unexpected: sum((wave) => wave.counts.unexpected),
      unfit: sum((wave) => wave.counts.unfit),
      resent: sum((wave) => wave.counts.resent),
      ...{ refusal_p50_ms, refusal_p99_ms, setup_p50_ms, setup_p99_ms, bye_p50_ms, bye_p99_ms },
      callers_cpu: one.callers_cpu,
      agents_cpu: one.agents_cpu,
      engine_cpu: one.engine_cpu,
      peak_mb: rounded(one.peak_bytes / 2 ** 20, 1),
      peak_again_mb: rounded(two.peak_bytes / 2 ** 20, 1),
      left: census.calls + AGENTS - census.agents,
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

/** Half of what it can do, until its code is compiled: so was its capacity measured. */
async function warmUp(
  { capacity }: OverloadOptions,
  children: Children,
  folder: string,
  engine: EngineProcess,
): Promise<void> {
  const rate = Math.ceil(capacity / 2);
  const load = { user: FLOW, port: engine.sip_port, calls: rate * WARM_S, rate, limit_s: WARM_S + 30 };
  const callers = await Sipp.callers(children, folder, 'caller-overload', load);
  await children.until(() => callers.child.code !== undefined, load.limit_s * 1000);
}

/** One wave of calls. Rates are of the time while they were offered. */
async function flood(
  options: OverloadOptions,
  { children, folder, engine, answering }: Shore,
): Promise<Wave> {
  const { capacity, factor, duration } = options;
  const rate = capacity * factor;
  const limit_s = duration + 60;
  const load = { user: FLOW, port: engine.sip_port, calls: rate * duration, rate, limit_s, together: 500 };
  const engine_before_ms = await cpu_ms(engine.pid);
  const answering_before_ms = await cpu_ms(answering.child.pid);
  const callers = await Sipp.callers(children, folder, 'caller-overload', load);
  const start_ms = performance.now();
  let peak_bytes = 0;
  let callers_ms = 0;
  const gone = (): boolean => callers.child.code !== undefined || engine.child.code !== undefined;
  const look = async (): Promise<boolean> => {
    peak_bytes = Math.max(peak_bytes, await memory(engine.pid, 'VmRSS'));
    if (gone()) return true;
    callers_ms = await cpu_ms(callers.child.pid);
    return performance.now() - start_ms >= duration * 1000;
  };
  await children.until(look, duration * 1000, 200);
  const took_ms = performance.now() - start_ms;
  const offered = await callers.counts();
  const accepted = await callers.counter('answered');
  const answering_ms = (await cpu_ms(answering.child.pid)) - answering_before_ms;
  const engine_ms = (await cpu_ms(engine.pid)) - engine_before_ms;
  await children.until(gone, load.limit_s * 1000);
  engine.mustRun();
  const times = async (name: string): Promise<number[]> =>
    (await callers.answers(name)).map(({ took_ms: each_ms }) => each_ms);
  return {
    errors: await callers.errorKinds(),
    counts: await callers.counts(),
    answered: await callers.counter('answered'),
    refused: await callers.counter('refused'),
    offered_per_s: rounded((offered.created / offered.elapsed_ms) * 1000, 1),
    accepted_per_s: rounded((accepted / offered.elapsed_ms) * 1000, 1),
    refusals_ms: await times('refusal'),
    setups_ms: await times('1'),
    byes_ms: await times('bye'),
    peak_bytes,
    callers_cpu: rounded(callers_ms / took_ms),
    agents_cpu: rounded(answering_ms / took_ms),
    engine_cpu: rounded(engine_ms / took_ms),
  };
}

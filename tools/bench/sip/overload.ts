/** `sip-acd bench overload`: many times what an engine can do is offered to it, twice, and what it makes of that. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rounded } from '../measure.js';
import { Children } from './children.js';
import { type BenchDatabase, prepareDatabase } from './database.js';
import { EngineProcess } from './engine.js';
import { type FloodReport, flood, type Times } from './flood.js';
import { cpu_ms, memory } from './proc.js';
import { Sipp } from './sipp.js';

export interface OverloadOptions {
  /** Calls a second that the engine can do here, as `bench sip --scenario direct --search` finds. */
  capacity: number;
  /** How many times that is offered. */
  factor: number;
  /** How long, s. */
  duration: number;
  /** How long it serves half of its capacity before each time, s; 0 floods one that has just started. */
  warm: number;
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
const SETTLE_MS = 60_000;
/** Longer than what is left of a finished call is kept: each overload meets an engine in service, that has forgotten the one before. */
export const WARM_S = 40;
/** For the last calls of a wave to end: longer than anybody repeats a request. */
const GRACE_S = 60;
const WRITE_MS = 1_500;

interface Wave {
  report: FloodReport;
  offered_per_s: number;
  accepted_per_s: number;
  peak_bytes: number;
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
      const wave = await overload(options, {
        children,
        folder: await mkdtemp(join(folder, 'wave-')),
        engine,
        answering,
      });
      const { offered, answered, refused, failed, remarks } = wave.report;
      say(`wave ${nth}: ${offered} calls, ${answered} answered, ${refused} refused, ${failed} failed`);
      for (const remark of remarks) say(remark);
      waves.push(wave);
      await children.until(settled, SETTLE_MS, 500);
      await children.pause(WRITE_MS);
    }
    const census = await engine.census('free');
    const [one, two] = waves as [Wave, Wave];
    await engine.stop();
    const sum = (of: (report: FloodReport) => number): number => of(one.report) + of(two.report);
    const times = (of: (report: FloodReport) => Times): [number, number] => {
      const both = of(one.report).map((count, ms) => count + (of(two.report)[ms] ?? 0));
      return [percentile(both, 0.5), percentile(both, 0.99)];
    };
    const [refusal_p50_ms, refusal_p99_ms] = times(({ refusals }) => refusals);
    const [setup_p50_ms, setup_p99_ms] = times(({ setups }) => setups);
    const [bye_p50_ms, bye_p99_ms] = times(({ byes }) => byes);
    return {
      capacity: options.capacity,
      offered_per_s: one.offered_per_s,
      offered_again_per_s: two.offered_per_s,
      accepted_per_s: one.accepted_per_s,
      accepted_again_per_s: two.accepted_per_s,
      refused: sum(({ refused }) => refused),
      calls: sum(({ offered }) => offered),
      failed: sum(({ failed }) => failed),
      unanswered: sum(({ unanswered }) => unanswered),
      unexpected: sum(({ unexpected }) => unexpected),
      unfit: sum(({ unfit }) => unfit),
      resent: sum(({ resent }) => resent),
      ...{ refusal_p50_ms, refusal_p99_ms, setup_p50_ms, setup_p99_ms, bye_p50_ms, bye_p99_ms },
      callers_cpu: rounded(one.report.cpu),
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
  { capacity, warm }: OverloadOptions,
  children: Children,
  folder: string,
  engine: EngineProcess,
): Promise<void> {
  if (warm === 0) return;
  const task = { user: FLOW, port: engine.sip_port, rate: Math.ceil(capacity / 2) };
  const { report } = await flood(children, folder, { ...task, duration_s: warm, grace_s: GRACE_S });
  await report;
}

/** One wave of calls. Rates are of the time while they were offered. */
async function overload(
  { capacity, factor, duration }: OverloadOptions,
  { children, folder, engine, answering }: Shore,
): Promise<Wave> {
  const engine_before_ms = await cpu_ms(engine.pid);
  const answering_before_ms = await cpu_ms(answering.child.pid);
  const start_ms = performance.now();
  const task = { user: FLOW, port: engine.sip_port, rate: capacity * factor };
  const callers = await flood(children, folder, { ...task, duration_s: duration, grace_s: GRACE_S });
  let peak_bytes = 0;
  await children.until(
    async () => {
      if (engine.child.code === undefined)
        peak_bytes = Math.max(peak_bytes, await memory(engine.pid, 'VmRSS'));
      return performance.now() - start_ms >= duration * 1000;
    },
    duration * 1000,
    200,
  );
  engine.mustRun();
  const took_ms = performance.now() - start_ms;
  const answering_ms = (await cpu_ms(answering.child.pid)) - answering_before_ms;
  const engine_ms = (await cpu_ms(engine.pid)) - engine_before_ms;
  const report = await callers.report;
  engine.mustRun();
  const perSecond = (calls: number): number => rounded((calls / report.offering_ms) * 1000, 1);
  return {
    report,
    offered_per_s: perSecond(report.offered),
    accepted_per_s: perSecond(report.answered_meanwhile),
    peak_bytes,
    agents_cpu: rounded(answering_ms / took_ms),
    engine_cpu: rounded(engine_ms / took_ms),
  };
}

/** The time, in ms, that such a part of them took at most. */
function percentile(times: Times, part: number): number {
  const all = times.reduce((sum, count) => sum + count, 0);
  let counted = 0;
  return times.findIndex((count) => {
    counted += count;
    return counted > all * part;
  });
}

/**
 * `sip-acd bench mi`: what polling the management interface does to deliveries. An engine with many agents and
 * a long queue is measured by turns with nobody and with somebody asking for its lists.
 */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { rounded } from '../measure.js';
import { BenchError, Children } from './children.js';
import { type BenchDatabase, prepareDatabase } from './database.js';
import { Desks, TALK_MS } from './desks.js';
import { EngineProcess } from './engine.js';
import type { Polled, PollerData } from './mi-poller.js';
import { Sipp } from './sipp.js';

export interface MiOptions {
  /** Listed, of whom a few work. */
  agents: number;
  /** In the queue all the time, at least. */
  waiting: number;
  /** Requests a second. */
  miPoll: number;
  /** With and without polling in all, s. */
  duration: number;
  /** `embedded`, or the URL of a PostgreSQL server. */
  db: string;
}

export interface MiFigures {
  agents: number;
  /** At the end. */
  waiting: number;
  mi_poll: number;
  deliveries: number;
  /** From an agent's BYE to his next INVITE, nobody asking. */
  free_to_invite_p50_ms: number;
  free_to_invite_p99_ms: number;
  polled_free_to_invite_p50_ms: number;
  polled_free_to_invite_p99_ms: number;
  /** What polling adds. */
  p99_change_ms: number;
  mi_answers: number;
  mi_p99_ms: number;
  mi_mean_bytes: number;
  load_average: number;
}

const FLOW = 'bench';
const METHODS = ['cc_list_agents', 'cc_list_queue'] as const;
const FILL_RATE = 200;
const DESKS = 40;
/** Polled and not by turns, so that what lasts longer disturbs both. */
const TURNS = 6;
const WARMUP_S = 10;
const SLACK_S = 60;
const SETTLE_MS = 1_000;

/** Runs an engine of its own. Throws BenchError when it cannot be measured. */
export async function benchMi(options: MiOptions, say: (text: string) => void): Promise<MiFigures> {
  const children = new Children();
  const folder = await mkdtemp(join(tmpdir(), 'sip-acd-bench-'));
  const data_dir = join(folder, 'data');
  let database: BenchDatabase | undefined;
  try {
    database = await prepareDatabase(options.db, data_dir);
    const queue = await Sipp.callees(children, folder, 'agent', 'queue');
    const desks = await Desks.open(children, folder, DESKS);
    const flow = { flowid: FLOW, skill: FLOW, message_queue: queue.uri('queue') };
    const idle = Array.from({ length: Math.max(0, options.agents - DESKS) }, (_, n) => {
      return { agentid: `idle${n}`, location: queue.uri(`idle${n}`), skills: 'other', logstate: 1 };
    });
    const agents = [...desks.seeds(FLOW).map((seed) => ({ ...seed, logstate: 0 })), ...idle];
    await database.seedBefore(flow, agents);
    const engine = await EngineProcess.start(children, {
      ...{ folder, data_dir, db_url: database.url, wrapup_s: 0, reject_on_no_agents: false },
    });
    if (await database.seedAfter(flow, agents)) await engine.mi('cc_reload');
    // The tables that MI reads are written at the end of the dispatcher's turn.
    await children.pause(SETTLE_MS);
    await fill(options, children, folder, engine);
    return await measure(options, children, engine, desks, say);
  } finally {
    await children.close();
    await database?.drop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** As many callers as shall wait, and those that will be served meanwhile. */
async function fill(
  options: MiOptions,
  children: Children,
  folder: string,
  engine: EngineProcess,
): Promise<void> {
  const served = Math.ceil((DESKS * 1000 * (options.duration + WARMUP_S)) / TALK_MS);
  const calls = options.waiting + served;
  const limit_s = Math.ceil(calls / FILL_RATE + options.duration + 2 * SLACK_S);
  const load = { user: FLOW, port: engine.sip_port, calls, rate: FILL_RATE, limit_s };
  const callers = await Sipp.callers(children, folder, 'caller-queue', load);
  const over = (): boolean => callers.child.code !== undefined || engine.child.code !== undefined;
  const full = await children.until(
    async () => over() || (await queued(engine)) >= calls,
    (calls / FILL_RATE + SLACK_S) * 1000,
    500,
  );
  engine.mustRun();
  if (!full || over()) throw new BenchError(`only ${await queued(engine)} of ${calls} calls wait`);
}

async function measure(
  options: MiOptions,
  children: Children,
  engine: EngineProcess,
  desks: Desks,
  say: (text: string) => void,
): Promise<MiFigures> {
  for (let n = 0; n < DESKS; n++) {
    await engine.mi('cc_agent_login', [`agent${n}`, 1]);
    await children.pause(TALK_MS / DESKS);
  }
  await children.pause(WARMUP_S * 1000);
  const alone: number[] = [];
  const polled: number[] = [];
  const answers: Polled[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    const poller = turn % 2 === 1 ? startPoller(engine, options.miPoll, answers) : undefined;
    // What begins in a turn belongs to it.
    await desks.takeGaps_ms();
    await children.pause((options.duration * 1000) / TURNS);
    (poller === undefined ? alone : polled).push(...(await desks.takeGaps_ms()));
    if (poller !== undefined) {
      poller.postMessage('stop');
      await once(poller, 'exit');
    }
  }
  engine.mustRun();
  const refused = answers.filter(({ ok }) => !ok).length;
  if (refused > 0) say(`${refused} of ${answers.length} MI requests failed`);
  const of = (values: readonly number[], share: number): number => {
    const sorted = [...values].sort((a, b) => a - b);
    return rounded(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN);
  };
  return {
    agents: options.agents,
    waiting: await queued(engine),
    mi_poll: options.miPoll,
    deliveries: alone.length + polled.length,
    free_to_invite_p50_ms: of(alone, 0.5),
    free_to_invite_p99_ms: of(alone, 0.99),
    polled_free_to_invite_p50_ms: of(polled, 0.5),
    polled_free_to_invite_p99_ms: of(polled, 0.99),
    p99_change_ms: rounded(of(polled, 0.99) - of(alone, 0.99)),
    mi_answers: answers.length,
    mi_p99_ms: of(
      answers.map(({ took_ms }) => took_ms),
      0.99,
    ),
    mi_mean_bytes: Math.round(
      answers.reduce((sum, { bytes }) => sum + bytes, 0) / Math.max(1, answers.length),
    ),
    load_average: rounded(loadavg()[0] as number, 1),
  };
}

/** A thread of its own: what it reads would make the desks late. */
function startPoller(engine: EngineProcess, rate: number, answers: Polled[]): Worker {
  const workerData: PollerData = { url: engine.mi_url, rate, methods: METHODS };
  const poller = new Worker(new URL('./mi-poller.js', import.meta.url), { workerData });
  poller.on('message', (polled: Polled) => answers.push(polled));
  return poller;
}

async function queued(engine: EngineProcess): Promise<number> {
  const name = `ccf_queued_calls-${FLOW}`;
  const answer = (await engine.mi('get_statistics', [[name]])) as Record<string, number>;
  return answer[`call_center:${name}`] ?? 0;
}

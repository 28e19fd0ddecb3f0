/**
 * `sip-acd demo`: a whole contact centre on this machine. The engine runs in this process on a database
 * of its own; simulated callers, agents and a media server speak SIP to it over loopback.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { type Config, loadConfig } from '../workers/config.js';
import { type Engine, startEngine } from '../workers/supervisor.js';
import { type BoardData, type DemoSummary, renderBoard, renderSummary } from './board.js';
import { DemoCallers } from './demo-callers.js';
import { DEMO_AGENTS, demoAgentRows, demoFlows, WELCOME_MS } from './demo-center.js';
import { Agent } from './endpoints/agent.js';
import { Endpoint } from './endpoints/endpoint.js';
import { MediaServer } from './endpoints/media.js';
import { RtpSender } from './endpoints/rtp.js';
import { callMi, urlOf } from './mi.js';
import { freeTcpPort, freeUdpPorts, tcpPortFree, udpPortFree } from './ports.js';
import { readCdrs, seedDatabase } from './provision.js';

export interface DemoOptions {
  /** Ends after so many calls; without it the demo runs until SIGINT or SIGTERM. */
  calls?: number;
  /** Calls a second. */
  rate?: number;
  /** One JSON object on stdout at the end instead of board and table. */
  json?: boolean;
  /** Default: 5060 if it is free, else any. */
  sipPort?: number;
  /** Default: 8888 if it is free, else any. */
  miPort?: number;
  /** Data folder to keep; default: a temporary one, removed at the end. */
  data?: string;
}

const HOST = '127.0.0.1';
const RATE_PER_S = 2;
/** Of a demo that ends by itself: as much as ten agents can take. */
const RATE_COUNTED_PER_S = 3;
const BOARD_MS = 1000;
const AGENT_HERTZ = 600;

/** What a demo is made of, while it runs. */
interface Center {
  media: Endpoint;
  agents: Endpoint;
  callers: Endpoint;
  tones: RtpSender | undefined;
}

/** Adds the command `demo`. */
export function registerDemo(program: Command): void {
  program
    .command('demo')
    .description('run a contact centre with simulated callers, agents and media server on this machine')
    .option('--calls <n>', 'end after so many calls (default: run until Ctrl-C)', whole)
    .option('--rate <r>', 'calls a second', positive)
    .option('--json', 'print one JSON object at the end, and nothing else')
    .option('--sip-port <port>', 'UDP port of the engine (default: 5060 if it is free)', whole)
    .option(
      '--mi-port <port>',
      'TCP port of its management interface (default: 8888 if it is free)',
      positive,
    )
    .option('--data <dir>', 'data folder to keep (default: a temporary one)')
    .action(async (options: DemoOptions) => {
      process.exitCode = await runDemo(options);
    });
}

function positive(text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('expected a number above 0');
}

function whole(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('expected a whole number above 0');
}

/** Runs the demo to its end. Gives the exit status: 0 when no call failed and every call has its CDR. */
export async function runDemo(options: DemoOptions = {}): Promise<number> {
  const data_dir = options.data ?? (await mkdtemp(join(tmpdir(), 'sip-acd-demo-')));
  const center = await openCenter(options.calls === undefined);
  try {
    const summary = await runIn(data_dir, center, options);
    process.stdout.write(options.json ? `${JSON.stringify(summary)}\n` : renderSummary(summary));
    return summary.failed === 0 && summary.cdrs === summary.calls ? 0 : 1;
  } finally {
    for (const endpoint of [center.media, center.agents, center.callers]) await endpoint.close();
    await center.tones?.close();
    if (options.data === undefined) await rm(data_dir, { recursive: true, force: true });
  }
}

async function openCenter(audible: boolean): Promise<Center> {
  const tones = audible ? await RtpSender.open(HOST) : undefined;
  const media_port = tones?.port ?? 40_000;
  const open = (name: string) => Endpoint.open({ name, host: HOST, media_port });
  return { media: await open('media'), agents: await open('agents'), callers: await open('caller'), tones };
}

async function runIn(data_dir: string, center: Center, options: DemoOptions): Promise<DemoSummary> {
  const media = new MediaServer(center.media, { welcome: { length_ms: WELCOME_MS } }, center.tones);
  const tone = center.tones && { sender: center.tones, hertz: AGENT_HERTZ };
  for (const { name, temper } of DEMO_AGENTS) new Agent(center.agents, name, temper, tone);
  const last_cdr = await seedDatabase(
    data_dir,
    demoFlows((name) => media.uri(name)),
    demoAgentRows((name) => center.agents.uri(name)),
  );
  const sip_port = options.sipPort ?? ((await udpPortFree(5060)) ? 5060 : await freeUdpPorts(1));
  const engine = await startEngine(await demoConfig(data_dir, sip_port, options));
  const names = new Set(DEMO_AGENTS.map((agent) => agent.name));
  const uriOf = (flow: string) => `sip:${flow}@${HOST}:${sip_port}`;
  const callers = new DemoCallers(center.callers, uriOf, (name) => names.has(name));
  const start_ms = performance.now();
  const elapsed_s = () => (performance.now() - start_ms) / 1000;
  const dial = demoFlows(String).map((flow) => uriOf(flow.flowid));
  const board = options.json ? undefined : startBoard(engine, callers, dial, elapsed_s);
  const stop = () => callers.stop();
  // Once: a second signal ends the process the hard way.
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    const rate = options.rate ?? (options.calls === undefined ? RATE_PER_S : RATE_COUNTED_PER_S);
    await Promise.race([callers.run(rate, options.calls), engineDied(engine)]);
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
    await board?.stop();
    await engine.stop();
  }
  for (const failure of callers.failures) process.stderr.write(`failed: ${failure}\n`);
  const endpoints = [center.media, center.agents, center.callers];
  for (const endpoint of endpoints) {
    for (const violation of endpoint.violations) process.stderr.write(`against the RFCs: ${violation}\n`);
  }
  const cdrs = await readCdrs(data_dir, last_cdr);
  return {
    ...callers.figures(),
    rejected: cdrs.filter((cdr) => cdr.call_type === -2).length,
    cdrs: cdrs.filter((cdr) => cdr.call_type !== -2).length,
    violations: endpoints.reduce((sum, endpoint) => sum + endpoint.violationCount, 0),
    duration_s: Math.round(elapsed_s()),
  };
}

/** The engine ended while it was needed. */
async function engineDied(engine: Engine): Promise<never> {
  await engine.finished;
  throw new Error('the engine has stopped by itself');
}

async function demoConfig(data_dir: string, sip_port: number, options: DemoOptions): Promise<Config> {
  const workers = Math.max(1, availableParallelism() - 1);
  const mi_port = options.miPort ?? ((await tcpPortFree(8888)) ? 8888 : await freeTcpPort());
  return loadConfig({
    env: {
      SIP_ACD_DATA_DIR: data_dir,
      SIP_ACD_SIP_LISTEN: `udp:${HOST}:${sip_port}`,
      SIP_ACD_SIP_WORKERS: String(workers),
      SIP_ACD_SIP_WORKER_PORTS: String(await freeUdpPorts(workers)),
      SIP_ACD_MI_LISTEN: `${HOST}:${mi_port}`,
      // Stdout belongs to the board and to the JSON object.
      SIP_ACD_LOG_LEVEL: 'error',
    },
  });
}

/** Redraws the board once a second from what MI says; `stop` leaves the last one standing. */
function startBoard(
  engine: Engine,
  callers: DemoCallers,
  dial: readonly string[],
  elapsed_s: () => number,
): { stop(): Promise<void> } {
  let busy = Promise.resolve();
  let idle = true;
  const draw = async (): Promise<void> => {
    const ask = (method: string, params = {}) =>
      callMi({ url: urlOf(engine.mi_address), token: '' }, method, params);
    const { Agents } = (await ask('cc_list_agents')) as { Agents: BoardData['agents'] };
    const { Flows } = (await ask('cc_list_flows')) as { Flows: BoardData['flows'] };
    const { Calls } = (await ask('cc_list_queue')) as { Calls: BoardData['queue'] };
    const onhold = 'call_center:ccg_onhold_calls';
    const statistics = (await ask('get_statistics', { statistics: [onhold] })) as Record<string, number>;
    const { started, answered, abandoned, failed } = callers;
    const counts = { started, answered, abandoned, failed, onhold: statistics[onhold] ?? 0 };
    const lists = { agents: Agents, flows: Flows, queue: Calls };
    process.stdout.write(renderBoard({ elapsed_s: elapsed_s(), dial, ...lists, ...counts }));
  };
  if (!process.stdout.isTTY) return { stop: () => busy };
  const timer = setInterval(() => {
    // An answer that takes longer than a second is waited for, not asked for twice.
    if (!idle) return;
    idle = false;
    busy = draw().finally(() => (idle = true));
  }, BOARD_MS);
  return {
    stop: () => {
      clearInterval(timer);
      return busy;
    },
  };
}

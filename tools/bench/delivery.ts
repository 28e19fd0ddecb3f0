/**
 * `sip-acd bench delivery`: how long a free agent waits for the next of many waiting calls, measured at the agent's
 * own socket from the BYE that he sends to the INVITE that he gets. Wrapup is 0.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../workers/config.js';
import { startEngine } from '../../workers/supervisor.js';
import { Agent } from '../endpoints/agent.js';
import { Endpoint } from '../endpoints/endpoint.js';
import { EventLog } from '../endpoints/log.js';
import { MediaServer } from '../endpoints/media.js';
import { freeUdpPorts } from '../ports.js';
import { seedDatabase } from '../provision.js';
import { GapLog } from './gap-log.js';

const HOST = '127.0.0.1';
/** An agent who hangs up within a second has refused the call: he talks a little longer. */
const TALK_MS = 1_050;
/** Callers dialled at once, so that the generator does not flood its own sockets. */
const DIAL_BURST = 10;
const DIAL_PAUSE_MS = 50;

export interface DeliveryOptions {
  waiting: number;
  deliveries: number;
  agents: number;
}

export interface DeliveryFigures {
  waiting: number;
  agents: number;
  deliveries: number;
  bye_to_invite_p50_ms: number;
  bye_to_invite_p99_ms: number;
  bye_to_invite_max_ms: number;
}

/** Keeps nothing. */
class NoLog extends EventLog {
  override add(): void {}
}

/** Runs an engine of its own on the embedded database and measures `deliveries` deliveries. */
export async function benchDelivery(options: DeliveryOptions): Promise<DeliveryFigures> {
  const data_dir = await mkdtemp(join(tmpdir(), 'sip-acd-bench-'));
  const gaps_ms: number[] = [];
  const log = new NoLog();
  const media = await Endpoint.open({ name: 'media', log });
  const callers = await Endpoint.open({ name: 'callers', log });
  const desks = await Promise.all(
    Array.from({ length: options.agents }, (_, index) =>
      Endpoint.open({ name: `desk${index}`, log: new GapLog(gaps_ms) }),
    ),
  );
  new MediaServer(media);
  const agents = desks.map(
    (desk, index) => new Agent(desk, `agent${index}`, { answer_after_ms: 0, hangup_after_ms: TALK_MS }),
  );
  await seedDatabase(
    data_dir,
    [{ flowid: 'bench', skill: 'bench', message_queue: media.uri('queue') }],
    agents.map((agent) => ({ agentid: agent.name, location: agent.uri, skills: 'bench', logstate: 0 })),
  );
  const port = await freeUdpPorts(1);
  const engine = await startEngine(
    loadConfig({
      env: {
        SIP_ACD_DATA_DIR: data_dir,
        SIP_ACD_SIP_LISTEN: `udp:${HOST}:${port}`,
        SIP_ACD_SIP_WORKERS: '1',
        SIP_ACD_SIP_WORKER_PORTS: String(await freeUdpPorts(1)),
        SIP_ACD_MI_LISTEN: `${HOST}:0`,
        SIP_ACD_CALL_CENTER_WRAPUP_TIME: '0',
        SIP_ACD_CALL_CENTER_REJECT_ON_NO_AGENTS: 'false',
        SIP_ACD_DRAIN_TIMEOUT: '0',
        SIP_ACD_LOG_LEVEL: 'error',
      },
    }),
  );
  try {
    await dialAll(options.waiting, callers, `sip:bench@${HOST}:${port}`);
    await measure(options, engine, callers, `sip:bench@${HOST}:${port}`, agents, gaps_ms);
  } finally {
    await engine.stop();
    for (const endpoint of [media, callers, ...desks]) await endpoint.close();
    await rm(data_dir, { recursive: true, force: true });
  }
  const sorted = gaps_ms.slice(0, options.deliveries).sort((a, b) => a - b);
  const at = (share: number): number =>
    rounded(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN);
  return {
    waiting: options.waiting,
    agents: options.agents,
    deliveries: sorted.length,
    bye_to_invite_p50_ms: at(0.5),
    bye_to_invite_p99_ms: at(0.99),
    bye_to_invite_max_ms: at(1),
  };
}

/** Every caller is answered by the queue message before the next burst dials. */
async function dialAll(count: number, callers: Endpoint, uri: string): Promise<void> {
  for (let done = 0; done < count; done += DIAL_BURST) {
    const burst = Array.from({ length: Math.min(DIAL_BURST, count - done) }, () => callers.dial(uri, {}));
    await Promise.all(burst.map((call) => call.answered));
  }
}

async function measure(
  options: DeliveryOptions,
  engine: Awaited<ReturnType<typeof startEngine>>,
  callers: Endpoint,
  uri: string,
  agents: readonly Agent[],
  gaps_ms: readonly number[],
): Promise<void> {
  // Spread over a call's length: agents of a real floor do not hang up in one breath.
  for (const agent of agents) {
    await engine.command({ kind: 'agent_login', agent_id: agent.name, logged_in: true });
    await new Promise((resolve) => setTimeout(resolve, TALK_MS / agents.length));
  }
  let dialled = 0;
  let before = 0;
  let idle_ms = 0;
  while (gaps_ms.length < options.deliveries) {
    await new Promise((resolve) => setTimeout(resolve, DIAL_PAUSE_MS));
    idle_ms = gaps_ms.length === before ? idle_ms + DIAL_PAUSE_MS : 0;
    if (idle_ms > 20_000) throw new Error(`no delivery for 20 s after ${gaps_ms.length}`);
    before = gaps_ms.length;
    // As many new callers as were served: the queue keeps its length.
    for (; dialled < gaps_ms.length; dialled++) callers.dial(uri, {});
  }
}

function rounded(ms: number): number {
  return Math.round(ms * 100) / 100;
}

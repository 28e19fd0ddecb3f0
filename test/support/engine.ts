/** An engine for end-to-end tests: in this process, on the embedded database of a temporary folder, on free ports. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callMi, urlOf } from '../../tools/mi.js';
import { freeUdpPorts } from '../../tools/ports.js';
import {
  type AgentSeed,
  type CdrShown,
  type FlowSeed,
  readCdrs,
  seedDatabase,
} from '../../tools/provision.js';
import { loadConfig } from '../../workers/config.js';
import { type Engine, startEngine } from '../../workers/supervisor.js';

export const HOST = '127.0.0.1';

export interface TestEngineOptions {
  flows: readonly FlowSeed[];
  agents: readonly AgentSeed[];
  /** Configuration as environment variables, over the test's own. */
  env?: Readonly<Record<string, string>>;
}

export class TestEngine {
  private constructor(
    private readonly engine: Engine,
    readonly data_dir: string,
    readonly port: number,
  ) {}

  /** Starts it. Rejects with the engine's own error when it cannot start; nothing is left behind then. */
  static async start(options: TestEngineOptions): Promise<TestEngine> {
    const data_dir = await makeDataDir();
    try {
      await seedDatabase(data_dir, options.flows, options.agents);
      const port = await freeUdpPorts(1);
      const env = { ...(await environment(data_dir, port)), ...options.env };
      return new TestEngine(await startEngine(loadConfig({ env })), data_dir, port);
    } catch (error) {
      await rm(data_dir, { recursive: true, force: true });
      throw error;
    }
  }

  /** The URI at which it takes calls for a flow. */
  uri(flow: string): string {
    return `sip:${flow}@${HOST}:${this.port}`;
  }

  /** Where MI answers, for who speaks WebSocket to it. */
  get mi_url(): string {
    return urlOf(this.engine.mi_address);
  }

  /** Calls an MI method; rejects with MiError when the engine answers with an error. */
  mi(method: string, params: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    return callMi({ url: urlOf(this.engine.mi_address), token: '' }, method, params);
  }

  /** A SIP worker dies; resolves when another has taken its place, or nobody will. */
  drill(worker: number): Promise<void> {
    return this.engine.drill(worker);
  }

  /** Stops it, gives the CDRs that are in its database then, and removes its folder. */
  async finish(): Promise<CdrShown[]> {
    try {
      await this.engine.stop();
      return await readCdrs(this.data_dir);
    } finally {
      await rm(this.data_dir, { recursive: true, force: true });
    }
  }
}

/** The configuration that keeps an engine to itself: a folder, loopback ports that are free, no logging. */
export async function environment(data_dir: string, port?: number): Promise<Record<string, string>> {
  return {
    SIP_ACD_DATA_DIR: data_dir,
    SIP_ACD_SIP_LISTEN: `udp:${HOST}:${port ?? (await freeUdpPorts(1))}`,
    SIP_ACD_SIP_WORKERS: '1',
    SIP_ACD_SIP_WORKER_PORTS: String(await freeUdpPorts(1)),
    SIP_ACD_MI_LISTEN: `${HOST}:0`,
    SIP_ACD_DRAIN_TIMEOUT: '1',
    SIP_ACD_LOG_LEVEL: 'error',
  };
}

/** Does `work` with a temporary data folder and removes it. */
export async function withDataDir<T>(work: (data_dir: string) => Promise<T>): Promise<T> {
  const data_dir = await makeDataDir();
  try {
    return await work(data_dir);
  } finally {
    await rm(data_dir, { recursive: true, force: true });
  }
}

function makeDataDir(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'sip-acd-test-'));
}

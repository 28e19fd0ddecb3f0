/** A fresh engine as a process of its own, on free ports, and what is asked of it from outside. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadConfig } from '../../../workers/config.js';
import { callMi, MiError } from '../../mi.js';
import { freeTcpPort, freeUdpPorts } from '../../ports.js';
import { BenchError, type Child, type Children } from './children.js';

const HOST = '127.0.0.1';
const CLI = fileURLToPath(new URL('../../cli.js', import.meta.url));
/** Runs in each thread of the engine; see there. */
const STORE_THREAD = new URL('./store-thread.js', import.meta.url).href;
const START_LIMIT_MS = 60_000;

export interface EngineOptions {
  /** Temporary folder; the data folder is inside. */
  folder: string;
  data_dir: string;
  /** `embedded` or a URL. */
  db_url: string;
  wrapup_s: number;
  reject_on_no_agents: boolean;
  /** Where it listens; free ports unless told. */
  ports?: { sip: number; mi: number };
  /** Configuration as environment variables besides. */
  env?: NodeJS.ProcessEnv;
  /** SIP workers; as configured here unless told. */
  workers?: number;
  /** What runs it instead of `sip-acd start`: a file. */
  program?: string;
  /** Its log goes on in this file rather than a new one. */
  log?: string;
}

export class EngineProcess {
  private constructor(
    private readonly children: Children,
    readonly child: Child,
    /** Where it takes calls. */
    readonly sip_port: number,
    readonly mi_port: number,
    readonly mi_url: string,
    private readonly storeFile: string,
    private readonly logFile: string,
  ) {}

  get pid(): number {
    return this.child.pid;
  }

  /**
   * Starts it, and waits until it answers. Keys that are set by SIP_ACD_* variables here hold there, but for
   * those that must be its own.
   * @throws {@link BenchError} with the engine's own words when it does not start
   */
  static async start(children: Children, options: EngineOptions): Promise<EngineProcess> {
    const workers = options.workers ?? loadConfig({ env: process.env }).sip.workers;
    const sip_port = options.ports?.sip ?? (await freeUdpPorts(1 + workers));
    const mi_port = options.ports?.mi ?? (await freeTcpPort());
    const storeFile = join(options.folder, 'store-thread');
    const logFile = join(options.folder, options.log ?? 'engine.log');
    const child = await children.start(
      process.execPath,
      ['--import', STORE_THREAD, ...(options.program === undefined ? [CLI, 'start'] : [options.program])],
      logFile,
      {
        env: {
          SIP_ACD_LOG_LEVEL: 'warn',
          ...process.env,
          BENCH_STORE_THREAD_FILE: storeFile,
          SIP_ACD_CALL_CENTER_DB_URL: options.db_url,
          SIP_ACD_CALL_CENTER_WRAPUP_TIME: String(options.wrapup_s),
          SIP_ACD_CALL_CENTER_REJECT_ON_NO_AGENTS: String(options.reject_on_no_agents),
          SIP_ACD_SIP_LISTEN: `udp:${HOST}:${sip_port}`,
          SIP_ACD_SIP_WORKERS: String(workers),
          SIP_ACD_SIP_WORKER_PORTS: String(sip_port + 1),
          SIP_ACD_MI_LISTEN: `${HOST}:${mi_port}`,
          SIP_ACD_DATA_DIR: options.data_dir,
          SIP_ACD_DRAIN_TIMEOUT: '0',
          ...options.env,
        },
      },
    );
    const engine = new EngineProcess(
      children,
      child,
      sip_port,
      mi_port,
      `http://${HOST}:${mi_port}/mi`,
      storeFile,
      logFile,
    );
    const up = await children.until(
      async () => child.code !== undefined || (await engine.answers()),
      START_LIMIT_MS,
    );
    if (!up || child.code !== undefined) throw new BenchError(`the engine does not start: ${child.tail()}`);
    return engine;
  }

  /** Calls a method of its management interface. */
  async mi(method: string, params: readonly unknown[] = []): Promise<unknown> {
    this.mustRun();
    return await callMi({ url: this.mi_url, token: '' }, method, params);
  }

  /** How many agents are in this state, and how many calls there are. */
  async census(state: string): Promise<{ agents: number; calls: number }> {
    const { Agents } = (await this.mi('cc_list_agents')) as { Agents: { State?: string }[] };
    const { Calls } = (await this.mi('cc_list_calls')) as { Calls: unknown[] };
    return { agents: Agents.filter((agent) => agent.State === state).length, calls: Calls.length };
  }

  /** Thread id of the store, whose CPU time is the embedded database's. */
  async storeThread(): Promise<number> {
    return Number(await readFile(this.storeFile, 'latin1'));
  }

  /** @throws {@link BenchError} with its last words when it has died */
  mustRun(): void {
    if (this.child.code !== undefined)
      throw new BenchError(`the engine died with code ${this.child.code}: ${this.child.tail()}`);
  }

  /** All that it has said. */
  log(): Promise<string> {
    return readFile(this.logFile, 'utf8');
  }

  /** It dies without a word. */
  async kill(): Promise<void> {
    await this.children.end(this.child, 'SIGKILL');
  }

  /** Stops it and waits until everything is written. Gives the exit code. */
  stop(): Promise<number> {
    return this.children.end(this.child, 'SIGTERM', 30_000);
  }

  private async answers(): Promise<boolean> {
    try {
      await callMi({ url: this.mi_url, token: '' }, 'which', []);
      return true;
    } catch (error) {
      if (error instanceof MiError) return false;
      throw error;
    }
  }
}

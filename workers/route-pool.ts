/**
 * The route modules' threads, and what they may cost: a module that throws, or runs past its deadline, costs the
 * call that it was asked about and its thread, which is replaced.
 */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Logger } from 'pino';
import { Piscina } from 'piscina';
import { createTables, type TablesDescriptor } from '../ipc/tables.js';
import { ConfigError } from './config.js';
import { refusal } from './route-handling.js';
import type {
  LoginReply,
  ModuleDescription,
  NumberedAnswer,
  NumberedAsk,
  RouteAnswer,
  RouteAsk,
  RouteNotice,
  RouteResult,
  RouteTask,
} from './route-messages.js';
import type { RouteThreadData } from './route-thread.js';

/** How long a module may take, from when it begins. */
const DEADLINE_MS = 500;
/** So that others are answered while a looping one is given up and its thread replaced. */
const MIN_THREADS = 4;
/** How long a question may wait for a thread. */
const MAX_WAIT_MS = 10_000;
const MAX_WAITING = 512;
const LOAD_MS = 30_000;
/** A module that hoards memory loses its thread rather than the engine. */
const MAX_HEAP_MB = 256;
const MAX_LINES_PER_S = 20;

export interface RoutePoolOptions {
  /** URLs of the modules, by number. */
  modules: readonly string[];
  tables: TablesDescriptor;
  reject_on_no_agents: boolean;
  /** Logs an agent in or out; false when there is none of that id. */
  login(agent_id: string, logged_in: boolean): Promise<boolean>;
  log: Logger;
}

export class RoutePool {
  private readonly pool: Piscina;
  private readonly ports = new Set<MessagePort>();
  private descriptions: readonly ModuleDescription[] = [];
  private waiting = 0;
  private lines = 0;
  private lines_since_ms = 0;

  private constructor(private readonly options: RoutePoolOptions) {
    const threads = Math.max(MIN_THREADS, availableParallelism());
    this.pool = new Piscina({
      filename: new URL('./route-thread.js', import.meta.url).href,
      minThreads: threads,
      maxThreads: threads,
      concurrentTasksPerWorker: 1,
      // A thread that waits for its next task blocked would hold up a module's own timers and connections.
      atomics: 'disabled',
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
      workerData: {
        modules: options.modules,
        tables: options.tables,
        reject_on_no_agents: options.reject_on_no_agents,
      } satisfies RouteThreadData,
    });
    // A thread that dies while it is asked nothing is replaced like any other.
    this.pool.on('error', (error: Error) => this.say(options.modules.join(', '), error.message));
  }

  /** Loads the modules. @throws one line when one of them cannot be used */
  static async start(options: RoutePoolOptions): Promise<RoutePool> {
    const pool = new RoutePool(options);
    try {
      await pool.load();
      return pool;
    } catch (error) {
      await pool.close();
      throw error;
    }
  }

  /** Whether a module wants to see the legs. */
  get asksLegs(): boolean {
    return this.descriptions.some(({ asks_legs }) => asks_legs);
  }

  /** A way for one SIP worker to ask: the port is to be handed to a {@link RouteClient}. */
  connect(): MessagePort {
    const { port1, port2 } = new MessageChannel();
    port1.on('message', ({ id, ask }: NumberedAsk) => {
      void this.ask(ask).then((answer) => port1.postMessage({ id, answer } satisfies NumberedAnswer));
    });
    port1.on('close', () => this.ports.delete(port1));
    this.ports.add(port1);
    return port2;
  }

  async close(): Promise<void> {
    for (const port of this.ports) port.close();
    await this.pool.destroy();
  }

  private async load(): Promise<void> {
    const late = new ConfigError(`routes: modules have not loaded within ${LOAD_MS / 1000} s`);
    const { port1, port2 } = new MessageChannel();
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), LOAD_MS);
    try {
      const task: RouteTask = { port: port2 };
      const options = { transferList: [port2], signal: abort.signal };
      this.descriptions = (await this.pool.run(task, options)) as ModuleDescription[];
    } catch (error) {
      throw abort.signal.aborted ? late : error;
    } finally {
      clearTimeout(timer);
      port1.close();
    }
    for (const [number, { error, decides }] of this.descriptions.entries()) {
      const why = error ?? (decides ? undefined : 'it has no function as its default export');
      if (why === undefined) continue;
      const path = fileURLToPath(this.options.modules[number] ?? '');
      throw new ConfigError(`routes: ${path} cannot be used: ${why}`);
    }
  }

  /** What the modules answer; where they fail that costs the call. Never rejects. */
  private async ask(ask: RouteAsk): Promise<RouteAnswer> {
    if (this.waiting >= MAX_WAITING) return this.failed(ask, `${MAX_WAITING} questions wait already`);
    this.waiting++;
    const { port1, port2 } = new MessageChannel();
    const deadline = new Deadline(MAX_WAIT_MS);
    port1.on('message', (notice: RouteNotice) => {
      if (notice.kind === 'begun') deadline.restart(DEADLINE_MS);
      else void this.login(notice, port1);
    });
    try {
      const task: RouteTask = { ask, port: port2 };
      const options = { transferList: [port2], signal: deadline.signal };
      const result = (await this.pool.run(task, options)) as RouteResult;
      return 'failed' in result ? this.failed(ask, result.failed) : result.answer;
    } catch (error) {
      return this.failed(ask, deadline.passed ? deadline.text : (error as Error).message);
    } finally {
      deadline.stop();
      port1.close();
      this.waiting--;
    }
  }

  private async login(notice: Extract<RouteNotice, { kind: 'login' }>, port: MessagePort): Promise<void> {
    try {
      const known = await this.options.login(notice.agent_id, notice.logged_in);
      port.postMessage({ id: notice.id, known } satisfies LoginReply);
    } catch (error) {
      // Nobody can tell: the module goes on waiting, up to its deadline.
      this.say('ccAgentLogin', (error as Error).message);
    }
  }

  private failed(ask: RouteAsk, why: string): RouteAnswer {
    const module = ask.kind === 'decide' ? this.options.modules[ask.module] : 'onLeg';
    this.say(module ?? '', why);
    if (ask.kind === 'leg') return { failed: `onLeg failed: ${why}` };
    return refusal(500, 'route module failed');
  }

  /** One line each, as long as they are not too many to read. */
  private say(module: string, why: string): void {
    const now = performance.now();
    if (now - this.lines_since_ms >= 1000) {
      if (this.lines > MAX_LINES_PER_S)
        this.options.log.error({ lines: this.lines - MAX_LINES_PER_S }, 'route modules failed more often');
      this.lines = 0;
      this.lines_since_ms = now;
    }
    if (++this.lines <= MAX_LINES_PER_S)
      this.options.log.error({ module, err: why }, 'a route module failed');
  }
}

/** Loads modules as an engine would, and lets go of them. @throws as `RoutePool.start` */
export async function checkModules(modules: readonly string[], log: Logger): Promise<void> {
  if (modules.length === 0) return;
  const nobody = async (): Promise<boolean> => false;
  const tables = createTables(1);
  const pool = await RoutePool.start({ modules, tables, reject_on_no_agents: true, login: nobody, log });
  await pool.close();
}

/** A deadline that can be begun anew; `signal` is aborted when it has passed. */
class Deadline {
  private readonly abort = new AbortController();
  private timer: NodeJS.Timeout | undefined = undefined;
  private last: NodeJS.Immediate | undefined = undefined;
  text = '';

  constructor(ms: number) {
    this.restart(ms, `no thread was free within ${ms} ms`);
  }

  get signal(): AbortSignal {
    return this.abort.signal;
  }

  get passed(): boolean {
    return this.abort.signal.aborted;
  }

  restart(ms: number, text = `it has not answered within ${ms} ms`): void {
    this.stop();
    this.text = text;
    this.timer = setTimeout(() => {
      // An answer that has come while this thread was busy is taken before the deadline is.
      this.last = setImmediate(() => this.abort.abort());
    }, ms);
  }

  stop(): void {
    clearTimeout(this.timer);
    clearImmediate(this.last);
  }
}

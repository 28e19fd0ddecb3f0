/** The engine: starts threads, journals and sockets in order, brings calls back, watches, and stops them in order. */
import { Worker } from 'node:worker_threads';
import type { Logger } from 'pino';
import type { Command, CommandResult, EngineEvent } from '../core/acd/commands.js';
import type { Provisioning } from '../core/acd/provisioning.js';
import { eventCodec } from '../ipc/catalogue.js';
import { createDoorbell, DoorbellListener } from '../ipc/doorbell.js';
import { createEventInterest, EventInterest } from '../ipc/event-interest.js';
import { createLink, LinkReader } from '../ipc/link.js';
import { createTables, openTables } from '../ipc/tables.js';
import type { SqlOptions } from '../sql/options.js';
import { expandListen, type ListenAddress } from './addresses.js';
import { type BootedThreads, bootThreads } from './boot.js';
import type { Config } from './config.js';
import { type DataLock, lockDataFolder } from './data-lock.js';
import type {
  DispatcherHeard,
  DispatcherReady,
  DispatcherReply,
  DispatcherThreadData,
} from './dispatcher-thread.js';
import { beginGeneration, completeGeneration } from './journal/files.js';
import { callSources } from './journal/recover-calls.js';
import { createLogger } from './log.js';
import type { Mi } from './mi/server.js';
import { sharedTableView } from './mi/shared-table-view.js';
import type { EngineView } from './mi/source.js';
import { ownAddresses, transferPolicy } from './own-addresses.js';
import { configuredPorts, ownPorts } from './own-ports.js';
import type { RoutePool } from './route-pool.js';
import { modulesOf } from './routing.js';
import type { StoreData } from './store.js';
import { THREAD_LIMITS } from './thread-limits.js';
import { ThreadPeer } from './thread-peer.js';
import { now_ms } from './turn.js';
import { probeUdp } from './udp.js';
import { journalName, WorkerFleet } from './worker-fleet.js';

const EVENT_LINK_BYTES = 1024 * 1024;
const DRAIN_POLL_MS = 50;
/** Events are for people and dashboards. */
const EVENTS_MAX_SLEEP_MS = 20;

export interface Engine {
  /** Where MI answers. */
  mi_address: { host: string; port: number };
  /** Public SIP addresses, wildcards expanded. */
  sip_addresses: readonly ListenAddress[];
  /** Refuses new calls, lets the others end up to drain_timeout (or at once), writes everything. */
  stop(options?: { drain: boolean }): Promise<void>;
  /** Asks the dispatcher, as management does. */
  command(command: Command): Promise<CommandResult>;
  /** Resolves when the store has written everything that was recorded before. */
  flushed(): Promise<void>;
  /** Ends a SIP worker as by a fault. Resolves when another has taken its calls over, or nobody will. */
  drill(worker: number): Promise<void>;
  /** Resolves after `stop`, rejects when a thread has died. */
  finished: Promise<void>;
}

/** The engine cannot start or has died; the message is one line that says why. */
export class EngineError extends Error {
  override name = 'EngineError';
}

/**
 * Starts an engine.
 * @param threads booted already; they are the engine's from now on
 * @throws {@link EngineError} saying what cannot be had; nothing is left running then
 */
export async function startEngine(config: Config, threads = bootThreads()): Promise<Engine> {
  const supervisor = new Supervisor(config, threads);
  try {
    return await supervisor.start();
  } catch (error) {
    await supervisor.abort();
    throw new EngineError((error as Error).message, { cause: error });
  }
}

class Supervisor {
  private readonly log: Logger;
  private readonly listen: ListenAddress[];
  private readonly doorbells = {
    dispatcher: createDoorbell(),
    control: createDoorbell(),
  };
  private readonly eventInterest = createEventInterest();
  private lock: DataLock | undefined = undefined;
  private store: ThreadPeer | undefined = undefined;
  private readonly dispatcher: ThreadPeer;
  private routes: RoutePool | undefined = undefined;
  /** Number of the dispatcher's journal file that the store reads. */
  private readonly reading = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  /** Numbers of the last reports of each worker that the dispatcher has journalled. */
  private readonly applied: SharedArrayBuffer;
  private readonly fleet: WorkerFleet;
  private doorman: ThreadPeer | undefined = undefined;
  private serve: () => void = () => {};
  /** Resolves when calls are taken. */
  private readonly served = new Promise<void>((resolve) => {
    this.serve = resolve;
  });
  private mi: Mi | undefined = undefined;
  private view: EngineView | undefined = undefined;
  private eventBell: DoorbellListener | undefined = undefined;
  private stopping: Promise<void> | undefined = undefined;
  private reloading: Promise<CommandResult> = Promise.resolve({ ok: true });
  private finish: { resolve(): void; reject(error: Error): void } = { resolve() {}, reject() {} };
  private readonly finished: Promise<void>;

  constructor(
    private readonly config: Config,
    threads: BootedThreads,
  ) {
    this.log = createLogger('engine', config.log.level);
    this.listen = expandListen(config.sip.listen);
    this.applied = new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT * config.sip.workers);
    this.fleet = new WorkerFleet({
      config,
      listen: this.listen,
      threads: threads.sip_workers,
      doorbell: this.doorbells.dispatcher,
      applied: this.applied,
      log: this.log,
      fatal: (thread, error) => this.threadEnded(thread, error),
    });
    this.dispatcher = this.watched('dispatcher', threads.dispatcher);
    this.finished = new Promise((resolve, reject) => {
      this.finish = { resolve, reject };
    });
    // Who does not wait for the end still learns of a failure from the log.
    this.finished.catch(() => {});
  }

  async start(): Promise<Engine> {
    const { config } = this;
    await this.probePorts();
    this.lock = await lockDataFolder(config.data_dir);
    this.fleet.boot();

    const events = createLink('dispatcher to control', EVENT_LINK_BYTES, this.doorbells.control);
    const tables = createTables(config.sip.max_calls);
    await this.startRoutes(tables);
    const generations = beginGeneration(config.data_dir);
    const sources = generations.old === undefined ? [] : callSources(generations.old);
    const ports = await ownPorts(config, this.listen, sources, this.log);
    const { links } = this.fleet;
    this.dispatcher.tell({
      options: {
        wrapup_s: config.call_center.wrapup_time,
        reject_on_no_agents: config.call_center.reject_on_no_agents,
        chat_dispatch_policy: config.call_center.chat_dispatch_policy,
        internal_call_dispatching: config.call_center.internal_call_dispatching,
        max_rejections: config.sip.max_rejections,
        message_timeout_s: config.sip.message_timeout,
        transfer: transferPolicy(config.transfer, ownAddresses(this.listen, config.sip.advertise, ports)),
        max_calls: config.sip.max_calls,
        queue_pos_param: config.call_center.queue_pos_param,
        tell_states: this.routes?.asksLegs ?? false,
      },
      log_level: config.log.level,
      doorbell: this.doorbells.dispatcher,
      reports: links.map((link) => link.reports),
      decisions: links.map((link) => link.decisions),
      events,
      event_interest: this.eventInterest,
      tables,
      journal: {
        ...generations,
        ...config.journal,
        reading: this.reading,
        applied: this.applied,
        workers: links.map((_, index) => journalName(index)),
      },
    } satisfies DispatcherThreadData);
    const heard = this.dispatcher.once('heard').then(({ applied }) => applied as DispatcherHeard['applied']);
    const ready = this.dispatcher.once('ready');
    // Workers bring their calls back while the dispatcher does; who fails first is told of.
    const prepared = this.fleet.prepare(sources, generations.next, ports, heard, this.routes);
    for (const later of [heard, ready, prepared]) later.catch(() => {});
    const recovered = (await Promise.race([ready, prepared.then(() => ready)])) as unknown as DispatcherReady;
    // Loaded only now, while workers are busy still: nobody waits for it.
    const { startMi } = await import('./mi/server.js');
    await this.startStore(generations.next, recovered);
    await prepared;
    completeGeneration(generations);
    const calls = await this.fleet.go(this.dispatcher);
    await this.startControl(startMi, events, tables);
    this.startDoorman();
    const { listen } = this;
    this.log.info(
      {
        sip: listen.map(({ address, port }) => `udp:${address}:${port}`),
        mi: this.mi?.address,
        workers: config.sip.workers,
        flows: [...(this.view?.flows() ?? [])].length,
        agents: [...(this.view?.agents() ?? [])].length,
        ...(calls > 0 ? { calls_recovered: calls } : {}),
      },
      'serving',
    );
    this.serve();
    return {
      mi_address: this.mi?.address ?? { host: '', port: 0 },
      sip_addresses: listen,
      stop: (options) => this.stop(options?.drain ?? true),
      command: (command) => this.command(command),
      flushed: async () => {
        await this.command({ kind: 'internal_dispatching' });
        await this.store?.ask({ kind: 'flush' });
      },
      drill: (worker) => this.fleet.drill(worker),
      finished: this.finished,
    };
  }

  /** Undoes what a failed start has done so far. */
  async abort(): Promise<void> {
    this.stopping = Promise.resolve();
    this.eventBell?.close();
    await this.mi?.close();
    this.fleet.order({ kind: 'stop' });
    await this.fleet.close();
    await this.routes?.close();
    await this.dispatcher.terminate();
    await this.store?.terminate();
    await this.lock?.release();
  }

  private async probePorts(): Promise<void> {
    if (this.listen.length === 0) throw new Error('sip.listen: this host has no address to listen on');
    for (const { address, port } of this.listen) await probeUdp(address, port);
    for (const address of new Set(this.listen.map((entry) => entry.address)))
      for (const port of configuredPorts(this.config)) await probeUdp(address, port);
  }

  /** With something recovered the engine serves before the databases have answered; else it needs them. */
  private async startStore(journal: string, recovered: DispatcherReady): Promise<void> {
    const data: StoreData = {
      sql: sqlOptions(this.config),
      log_level: this.config.log.level,
      journal,
      reading: this.reading,
      live_calls: recovered.live_calls,
      patient: recovered.recovered,
    };
    if (recovered.recovered) {
      // Its code is loaded when the calls are back: they need the processor first.
      void this.served
        .then(() => this.openStore(data))
        .then(
          () => this.reload(),
          // Its end is told by the thread itself.
          () => {},
        );
      return;
    }
    const { next_cid } = await this.openStore(data);
    await this.dispatcher.ask({ next_cid });
    await this.command({ kind: 'load', provisioning: await this.load() });
  }

  /** Resolves when the databases have answered. */
  private openStore(data: StoreData): Promise<Record<string, unknown>> {
    const options = { workerData: data, name: 'store', resourceLimits: THREAD_LIMITS };
    const thread = new Worker(new URL('./store.js', import.meta.url), options);
    this.store = this.watched('store', new ThreadPeer(thread));
    return this.store.once('ready');
  }

  private async load(): Promise<Provisioning> {
    const loaded = await (this.store as ThreadPeer).ask({ kind: 'load' });
    return loaded.provisioning as Provisioning;
  }

  private async command(command: Command): Promise<CommandResult> {
    const reply = (await this.dispatcher.ask({ command })) as unknown as DispatcherReply;
    return reply.result;
  }

  /** One reload after the other: what was read first never overwrites what was read later. */
  private reload(): Promise<CommandResult> {
    this.reloading = this.reloading.then(() => this.reloadNow());
    return this.reloading;
  }

  private async reloadNow(): Promise<CommandResult> {
    try {
      const result = await this.command({ kind: 'load', provisioning: await this.load() });
      return result;
    } catch (error) {
      const why = (error as Error).message;
      if (this.stopping === undefined) this.log.error({ err: why }, 'reload failed, nothing changed');
      return { ok: false, code: 500, message: why };
    }
  }

  /** The threads of route modules, where `routes` names any. */
  private async startRoutes(tables: ReturnType<typeof createTables>): Promise<void> {
    const modules = modulesOf(this.config.routes);
    if (modules.length === 0) return;
    const { RoutePool } = await import('./route-pool.js');
    this.routes = await RoutePool.start({
      modules,
      tables,
      reject_on_no_agents: this.config.call_center.reject_on_no_agents,
      login: async (agent_id, logged_in) =>
        (await this.command({ kind: 'agent_login', agent_id, logged_in })).ok,
      log: createLogger('routes', this.config.log.level),
    });
  }

  private async startControl(
    startMi: typeof import('./mi/server.js').startMi,
    events: ReturnType<typeof createLink>,
    tables: ReturnType<typeof createTables>,
  ): Promise<void> {
    const { config } = this;
    this.view = sharedTableView(openTables(tables), now_ms);
    const interest = new EventInterest(this.eventInterest);
    this.mi = await startMi({
      listen: config.mi.listen,
      token: config.mi.token,
      view: this.view,
      interest: (kind, wanted) => interest.set(kind, wanted),
      control: { reload: () => this.reload(), command: (command) => this.command(command) },
      log: createLogger('mi', config.log.level),
    });
    const reader = new LinkReader<EngineEvent>(events, eventCodec);
    this.eventBell = new DoorbellListener(
      this.doorbells.control,
      () => reader.drain((event) => this.mi?.raise(event), 256) >= 256,
      { max_sleep_ms: EVENTS_MAX_SLEEP_MS },
    );
  }

  private startDoorman(): void {
    const options = { workerData: this.fleet.doorman, name: 'doorman', resourceLimits: THREAD_LIMITS };
    const thread = new Worker(new URL('./doorman-thread.js', import.meta.url), options);
    this.doorman = this.watched('doorman', new ThreadPeer(thread));
  }

  private stop(drain: boolean): Promise<void> {
    this.stopping ??= this.stopInOrder(drain);
    return this.stopping;
  }

  private async stopInOrder(drain: boolean): Promise<void> {
    this.log.info({ drain }, 'stopping');
    try {
      await this.stopThreads(drain);
      this.log.info('stopped');
      this.finish.resolve();
    } catch (error) {
      const why = `the stop did not end well: ${(error as Error).message}`;
      this.log.error(why);
      this.finish.reject(new EngineError(why));
    } finally {
      await this.lock?.release();
    }
  }

  /** Workers first, so that their last reports become decisions and rows; the store last of all. */
  private async stopThreads(drain: boolean): Promise<void> {
    this.fleet.order({ kind: 'drain' });
    if (drain) await this.drained(this.config.drain_timeout * 1000);
    this.fleet.order({ kind: 'stop' });
    await this.fleet.close();
    await this.doorman?.stop();
    await this.routes?.close();
    await this.dispatcher.ask({ stop: true });
    await this.dispatcher.ended;
    this.eventBell?.close();
    await this.mi?.close();
    await this.store?.stop();
  }

  private async drained(limit_ms: number): Promise<void> {
    const until = Date.now() + limit_ms;
    while (Date.now() < until && this.liveCalls() > 0) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
    }
  }

  private liveCalls(): number {
    let count = 0;
    for (const call of this.view?.calls() ?? []) if (call.state !== 'ended') count++;
    return count + (this.view?.engine().bridges ?? 0);
  }

  /** A thread that ends unasked takes the engine with it: what it owned is nobody's now. */
  private threadEnded(name: string, error: Error | undefined): void {
    if (this.stopping !== undefined) return;
    const why = error?.message ?? 'ended without a reason';
    this.log.fatal({ thread: name, err: why, stack: error?.stack }, 'a thread died');
    this.finish.reject(new EngineError(`${name} died: ${why}`));
  }

  private watched(name: string, peer: ThreadPeer): ThreadPeer {
    peer.ended.then(
      () => this.threadEnded(name, undefined),
      (error: Error) => this.threadEnded(name, error),
    );
    return peer;
  }
}

function sqlOptions(config: Config): SqlOptions {
  const { call_center, data_dir, sql } = config;
  const { db_url, acc_db_url, rt_db_url } = call_center;
  return {
    db_url,
    acc_db_url,
    rt_db_url,
    data_dir,
    timezone: sql.timezone === '' ? undefined : sql.timezone,
    tables: call_center,
  };
}

/**
 * The engine as a whole: starts its threads in an order in which each finds what it needs, notices when one
 * ends, and stops them so that nothing said is lost.
 */
import { randomBytes } from 'node:crypto';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import type { Logger } from 'pino';
import { Piscina } from 'piscina';
import type { Command, CommandResult, EngineEvent } from '../core/acd/commands.js';
import type { Provisioning } from '../core/acd/provisioning.js';
import type { Target } from '../core/sip/environment.js';
import { eventCodec } from '../ipc/catalogue.js';
import { createDatagramLink } from '../ipc/datagram-link.js';
import { createDoorbell, DoorbellListener } from '../ipc/doorbell.js';
import { createEventInterest, EventInterest } from '../ipc/event-interest.js';
import { createLink, type LinkDescriptor, LinkReader } from '../ipc/link.js';
import { createTables, openTables } from '../ipc/tables.js';
import type { SqlOptions } from '../sql/options.js';
import { expandListen, type ListenAddress } from './addresses.js';
import type { Config } from './config.js';
import { type DataLock, lockDataFolder } from './data-lock.js';
import type { DispatcherReady, DispatcherReply, DispatcherThreadData } from './dispatcher-thread.js';
import { Guard } from './guard.js';
import { ACD_JOURNAL } from './journal/acd-journal.js';
import {
  allFilesOf,
  beginGeneration,
  completeGeneration,
  type Generations,
  journalNames,
} from './journal/files.js';
import { BACKLOG } from './journal/record-tail.js';
import type { CallSource } from './journal/recover-calls.js';
import { createLogger } from './log.js';
import { type Mi, startMi } from './mi/server.js';
import { sharedTableView } from './mi/shared-table-view.js';
import type { EngineView } from './mi/source.js';
import { ownAddresses, transferPolicy } from './own-addresses.js';
import { RoutePool } from './route-pool.js';
import { modulesOf } from './routing.js';
import { OUT_OF_SERVICE, type SipWorkerTask, type WorkerNotice, type WorkerOrder } from './sip-worker.js';
import type { StoreData } from './store.js';
import { THREAD_LIMITS } from './thread-limits.js';
import { ThreadPeer } from './thread-peer.js';
import { now_ms } from './turn.js';
import { probeUdp } from './udp.js';

const LINK_BYTES = 4 * 1024 * 1024;
const EVENT_LINK_BYTES = 1024 * 1024;
const DATAGRAM_LINK_BYTES = 1024 * 1024;
const DRAIN_POLL_MS = 50;
/** A worker that dies so often in so long is not replaced any more. */
const MAX_DEATHS = 3;
const DEATHS_WITHIN_MS = 60_000;
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
 * @throws {@link EngineError} saying what cannot be had; nothing is left running then
 */
export async function startEngine(config: Config): Promise<Engine> {
  const supervisor = new Supervisor(config);
  try {
    return await supervisor.start();
  } catch (error) {
    await supervisor.abort();
    throw new EngineError((error as Error).message, { cause: error });
  }
}

interface WorkerLinks {
  doorbell: ReturnType<typeof createDoorbell>;
  reports: LinkDescriptor;
  decisions: LinkDescriptor;
}

interface RunningWorker {
  control: MessagePort;
  ended: Promise<void>;
  prepared: Promise<void>;
  /** With the number of calls that came back. */
  ready: Promise<number>;
  /** Whether that has come. */
  settled: boolean;
}

class Supervisor {
  private readonly log: Logger;
  private readonly listen: ListenAddress[];
  private readonly workerCount: number;
  private readonly doorbells = {
    dispatcher: createDoorbell(),
    control: createDoorbell(),
  };
  private readonly eventInterest = createEventInterest();
  private lock: DataLock | undefined;
  private store: ThreadPeer | undefined;
  private dispatcher: ThreadPeer | undefined;
  private pool: Piscina | undefined;
  private routes: RoutePool | undefined;
  private readonly workers = new Map<number, RunningWorker>();
  private readonly shared: {
    /** Number of the dispatcher's journal file that the store reads. */
    reading: SharedArrayBuffer;
    /** Numbers of the last reports that the dispatcher has journalled. */
    applied: SharedArrayBuffer;
    /** Which workers are out of service. */
    services: SharedArrayBuffer;
  };
  private readonly guard: Guard;
  private generations: Generations | undefined;
  private links: WorkerLinks[] = [];
  private between: readonly (readonly (ReturnType<typeof createDatagramLink> | undefined)[])[] = [];
  /** When each worker died. */
  private readonly deaths = new Map<number, number[]>();
  /** What was last done about the death of each. */
  private readonly replacing = new Map<number, Promise<void>>();
  private serving = false;
  private serve: () => void = () => {};
  /** Resolves when calls are taken. */
  private readonly served = new Promise<void>((resolve) => {
    this.serve = resolve;
  });
  private mi: Mi | undefined;
  private view: EngineView | undefined;
  private eventBell: DoorbellListener | undefined;
  private stopping: Promise<void> | undefined;
  private reloading: Promise<CommandResult> = Promise.resolve({ ok: true });
  private finish: { resolve(): void; reject(error: Error): void } = { resolve() {}, reject() {} };
  private readonly finished: Promise<void>;

  constructor(private readonly config: Config) {
    this.log = createLogger('engine', config.log.level);
    this.listen = expandListen(config.sip.listen);
    this.workerCount = config.sip.workers;
    this.shared = {
      reading: new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT),
      applied: new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT * this.workerCount),
      services: new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT * this.workerCount),
    };
    const services = new Int32Array(this.shared.services);
    this.guard = new Guard(this.workerCount, (worker) => Atomics.load(services, worker) === OUT_OF_SERVICE);
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

    const events = createLink('dispatcher to control', EVENT_LINK_BYTES, this.doorbells.control);
    const tables = createTables(config.sip.max_calls);
    await this.startRoutes(tables);
    const generations = beginGeneration(config.data_dir);
    this.generations = generations;
    const { workerCount } = this;
    const links = Array.from({ length: workerCount }, (_, index) => this.workerLinks(index));
    this.links = links;
    this.dispatcher = this.thread('dispatcher-thread.js', 'dispatcher', {
      options: {
        wrapup_s: config.call_center.wrapup_time,
        reject_on_no_agents: config.call_center.reject_on_no_agents,
        chat_dispatch_policy: config.call_center.chat_dispatch_policy,
        internal_call_dispatching: config.call_center.internal_call_dispatching,
        max_rejections: config.sip.max_rejections,
        message_timeout_s: config.sip.message_timeout,
        transfer: transferPolicy(config.transfer.allow, this.ownAddresses()),
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
        reading: this.shared.reading,
        applied: this.shared.applied,
        workers: links.map((_, index) => journalName(index)),
      },
    } satisfies DispatcherThreadData);
    const recovered = (await this.dispatcher.once('ready')) as unknown as DispatcherReady;
    await this.startStore(generations.next, recovered);

    const calls = await this.startWorkers(links, generations, new Map(recovered.applied));
    await this.startControl(events, tables);
    const { listen } = this;
    this.log.info(
      {
        sip: listen.map(({ address, port }) => `udp:${address}:${port}`),
        mi: this.mi?.address,
        workers: workerCount,
        flows: [...(this.view?.flows() ?? [])].length,
        agents: [...(this.view?.agents() ?? [])].length,
        ...(calls > 0 ? { calls_recovered: calls } : {}),
      },
      'serving',
    );
    this.serving = true;
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
      drill: (worker) => this.drill(worker),
      finished: this.finished,
    };
  }

  /** Undoes what a failed start has done so far. */
  async abort(): Promise<void> {
    this.stopping = Promise.resolve();
    this.eventBell?.close();
    await this.mi?.close();
    for (const { control } of this.workers.values())
      control.postMessage({ kind: 'stop' } satisfies WorkerOrder);
    await Promise.allSettled([...this.workers.values()].map(({ ended }) => ended));
    this.guard.close();
    await this.pool?.destroy();
    await this.routes?.close();
    await this.dispatcher?.terminate();
    await this.store?.terminate();
    await this.lock?.release();
  }

  private async probePorts(): Promise<void> {
    if (this.listen.length === 0) throw new Error('sip.listen: this host has no address to listen on');
    for (const { address, port } of this.listen) await probeUdp(address, port);
    for (const address of new Set(this.listen.map((entry) => entry.address))) {
      for (let index = 0; index < this.workerCount; index++)
        await probeUdp(address, this.config.sip.worker_ports + index);
    }
  }

  /** Links to and from a worker; after the death of one, the numbers of its reports go on. */
  private workerLinks(index: number, first_seq = 1, doorbell = createDoorbell()): WorkerLinks {
    return {
      doorbell,
      reports: createLink(`worker ${index} to dispatcher`, LINK_BYTES, this.doorbells.dispatcher, first_seq),
      decisions: createLink(`dispatcher to worker ${index}`, LINK_BYTES, doorbell),
    };
  }

  /** With something recovered the engine serves before the databases have answered; else it needs them. */
  private async startStore(journal: string, recovered: DispatcherReady): Promise<void> {
    const { config } = this;
    const store = this.thread('store.js', 'store', {
      sql: sqlOptions(config),
      log_level: config.log.level,
      journal,
      reading: this.shared.reading,
      live_calls: recovered.live_calls,
      patient: recovered.recovered,
    } satisfies StoreData);
    this.store = store;
    const ready = store.once('ready');
    if (recovered.recovered) {
      void ready.then(
        () => this.served.then(() => this.reload()),
        // Its end is told by the thread itself.
        () => {},
      );
      return;
    }
    const { next_cid } = await ready;
    await this.dispatcher?.ask({ next_cid });
    await this.command({ kind: 'load', provisioning: await this.load() });
  }

  private async load(): Promise<Provisioning> {
    const loaded = await (this.store as ThreadPeer).ask({ kind: 'load' });
    return loaded.provisioning as Provisioning;
  }

  private async command(command: Command): Promise<CommandResult> {
    const reply = (await (this.dispatcher as ThreadPeer).ask({ command })) as unknown as DispatcherReply;
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
      if (this.stopping === undefined)
        this.log.error({ err: (error as Error).message }, 'reload failed, nothing changed');
      return { ok: false, code: 500, message: 'Failed to reload' };
    }
  }

  private ownAddresses(): Target[] {
    const { advertise, worker_ports } = this.config.sip;
    return ownAddresses(this.listen, advertise, worker_ports, this.workerCount);
  }

  /** The threads of route modules, where `routes` names any. */
  private async startRoutes(tables: ReturnType<typeof createTables>): Promise<void> {
    const modules = modulesOf(this.config.routes);
    if (modules.length === 0) return;
    this.routes = await RoutePool.start({
      modules,
      tables,
      reject_on_no_agents: this.config.call_center.reject_on_no_agents,
      login: async (agent_id, logged_in) =>
        (await this.command({ kind: 'agent_login', agent_id, logged_in })).ok,
      log: createLogger('routes', this.config.log.level),
    });
  }

  /** @returns how many calls came back */
  private async startWorkers(
    links: readonly WorkerLinks[],
    generations: Generations,
    applied: ReadonlyMap<string, number>,
  ): Promise<number> {
    const { workerCount } = this;
    for (const { address, port } of this.listen) await this.guard.bind(address, port);
    for (const address of new Set(this.listen.map((entry) => entry.address))) {
      for (let index = 0; index < workerCount; index++)
        await this.guard.bind(address, this.config.sip.worker_ports + index);
    }
    const between = links.map((_, from) =>
      links.map((to, index) =>
        index === from ? undefined : createDatagramLink(DATAGRAM_LINK_BYTES, to.doorbell),
      ),
    );
    this.between = between;
    this.pool = new Piscina({
      filename: new URL('./sip-worker.js', import.meta.url).href,
      minThreads: workerCount,
      maxThreads: workerCount,
      concurrentTasksPerWorker: 1,
      resourceLimits: THREAD_LIMITS,
    });
    const { old, next } = generations;
    const sources =
      old === undefined
        ? []
        : journalNames(old)
            .filter((name) => name !== ACD_JOURNAL && name !== BACKLOG)
            .map((name) => ({ folder: old, name, applied_seq: applied.get(name) ?? 0 }));
    // The worker that binds the public ports last receives what comes to them: let it be the first worker.
    for (let index = workerCount - 1; index >= 0; index--) {
      const worker = this.startWorker(index, links[index] as WorkerLinks, between, {
        folder: next,
        base: 0,
        sources,
      });
      this.workers.set(index, worker);
      await worker.prepared;
    }
    completeGeneration(generations);
    for (const worker of this.workers.values())
      worker.control.postMessage({ kind: 'go' } satisfies WorkerOrder);
    let calls = 0;
    for (const worker of this.workers.values()) calls += await worker.ready;
    return calls;
  }

  private startWorker(
    index: number,
    link: WorkerLinks,
    between: readonly (readonly (ReturnType<typeof createDatagramLink> | undefined)[])[],
    journal: { folder: string; base: number; sources: readonly CallSource[] },
  ): RunningWorker {
    const { config, workerCount } = this;
    const { port1, port2 } = new MessageChannel();
    const route_modules = this.routes?.connect();
    const task: SipWorkerTask = {
      index,
      workers: workerCount,
      listen: this.listen,
      port: config.sip.worker_ports + index,
      advertise: config.sip.advertise,
      outbound_proxy: config.sip.outbound_proxy,
      source_limit: config.sip.source_limit,
      options: {
        offer: config.sip.offer,
        early_offer_hosts: config.sip.early_offer_hosts.map((host) => host.toLowerCase()),
        agent_ring_timeout_ms: config.sip.agent_ring_timeout * 1000,
        agent_no_response_timeout_ms: config.sip.agent_no_response_timeout * 1000,
        message_timeout_ms: config.sip.message_timeout * 1000,
        own_addresses: this.ownAddresses(),
        identity_headers: config.sip.identity_headers,
        context_param: config.call_center.b2b_logic_ctx_param,
      },
      routes: config.routes,
      route_modules: route_modules && { asks_legs: this.routes?.asksLegs ?? false, port: route_modules },
      log_level: config.log.level,
      doorbell: link.doorbell,
      reports: link.reports,
      decisions: link.decisions,
      datagrams_out: between[index] ?? [],
      datagrams_in: between.map((row) => row[index]),
      run: `${Math.floor(Date.now() / 1000).toString(36)}${randomBytes(2).toString('hex')}`,
      control: port2,
      services: this.shared.services,
      journal: {
        ...journal,
        ...config.journal,
        name: journalName(index),
        applied: this.shared.applied,
      },
    };
    const ended: Promise<void> = (this.pool as Piscina).run(task, {
      transferList: route_modules === undefined ? [port2] : [port2, route_modules],
    });
    const notices = new Map<string, (notice: WorkerNotice) => void>();
    port1.on('message', (notice: WorkerNotice) => notices.get(notice.kind)?.(notice));
    const told = (kind: WorkerNotice['kind']): Promise<WorkerNotice> =>
      Promise.race([
        new Promise<WorkerNotice>((resolve) => notices.set(kind, resolve)),
        ended.then(() => Promise.reject(new Error(`sip worker ${index} ended before it was ready`))),
      ]);
    const prepared = told('prepared').then(() => {});
    const ready = told('ready').then((notice) => (notice.kind === 'ready' ? notice.calls : 0));
    // Of a death before, the first of them tells.
    ready.catch(() => {});
    ended.then(
      () => this.workerEnded(index, undefined),
      (error: Error) => this.workerEnded(index, error),
    );
    return { control: port1, ended, prepared, ready, settled: false };
  }

  /** Others go on; its calls are taken over, unless it has died too often. */
  private workerEnded(index: number, error: Error | undefined): void {
    if (this.stopping !== undefined) return;
    const thread = `sip worker ${index}`;
    if (!this.serving) return this.threadEnded(thread, error);
    const now = now_ms();
    const deaths = (this.deaths.get(index) ?? []).filter((at_ms) => at_ms > now - DEATHS_WITHIN_MS);
    deaths.push(now);
    this.deaths.set(index, deaths);
    const out = deaths.length >= MAX_DEATHS;
    this.log.error(
      { thread, err: error?.message, stack: error?.stack, deaths: deaths.length },
      out
        ? 'a SIP worker died too often: its calls end and its shards are out of service'
        : 'a SIP worker died and is replaced',
    );
    const work = out ? this.retireWorker(index) : this.replaceWorker(index);
    this.replacing.set(index, work);
    work.catch((failure: Error) => {
      // A replacement that dies has told so itself.
      if (this.workers.get(index)?.settled !== true)
        this.log.error({ thread, err: failure.message }, 'a SIP worker could not be replaced');
    });
  }

  private async drill(index: number): Promise<void> {
    const worker = this.workers.get(index);
    if (worker === undefined) return;
    worker.control.postMessage({ kind: 'die' } satisfies WorkerOrder);
    await Promise.allSettled([worker.ended]);
    await this.replacing.get(index);
  }

  private async replaceWorker(index: number): Promise<void> {
    const { dispatcher, generations } = this;
    const before = this.links[index];
    if (dispatcher === undefined || generations === undefined || before === undefined) return;
    const started_ms = now_ms();
    const { last_seq } = await dispatcher.ask({ retire: index });
    const applied_seq = last_seq as number;
    // The doorbell stays: other workers ring it for the datagrams that they received.
    const links = { ...this.workerLinks(index, applied_seq + 1, before.doorbell) };
    this.links[index] = links;
    const { reports, decisions } = links;
    await dispatcher.ask({ replace: { worker: index, reports, decisions } });
    const folder = generations.next;
    const name = journalName(index);
    const base = allFilesOf(folder, name).at(-1)?.number ?? 0;
    const worker = this.startWorker(index, links, this.between, {
      folder,
      base,
      sources: [{ folder, name, applied_seq }],
    });
    this.workers.set(index, worker);
    await worker.prepared;
    worker.control.postMessage({ kind: 'go' } satisfies WorkerOrder);
    const calls = await worker.ready;
    worker.settled = true;
    const datagrams = this.guard.take(index);
    worker.control.postMessage({ kind: 'datagrams', datagrams } satisfies WorkerOrder);
    const took_ms = Math.round(now_ms() - started_ms);
    this.log.warn(
      { thread: `sip worker ${index}`, calls, datagrams: datagrams.length, took_ms },
      'the SIP worker is replaced',
    );
  }

  /** Its calls end; what is asked of it is refused from now on. */
  private async retireWorker(index: number): Promise<void> {
    const { dispatcher } = this;
    if (dispatcher === undefined) return;
    Atomics.store(new Int32Array(this.shared.services), index, OUT_OF_SERVICE);
    this.guard.take(index);
    await dispatcher.ask({ retire: index });
    await dispatcher.ask({ abandon: index });
  }

  private async startControl(
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
    for (const { control } of this.workers.values())
      control.postMessage({ kind: 'drain' } satisfies WorkerOrder);
    if (drain) await this.drained(this.config.drain_timeout * 1000);
    for (const { control } of this.workers.values())
      control.postMessage({ kind: 'stop' } satisfies WorkerOrder);
    // One that had died has told so before.
    await Promise.allSettled([...this.workers.values()].map(({ ended }) => ended));
    for (const { control } of this.workers.values()) control.close();
    this.guard.close();
    await this.pool?.destroy();
    await this.routes?.close();
    await this.dispatcher?.ask({ stop: true });
    await this.dispatcher?.ended;
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

  private thread(file: string, name: string, workerData: unknown): ThreadPeer {
    const options = { workerData, name, resourceLimits: THREAD_LIMITS };
    const peer = new ThreadPeer(new Worker(new URL(`./${file}`, import.meta.url), options));
    peer.ended.then(
      () => this.threadEnded(name, undefined),
      (error: Error) => this.threadEnded(name, error),
    );
    return peer;
  }
}

function journalName(worker: number): string {
  return `worker-${worker}`;
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

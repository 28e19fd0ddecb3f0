/**
 * The SIP workers: started in an order in which each finds what it needs, replaced when one dies, and told what
 * to do together.
 */
import { randomBytes } from 'node:crypto';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Logger } from 'pino';
import type { Piscina } from 'piscina';
import { createDatagramLink } from '../ipc/datagram-link.js';
import { createDoorbell, type DoorbellDescriptor } from '../ipc/doorbell.js';
import { createLink, type LinkDescriptor } from '../ipc/link.js';
import type { ListenAddress } from './addresses.js';
import { bootSipWorker } from './boot.js';
import type { Config } from './config.js';
import type { DoormanThreadData } from './doorman-thread.js';
import { createGate, type GateDescriptor } from './gate.js';
import { Guard } from './guard.js';
import { allFilesOf } from './journal/files.js';
import type { CallSource } from './journal/recover-calls.js';
import { ownAddresses } from './own-addresses.js';
import type { RoutePool } from './route-pool.js';
import {
  OUT_OF_SERVICE,
  type SipWorkerTask,
  type WorkerNotice,
  type WorkerOrder,
} from './sip-worker-task.js';
import type { ThreadPeer } from './thread-peer.js';
import { now_ms } from './turn.js';

const LINK_BYTES = 4 * 1024 * 1024;
const DATAGRAM_LINK_BYTES = 1024 * 1024;
/** As much as the buffer of a socket: in overload a worker that is replaced finds there what came meanwhile. */
const DOORMAN_LINK_BYTES = 4 * 1024 * 1024;
/** A worker that dies so often in so long is not replaced any more. */
const MAX_DEATHS = 3;
const DEATHS_WITHIN_MS = 60_000;

interface WorkerLinks {
  doorbell: ReturnType<typeof createDoorbell>;
  reports: LinkDescriptor;
  decisions: LinkDescriptor;
}

interface RunningWorker {
  control: MessagePort;
  ended: Promise<void>;
  bound: Promise<void>;
  prepared: Promise<void>;
  /** With the number of calls that came back. */
  ready: Promise<number>;
  /** Whether that has come. */
  settled: boolean;
}

export interface FleetOptions {
  config: Config;
  listen: readonly ListenAddress[];
  /** Those booted before, by worker; see {@link WorkerFleet.boot}. */
  threads: Piscina[];
  /** What the dispatcher's thread listens to. */
  doorbell: DoorbellDescriptor;
  /** Numbers of the last reports that the dispatcher has journalled: a BigInt64 each. */
  applied: SharedArrayBuffer;
  log: Logger;
  /** A worker has died before the engine served: there is nothing to replace it for. */
  fatal(thread: string, error: Error | undefined): void;
}

export class WorkerFleet {
  /** By worker. */
  readonly links: WorkerLinks[];
  /** What the doorman's thread is to be started with. */
  readonly doorman: DoormanThreadData;
  private readonly count: number;
  private readonly services: SharedArrayBuffer;
  private readonly guard: Guard;
  private readonly between: readonly (readonly (ReturnType<typeof createDatagramLink> | undefined)[])[];
  private readonly workers = new Map<number, RunningWorker>();
  /** When each worker died. */
  private readonly deaths = new Map<number, number[]>();
  /** What was last done about the death of each. */
  private readonly replacing = new Map<number, Promise<void>>();
  private dispatcher: ThreadPeer | undefined = undefined;
  private routes: RoutePool | undefined = undefined;
  /** Folder of the journals. */
  private folder = '';
  /** The workers' own; see {@link SocketOptions}. */
  private ports: readonly number[] = [];
  private serving = false;
  private draining = false;
  private stopping = false;

  constructor(private readonly options: FleetOptions) {
    this.count = options.config.sip.workers;
    this.services = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT * this.count);
    const services = new Int32Array(this.services);
    this.guard = new Guard(this.count, (worker) => Atomics.load(services, worker) === OUT_OF_SERVICE);
    this.links = Array.from({ length: this.count }, (_, index) => this.workerLinks(index));
    const { config, listen } = options;
    this.doorman = {
      listen,
      source_limit: config.sip.source_limit,
      doorbell: createDoorbell(),
      gates: this.links.map(() => createGate()),
      datagrams: this.links.map(({ doorbell }) => createDatagramLink(DOORMAN_LINK_BYTES, doorbell)),
      services: this.services,
      log_level: config.log.level,
    };
    this.between = this.links.map((_, from) =>
      this.links.map((to, index) =>
        index === from ? undefined : createDatagramLink(DATAGRAM_LINK_BYTES, to.doorbell),
      ),
    );
  }

  /** Has the threads that are not there yet load their code, while other things are done. */
  boot(): void {
    const { threads } = this.options;
    while (threads.length < this.count) threads.push(bootSipWorker());
  }

  /**
   * Starts them all, booted before; resolves when the calls of the old generation are back and stand in the next one.
   * @param sources the journals of the old one
   * @param folder of the next one
   * @param ports the workers' own; the one at place i is worker i's, modulo their number
   * @param heard the numbers of the reports that the dispatcher has applied, by journal
   */
  async prepare(
    sources: readonly CallSource[],
    folder: string,
    ports: readonly number[],
    heard: Promise<ReadonlyMap<string, number>>,
    routes: RoutePool | undefined,
  ): Promise<void> {
    this.routes = routes;
    this.folder = folder;
    this.ports = ports;
    await this.bindGuard();
    // The worker that binds the public ports last receives what comes to them: let it be the first worker.
    for (let index = this.count - 1; index >= 0; index--) {
      const worker = this.startWorker(index, { folder, base: 0, sources });
      this.workers.set(index, worker);
      await worker.bound;
    }
    const applied = await heard;
    this.order({ kind: 'recover', applied });
    for (const { prepared } of this.workers.values()) await prepared;
  }

  /** Lets them live. @returns how many calls came back */
  async go(dispatcher: ThreadPeer): Promise<number> {
    this.dispatcher = dispatcher;
    this.order({ kind: 'go' });
    let calls = 0;
    for (const worker of this.workers.values()) calls += await worker.ready;
    this.serving = true;
    return calls;
  }

  private startWorker(
    index: number,
    journal: { folder: string; base: number; sources: readonly CallSource[] },
  ): RunningWorker {
    const { applied, config, listen, threads } = this.options;
    const link = this.links[index] as WorkerLinks;
    const { port1, port2 } = new MessageChannel();
    const route_modules = this.routes?.connect();
    const task: SipWorkerTask = {
      index,
      workers: this.count,
      listen,
      ports: this.ports,
      advertise: config.sip.advertise,
      outbound_proxy: config.sip.outbound_proxy,
      source_limit: config.sip.source_limit,
      options: {
        offer: config.sip.offer,
        early_offer_hosts: config.sip.early_offer_hosts.map((host) => host.toLowerCase()),
        agent_ring_timeout_ms: config.sip.agent_ring_timeout * 1000,
        agent_no_response_timeout_ms: config.sip.agent_no_response_timeout * 1000,
        message_timeout_ms: config.sip.message_timeout * 1000,
        own_addresses: ownAddresses(listen, config.sip.advertise, this.ports),
        identity_headers: config.sip.identity_headers,
        context_param: config.call_center.b2b_logic_ctx_param,
      },
      routes: config.routes,
      route_modules: route_modules && { asks_legs: this.routes?.asksLegs ?? false, port: route_modules },
      log_level: config.log.level,
      doorbell: link.doorbell,
      reports: link.reports,
      decisions: link.decisions,
      datagrams_out: this.between[index] ?? [],
      datagrams_in: [...this.between.map((row) => row[index]), this.doorman.datagrams[index]],
      gate: this.doorman.gates[index] as GateDescriptor,
      doorman: this.doorman.doorbell,
      run: `${Math.floor(Date.now() / 1000).toString(36)}${randomBytes(2).toString('hex')}`,
      control: port2,
      services: this.services,
      journal: {
        ...journal,
        ...config.journal,
        name: journalName(index),
        applied,
      },
    };
    const ended: Promise<void> = (threads[index] as Piscina).run(task, {
      transferList: route_modules === undefined ? [port2] : [port2, route_modules],
    });
    const notices = new Map<string, (notice: WorkerNotice) => void>();
    port1.on('message', (notice: WorkerNotice) => notices.get(notice.kind)?.(notice));
    const told = (kind: WorkerNotice['kind']): Promise<WorkerNotice> =>
      Promise.race([
        new Promise<WorkerNotice>((resolve) => notices.set(kind, resolve)),
        ended.then(() => Promise.reject(new Error(`sip worker ${index} ended before it was ready`))),
      ]);
    const bound = told('bound').then(() => {});
    const prepared = told('prepared').then(() => {});
    const ready = told('ready').then((notice) => (notice.kind === 'ready' ? notice.calls : 0));
    // Of a death before, the first of them tells.
    for (const later of [prepared, ready]) later.catch(() => {});
    ended.then(
      () => this.workerEnded(index, undefined),
      (error: Error) => this.workerEnded(index, error),
    );
    return { control: port1, ended, bound, prepared, ready, settled: false };
  }

  /** Others go on; its calls are taken over, unless it has died too often. */
  private workerEnded(index: number, error: Error | undefined): void {
    if (this.stopping) return;
    const thread = `sip worker ${index}`;
    if (!this.serving) return this.options.fatal(thread, error);
    const now = now_ms();
    const deaths = (this.deaths.get(index) ?? []).filter((at_ms) => at_ms > now - DEATHS_WITHIN_MS);
    deaths.push(now);
    this.deaths.set(index, deaths);
    const out = deaths.length >= MAX_DEATHS;
    this.options.log.error(
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
        this.options.log.error({ thread, err: failure.message }, 'a SIP worker could not be replaced');
    });
  }

  /** Ends a worker as by a fault. Resolves when another has taken its calls over, or nobody will. */
  async drill(index: number): Promise<void> {
    const worker = this.workers.get(index);
    if (worker === undefined) return;
    worker.control.postMessage({ kind: 'die' } satisfies WorkerOrder);
    await Promise.allSettled([worker.ended]);
    await this.replacing.get(index);
  }

  private async replaceWorker(index: number): Promise<void> {
    const { dispatcher, folder } = this;
    const before = this.links[index];
    if (dispatcher === undefined || before === undefined) return;
    const started_ms = now_ms();
    const { last_seq } = await dispatcher.ask({ retire: index });
    const applied_seq = last_seq as number;
    // The doorbell stays: other workers ring it for the datagrams that they received.
    const links = this.workerLinks(index, applied_seq + 1, before.doorbell);
    this.links[index] = links;
    const { reports, decisions } = links;
    await dispatcher.ask({ replace: { worker: index, reports, decisions } });
    const name = journalName(index);
    const base = allFilesOf(folder, name).at(-1)?.number ?? 0;
    const worker = this.startWorker(index, { folder, base, sources: [{ folder, name }] });
    this.workers.set(index, worker);
    await worker.bound;
    const applied = new Map([[name, applied_seq]]);
    worker.control.postMessage({ kind: 'recover', applied } satisfies WorkerOrder);
    await worker.prepared;
    worker.control.postMessage({ kind: 'go' } satisfies WorkerOrder);
    const calls = await worker.ready;
    worker.settled = true;
    const datagrams = this.guard.take(index);
    worker.control.postMessage({ kind: 'datagrams', datagrams } satisfies WorkerOrder);
    if (this.draining) worker.control.postMessage({ kind: 'drain' } satisfies WorkerOrder);
    const took_ms = Math.round(now_ms() - started_ms);
    this.options.log.warn(
      { thread: `sip worker ${index}`, calls, datagrams: datagrams.length, took_ms },
      'the SIP worker is replaced',
    );
  }

  /** Its calls end; what is asked of it is refused from now on. */
  private async retireWorker(index: number): Promise<void> {
    const { dispatcher } = this;
    if (dispatcher === undefined) return;
    Atomics.store(new Int32Array(this.services), index, OUT_OF_SERVICE);
    this.guard.take(index);
    await dispatcher.ask({ retire: index });
    await dispatcher.ask({ abandon: index });
  }

  private async bindGuard(): Promise<void> {
    const { listen } = this.options;
    for (const { address, port } of listen) await this.guard.bind(address, port);
    for (const address of new Set(listen.map((entry) => entry.address)))
      for (const [at, port] of this.ports.entries()) await this.guard.bind(address, port, at % this.count);
  }

  /** Tells all of them. */
  order(order: WorkerOrder): void {
    this.draining ||= order.kind === 'drain';
    this.stopping ||= order.kind === 'stop';
    for (const { control } of this.workers.values()) control.postMessage(order);
  }

  /** Resolves when all have ended, after they were told to stop. */
  async close(): Promise<void> {
    // One that had died has told so before.
    await Promise.allSettled([...this.workers.values()].map(({ ended }) => ended));
    for (const { control } of this.workers.values()) control.close();
    this.guard.close();
    for (const thread of this.options.threads) await thread.destroy();
  }

  /** Links to and from a worker; after the death of one, the numbers of its reports go on. */
  private workerLinks(index: number, first_seq = 1, doorbell = createDoorbell()): WorkerLinks {
    return {
      doorbell,
      reports: createLink(`worker ${index} to dispatcher`, LINK_BYTES, this.options.doorbell, first_seq),
      decisions: createLink(`dispatcher to worker ${index}`, LINK_BYTES, doorbell),
    };
  }
}

/** Name of a worker's journal. */
export function journalName(worker: number): string {
  return `worker-${worker}`;
}

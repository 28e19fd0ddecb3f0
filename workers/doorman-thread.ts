/**
 * The doorman's thread. It sleeps at its doorbell until a gate is narrowed; then it binds the public ports once more, and
 * the one bound last receives. While it is there it looks every millisecond what has come. When all gates are open again
 * it withdraws, and reads out what it has.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../core/assert.js';
import type { Path } from '../core/sip/transport.js';
import { type DatagramLinkDescriptor, DatagramLinkWriter } from '../ipc/datagram-link.js';
import { type DoorbellDescriptor, DoorbellListener } from '../ipc/doorbell.js';
import type { ListenAddress } from './addresses.js';
import { BATCH, type BatchSocket, BatchUdp, openLibC } from './batch-udp.js';
import { DONE, Doorman } from './doorman.js';
import { Gate, type GateDescriptor } from './gate.js';
import { createLogger, type LogLevel } from './log.js';
import { OUT_OF_SERVICE } from './sip-worker-task.js';
import { SourceLimit } from './source-limit.js';
import { now_ms } from './turn.js';

/** The thread's workerData. */
export interface DoormanThreadData {
  /** The public addresses; a socket's number is its place, as in the workers. */
  listen: readonly ListenAddress[];
  /** New calls a second of one source address; 0 is no limit. */
  source_limit: number;
  /** Rung when a gate is narrowed or opened. */
  doorbell: DoorbellDescriptor;
  /** By worker. */
  gates: readonly GateDescriptor[];
  datagrams: readonly DatagramLinkDescriptor[];
  /** By worker, an Int32 each: {@link OUT_OF_SERVICE} or 0. */
  services: SharedArrayBuffer;
  log_level: LogLevel;
}

/** From one look at the sockets to the next. */
const PAUSE_MS = 1;
/** Nobody is there: who has that as his peer hears nothing. */
const DISCARD_PORT = 9;
/** After that, what had come to a socket before has been read long ago. */
const READ_OUT_MS = 1_000;

/** SIP workers turn calls away as they do until he comes. */
const WITHOUT_HIM = 'no doorman: SIP workers turn calls away themselves';

/** A public address that he has bound. */
interface Post {
  /** Number of the public address. */
  number: number;
  socket: BatchSocket;
  /** When workers began to receive themselves again; Infinity while he does. */
  left_ms: number;
}

class DoormanThread {
  private readonly log;
  private readonly gates: readonly Gate[];
  private readonly doorman: Doorman;
  private readonly links: readonly DatagramLinkWriter[];
  private readonly services: Int32Array;
  private readonly bell: DoorbellListener;
  private posts: Post[] = [];
  /** By worker, whether its gate was open when last looked at, and how often it had bound the ports. */
  private readonly seen: { open: boolean; bound: number }[];
  private now_ms = 0;
  private failed = false;

  constructor(
    private readonly data: DoormanThreadData,
    private readonly udp: BatchUdp,
  ) {
    this.log = createLogger('doorman', data.log_level);
    const sources = new SourceLimit(data.source_limit);
    this.gates = data.gates.map((gate) => new Gate(gate, 'doorman', sources));
    this.seen = this.gates.map(({ state }) => ({ open: true, bound: state.bound }));
    this.links = data.datagrams.map((link) => new DatagramLinkWriter(link));
    this.services = new Int32Array(data.services);
    this.doorman = new Doorman(
      this.gates,
      (worker) => this.isOutOfService(worker),
      (path, text) => this.send(path, text),
    );
    this.bell = new DoorbellListener(data.doorbell, () => this.turn(), {
      pause: { ms: PAUSE_MS, due: () => this.posts.length > 0 },
    });
  }

  close(): void {
    this.bell.close();
    for (const { socket } of this.posts) socket.close();
    this.posts = [];
  }

  /** @returns whether there is more to do at once */
  private turn(): boolean {
    this.now_ms = now_ms();
    this.lookAtGates();
    let full = false;
    let waited_ms = 0;
    for (const post of this.posts) {
      const count = this.receiveFrom(post);
      if (count === 0) continue;
      full ||= count === BATCH;
      waited_ms = Math.max(waited_ms, this.udp.waited_ms);
      this.udp.each(count, (bytes, host, port) => this.received(bytes, { socket: post.number, host, port }));
    }
    this.udp.flush();
    for (const link of this.links) link.flush(waited_ms);
    this.readOut();
    return full;
  }

  private receiveFrom(post: Post): number {
    try {
      return post.socket.receive();
    } catch (error) {
      this.giveUp(post, error as Error);
      return 0;
    }
  }

  /** He binds when a gate is narrowed, and anew when a worker has bound after him. */
  private lookAtGates(): void {
    let news = false;
    for (const [worker, { state }] of this.gates.entries()) {
      const { bound } = state;
      // Nobody opens the gate of a worker that is not coming back.
      const open = state.isOpen || this.isOutOfService(worker);
      const before = this.seen[worker];
      news ||= before?.bound !== bound || (before.open && !open);
      this.seen[worker] = { open, bound };
    }
    const needed = this.seen.some(({ open }) => !open);
    if (needed && !news) return;
    const before = this.posts.filter(({ left_ms }) => left_ms === Number.POSITIVE_INFINITY);
    if (needed) this.takePosts();
    for (const post of before) this.leave(post);
  }

  private isOutOfService(worker: number): boolean {
    return Atomics.load(this.services, worker) === OUT_OF_SERVICE;
  }

  private takePosts(): void {
    for (const [number, { address, port }] of this.data.listen.entries())
      try {
        const socket = this.udp.open(address, port);
        this.posts.push({ number, socket, left_ms: Number.POSITIVE_INFINITY });
      } catch (error) {
        this.tell(error as Error);
      }
  }

  private leave(post: Post): void {
    post.left_ms = this.now_ms;
    try {
      post.socket.deafen(DISCARD_PORT);
    } catch (error) {
      this.giveUp(post, error as Error);
    }
  }

  /** What has not been read is lost, and will be sent again. */
  private giveUp(post: Post, error: Error): void {
    this.tell(error);
    post.left_ms = Number.NEGATIVE_INFINITY;
  }

  /** Once: it would be the same at each overload. */
  private tell(error: Error): void {
    if (!this.failed) this.log.error({ err: error.message }, WITHOUT_HIM);
    this.failed = true;
  }

  /** Closes those that have been read out. */
  private readOut(): void {
    const over = ({ left_ms }: Post): boolean => left_ms <= this.now_ms - READ_OUT_MS;
    if (!this.posts.some(over)) return;
    for (const { socket } of this.posts.filter(over)) socket.close();
    this.posts = this.posts.filter((post) => !over(post));
  }

  private received(bytes: Buffer, path: Path): void {
    // Nobody can be answered there.
    if (path.port === 0) return;
    const worker = this.doorman.receive(bytes.toString('latin1'), path, this.now_ms);
    // Where a ring is full it is lost, as a full buffer of the system loses it.
    if (worker !== DONE) this.links[worker]?.send(path.socket, path.port, path.host, bytes);
  }

  private send({ socket, host, port }: Path, text: string): void {
    this.posts.find(({ number }) => number === socket)?.socket.send(text, host, port);
  }
}

assert(parentPort, 'the doorman is started as a worker thread');
const port = parentPort;
const lib = await openLibC();
const data = workerData as DoormanThreadData;
if (typeof lib === 'string') createLogger('doorman', data.log_level).info({ why: lib }, WITHOUT_HIM);
const thread = typeof lib === 'string' ? undefined : new DoormanThread(data, new BatchUdp(lib));
port.once('message', () => {
  thread?.close();
  port.postMessage({ kind: 'stopped' });
  port.close();
});

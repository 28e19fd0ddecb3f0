/**
 * `sip-acd bench ipc`: messages between two threads through the ring in shared memory and through
 * postMessage. Both carry the same encoded bytes, published one by one, and copied by the reader into memory of
 * its own one by one. One way: a burst, until the answer to its last message is there. Round trip: one
 * message at a time, both threads asleep in between. With the codec: from object to object.
 */
import { once } from 'node:events';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import type { Report } from '../../core/messages.js';
import { reportCodec } from '../../ipc/catalogue.js';
import { createDoorbell, Doorbell, DoorbellListener } from '../../ipc/doorbell.js';
import { createRing, RingReader, RingWriter } from '../../ipc/ring.js';
import { type Mode, type PeerData, readOneByOne, type Setting } from './ipc-peer.js';
import { now_ns, rounded, table } from './measure.js';

const SIZES = [64, 128, 256, 512, 1024, 2048] as const;
const MAIN_SIZE = 512;
/** A burst of the largest fits. */
const RING_BYTES = 4 * 1024 * 1024;

export interface IpcOptions {
  /** Messages of a burst, at most what fits in the ring. */
  burst: number;
  rounds: number;
}

/** ns a message; a ratio says how many times as long postMessage takes. */
export interface IpcSizeFigures {
  bytes: number;
  ring_ns: number;
  postmessage_ns: number;
  ratio: number;
  codec_ring_ns: number;
  codec_postmessage_ns: number;
  codec_ratio: number;
  round_trip_ring_ns: number;
  round_trip_postmessage_ns: number;
  round_trip_ratio: number;
}

export interface IpcFigures {
  burst: number;
  rounds: number;
  ratio_postmessage_512: number;
  ratio_postmessage_512_codec: number;
  ratio_postmessage_512_round_trip: number;
  sizes: IpcSizeFigures[];
}

export async function benchIpc(options: IpcOptions): Promise<IpcFigures> {
  const peer = new Peer();
  try {
    const sizes: IpcSizeFigures[] = [];
    for (const bytes of SIZES) sizes.push(await measure(peer, bytes, options));
    const main = sizes.find(({ bytes }) => bytes === MAIN_SIZE)!;
    return {
      ...options,
      ratio_postmessage_512: main.ratio,
      ratio_postmessage_512_codec: main.codec_ratio,
      ratio_postmessage_512_round_trip: main.round_trip_ratio,
      sizes,
    };
  } finally {
    await peer.stop();
  }
}

export function ipcTable(figures: IpcFigures): string {
  const rows = figures.sizes.map((of) => [
    of.bytes,
    of.ring_ns,
    of.postmessage_ns,
    `${of.ratio}x`,
    of.codec_ring_ns,
    of.codec_postmessage_ns,
    `${of.codec_ratio}x`,
    of.round_trip_ring_ns,
    of.round_trip_postmessage_ns,
    `${of.round_trip_ratio}x`,
  ]);
  const one = ['ring', 'port', 'ratio'];
  return table([
    ['ns a message', ...one, ...one.map((n) => `codec ${n}`), ...one.map((n) => `trip ${n}`)],
    ...rows,
  ]);
}

async function measure(peer: Peer, bytes: number, { burst, rounds }: IpcOptions): Promise<IpcSizeFigures> {
  const report = reportOf(bytes);
  const encoded = reportCodec.encode(1, report);
  const message = new Uint8Array(encoded.subarray(encoded.start, encoded.end));
  await peer.set({ kind: 'count', messages: burst });
  const one_way = await best(rounds, [
    async () => (await peer.time(() => peer.burst('ring', message, burst))) / burst,
    async () => (await peer.time(() => peer.burst('port', message, burst))) / burst,
  ]);
  await peer.set({ kind: 'decode', messages: burst });
  const codec = await best(rounds, [
    async () => (await peer.time(() => peer.encodedBurst('ring', report, burst))) / burst,
    async () => (await peer.time(() => peer.encodedBurst('port', report, burst))) / burst,
  ]);
  await peer.set({ kind: 'echo' });
  const trips = Math.ceil(burst / 10);
  const trip = await best(rounds, [
    () => peer.trips('ring', message, trips),
    () => peer.trips('port', message, trips),
  ]);
  const [ring, port] = one_way as [number, number];
  const [codec_ring, codec_port] = codec as [number, number];
  const [trip_ring, trip_port] = trip as [number, number];
  return {
    bytes,
    ring_ns: Math.round(ring),
    postmessage_ns: Math.round(port),
    ratio: rounded(port / ring),
    codec_ring_ns: Math.round(codec_ring),
    codec_postmessage_ns: Math.round(codec_port),
    codec_ratio: rounded(codec_port / codec_ring),
    round_trip_ring_ns: Math.round(trip_ring),
    round_trip_postmessage_ns: Math.round(trip_port),
    round_trip_ratio: rounded(trip_port / trip_ring),
  };
}

/** A report that is exactly so long when it is encoded. */
function reportOf(bytes: number): Report {
  let why = '';
  for (;;) {
    const report: Report = {
      kind: 'call_lost',
      call: '9f3a61c2-55d0@192.0.2.7',
      at_ms: 1_700_000_000_123,
      why,
    };
    const encoded = reportCodec.encode(1, report);
    const missing = bytes - (encoded.end - encoded.start);
    if (missing === 0) return report;
    if (missing < 0) throw new Error(`no report of ${bytes} bytes`);
    // A longer text may need a longer head.
    why = why.padEnd(why.length + Math.max(1, missing - 3), 'the worker that had the call is gone; ');
  }
}

/** As the rounds of measure.ts, for contenders that have to wait. */
async function best(rounds: number, contenders: readonly (() => Promise<number>)[]): Promise<number[]> {
  const least = contenders.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < rounds; round++) {
    for (const [index, run] of contenders.entries()) least[index] = Math.min(least[index]!, await run());
  }
  return least;
}

type Way = 'ring' | 'port';

/** The other thread and both ways to it. */
class Peer {
  private readonly thread: Worker;
  private readonly port: MessagePort;
  private readonly writer: RingWriter;
  private readonly bell: DoorbellListener;
  private answered: () => void = () => {};

  constructor() {
    const { port1, port2 } = new MessageChannel();
    const data: PeerData = {
      there: createRing(RING_BYTES),
      back: createRing(RING_BYTES),
      there_bell: createDoorbell(),
      back_bell: createDoorbell(),
      port: port2,
    };
    this.thread = new Worker(new URL('./ipc-peer.js', import.meta.url), {
      workerData: data,
      transferList: [port2],
    });
    this.port = port1;
    this.port.on('message', () => this.answered());
    this.writer = new RingWriter(data.there, new Doorbell(data.there_bell));
    const reader = new RingReader(data.back);
    this.bell = new DoorbellListener(data.back_bell, () => readOneByOne(reader, () => this.answered()));
  }

  async set(mode: Mode): Promise<void> {
    const setting: Setting = { mode };
    this.thread.postMessage(setting);
    await once(this.thread, 'message');
  }

  async stop(): Promise<void> {
    const ended = once(this.thread, 'exit');
    this.thread.postMessage('stop');
    await ended;
    this.bell.close();
  }

  /** ns from the call of `send` to the answer. */
  async time(send: () => void): Promise<number> {
    const answer = new Promise<void>((resolve) => {
      this.answered = resolve;
    });
    const start = now_ns();
    send();
    await answer;
    return now_ns() - start;
  }

  burst(way: Way, message: Uint8Array, count: number): void {
    for (let n = 0; n < count; n++) this.send(way, message, 0, message.length);
  }

  encodedBurst(way: Way, report: Report, count: number): void {
    for (let n = 0; n < count; n++) {
      const bytes = reportCodec.encode(n, report);
      this.send(way, bytes, bytes.start, bytes.end - bytes.start);
    }
  }

  /** Mean ns of a message there and back. */
  trips(way: Way, message: Uint8Array, count: number): Promise<number> {
    return new Promise((resolve) => {
      const start = now_ns();
      let left = count;
      this.answered = () => {
        if (--left > 0) this.send(way, message, 0, message.length);
        else resolve((now_ns() - start) / count);
      };
      this.send(way, message, 0, message.length);
    });
  }

  private send(way: Way, bytes: Uint8Array, start: number, length: number): void {
    if (way === 'ring') {
      if (!this.writer.tryWrite(bytes, length, start)) throw new Error('a burst is to fit in the ring');
      this.writer.publish();
    } else if (bytes.length === length) this.port.postMessage(bytes);
    // A view would take all the memory behind it along.
    else this.port.postMessage(bytes.slice(start, start + length));
  }
}

/** The other thread of `bench ipc`: reads what is sent by ring or message port, and answers as it is told. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { Report } from '../../core/messages.js';
import { reportCodec } from '../../ipc/catalogue.js';
import { Doorbell, type DoorbellDescriptor, DoorbellListener } from '../../ipc/doorbell.js';
import { type RingDescriptor, RingReader, RingWriter } from '../../ipc/ring.js';

/** `count`: one answer to so many messages. `echo`: each message comes back. `decode`: as count, decoded. */
export type Mode = { kind: 'count' | 'decode'; messages: number } | { kind: 'echo' };

export interface PeerData {
  there: RingDescriptor;
  back: RingDescriptor;
  there_bell: DoorbellDescriptor;
  back_bell: DoorbellDescriptor;
  port: MessagePort;
}

/** Set before a round, answered by a message when it holds. */
export interface Setting {
  mode: Mode;
}

/** Before the event loop gets its turn. */
const READ_AT_ONCE = 1024;
const ANSWER = new Uint8Array(8);
const MAX_MESSAGE_BYTES = 4096;

/** Reads every record into private memory, one `drain` a record. */
export function readOneByOne(ring: RingReader, take: (scratch: Buffer, length: number) => void): boolean {
  const scratch = SCRATCH;
  let length = 0;
  const copy = (view: Buffer, start: number, end: number): void => {
    length = view.copy(scratch, 0, start, end);
  };
  for (let read = 0; read < READ_AT_ONCE; read++) {
    if (ring.drain(copy, 1) === 0) return false;
    take(scratch, length);
  }
  return ring.pending;
}

const SCRATCH = Buffer.allocUnsafeSlow(MAX_MESSAGE_BYTES);

function serve({ there, back, there_bell, back_bell, port }: PeerData): void {
  const reader = new RingReader(there);
  const writer = new RingWriter(back, new Doorbell(back_bell));
  let mode: Mode = { kind: 'echo' };
  let received = 0;
  let last: Report | undefined;

  const take = (
    bytes: Uint8Array,
    length: number,
    reply: (bytes: Uint8Array, length: number) => void,
  ): void => {
    if (mode.kind === 'echo') {
      reply(bytes, length);
      return;
    }
    if (mode.kind === 'decode') last = reportCodec.decode(bytes, length, 'bench').message;
    if (++received < mode.messages) return;
    received = 0;
    reply(ANSWER, ANSWER.length);
  };
  const byRing = (bytes: Uint8Array, length: number): void => {
    if (!writer.tryWrite(bytes, length)) throw new Error('the ring of the answers is full');
    writer.publish();
  };
  const byPort = (bytes: Uint8Array): void => port.postMessage(bytes);

  new DoorbellListener(there_bell, () =>
    readOneByOne(reader, (bytes, length) => take(bytes, length, byRing)),
  );
  port.on('message', (bytes: Uint8Array) => take(bytes, bytes.length, byPort));
  parentPort!.on('message', (setting: Setting | 'stop') => {
    if (setting === 'stop') {
      port.close();
      parentPort!.close();
      return;
    }
    mode = setting.mode;
    parentPort!.postMessage(last?.kind ?? 'ready');
  });
}

if (parentPort !== null) serve(workerData as PeerData);

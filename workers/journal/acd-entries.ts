/**
 * The dispatcher's journal: what it remembers, entity by entity, the latest value last, and the rows that it has
 * for the store. An entry is its kind (u8) and its bytes (u32 and as many): msgpack but for records.
 */
import { pack, unpack } from 'msgpackr';
import type {
  AgentMemory,
  CallMemory,
  EngineMemory,
  FlowMemory,
  ProvisioningMemory,
} from '../../core/acd/memory.js';
import type { StoreRecord } from '../../core/acd/records.js';
import { recordCodec } from '../../ipc/catalogue.js';
import type { ByteReader, ByteWriter } from './bytes.js';

const KINDS = {
  provisioning: 1,
  engine: 2,
  agent: 3,
  flow: 4,
  call: 5,
  ended: 6,
  applied: 7,
  record: 8,
  record_seq: 9,
} as const;
const NAMES = Object.fromEntries(Object.entries(KINDS).map(([name, number]) => [number, name]));

export type AcdEntry =
  | { kind: 'provisioning'; value: ProvisioningMemory }
  | { kind: 'engine'; value: EngineMemory }
  | { kind: 'agent'; value: AgentMemory }
  | { kind: 'flow'; value: FlowMemory }
  | { kind: 'call'; value: CallMemory }
  /** The call of that id is no more. */
  | { kind: 'ended'; value: string }
  /** Number of the last report heard from each worker, by the name of its journal. */
  | { kind: 'applied'; value: [string, number][] }
  /** Number of the last row that was given to the store. */
  | { kind: 'record_seq'; value: number };

export function writeAcdEntry(out: ByteWriter, { kind, value }: AcdEntry): void {
  out.u8(KINDS[kind]);
  out.bytes(pack(value));
}

/** A row for the store; `seq` goes on across restarts. */
export function writeRecord(out: ByteWriter, seq: number, record: StoreRecord): void {
  out.u8(KINDS.record);
  const encoded = recordCodec.encode(seq, record);
  out.bytes(encoded.subarray(encoded.start, encoded.end));
}

/** The next entry that is none of the store's; those are handed over for {@link recordSeq}. undefined at the end. */
export function nextMemory(from: ByteReader, record: (bytes: Buffer) => void): AcdEntry | undefined {
  while (!from.done) {
    const kind = from.u8();
    const bytes = from.bytes();
    if (kind === KINDS.record) {
      record(bytes);
      continue;
    }
    const name = NAMES[kind];
    if (name === undefined) throw new RangeError(`no journal entry is of kind ${kind}`);
    return { kind: name, value: unpack(bytes) } as AcdEntry;
  }
  return undefined;
}

/** Number of a row for the store. */
export function recordSeq(bytes: Buffer): number {
  return recordCodec.decode(bytes, bytes.length, 'a journal').seq;
}

/** What the frame says last of the reports heard; undefined when it says nothing. */
export function appliedIn(from: ByteReader): [string, number][] | undefined {
  let applied: [string, number][] | undefined;
  while (!from.done) {
    if (from.u8() === KINDS.applied) applied = unpack(from.bytes()) as [string, number][];
    else from.skipBytes();
  }
  return applied;
}

/** Hands over the store's rows in a frame. */
export function recordsIn(from: ByteReader, take: (record: StoreRecord, seq: number) => void): void {
  while (!from.done) {
    const kind = from.u8();
    const bytes = from.bytes();
    if (kind !== KINDS.record) continue;
    const { seq, message } = recordCodec.decode(bytes, bytes.length, 'a journal');
    take(message, seq);
  }
}

/**
 * The dispatcher's journal: what it remembers, entity by entity, the latest value last, and the rows that it has
 * for the store. An entry is its kind (u8) and its bytes (u32 and as many).
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
import { ByteReader, type ByteWriter } from './bytes.js';
import { type Layout, layout } from './layout.js';

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

/** What seldom changes, as msgpack. */
function packed<T>(): Layout<T> {
  return { write: (out, value) => out.raw(pack(value)), read: (from) => unpack(from.rest()) as T };
}

/** What it begins with is read by {@link callIn} alone. */
const call = layout<CallMemory>({
  id: 'utf8',
  cid: 'number',
  worker: 'number',
  media: 'utf8',
  param: 'utf8',
  caller_user: 'utf8',
  caller_display: 'utf8',
  display: 'utf8',
  arrival_ms: 'number',
  eta_s: 'number',
  order_sequence: 'number',
  state: 'utf8',
  put_back: 'flag',
  queued_ms: 'number',
  delivered_ms: 'number',
  connected: 'flag',
  answered_ms: 'number',
  setup_s: 'number',
  rejections: 'number',
  fstats: 'number',
  answer_counted: 'flag',
  next_leg: 'number',
  last_start_ms: 'number',
  media_leg: 'number',
  media_joined: 'number',
  media_since_ms: 'number',
  media_setup: 'number',
  agent_leg: 'number',
  agent_joined: 'number',
  announcement_leg: 'number',
  referring: 'flag',
  picked_up_ms: 'number',
  caller_answered: 'flag',
  media_failures: 'number',
  flow: 'utf8',
  agent: 'utf8',
  refusers: 'list',
});

const agent = layout<AgentMemory>({
  id: 'utf8',
  state: 'utf8',
  logged_in: 'flag',
  refs: 'number',
  ongoing_chats: 'number',
  wrapup_end_ms: 'number',
  idle_since: 'number',
  last_chat: 'number',
  dist_incalls: 'number',
  answ_incalls: 'number',
  answ_inchats: 'number',
  aban_incalls: 'number',
  rej_incalls: 'number',
  talk_sum_s: 'number',
  talk_count: 'number',
});

const flow = layout<FlowMemory>({
  id: 'utf8',
  incalls: 'number',
  dist_incalls: 'number',
  answ_incalls: 'number',
  answ_inchats: 'number',
  aban_incalls: 'number',
  talk_sum_s: 'number',
  talk_count: 'number',
  wait_sum_s: 'number',
  wait_count: 'number',
});

const ended: Layout<string> = { write: (out, value) => out.utf8(value), read: (from) => from.utf8() };

const applied: Layout<[string, number][]> = {
  write(out, value) {
    out.number(value.length);
    for (const [name, seq] of value) {
      out.utf8(name);
      out.number(seq);
    }
  },
  read: (from) => Array.from({ length: from.number() }, () => [from.utf8(), from.number()]),
};

type Layouts = {
  readonly [K in AcdEntry['kind']]: {
    readonly number: number;
    readonly layout: Layout<Extract<AcdEntry, { kind: K }>['value']>;
  };
};

const KINDS: Layouts = {
  provisioning: { number: 1, layout: packed<ProvisioningMemory>() },
  engine: { number: 2, layout: packed<EngineMemory>() },
  agent: { number: 3, layout: agent },
  flow: { number: 4, layout: flow },
  call: { number: 5, layout: call },
  ended: { number: 6, layout: ended },
  applied: { number: 7, layout: applied },
  record_seq: { number: 9, layout: packed<number>() },
};
const RECORD = 8;

const KIND_OF = new Map(
  (Object.keys(KINDS) as AcdEntry['kind'][]).map((kind) => [KINDS[kind].number, kind] as const),
);

export function writeAcdEntry(out: ByteWriter, { kind, value }: AcdEntry): void {
  const { number, layout } = KINDS[kind];
  out.u8(number);
  const at = out.open();
  (layout as Layout<unknown>).write(out, value);
  out.close(at);
}

/** A row for the store; `seq` goes on across restarts. */
export function writeRecord(out: ByteWriter, seq: number, record: StoreRecord): void {
  out.u8(RECORD);
  const encoded = recordCodec.encode(seq, record);
  out.bytes(encoded.subarray(encoded.start, encoded.end));
}

/** An entry whose value has not been read: nearly all are followed by a later one of the same entity. */
interface UnreadEntry {
  kind: AcdEntry['kind'];
  bytes: Buffer;
}

/** The next entry that is none of the store's; those are handed over for {@link recordSeq}. undefined at the end. */
export function nextMemory(from: ByteReader, record: (bytes: Buffer) => void): UnreadEntry | undefined {
  while (!from.done) {
    const number = from.u8();
    const bytes = from.bytes();
    if (number === RECORD) {
      record(bytes);
      continue;
    }
    const kind = KIND_OF.get(number);
    if (kind === undefined) throw new RangeError(`no journal entry is of kind ${number}`);
    return { kind, bytes };
  }
  return undefined;
}

type Value<K extends AcdEntry['kind']> = Extract<AcdEntry, { kind: K }>['value'];

/** The value of an entry of that kind. */
export function memoryIn<K extends AcdEntry['kind']>(kind: K, bytes: Buffer): Value<K> {
  return (KINDS[kind].layout as unknown as Layout<Value<K>>).read(new ByteReader(bytes));
}

/** Whom an entry is about that is an agent's or a flow's. */
export function idIn(bytes: Buffer): string {
  return new ByteReader(bytes).utf8();
}

/** What call an entry is about. */
export function callIn(bytes: Buffer): Pick<CallMemory, 'id' | 'cid'> {
  const from = new ByteReader(bytes);
  return { id: from.utf8(), cid: from.number() };
}

/** Number of a row for the store. */
export function recordSeq(bytes: Buffer): number {
  return recordCodec.decode(bytes, bytes.length, 'a journal').seq;
}

/** What the frame says last of the reports heard; undefined when it says nothing. */
export function appliedIn(from: ByteReader): [string, number][] | undefined {
  let heard: [string, number][] | undefined;
  while (!from.done) {
    if (from.u8() === KINDS.applied.number) heard = applied.read(new ByteReader(from.bytes()));
    else from.skipBytes();
  }
  return heard;
}

/** Hands over the store's rows in a frame. */
export function recordsIn(from: ByteReader, take: (record: StoreRecord, seq: number) => void): void {
  while (!from.done) {
    const number = from.u8();
    const bytes = from.bytes();
    if (number !== RECORD) continue;
    const { seq, message } = recordCodec.decode(bytes, bytes.length, 'a journal');
    take(message, seq);
  }
}

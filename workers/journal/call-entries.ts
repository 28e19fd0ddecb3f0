/**
 * A worker's journal: what was recorded of its calls, as bytes. A frame is a turn: entries of a kind (u8) with
 * what that kind has. The first one tells the time, as does one wherever it has changed.
 */
import { pack, unpack } from 'msgpackr';
import type { Decision } from '../../core/messages.js';
import type { CallStart } from '../../core/sip/recorder.js';
import type { Recorded } from '../../core/sip/replay.js';
import type { Path } from '../../core/sip/transport.js';
import { decisionCodec } from '../../ipc/catalogue.js';
import type { ByteReader, ByteWriter } from './bytes.js';
import type { NameSet } from './name-set.js';

const STARTED = 1;
const DATAGRAM = 2;
const DECISION = 3;
const ANSWERED = 4;
const UNREACHABLE = 5;
const OVER = 6;
const GAP = 7;
const TIME = 8;
const SOCKETS = 9;
const UNDECIDED = 10;

const SEED_BYTES = 16;
const PORT_BYTES = 2;
const MEDIA = [undefined, 'rtp', 'msrp', 'none'] as const;

/** What stands in the journal besides the calls' inputs. */
export type CallEntry =
  | Recorded
  /** The call need not be played again once the report of that number has been applied. */
  | { kind: 'over'; at_ms: number; call: string; report_seq: number }
  /** Entries were lost here: what began before cannot be played. */
  | { kind: 'gap'; at_ms: number }
  /** The time of the entries that follow. */
  | { kind: 'time'; at_ms: number }
  /** What the socket numbers of the entries that follow mean: `address port`. */
  | { kind: 'sockets'; at_ms: number; sockets: string[] };

export function writeStarted(out: ByteWriter, { id, seed, port, routed, text, path }: CallStart): void {
  out.u8(STARTED);
  out.name(id);
  for (const bits of seed) out.u32(bits);
  out.u16(port);
  out.text(routed.flow);
  out.text(routed.param);
  out.u8(MEDIA.indexOf(routed.media));
  writePath(out, path);
  out.text(text);
}

export function writeDatagram(out: ByteWriter, call: string, text: string, path: Path): void {
  writeMessage(out, DATAGRAM, call, text, path);
}

export function writeUndecided(out: ByteWriter, id: string, text: string, path: Path): void {
  writeMessage(out, UNDECIDED, id, text, path);
}

function writeMessage(out: ByteWriter, kind: number, call: string, text: string, path: Path): void {
  out.u8(kind);
  out.name(call);
  writePath(out, path);
  out.text(text);
}

export function writeDecision(out: ByteWriter, call: string, decision: Decision): void {
  out.u8(DECISION);
  out.name(call);
  const encoded = decisionCodec.encode(0, decision);
  out.bytes(encoded.subarray(encoded.start, encoded.end));
}

export function writeAnswered(out: ByteWriter, call: string, question: number, answer: unknown): void {
  out.u8(ANSWERED);
  out.name(call);
  out.u32(question);
  out.bytes(pack(answer));
}

export function writeUnreachable(out: ByteWriter, path: Path): void {
  out.u8(UNREACHABLE);
  writePath(out, path);
}

export function writeOver(out: ByteWriter, call: string, report_seq: number): void {
  out.u8(OVER);
  out.name(call);
  out.f64(report_seq);
}

export function writeGap(out: ByteWriter): void {
  out.u8(GAP);
}

export function writeTime(out: ByteWriter, at_ms: number): void {
  out.u8(TIME);
  out.f64(at_ms);
}

export function writeSockets(out: ByteWriter, sockets: readonly string[]): void {
  out.u8(SOCKETS);
  out.u16(sockets.length);
  for (const socket of sockets) out.name(socket);
}

export function writeEntry(out: ByteWriter, entry: CallEntry): void {
  switch (entry.kind) {
    case 'started':
      return writeStarted(out, entry.start);
    case 'datagram':
      return writeDatagram(out, entry.call, entry.text, entry.path);
    case 'undecided':
      return writeUndecided(out, entry.call, entry.text, entry.path);
    case 'decision':
      return writeDecision(out, entry.call, entry.decision);
    case 'answered':
      return writeAnswered(out, entry.call, entry.question, entry.answer);
    case 'unreachable':
      return writeUnreachable(out, entry.path);
    case 'over':
      return writeOver(out, entry.call, entry.report_seq);
    case 'gap':
      return writeGap(out);
    case 'time':
      return writeTime(out, entry.at_ms);
    case 'sockets':
      return writeSockets(out, entry.sockets);
  }
}

/** Whether the entry at the reader's place, which stays, is of one of those calls; undefined where it is of no one call. */
export function isOf(calls: NameSet, from: ByteReader): boolean | undefined {
  const { at, buffer } = from;
  const kind = buffer[at] as number;
  const named = kind <= ANSWERED || kind === OVER || kind === UNDECIDED;
  return named ? calls.has(from, at + 1) : undefined;
}

/** The kind of the entry at the reader's place, which is left behind the entry. @throws RangeError when it is none */
export function skipEntry(from: ByteReader): CallEntry['kind'] {
  const kind = from.u8();
  switch (kind) {
    case STARTED:
      from.skipName();
      from.at += SEED_BYTES + PORT_BYTES;
      from.skipBytes();
      from.skipBytes();
      from.at += 1;
      skipPath(from);
      from.skipBytes();
      return 'started';
    case DATAGRAM:
    case UNDECIDED:
      from.skipName();
      skipPath(from);
      from.skipBytes();
      return kind === DATAGRAM ? 'datagram' : 'undecided';
    case DECISION:
      from.skipName();
      from.skipBytes();
      return 'decision';
    case ANSWERED:
      from.skipName();
      from.at += 4;
      from.skipBytes();
      return 'answered';
    case OVER:
      from.skipName();
      from.at += 8;
      return 'over';
    default:
      // Few and short.
      from.at--;
      return readEntry(from, 0).kind;
  }
}

/**
 * The entry at the reader's place.
 * @param sockets what its socket numbers are now, by number; without them they stay what they are
 * @throws RangeError when it is none
 */
export function readEntry(from: ByteReader, at_ms: number, sockets?: readonly number[]): CallEntry {
  const kind = from.u8();
  switch (kind) {
    case STARTED: {
      const id = from.name();
      const seed = [from.u32(), from.u32(), from.u32(), from.u32()] as const;
      const port = from.u16();
      const flow = from.text();
      const param = from.text();
      const media = MEDIA[from.u8()];
      const path = readPath(from, sockets);
      return {
        kind: 'started',
        at_ms,
        start: { id, seed, port, routed: { flow, param, media }, path, text: from.text() },
      };
    }
    case DATAGRAM:
    case UNDECIDED: {
      const call = from.name();
      const path = readPath(from, sockets);
      return { kind: kind === DATAGRAM ? 'datagram' : 'undecided', at_ms, call, path, text: from.text() };
    }
    case DECISION: {
      const call = from.name();
      const bytes = from.bytes();
      const { message } = decisionCodec.decode(bytes, bytes.length, 'a journal');
      return { kind: 'decision', at_ms, call, decision: message };
    }
    case ANSWERED: {
      const call = from.name();
      const question = from.u32();
      return { kind: 'answered', at_ms, call, question, answer: unpack(from.bytes()) };
    }
    case UNREACHABLE:
      return { kind: 'unreachable', at_ms, path: readPath(from, sockets) };
    case OVER: {
      const call = from.name();
      return { kind: 'over', at_ms, call, report_seq: from.f64() };
    }
    case GAP:
      return { kind: 'gap', at_ms };
    case TIME:
      return { kind: 'time', at_ms: from.f64() };
    case SOCKETS:
      return { kind: 'sockets', at_ms, sockets: Array.from({ length: from.u16() }, () => from.name()) };
    default:
      throw new RangeError(`no journal entry is of kind ${kind}`);
  }
}

function writePath(out: ByteWriter, path: Path): void {
  out.u16(path.socket);
  out.u16(path.port);
  out.name(path.host);
}

function readPath(from: ByteReader, sockets: readonly number[] | undefined): Path {
  const socket = from.u16();
  return {
    socket: sockets === undefined ? socket : (sockets[socket] ?? 0),
    port: from.u16(),
    host: from.name(),
  };
}

function skipPath(from: ByteReader): void {
  from.at += 4;
  from.skipName();
}

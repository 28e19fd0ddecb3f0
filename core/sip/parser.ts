/**
 * Bytes to messages: one pass that finds the start line, the header lines and the body (RFC 3261, 7).
 *
 * What is inside a header is left to message.ts, for who asks. Nothing that comes in makes this throw or
 * take more than linear time: what is no message becomes a {@link ParseFailure}.
 */
import { bytesOf } from './bytes.js';
import { colonAt, decimal, digits, isFold, isLws, sameName, skipLws, trimEnd } from './lex.js';
import {
  endOf,
  HeaderIndex,
  makeSpan,
  type SipMessage,
  SipRequest,
  SipResponse,
  type Span,
  startOf,
} from './message.js';
import { methodOf } from './method.js';

/** Largest message, bytes. */
export const MAX_MESSAGE_BYTES = 65_535;
/** Most header lines in a message. */
export const MAX_HEADER_LINES = 200;
/** Longest start line, and longest header with all the lines over which it is folded, bytes. */
export const MAX_HEADER_LINE_BYTES = 8_192;
/** Most m= lines in a session description: each is a record here and a line of the answer. */
export const MAX_STREAMS = 128;
/** `m=a 0 b` with its end: in less than so much a stream there cannot be too many that are well-formed. */
const LEAST_STREAM_BYTES = 8;

/** A datagram that is no message that we can handle. */
export interface ParseFailure {
  kind: 'failure';
  /** What a request would be answered with: 400, 505, or 513 where a limit is passed. */
  status: number;
  /** For the reason phrase or the log; 'keep-alive' for a datagram that only keeps a NAT binding open. */
  reason: string;
  /** Set when enough could be read to answer it: Via, From, To, Call-ID and CSeq are there. */
  request?: SipRequest;
}

const BAD_REQUEST = 400;
const VERSION_NOT_SUPPORTED = 505;
const MESSAGE_TOO_LARGE = 513;

/**
 * Reads the byte string of one message: a datagram, or what a stream's framing has cut out. Bytes beyond
 * Content-Length are ignored; without Content-Length the body is what remains.
 * @param bytes the same message as it came, where it is at hand: looking at a byte costs a fraction of looking at
 * a string's character. Not kept
 */
export function parseMessage(
  text: string,
  bytes: Uint8Array = bytesOf(text),
): SipRequest | SipResponse | ParseFailure {
  const limit = Math.min(text.length, MAX_MESSAGE_BYTES);
  const start = skipBlank(text, limit);
  if (start === limit) return { kind: 'failure', status: BAD_REQUEST, reason: 'keep-alive' };
  const lineFeed = text.indexOf('\n', start);
  if (lineFeed < 0 || lineFeed - start > MAX_HEADER_LINE_BYTES) {
    return { kind: 'failure', status: BAD_REQUEST, reason: 'Malformed Start Line' };
  }
  const index = new HeaderIndex();
  if (text.length > MAX_MESSAGE_BYTES) index.fail(MESSAGE_TOO_LARGE, 'Message Too Large');
  const lineEnd = text.charCodeAt(lineFeed - 1) === 13 ? lineFeed - 1 : lineFeed;
  const message = sameName(text, start, 'sip/')
    ? response(text, start, lineEnd, index)
    : request(text, start, lineEnd, index);
  const body = readHeaders(text, bytes, lineFeed + 1, limit, index);
  if (body >= 0) findBody(bytes, body, limit, index);
  if (message === undefined) return failure(index);
  if (index.bodyEnd - index.bodyStart >= MAX_STREAMS * LEAST_STREAM_BYTES) countStreams(message, index);
  const defect = message.readMandatory(bytes);
  if (defect !== undefined) index.fail(BAD_REQUEST, defect);
  if (index.status === 0) return message;
  return failure(index, message.kind === 'request' && message.answerable() ? message : undefined);
}

function failure(index: HeaderIndex, request?: SipRequest): ParseFailure {
  const { status, reason } = index;
  return request ? { kind: 'failure', status, reason, request } : { kind: 'failure', status, reason };
}

/**
 * Where the start line begins: empty lines may come before it (RFC 3261, 7.5). `limit` when there is nothing but
 * white space and NUL, which are what peers keep NAT bindings open with.
 */
function skipBlank(text: string, limit: number): number {
  if (limit > 0 && text.charCodeAt(0) > 32) return 0;
  let i = 0;
  while (i < limit && (text.charCodeAt(i) === 13 || text.charCodeAt(i) === 10)) i++;
  let blank = i;
  while (blank < limit && (text.charCodeAt(blank) === 0 || isLws(text.charCodeAt(blank)))) blank++;
  return blank === limit ? limit : i;
}

/** `Method SP Request-URI SP SIP/2.0`; undefined when it is not even that shape. */
function request(text: string, start: number, lineEnd: number, index: HeaderIndex): SipRequest | undefined {
  const methodEnd = text.indexOf(' ', start);
  const uriEnd = methodEnd < 0 ? -1 : text.indexOf(' ', methodEnd + 1);
  const method = uriEnd < 0 || uriEnd >= lineEnd ? undefined : methodOf(text.slice(start, methodEnd));
  if (method === undefined) {
    index.fail(BAD_REQUEST, 'Malformed Start Line');
    return undefined;
  }
  // Lenient: white space after the version (RFC 4475, 3.1.2.10).
  const versionEnd = trimEnd(text, uriEnd + 1, lineEnd);
  if (text.slice(uriEnd + 1, versionEnd) !== 'SIP/2.0') {
    checkVersion(text, uriEnd + 1, versionEnd, index);
  }
  if (!isRequestUri(text, methodEnd + 1, uriEnd)) index.fail(BAD_REQUEST, 'Malformed Request-URI');
  return new SipRequest(text, index, method, text.slice(methodEnd + 1, uriEnd));
}

/** Without spaces it is already; more is for {@link parseUri} to say. No < and > (RFC 4475, 3.1.2.7). */
function isRequestUri(text: string, start: number, end: number): boolean {
  const first = text.charCodeAt(start);
  return end > start && first !== 60 && first !== 34;
}

function checkVersion(text: string, start: number, end: number, index: HeaderIndex): void {
  if (end - start === 7 && sameName(text, start, 'sip/2.0')) return;
  const dot = text.indexOf('.', start);
  const isVersion =
    sameName(text, start, 'sip/') &&
    dot < end &&
    decimal(text, start + 4, dot, Number.MAX_VALUE) >= 0 &&
    decimal(text, dot + 1, end, Number.MAX_VALUE) >= 0;
  if (isVersion) index.fail(VERSION_NOT_SUPPORTED, 'Version Not Supported');
  else index.fail(BAD_REQUEST, 'Malformed Start Line');
}

/** `SIP/2.0 SP Status-Code SP Reason-Phrase`, also without the second space. */
function response(text: string, start: number, lineEnd: number, index: HeaderIndex): SipResponse | undefined {
  if (!sameName(text, start, 'sip/2.0 ')) {
    index.fail(BAD_REQUEST, 'Malformed Start Line');
    return undefined;
  }
  const code = start + 8;
  const status = code + 3 <= lineEnd ? decimal(text, code, code + 3, 699) : -1;
  if (status < 100 || (code + 3 < lineEnd && text.charCodeAt(code + 3) !== 32)) {
    index.fail(BAD_REQUEST, 'Malformed Start Line');
    return undefined;
  }
  return new SipResponse(text, index, status, text.slice(Math.min(code + 4, lineEnd), lineEnd));
}

/** Fills the index from the lines at `start` on; returns where the body begins, -1 when there is no end to them. */
function readHeaders(
  text: string,
  bytes: Uint8Array,
  start: number,
  limit: number,
  index: HeaderIndex,
): number {
  index.start = start;
  let line = start;
  let first = line < limit ? (bytes[line] as number) : 0;
  for (let count = 0; ; count++) {
    index.end = line;
    let lineFeed = text.indexOf('\n', line);
    if (lineFeed < 0 || lineFeed >= limit) break;
    if (first === 10 || (first === 13 && lineFeed === line + 1)) return lineFeed + 1;
    let next = lineFeed + 1 < limit ? (bytes[lineFeed + 1] as number) : 0;
    let folded = false;
    while (isFold(next)) {
      folded = true;
      count++;
      lineFeed = text.indexOf('\n', lineFeed + 1);
      if (lineFeed < 0 || lineFeed >= limit) {
        index.fail(BAD_REQUEST, 'Truncated Message');
        return -1;
      }
      next = lineFeed + 1 < limit ? (bytes[lineFeed + 1] as number) : 0;
    }
    if (count >= MAX_HEADER_LINES) {
      index.fail(MESSAGE_TOO_LARGE, 'Too Many Headers');
      return -1;
    }
    if (lineFeed - line > MAX_HEADER_LINE_BYTES) index.fail(MESSAGE_TOO_LARGE, 'Header Too Long');
    // A line that is no header is ignored: what cannot be done without will be missed (RFC 3261, 16.3).
    else {
      const header = headerAt(bytes, line, first | 32);
      if (header !== 0) {
        const after = line + (header & LENGTH_MASK);
        // Nearly always: colon and one space before the value, CR LF after it.
        const span =
          bytes[after] === 58 &&
          bytes[after + 1] === 32 &&
          (bytes[after + 2] as number) > 32 &&
          bytes[lineFeed - 1] === 13 &&
          (bytes[lineFeed - 2] as number) > 32
            ? makeSpan(after + 2, lineFeed - 1, folded)
            : spanAfter(text, after, lineFeed, folded);
        if (span !== 0) note(index, header >> LENGTH_BITS, span);
      }
    }
    line = lineFeed + 1;
    first = next;
  }
  index.fail(BAD_REQUEST, 'Truncated Message');
  return -1;
}

/** The headers that everybody reads. */
enum Header {
  Via = 1,
  From,
  To,
  CallId,
  CSeq,
  Contact,
  MaxForwards,
  ContentType,
  ContentLength,
}

// What {@link headerAt} gives: which header, and below it the length of the name as it was written.
const LENGTH_BITS = 4;
const LENGTH_MASK = 15;

/**
 * Which {@link Header} has the name at `line`, full or compact, and how long that name is, as one number; 0 for any other.
 * Where the colon is has still to be seen. (Byte for byte, because a loop over a name costs four times as much.)
 * @param first the line's first byte, a capital letter as its small one
 */
function headerAt(bytes: Uint8Array, line: number, first: number): number {
  switch (first) {
    case 99: // c
      return headerWithC(bytes, line);
    case 102: // f
      return ((bytes[line + 1] as number) | 32) === 114 &&
        ((bytes[line + 2] as number) | 32) === 111 &&
        ((bytes[line + 3] as number) | 32) === 109
        ? (Header.From << LENGTH_BITS) | 4
        : (Header.From << LENGTH_BITS) | 1;
    case 105: // i
      return (Header.CallId << LENGTH_BITS) | 1;
    case 108: // l
      return (Header.ContentLength << LENGTH_BITS) | 1;
    case 109: // m
      return ((bytes[line + 1] as number) | 32) === 97 &&
        ((bytes[line + 2] as number) | 32) === 120 &&
        bytes[line + 3] === 45 &&
        ((bytes[line + 4] as number) | 32) === 102 &&
        ((bytes[line + 5] as number) | 32) === 111 &&
        ((bytes[line + 6] as number) | 32) === 114 &&
        ((bytes[line + 7] as number) | 32) === 119 &&
        ((bytes[line + 8] as number) | 32) === 97 &&
        ((bytes[line + 9] as number) | 32) === 114 &&
        ((bytes[line + 10] as number) | 32) === 100 &&
        ((bytes[line + 11] as number) | 32) === 115
        ? (Header.MaxForwards << LENGTH_BITS) | 12
        : (Header.Contact << LENGTH_BITS) | 1;
    case 116: // t
      return ((bytes[line + 1] as number) | 32) === 111
        ? (Header.To << LENGTH_BITS) | 2
        : (Header.To << LENGTH_BITS) | 1;
    case 118: // v
      return ((bytes[line + 1] as number) | 32) === 105 && ((bytes[line + 2] as number) | 32) === 97
        ? (Header.Via << LENGTH_BITS) | 3
        : (Header.Via << LENGTH_BITS) | 1;
    default:
      return 0;
  }
}

/** Call-ID, CSeq, Contact, Content-Length, Content-Type and its compact form. */
function headerWithC(bytes: Uint8Array, line: number): number {
  switch ((bytes[line + 1] as number) | 32) {
    case 97: // Ca
      return ((bytes[line + 2] as number) | 32) === 108 &&
        ((bytes[line + 3] as number) | 32) === 108 &&
        bytes[line + 4] === 45 &&
        ((bytes[line + 5] as number) | 32) === 105 &&
        ((bytes[line + 6] as number) | 32) === 100
        ? (Header.CallId << LENGTH_BITS) | 7
        : 0;
    case 115: // Cs
      return ((bytes[line + 2] as number) | 32) === 101 && ((bytes[line + 3] as number) | 32) === 113
        ? (Header.CSeq << LENGTH_BITS) | 4
        : 0;
    case 111: // Co
      if (((bytes[line + 2] as number) | 32) === 110 && ((bytes[line + 3] as number) | 32) === 116) {
        if (
          ((bytes[line + 4] as number) | 32) === 97 &&
          ((bytes[line + 5] as number) | 32) === 99 &&
          ((bytes[line + 6] as number) | 32) === 116
        )
          return (Header.Contact << LENGTH_BITS) | 7;
        if (
          !(
            ((bytes[line + 4] as number) | 32) === 101 &&
            ((bytes[line + 5] as number) | 32) === 110 &&
            ((bytes[line + 6] as number) | 32) === 116 &&
            bytes[line + 7] === 45
          )
        )
          return 0;
        if (
          ((bytes[line + 8] as number) | 32) === 116 &&
          ((bytes[line + 9] as number) | 32) === 121 &&
          ((bytes[line + 10] as number) | 32) === 112 &&
          ((bytes[line + 11] as number) | 32) === 101
        )
          return (Header.ContentType << LENGTH_BITS) | 12;
        if (
          ((bytes[line + 8] as number) | 32) === 108 &&
          ((bytes[line + 9] as number) | 32) === 101 &&
          ((bytes[line + 10] as number) | 32) === 110 &&
          ((bytes[line + 11] as number) | 32) === 103 &&
          ((bytes[line + 12] as number) | 32) === 116 &&
          ((bytes[line + 13] as number) | 32) === 104
        )
          return (Header.ContentLength << LENGTH_BITS) | 14;
      }
      return 0;
    default:
      return (Header.ContentType << LENGTH_BITS) | 1;
  }
}

/** The value behind a header's name that ends at `after`; 0 when no colon comes there. */
function spanAfter(text: string, after: number, lineFeed: number, folded: boolean): Span {
  const colon = colonAt(text, after);
  if (colon < 0) return 0;
  const start = skipLws(text, colon + 1, lineFeed);
  return makeSpan(start, trimEnd(text, start, lineFeed), folded);
}

/** Notes where the value of a header stands. Of those that may be repeated the first counts. */
function note(index: HeaderIndex, header: number, span: Span): void {
  switch (header) {
    case Header.Via:
      index.via ||= span;
      index.vias++;
      break;
    case Header.From:
      if (index.from === 0) index.from = span;
      else index.repeated = 'From';
      break;
    case Header.To:
      if (index.to === 0) index.to = span;
      else index.repeated = 'To';
      break;
    case Header.CallId:
      if (index.callId === 0) index.callId = span;
      else index.repeated = 'Call-ID';
      break;
    case Header.CSeq:
      if (index.cseq === 0) index.cseq = span;
      else index.repeated = 'CSeq';
      break;
    case Header.Contact:
      index.contact ||= span;
      break;
    case Header.MaxForwards:
      if (index.maxForwards === 0) index.maxForwards = span;
      else index.repeated = 'Max-Forwards';
      break;
    case Header.ContentType:
      index.contentType ||= span;
      break;
    case Header.ContentLength:
      if (index.contentLength === 0) index.contentLength = span;
      else index.repeated = 'Content-Length';
      break;
  }
}

/** RFC 3261, 18.3. */
function findBody(bytes: Uint8Array, start: number, limit: number, index: HeaderIndex): void {
  index.bodyStart = start;
  index.bodyEnd = limit;
  if (index.contentLength === 0) return;
  const length = digits(bytes, startOf(index.contentLength), endOf(index.contentLength), Number.MAX_VALUE);
  if (length < 0) index.fail(BAD_REQUEST, 'Malformed Content-Length');
  else if (length > limit - start) index.fail(BAD_REQUEST, 'Truncated Body');
  else index.bodyEnd = start + length;
}

function countStreams(message: SipMessage, index: HeaderIndex): void {
  if (message.contentType !== 'application/sdp') return;
  const { body } = message;
  let streams = body.startsWith('m=') ? 1 : 0;
  for (let i = body.indexOf('\nm='); i >= 0; i = body.indexOf('\nm=', i + 1)) {
    if (++streams > MAX_STREAMS) return index.fail(MESSAGE_TOO_LARGE, 'Too Many Streams');
  }
}

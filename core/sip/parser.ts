/**
 * Bytes to messages: one pass that finds the start line, the header lines and the body (RFC 3261, 7).
 *
 * What is inside a header is left to message.ts, for who asks. Nothing that comes in makes this throw or
 * take more than linear time: what is no message becomes a {@link ParseFailure}.
 */
import { colonAt, decimal, isFold, isLws, sameName, skipLws, trimEnd } from './lex.js';
import { endOf, HeaderIndex, makeSpan, SipRequest, SipResponse, type Span, startOf } from './message.js';
import { methodOf } from './method.js';

/** Largest message, bytes. */
export const MAX_MESSAGE_BYTES = 65_535;
/** Most header lines in a message. */
export const MAX_HEADER_LINES = 200;
/** Longest start line, and longest header with all the lines over which it is folded, bytes. */
export const MAX_HEADER_LINE_BYTES = 8_192;

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
 * Reads the byte string of one message: a datagram, or what a stream's framing has cut out. A message that is
 * returned has no {@link SipMessage.defect}. Bytes beyond Content-Length are ignored; without Content-Length
 * the body is what remains.
 */
export function parseMessage(text: string): SipRequest | SipResponse | ParseFailure {
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
  const body = readHeaders(text, lineFeed + 1, limit, index);
  if (body >= 0) findBody(text, body, limit, index);
  if (message === undefined) return failure(index);
  const defect = message.defect();
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
function readHeaders(text: string, start: number, limit: number, index: HeaderIndex): number {
  index.start = start;
  let line = start;
  let first = line < limit ? text.charCodeAt(line) : 0;
  for (let count = 0; ; count++) {
    index.end = line;
    let lineFeed = text.indexOf('\n', line);
    if (lineFeed < 0 || lineFeed >= limit) break;
    if (first === 10 || (first === 13 && lineFeed === line + 1)) return lineFeed + 1;
    let next = lineFeed + 1 < limit ? text.charCodeAt(lineFeed + 1) : 0;
    let folded = false;
    while (isFold(next)) {
      folded = true;
      count++;
      lineFeed = text.indexOf('\n', lineFeed + 1);
      if (lineFeed < 0 || lineFeed >= limit) {
        index.fail(BAD_REQUEST, 'Truncated Message');
        return -1;
      }
      next = lineFeed + 1 < limit ? text.charCodeAt(lineFeed + 1) : 0;
    }
    if (count >= MAX_HEADER_LINES) {
      index.fail(MESSAGE_TOO_LARGE, 'Too Many Headers');
      return -1;
    }
    if (lineFeed - line > MAX_HEADER_LINE_BYTES) index.fail(MESSAGE_TOO_LARGE, 'Header Too Long');
    // A line that is no header is ignored: what cannot be done without will be missed (RFC 3261, 16.3).
    else readHeader(text, line, first | 32, lineFeed, folded, index);
    line = lineFeed + 1;
    first = next;
  }
  index.fail(BAD_REQUEST, 'Truncated Message');
  return -1;
}

/** Notes the header whose line begins at `line` if it is one of those that everybody reads. */
function readHeader(
  text: string,
  line: number,
  first: number,
  lineFeed: number,
  folded: boolean,
  index: HeaderIndex,
): void {
  switch (first) {
    case 99: // c
      readC(text, line, lineFeed, folded, index);
      break;
    case 102: {
      // f
      const span = spanAfter(text, nameEnd(text, line, 'rom', 'rom'), lineFeed, folded);
      if (span === 0) break;
      if (index.from === 0) index.from = span;
      else index.repeated = 'From';
      break;
    }
    case 105: // i
      noteCallId(index, spanAfter(text, line + 1, lineFeed, folded));
      break;
    case 108: // l
      noteContentLength(index, spanAfter(text, line + 1, lineFeed, folded));
      break;
    case 109: {
      // m
      const after = nameEnd(text, line, 'ax-Forwards', 'ax-forwards');
      const span = spanAfter(text, after, lineFeed, folded);
      if (span === 0) break;
      if (after === line + 1) index.contact ||= span;
      else if (index.maxForwards === 0) index.maxForwards = span;
      else index.repeated = 'Max-Forwards';
      break;
    }
    case 116: {
      // t
      const span = spanAfter(text, nameEnd(text, line, 'o', 'o'), lineFeed, folded);
      if (span === 0) break;
      if (index.to === 0) index.to = span;
      else index.repeated = 'To';
      break;
    }
    case 118: {
      // v
      const span = spanAfter(text, nameEnd(text, line, 'ia', 'ia'), lineFeed, folded);
      if (span === 0) break;
      index.via ||= span;
      index.vias++;
      break;
    }
  }
}

/** Call-ID, CSeq, Contact, Content-Type and its compact form, Content-Length. */
function readC(text: string, line: number, lineFeed: number, folded: boolean, index: HeaderIndex): void {
  switch (text.charCodeAt(line + 1) | 32) {
    case 97: // Ca
      noteCallId(index, spanAfter(text, longNameEnd(text, line, 'all-ID', 'all-id'), lineFeed, folded));
      break;
    case 115: {
      // Cs
      const span = spanAfter(text, longNameEnd(text, line, 'Seq', 'seq'), lineFeed, folded);
      if (span === 0) break;
      if (index.cseq === 0) index.cseq = span;
      else index.repeated = 'CSeq';
      break;
    }
    case 111: // Co
      if (text.charCodeAt(line + 7) !== 45) {
        const span = spanAfter(text, longNameEnd(text, line, 'ontact', 'ontact'), lineFeed, folded);
        index.contact ||= span;
      } else if ((text.charCodeAt(line + 8) | 32) === 108) {
        const after = longNameEnd(text, line + 1, 'ntent-Length', 'ntent-length');
        noteContentLength(index, spanAfter(text, after, lineFeed, folded));
      } else {
        const after = longNameEnd(text, line, 'ontent-Type', 'ontent-type');
        index.contentType ||= spanAfter(text, after, lineFeed, folded);
      }
      break;
    default:
      index.contentType ||= spanAfter(text, line + 1, lineFeed, folded);
  }
}

/**
 * `line` begins with a name's first letter, and `rest` is how the name usually goes on: the position behind the name,
 * or behind the letter alone, for its compact form.
 */
function nameEnd(text: string, line: number, rest: string, lowerRest: string): number {
  const end = longNameEnd(text, line, rest, lowerRest);
  return end < 0 ? line + 1 : end;
}

/** As {@link nameEnd}, of a name without a compact form: -1 when it does not go on so. */
function longNameEnd(text: string, line: number, rest: string, lowerRest: string): number {
  const end = line + 1 + rest.length;
  // Comparing a short copy beats looking at each byte.
  return text.slice(line + 1, end) === rest || sameName(text, line + 1, lowerRest) ? end : -1;
}

/** The value behind a header's name that ends at `after`; 0 when no colon comes there. */
function spanAfter(text: string, after: number, lineFeed: number, folded: boolean): Span {
  if (after < 0) return 0;
  const colon = colonAt(text, after);
  if (colon < 0) return 0;
  const start = skipLws(text, colon + 1, lineFeed);
  return makeSpan(start, trimEnd(text, start, lineFeed), folded);
}

function noteCallId(index: HeaderIndex, span: Span): void {
  if (span === 0) return;
  if (index.callId === 0) index.callId = span;
  else index.repeated = 'Call-ID';
}

function noteContentLength(index: HeaderIndex, span: Span): void {
  if (span === 0) return;
  if (index.contentLength === 0) index.contentLength = span;
  else index.repeated = 'Content-Length';
}

/** RFC 3261, 18.3. */
function findBody(text: string, start: number, limit: number, index: HeaderIndex): void {
  index.bodyStart = start;
  index.bodyEnd = limit;
  if (index.contentLength === 0) return;
  const length = decimal(text, startOf(index.contentLength), endOf(index.contentLength), Number.MAX_VALUE);
  if (length < 0) index.fail(BAD_REQUEST, 'Malformed Content-Length');
  else if (length > limit - start) index.fail(BAD_REQUEST, 'Truncated Body');
  else index.bodyEnd = start + length;
}

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
    else {
      const header = headerAt(text, line, first | 32);
      if (header !== OTHER) {
        const after = line + (header & LENGTH_MASK);
        // Nearly always: colon and one space before the value, CR LF after it.
        const span =
          text.charCodeAt(after) === 58 &&
          text.charCodeAt(after + 1) === 32 &&
          text.charCodeAt(after + 2) > 32 &&
          text.charCodeAt(lineFeed - 1) === 13 &&
          text.charCodeAt(lineFeed - 2) > 32
            ? makeSpan(after + 2, lineFeed - 1, folded)
            : spanAfter(text, after, lineFeed, folded);
        if (span !== 0) note(index, header & ~LENGTH_MASK, span);
      }
    }
    line = lineFeed + 1;
    first = next;
  }
  index.fail(BAD_REQUEST, 'Truncated Message');
  return -1;
}

// What {@link headerAt} tells apart: which header, and below it the length of the name as it was written.
const LENGTH_BITS = 4;
const LENGTH_MASK = (1 << LENGTH_BITS) - 1;
const OTHER = 0;
const VIA = 1 << LENGTH_BITS;
const FROM = 2 << LENGTH_BITS;
const TO = 3 << LENGTH_BITS;
const CALL_ID = 4 << LENGTH_BITS;
const CSEQ = 5 << LENGTH_BITS;
const CONTACT = 6 << LENGTH_BITS;
const MAX_FORWARDS = 7 << LENGTH_BITS;
const CONTENT_TYPE = 8 << LENGTH_BITS;
const CONTENT_LENGTH = 9 << LENGTH_BITS;

/**
 * Which of the headers that everybody reads has a name like the one at `line` and how long that name is, as one number;
 * {@link OTHER} for any else. Most lines are told apart by one letter. (Where the colon is has still to be seen.)
 */
function headerAt(text: string, line: number, first: number): number {
  switch (first) {
    case 99: // c
      return headerWithC(text, line);
    case 102: // f
      return letter(text, line + 1) === 114 &&
        letter(text, line + 2) === 111 &&
        letter(text, line + 3) === 109
        ? FROM | 4
        : FROM | 1;
    case 105: // i
      return CALL_ID | 1;
    case 108: // l
      return CONTENT_LENGTH | 1;
    case 109: // m
      return named(text, line, 'Max-Forwards', 'max-forwards') ? MAX_FORWARDS | 12 : CONTACT | 1;
    case 116: // t
      return letter(text, line + 1) === 111 ? TO | 2 : TO | 1;
    case 118: // v
      return letter(text, line + 1) === 105 && letter(text, line + 2) === 97 ? VIA | 3 : VIA | 1;
    default:
      return OTHER;
  }
}

/** Call-ID, CSeq, Contact, Content-Type and its compact form, Content-Length. */
function headerWithC(text: string, line: number): number {
  switch (letter(text, line + 1)) {
    case 97: // Ca
      return named(text, line, 'Call-ID', 'call-id') ? CALL_ID | 7 : OTHER;
    case 115: // Cs
      return letter(text, line + 2) === 101 && letter(text, line + 3) === 113 ? CSEQ | 4 : OTHER;
    case 111: // Co
      if (text.charCodeAt(line + 7) !== 45) {
        return named(text, line, 'Contact', 'contact') ? CONTACT | 7 : OTHER;
      }
      if (letter(text, line + 8) === 108) {
        return named(text, line, 'Content-Length', 'content-length') ? CONTENT_LENGTH | 14 : OTHER;
      }
      return named(text, line, 'Content-Type', 'content-type') ? CONTENT_TYPE | 12 : OTHER;
    default:
      return CONTENT_TYPE | 1;
  }
}

/** The byte at `at`, a capital letter as its small one; for comparing with letters only. */
function letter(text: string, at: number): number {
  return text.charCodeAt(at) | 32;
}

/** Whether the line begins with a name, given as it is usually written and in lower case. */
function named(text: string, line: number, name: string, lowerName: string): boolean {
  // Comparing a short copy beats looking at each byte.
  return text.slice(line, line + name.length) === name || sameName(text, line, lowerName);
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
    case VIA:
      index.via ||= span;
      index.vias++;
      break;
    case FROM:
      if (index.from === 0) index.from = span;
      else index.repeated = 'From';
      break;
    case TO:
      if (index.to === 0) index.to = span;
      else index.repeated = 'To';
      break;
    case CALL_ID:
      if (index.callId === 0) index.callId = span;
      else index.repeated = 'Call-ID';
      break;
    case CSEQ:
      if (index.cseq === 0) index.cseq = span;
      else index.repeated = 'CSeq';
      break;
    case CONTACT:
      index.contact ||= span;
      break;
    case MAX_FORWARDS:
      if (index.maxForwards === 0) index.maxForwards = span;
      else index.repeated = 'Max-Forwards';
      break;
    case CONTENT_TYPE:
      index.contentType ||= span;
      break;
    case CONTENT_LENGTH:
      if (index.contentLength === 0) index.contentLength = span;
      else index.repeated = 'Content-Length';
      break;
  }
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

/**
 * Bytes to messages: one pass that finds the start line, the header lines and the body (RFC 3261, 7).
 *
 * What is inside a header is left to message.ts, for who asks. Nothing that comes in makes this throw or
 * take more than linear time: what is no message becomes a {@link ParseFailure}.
 */
import { decimal, isLws, isToken, isTokenRange, sameName, skipLws, trimEnd } from './lex.js';
import { FOLDED, HeaderIndex, methodAt, SipRequest, SipResponse } from './message.js';

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

/** Of the text being parsed, what was first found wrong with it. */
class Problem {
  status = 0;
  reason = '';

  note(status: number, reason: string): void {
    if (this.status !== 0) return;
    this.status = status;
    this.reason = reason;
  }
}

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
  const problem = new Problem();
  if (text.length > MAX_MESSAGE_BYTES) problem.note(MESSAGE_TOO_LARGE, 'Message Too Large');
  const lineEnd = text.charCodeAt(lineFeed - 1) === 13 ? lineFeed - 1 : lineFeed;
  const index = new HeaderIndex();
  const message = sameName(text, start, 'sip/')
    ? response(text, start, lineEnd, index, problem)
    : request(text, start, lineEnd, index, problem);
  const body = readHeaders(text, lineFeed + 1, limit, index, problem);
  if (body >= 0) findBody(text, body, limit, index, problem);
  if (message === undefined) return failure(problem);
  const defect = message.defect();
  if (defect !== undefined) problem.note(BAD_REQUEST, defect);
  if (problem.status === 0) return message;
  return failure(problem, message.kind === 'request' && message.answerable() ? message : undefined);
}

function failure(problem: Problem, request?: SipRequest): ParseFailure {
  const { status, reason } = problem;
  return request ? { kind: 'failure', status, reason, request } : { kind: 'failure', status, reason };
}

/**
 * Where the start line begins: empty lines may come before it (RFC 3261, 7.5). `limit` when there is nothing but
 * white space and NUL, which are what peers keep NAT bindings open with.
 */
function skipBlank(text: string, limit: number): number {
  let i = 0;
  while (i < limit && (text.charCodeAt(i) === 13 || text.charCodeAt(i) === 10)) i++;
  let blank = i;
  while (blank < limit && (text.charCodeAt(blank) === 0 || isLws(text.charCodeAt(blank)))) blank++;
  return blank === limit ? limit : i;
}

/** `Method SP Request-URI SP SIP/2.0`; undefined when it is not even that shape. */
function request(
  text: string,
  start: number,
  lineEnd: number,
  index: HeaderIndex,
  problem: Problem,
): SipRequest | undefined {
  const methodEnd = text.indexOf(' ', start);
  const uriEnd = methodEnd < 0 ? -1 : text.indexOf(' ', methodEnd + 1);
  if (uriEnd < 0 || uriEnd >= lineEnd || !isTokenRange(text, start, methodEnd)) {
    problem.note(BAD_REQUEST, 'Malformed Start Line');
    return undefined;
  }
  // Lenient: white space after the version (RFC 4475, 3.1.2.10).
  const versionEnd = trimEnd(text, uriEnd + 1, lineEnd);
  if (versionEnd - uriEnd !== 8 || !text.startsWith('SIP/2.0', uriEnd + 1)) {
    checkVersion(text, uriEnd + 1, versionEnd, problem);
  }
  if (!isRequestUri(text, methodEnd + 1, uriEnd)) problem.note(BAD_REQUEST, 'Malformed Request-URI');
  return new SipRequest(text, index, methodAt(text, start, methodEnd), text.slice(methodEnd + 1, uriEnd));
}

function isRequestUri(text: string, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const c = text.charCodeAt(i);
    if (c <= 32 || c === 34 || c === 60 || c === 62 || c === 127) return false;
  }
  return end > start;
}

function checkVersion(text: string, start: number, end: number, problem: Problem): void {
  if (end - start === 7 && sameName(text, start, 'sip/2.0')) return;
  const dot = text.indexOf('.', start);
  const isVersion =
    sameName(text, start, 'sip/') &&
    dot < end &&
    decimal(text, start + 4, dot, Number.MAX_VALUE) >= 0 &&
    decimal(text, dot + 1, end, Number.MAX_VALUE) >= 0;
  if (isVersion) problem.note(VERSION_NOT_SUPPORTED, 'Version Not Supported');
  else problem.note(BAD_REQUEST, 'Malformed Start Line');
}

/** `SIP/2.0 SP Status-Code SP Reason-Phrase`, also without the second space. */
function response(
  text: string,
  start: number,
  lineEnd: number,
  index: HeaderIndex,
  problem: Problem,
): SipResponse | undefined {
  if (!sameName(text, start, 'sip/2.0 ')) {
    problem.note(BAD_REQUEST, 'Malformed Start Line');
    return undefined;
  }
  const code = start + 8;
  const status = code + 3 <= lineEnd ? decimal(text, code, code + 3, 699) : -1;
  if (status < 100 || (code + 3 < lineEnd && text.charCodeAt(code + 3) !== 32)) {
    problem.note(BAD_REQUEST, 'Malformed Start Line');
    return undefined;
  }
  return new SipResponse(text, index, status, text.slice(Math.min(code + 4, lineEnd), lineEnd));
}

/** Fills the index from the lines at `start` on; returns where the body begins, -1 when there is no end to them. */
function readHeaders(
  text: string,
  start: number,
  limit: number,
  index: HeaderIndex,
  problem: Problem,
): number {
  const lines = index.lines;
  let line = start;
  for (let count = 0; ; count++) {
    let lineFeed = text.indexOf('\n', line);
    if (lineFeed < 0 || lineFeed >= limit) break;
    if (lineFeed === line || (lineFeed === line + 1 && text.charCodeAt(line) === 13)) return lineFeed + 1;
    if (count === MAX_HEADER_LINES) {
      problem.note(MESSAGE_TOO_LARGE, 'Too Many Headers');
      return -1;
    }
    let folded = 0;
    while (lineFeed + 1 < limit) {
      const next = text.charCodeAt(lineFeed + 1);
      if (next !== 32 && next !== 9) break;
      folded = FOLDED;
      lineFeed = text.indexOf('\n', lineFeed + 1);
      if (lineFeed < 0 || lineFeed >= limit) {
        problem.note(BAD_REQUEST, 'Truncated Message');
        return -1;
      }
    }
    if (lineFeed - line > MAX_HEADER_LINE_BYTES) problem.note(MESSAGE_TOO_LARGE, 'Header Too Long');
    let nameEnd = line;
    while (isToken(text.charCodeAt(nameEnd))) nameEnd++;
    let colon = nameEnd;
    while (text.charCodeAt(colon) === 32 || text.charCodeAt(colon) === 9) colon++;
    // A line that is no header is ignored: what cannot be done without will be missed (RFC 3261, 16.3).
    if (nameEnd > line && text.charCodeAt(colon) === 58) {
      const value = skipLws(text, colon + 1, lineFeed);
      note(text, line, nameEnd - line, index);
      lines.push(line, (nameEnd - line) | folded, value, trimEnd(text, value, lineFeed));
    }
    line = lineFeed + 1;
  }
  problem.note(BAD_REQUEST, 'Truncated Message');
  return -1;
}

/** Remembers the line about to be added to the index if its header is one of those that everybody reads. */
function note(text: string, start: number, length: number, index: HeaderIndex): void {
  const at = index.lines.length;
  switch (length) {
    case 1:
      switch (text.charCodeAt(start) | 32) {
        case 118: // v
          if (index.via < 0) index.via = at;
          break;
        case 102: // f
          noteFrom(index, at);
          break;
        case 116: // t
          noteTo(index, at);
          break;
        case 105: // i
          noteCallId(index, at);
          break;
        case 109: // m
          if (index.contact < 0) index.contact = at;
          break;
        case 99: // c
          if (index.contentType < 0) index.contentType = at;
          break;
        case 108: // l
          noteContentLength(index, at);
          break;
      }
      break;
    case 2:
      if (sameName(text, start, 'to')) noteTo(index, at);
      break;
    case 3:
      if (index.via < 0 && sameName(text, start, 'via')) index.via = at;
      break;
    case 4:
      if (sameName(text, start, 'from')) noteFrom(index, at);
      else if (sameName(text, start, 'cseq')) {
        if (index.cseq < 0) index.cseq = at;
        else index.repeated = 'CSeq';
      }
      break;
    case 7:
      if (sameName(text, start, 'call-id')) noteCallId(index, at);
      else if (index.contact < 0 && sameName(text, start, 'contact')) index.contact = at;
      break;
    case 12:
      if (sameName(text, start, 'max-forwards')) {
        if (index.maxForwards < 0) index.maxForwards = at;
        else index.repeated = 'Max-Forwards';
      } else if (index.contentType < 0 && sameName(text, start, 'content-type')) index.contentType = at;
      break;
    case 14:
      if (sameName(text, start, 'content-length')) noteContentLength(index, at);
      break;
  }
}

function noteFrom(index: HeaderIndex, at: number): void {
  if (index.from < 0) index.from = at;
  else index.repeated = 'From';
}

function noteTo(index: HeaderIndex, at: number): void {
  if (index.to < 0) index.to = at;
  else index.repeated = 'To';
}

function noteCallId(index: HeaderIndex, at: number): void {
  if (index.callId < 0) index.callId = at;
  else index.repeated = 'Call-ID';
}

function noteContentLength(index: HeaderIndex, at: number): void {
  if (index.contentLength < 0) index.contentLength = at;
  else index.repeated = 'Content-Length';
}

/** RFC 3261, 18.3. */
function findBody(text: string, start: number, limit: number, index: HeaderIndex, problem: Problem): void {
  index.bodyStart = start;
  index.bodyEnd = limit;
  if (index.contentLength < 0) return;
  const from = index.lines[index.contentLength + 2] as number;
  const to = index.lines[index.contentLength + 3] as number;
  const length = decimal(text, from, to, Number.MAX_VALUE);
  if (length < 0) problem.note(BAD_REQUEST, 'Malformed Content-Length');
  else if (length > limit - start) problem.note(BAD_REQUEST, 'Truncated Body');
  else index.bodyEnd = start + length;
}

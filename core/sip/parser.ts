/**
 * From a datagram to a message (RFC 3261 7, 18.3): finds the start line, the header lines and the body. One
 * pass, linear in the length; nothing here throws whatever a peer sends.
 */
import { parseDecimal } from './decimal.js';
import { SipRequest, SipResponse } from './message.js';
import { equalsIgnoringCase } from './name-addr.js';

export const MAX_MESSAGE_BYTES = 65_535;
export const MAX_HEADER_LINES = 200;
export const MAX_HEADER_LINE_BYTES = 8_192;

export interface ParseFailure {
  kind: 'failure';
  /** What a request would be answered with. */
  status: 400 | 413 | 505;
  reason: string;
  /** Set when the message is a request of which enough could be read to answer it. */
  request?: SipRequest;
}

export const KEEP_ALIVE = 'keep-alive';

/** Parses one datagram, a byte string. A message that it returns has all mandatory headers in order. */
export function parseMessage(text: string): SipRequest | SipResponse | ParseFailure {
  if (text.length > MAX_MESSAGE_BYTES) return failure(413, 'message too large');
  let at = 0;
  while (at < text.length && isSpace(text.charCodeAt(at))) at++;
  if (at === text.length) return failure(400, KEEP_ALIVE);
  const startEnd = text.indexOf('\n', at);
  if (startEnd < 0 || startEnd - at > MAX_HEADER_LINE_BYTES) return failure(400, 'no start line');
  const startLine = text.slice(at, text.charCodeAt(startEnd - 1) === 0x0d ? startEnd - 1 : startEnd);

  // Only the start line is looked at before the headers: most garbage ends here.
  const isResponse = startLine.startsWith('SIP/');
  const start = isResponse ? statusLine(startLine) : requestLine(startLine);
  if (start === undefined) return failure(400, isResponse ? 'bad status line' : 'bad request line');

  const offsets: number[] = [];
  let contentLength = -1;
  let problem: string | undefined;
  let line = startEnd + 1;
  for (;;) {
    if (line >= text.length) {
      problem ??= 'no end of headers';
      break;
    }
    let end = text.indexOf('\n', line);
    if (end < 0) {
      problem ??= 'no end of headers';
      break;
    }
    const first = text.charCodeAt(line);
    if (first === 0x0a || (first === 0x0d && end === line + 1)) {
      line = end + 1;
      break;
    }
    while (isFold(text.charCodeAt(end + 1))) {
      const next = text.indexOf('\n', end + 1);
      if (next < 0) break;
      end = next;
    }
    if (end - line > MAX_HEADER_LINE_BYTES) problem ??= 'header line too long';
    else if (offsets.length >= MAX_HEADER_LINES * 4) problem ??= 'too many headers';
    else {
      const colon = text.indexOf(':', line);
      let nameEnd = colon;
      while (nameEnd > line && isSpace(text.charCodeAt(nameEnd - 1))) nameEnd--;
      if (colon < 0 || colon > end || nameEnd === line) problem ??= 'header line without a name';
      else {
        let valueStart = colon + 1;
        let valueEnd = end;
        while (valueEnd > valueStart && isSpace(text.charCodeAt(valueEnd - 1))) valueEnd--;
        while (valueStart < valueEnd && isSpace(text.charCodeAt(valueStart))) valueStart++;
        offsets.push(line, nameEnd, valueStart, valueEnd);
        const isContentLength =
          nameEnd - line === 14
            ? equalsIgnoringCase(text, line, 'content-length')
            : nameEnd - line === 1 && (text.charCodeAt(line) | 0x20) === 0x6c;
        if (isContentLength) {
          const length = parseDecimal(text.slice(valueStart, valueEnd), 2 ** 31);
          if (length < 0 || (contentLength >= 0 && length !== contentLength))
            problem ??= 'bad Content-Length';
          contentLength = length;
        }
      }
    }
    line = end + 1;
  }
  if (contentLength > text.length - line) problem ??= 'body shorter than Content-Length';
  const body =
    problem !== undefined
      ? ''
      : contentLength < 0
        ? text.slice(line)
        : text.slice(line, line + contentLength);

  if ('status' in start) {
    const response = new SipResponse(text, offsets, body, start.status, start.reason);
    problem ??= response.defect();
    return problem === undefined ? response : failure(400, problem);
  }
  const request = new SipRequest(text, offsets, body, start.method, start.uri);
  const defect = request.defect();
  const version = start.version === 'SIP/2.0' ? undefined : 'SIP version not supported';
  const why = version ?? problem ?? defect;
  if (why === undefined) return request;
  const answerable =
    request.via.host !== '' &&
    request.callId !== '' &&
    request.cseq >= 0 &&
    request.from.uri !== '' &&
    request.to.uri !== '';
  return { ...failure(version === undefined ? 400 : 505, why), ...(answerable ? { request } : {}) };
}

function failure(status: ParseFailure['status'], reason: string): ParseFailure {
  return { kind: 'failure', status, reason };
}

function requestLine(line: string): { method: string; uri: string; version: string } | undefined {
  const first = line.indexOf(' ');
  const last = line.lastIndexOf(' ');
  if (first <= 0 || last <= first) return undefined;
  const method = line.slice(0, first);
  const uri = line.slice(first + 1, last);
  const version = line.slice(last + 1).toUpperCase();
  if (!isToken(method) || uri === '' || uri.includes(' ') || !version.startsWith('SIP/')) return undefined;
  return { method, uri, version };
}

function statusLine(line: string): { status: number; reason: string } | undefined {
  if (!line.startsWith('SIP/2.0 ')) return undefined;
  const status = parseDecimal(line.slice(8, 11), 699);
  if (status < 100 || (line.length > 11 && line.charCodeAt(11) !== 0x20)) return undefined;
  return { status, reason: line.slice(12) };
}

function isToken(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const letter = code | 0x20;
    if ((letter >= 0x61 && letter <= 0x7a) || (code >= 0x30 && code <= 0x39)) continue;
    if (!"-.!%*_+`'~".includes(text[i] as string)) return false;
  }
  return true;
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0d || code === 0x0a;
}

function isFold(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

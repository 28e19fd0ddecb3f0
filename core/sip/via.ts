/** Via (RFC 3261, 20.42; rport: RFC 3581): where a request has come from and its responses go. */
import { decimal, digits, find, isToken, paramEnd, sameName, skipLws, TOKEN, trimEnd } from './lex.js';

export interface Via {
  /** In upper case. */
  transport: string;
  /** sent-by; IPv6 without brackets. */
  host: string;
  /** sent-by; 0 = none. */
  port: number;
  /** '' if none. */
  branch: string;
  /** IPv6 without brackets, '' if none. */
  received: string;
  /** -1 when present without a value (or with a bad one), undefined when absent. */
  rport: number | undefined;
  /** IPv6 without brackets, '' if none. */
  maddr: string;
}

/** Reads the first Via of a header value, which may hold several; undefined when it is malformed. */
export function parseVia(value: string): Via | undefined {
  return anyViaAt(value, 0, value.length);
}

/**
 * As {@link parseVia}, of `text[from..end)`.
 * @param bytes the same once more
 */
export function viaAt(text: string, bytes: Uint8Array, from: number, end: number): Via | undefined {
  return commonViaAt(text, bytes, from, end) ?? anyViaAt(text, from, end);
}

/**
 * How nearly everybody writes a Via: UDP, sent-by, branch, and rport and received in any order, with no white space
 * but one space. undefined where it is anything else, good or bad.
 */
function commonViaAt(text: string, bytes: Uint8Array, from: number, end: number): Via | undefined {
  const host = from + 12;
  if (text.slice(from, host) !== 'SIP/2.0/UDP ') return undefined;
  // Tables in variables of the function: a module's own are looked up anew for each byte.
  const hostByte = HOST;
  let i = host;
  while (hostByte[bytes[i] as number] === 1) i++;
  const hostEnd = i;
  let port = 0;
  if (bytes[i] === 58) {
    let digit = (bytes[++i] as number) - 48;
    while (digit >= 0 && digit <= 9 && port <= 65535) {
      port = port * 10 + digit;
      digit = (bytes[++i] as number) - 48;
    }
  }
  const branch = i + 8;
  if (hostEnd === host || bytes[i - 1] === 58 || port > 65535 || text.slice(i, branch) !== ';branch=')
    return undefined;
  const branchEnd = tokenEnd(bytes, branch);
  if (branchEnd === branch) return undefined;
  let rport: number | undefined;
  let received = '';
  i = branchEnd;
  while (i < end && bytes[i] === 59) {
    if (text.slice(i, i + 6) === ';rport') {
      const after = i + 6;
      i = bytes[after] === 61 ? tokenEnd(bytes, after + 1) : after;
      rport = i === after ? -1 : digits(bytes, after + 1, i, 65535);
    } else if (text.slice(i, i + 10) === ';received=') {
      const after = i + 10;
      i = tokenEnd(bytes, after);
      received = text.slice(after, i);
    } else return undefined;
  }
  if (i !== end) return undefined;
  return {
    transport: 'UDP',
    host: text.slice(host, hostEnd),
    port,
    branch: text.slice(branch, branchEnd),
    received,
    rport,
    maddr: '',
  };
}

function tokenEnd(bytes: Uint8Array, start: number): number {
  const token = TOKEN;
  let i = start;
  while (token[bytes[i] as number] === 1) i++;
  return i;
}

function anyViaAt(text: string, from: number, end: number): Via | undefined {
  const via: Via = {
    transport: '',
    host: '',
    port: 0,
    branch: '',
    received: '',
    rport: undefined,
    maddr: '',
  };
  let i = sentProtocol(text, skipLws(text, from, end), end, via);
  if (i > 0) i = sentBy(text, i, end, via);
  if (i < 0) return undefined;
  // Most have neither quotes nor another Via behind them; then a native search does.
  const plain = find(text, ',', i, end) === end && find(text, '"', i, end) === end;
  while (i < end && text.charCodeAt(i) === 59) {
    const start = skipLws(text, i + 1, end);
    i = plain ? find(text, ';', start, end) : paramEnd(text, start, end);
    param(text, start, trimEnd(text, start, i), via);
  }
  return i < end && text.charCodeAt(i) !== 44 ? undefined : via;
}

/** `SIP / 2.0 / transport` and the space after it; returns the position behind, -1 when malformed. */
function sentProtocol(text: string, start: number, end: number, via: Via): number {
  if (text.slice(start, start + 12) === 'SIP/2.0/UDP ') {
    via.transport = 'UDP';
    return skipLws(text, start + 12, end);
  }
  let i = start;
  for (let part = 0; part < 3; part++) {
    const word = i;
    while (i < end && isToken(text.charCodeAt(i))) i++;
    if (i === word) return -1;
    if (part === 0 && !(i - word === 3 && sameName(text, word, 'sip'))) return -1;
    if (part === 1 && !(i - word === 3 && text.startsWith('2.0', word))) return -1;
    if (part === 2) {
      via.transport = text.slice(word, i).toUpperCase();
      const host = skipLws(text, i, end);
      return host > i ? host : -1;
    }
    i = skipLws(text, i, end);
    if (i >= end || text.charCodeAt(i) !== 47) return -1;
    i = skipLws(text, i + 1, end);
  }
  return -1;
}

/** `host [: port]` and the space after it; returns the position behind, -1 when malformed. */
function sentBy(text: string, start: number, end: number, via: Via): number {
  let i = start;
  if (i < end && text.charCodeAt(i) === 91) {
    while (i < end && text.charCodeAt(i) !== 93) i++;
    if (i >= end || !isIpv6Range(text, start + 1, i)) return -1;
    via.host = text.slice(start + 1, i);
    i++;
  } else {
    while (i < end && HOST[text.charCodeAt(i)] === 1) i++;
    if (i === start) return -1;
    via.host = text.slice(start, i);
  }
  if (i < end && text.charCodeAt(i) !== 58) i = skipLws(text, i, end);
  if (i < end && text.charCodeAt(i) === 58) {
    const digits = skipLws(text, i + 1, end);
    i = digits;
    let port = 0;
    for (; i < end; i++) {
      const digit = text.charCodeAt(i) - 48;
      if (digit < 0 || digit > 9) break;
      port = port * 10 + digit;
      if (port > 65535) return -1;
    }
    if (i === digits) return -1;
    via.port = port;
    if (i < end && text.charCodeAt(i) !== 59) i = skipLws(text, i, end);
  }
  return i;
}

function param(text: string, start: number, end: number, via: Via): void {
  if (start === end) return;
  switch (text.charCodeAt(start) | 32) {
    case 98: // b
      // As nearly everybody writes it.
      if (text.slice(start, start + 7) === 'branch=') {
        via.branch = text.slice(skipLws(text, start + 7, end), end);
      } else if (sameName(text, start, 'branch')) via.branch = paramValue(text, start + 6, end) ?? via.branch;
      break;
    case 109: // m
      if (sameName(text, start, 'maddr')) via.maddr = bare(paramValue(text, start + 5, end) ?? via.maddr);
      break;
    case 114: // r
      if (end - start === 5 && text.slice(start, end) === 'rport') {
        via.rport = -1;
      } else if (sameName(text, start, 'received')) {
        via.received = bare(paramValue(text, start + 8, end) ?? via.received);
      } else if (sameName(text, start, 'rport')) {
        const port = paramValue(text, start + 5, end);
        if (port !== undefined) via.rport = decimal(port, 0, port.length, 65535);
      }
      break;
  }
}

/** What follows a parameter's name: '' without '=', undefined when the name goes on. */
function paramValue(text: string, after: number, end: number): string | undefined {
  const i = skipLws(text, after, end);
  if (i >= end) return '';
  return text.charCodeAt(i) === 61 ? text.slice(skipLws(text, i + 1, end), end) : undefined;
}

function bare(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
}

const HOST = new Uint8Array(256);
for (const c of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._')
  HOST[c.charCodeAt(0)] = 1;

/** Letters, digits, hyphen, dot; the underscore is not in the grammar but in the world. */
export function isHostByte(c: number): boolean {
  return HOST[c] === 1;
}

/** Whether the range could be an IPv6 address: its characters only, not its structure. */
export function isIpv6Range(text: string, start: number, end: number): boolean {
  let colons = 0;
  for (let i = start; i < end; i++) {
    const c = text.charCodeAt(i);
    if (c === 58) colons++;
    else if (!((c >= 48 && c <= 57) || ((c | 32) >= 97 && (c | 32) <= 102) || c === 46)) return false;
  }
  return colons >= 2 && end - start <= 45;
}

/**
 * A received header value with its first Via marked with where the request really came from: `received` when
 * the address is not what sent-by says or rport was asked for, and `rport` filled (RFC 3261, 18.2.1; RFC 3581,
 * section 4). What the sender had put there itself is replaced.
 */
export function stampVia(value: string, via: Via, source: { host: string; port: number }): string {
  const wantsPort = via.rport !== undefined;
  if (!wantsPort && via.received === '' && via.host === source.host) return value;
  const end = value.length;
  const plain = find(value, ',', 0, end) === end && find(value, '"', 0, end) === end;
  let i = plain ? find(value, ';', 0, end) : paramEnd(value, 0, end);
  let stamped = value.slice(0, trimEnd(value, 0, i));
  while (i < end && value.charCodeAt(i) === 59) {
    const start = skipLws(value, i + 1, end);
    i = plain ? find(value, ';', start, end) : paramEnd(value, start, end);
    const last = trimEnd(value, start, i);
    let nameEnd = start;
    while (nameEnd < last && isToken(value.charCodeAt(nameEnd))) nameEnd++;
    const length = nameEnd - start;
    const ours =
      (length === 5 && sameName(value, start, 'rport')) ||
      (length === 8 && sameName(value, start, 'received'));
    if (!ours) stamped += `;${value.slice(start, last)}`;
  }
  if (wantsPort || via.host !== source.host) stamped += `;received=${source.host}`;
  if (wantsPort) stamped += `;rport=${source.port}`;
  return stamped + value.slice(i);
}

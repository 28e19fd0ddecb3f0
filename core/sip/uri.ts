/** SIP, SIPS and tel URIs (RFC 3261, 19.1; RFC 3966). */
import { decimal, find, sameName } from './lex.js';
import { isHostByte, isIpv6Range } from './via.js';

export interface Uri {
  scheme: 'sip' | 'sips' | 'tel';
  /** Raw, still escaped; of a tel URI the number as it stands. '' if none. */
  user: string;
  /** Raw, still escaped; '' if none. */
  password: string;
  /** In lower case, IPv6 without brackets; '' in a tel URI. */
  host: string;
  /** 0 = none. */
  port: number;
  /** Raw, starting with ';', or ''. */
  params: string;
  /** Raw, starting with '?', or ''. */
  headers: string;
}

/** Reads a URI; undefined when it is malformed or of another scheme. */
export function parseUri(text: string): Uri | undefined {
  if (text.slice(0, 4) === 'sip:' || sameName(text, 0, 'sip:')) return sipUri('sip', text, 4);
  if (sameName(text, 0, 'sips:')) return sipUri('sips', text, 5);
  if (sameName(text, 0, 'tel:')) {
    const end = firstOf(text, 4, 59, 59);
    if (end === 4 || !isPlain(text, 4, text.length)) return undefined;
    return {
      scheme: 'tel',
      user: text.slice(4, end),
      password: '',
      host: '',
      port: 0,
      params: text.slice(end),
      headers: '',
    };
  }
  return undefined;
}

function sipUri(scheme: 'sip' | 'sips', text: string, start: number): Uri | undefined {
  const uri: Uri = { scheme, user: '', password: '', host: '', port: 0, params: '', headers: '' };
  const at = text.indexOf('@', start);
  let i = start;
  if (at >= 0) {
    const colon = text.indexOf(':', start);
    const userEnd = colon >= 0 && colon < at ? colon : at;
    if (userEnd === start || !isPlain(text, start, at)) return undefined;
    uri.user = text.slice(start, userEnd);
    if (userEnd < at) uri.password = text.slice(userEnd + 1, at);
    i = at + 1;
  }
  if (text.charCodeAt(i) === 91) {
    const close = text.indexOf(']', i);
    if (close < 0 || !isIpv6Range(text, i + 1, close)) return undefined;
    uri.host = text.slice(i + 1, close).toLowerCase();
    i = close + 1;
  } else {
    const host = i;
    while (i < text.length && isHostByte(text.charCodeAt(i))) i++;
    if (i === host) return undefined;
    uri.host = text.slice(host, i).toLowerCase();
  }
  if (text.charCodeAt(i) === 58) {
    const end = firstOf(text, i, 59, 63);
    uri.port = decimal(text, i + 1, end, 65535);
    if (uri.port < 0) return undefined;
    i = end;
  }
  if (i === text.length) return uri;
  const query = find(text, '?', i, text.length);
  if ((query > i && text.charCodeAt(i) !== 59) || !isPlain(text, i, text.length)) return undefined;
  uri.params = text.slice(i, query);
  uri.headers = text.slice(query);
  return uri;
}

/** Whether the range is free of white space, control characters, quotes and angle brackets. */
function isPlain(text: string, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const c = text.charCodeAt(i);
    if (c <= 32 || c === 34 || c === 60 || c === 62 || c === 127) return false;
  }
  return true;
}

/** Position of the first byte `a` or `b` from `i` on, else the length. */
function firstOf(text: string, i: number, a: number, b: number): number {
  let at = i;
  while (at < text.length && text.charCodeAt(at) !== a && text.charCodeAt(at) !== b) at++;
  return at;
}

/** A URI parameter's value, unescaped; '' for a flag, undefined when it is not there. `name` in any case. */
export function uriParam(uri: Uri, name: string): string | undefined {
  const range = paramRange(uri.params, 0, name.toLowerCase());
  if (range === undefined) return undefined;
  const equals = uri.params.indexOf('=', range.start);
  return equals < 0 || equals >= range.end ? '' : unescapeUri(uri.params.slice(equals + 1, range.end));
}

/** Where `;name` or `;name=value` stands in `text` from `start` (at a semicolon or the end) on. */
function paramRange(text: string, start: number, name: string): { start: number; end: number } | undefined {
  let i = start;
  while (i < text.length && text.charCodeAt(i) === 59) {
    const end = firstOf(text, i + 1, 59, 63);
    const nameEnd = Math.min(firstOf(text, i + 1, 61, 59), end);
    if (unescapeUri(text.slice(i + 1, nameEnd)).toLowerCase() === name) return { start: i, end };
    i = end;
  }
  return undefined;
}

/** Replaces each %HH by its byte; a percent sign that no two hex digits follow stays. */
export function unescapeUri(s: string): string {
  let percent = s.indexOf('%');
  if (percent < 0) return s;
  let plain = '';
  let from = 0;
  while (percent >= 0) {
    const high = hexDigit(s, percent + 1);
    const low = hexDigit(s, percent + 2);
    if (high >= 0 && low >= 0) {
      plain += s.slice(from, percent) + String.fromCharCode(high * 16 + low);
      from = percent + 3;
      percent = s.indexOf('%', from);
    } else percent = s.indexOf('%', percent + 1);
  }
  return plain + s.slice(from);
}

function hexDigit(s: string, i: number): number {
  if (i >= s.length) return -1;
  const c = s.charCodeAt(i);
  if (c >= 48 && c <= 57) return c - 48;
  const letter = c | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}

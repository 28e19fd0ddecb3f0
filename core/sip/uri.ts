/** SIP, SIPS and tel URIs (RFC 3261 19.1, RFC 3966). */
import { equalsIgnoringCase, headerParam } from './name-addr.js';
import { splitHostPort } from './via.js';

export interface Uri {
  scheme: 'sip' | 'sips' | 'tel';
  /** As it came, escapes and all; of a tel URI the number. */
  user: string;
  password: string;
  /** Lower case; an IPv6 address without its brackets. '' for tel. */
  host: string;
  /** 0 when there is none. */
  port: number;
  /** Starting with `;`, or ''. */
  params: string;
  /** Starting with `?`, or ''. */
  headers: string;
}

/** Undefined when it is no URI of these schemes, or its host or port is none. */
export function parseUri(text: string): Uri | undefined {
  const colon = text.indexOf(':');
  if (colon < 3 || colon > 4) return undefined;
  const scheme = schemeOf(text, colon);
  if (scheme === undefined || hasSpace(text)) return undefined;
  if (scheme === 'tel') {
    const semicolon = text.indexOf(';');
    const user = semicolon < 0 ? text.slice(4) : text.slice(4, semicolon);
    const params = semicolon < 0 ? '' : text.slice(semicolon);
    return user === '' ? undefined : { scheme, user, password: '', host: '', port: 0, params, headers: '' };
  }
  let rest = text.slice(colon + 1);
  let user = '';
  let password = '';
  const at = rest.indexOf('@');
  if (at >= 0) {
    const userinfo = rest.slice(0, at);
    rest = rest.slice(at + 1);
    const separator = userinfo.indexOf(':');
    user = separator < 0 ? userinfo : userinfo.slice(0, separator);
    password = separator < 0 ? '' : userinfo.slice(separator + 1);
    if (user === '') return undefined;
  }
  const question = rest.indexOf('?');
  const headers = question < 0 ? '' : rest.slice(question);
  if (question >= 0) rest = rest.slice(0, question);
  const semicolon = rest.indexOf(';');
  const params = semicolon < 0 ? '' : rest.slice(semicolon);
  const hostport = splitHostPort(semicolon < 0 ? rest : rest.slice(0, semicolon));
  if (hostport === undefined) return undefined;
  return { scheme, user, password, host: hostport.host.toLowerCase(), port: hostport.port, params, headers };
}

function schemeOf(text: string, colon: number): Uri['scheme'] | undefined {
  if (colon === 3) {
    if (equalsIgnoringCase(text, 0, 'sip')) return 'sip';
    return equalsIgnoringCase(text, 0, 'tel') ? 'tel' : undefined;
  }
  return equalsIgnoringCase(text, 0, 'sips') ? 'sips' : undefined;
}

function hasSpace(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code <= 0x20 || code === 0x7f || code === 0x3c || code === 0x3e || code === 0x22) return true;
  }
  return false;
}

/** Value of a URI parameter, '' for a flag, undefined when it is not there. `name` in lower case. */
export function uriParam(uri: Uri, name: string): string | undefined {
  return uri.params === '' ? undefined : headerParam(uri.params, name);
}

export function formatUri(uri: Uri): string {
  if (uri.scheme === 'tel') return `tel:${uri.user}${uri.params}`;
  const password = uri.password === '' ? '' : `:${uri.password}`;
  const userinfo = uri.user === '' ? '' : `${uri.user}${password}@`;
  const host = uri.host.includes(':') ? `[${uri.host}]` : uri.host;
  const port = uri.port === 0 ? '' : `:${uri.port}`;
  return `${uri.scheme}:${userinfo}${host}${port}${uri.params}${uri.headers}`;
}

/** Resolves %HH; a percent sign that starts none stays as it is. */
export function unescapeUri(text: string): string {
  if (!text.includes('%')) return text;
  let plain = '';
  for (let i = 0; i < text.length; i++) {
    const code = text[i] === '%' ? hexByte(text, i + 1) : -1;
    if (code < 0) plain += text[i];
    else {
      plain += String.fromCharCode(code);
      i += 2;
    }
  }
  return plain;
}

function hexByte(text: string, at: number): number {
  const high = hexDigit(text.charCodeAt(at));
  const low = hexDigit(text.charCodeAt(at + 1));
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** The URI with a parameter added before its headers part. */
export function withUriParam(text: string, name: string, value: string): string {
  const question = text.indexOf('?');
  const head = question < 0 ? text : text.slice(0, question);
  return `${head};${name}=${value}${question < 0 ? '' : text.slice(question)}`;
}

/** The Via header (RFC 3261 20.42, RFC 3581). */
import { parseDecimal } from './decimal.js';
import { headerParam } from './name-addr.js';

export interface Via {
  /** Upper case. */
  transport: string;
  /** Sent-by; an IPv6 address without its brackets. */
  host: string;
  /** 0 when there is none. */
  port: number;
  branch: string;
  received: string;
  /** -1 when the parameter has no value, undefined when it is absent. */
  rport: number | undefined;
}

/** Parses one Via; undefined when it is none of SIP/2.0. */
export function parseVia(value: string): Via | undefined {
  const slash1 = value.indexOf('/');
  const slash2 = value.indexOf('/', slash1 + 1);
  if (slash1 < 0 || slash2 < 0) return undefined;
  if (
    value.slice(0, slash1).trim().toUpperCase() !== 'SIP' ||
    value.slice(slash1 + 1, slash2).trim() !== '2.0'
  ) {
    return undefined;
  }
  let at = skipSpace(value, slash2 + 1);
  const transportStart = at;
  while (at < value.length && value.charCodeAt(at) > 0x20) at++;
  const transport = value.slice(transportStart, at).toUpperCase();
  at = skipSpace(value, at);
  const semicolon = value.indexOf(';', at);
  const sentBy = (semicolon < 0 ? value.slice(at) : value.slice(at, semicolon)).trim();
  const params = semicolon < 0 ? '' : value.slice(semicolon);
  const hostport = splitHostPort(sentBy);
  if (transport === '' || hostport === undefined) return undefined;
  const rport = headerParam(params, 'rport');
  return {
    transport,
    host: hostport.host,
    port: hostport.port,
    branch: headerParam(params, 'branch') ?? '',
    received: headerParam(params, 'received') ?? '',
    rport: rport === undefined ? undefined : parseDecimal(rport, 65_535),
  };
}

/** `host`, `host:port` or `[v6]:port`, spaces around the colon allowed; port 0 when there is none. */
export function splitHostPort(text: string): { host: string; port: number } | undefined {
  let host: string;
  let rest: string;
  if (text.startsWith('[')) {
    const close = text.indexOf(']');
    if (close < 2) return undefined;
    host = text.slice(1, close);
    rest = text.slice(close + 1).trim();
    if (rest !== '' && !rest.startsWith(':')) return undefined;
    rest = rest.slice(1).trim();
    if (!isHost(host, true)) return undefined;
  } else {
    const colon = text.indexOf(':');
    host = (colon < 0 ? text : text.slice(0, colon)).trim();
    rest = colon < 0 ? '' : text.slice(colon + 1).trim();
    if (colon >= 0 && rest === '') return undefined;
    if (!isHost(host, false)) return undefined;
  }
  if (rest === '') return { host, port: 0 };
  const port = parseDecimal(rest, 65_535);
  return port <= 0 ? undefined : { host, port };
}

function isHost(host: string, ipv6: boolean): boolean {
  if (host === '') return false;
  for (let i = 0; i < host.length; i++) {
    const code = host.charCodeAt(i) | 0x20;
    const alphanumeric = (code >= 0x61 && code <= 0x7a) || (code >= 0x30 && code <= 0x39);
    const raw = host.charCodeAt(i);
    if (
      !alphanumeric &&
      raw !== 0x2e &&
      raw !== 0x2d &&
      raw !== 0x5f &&
      !(ipv6 && (raw === 0x3a || raw === 0x25))
    )
      return false;
  }
  return true;
}

function skipSpace(text: string, at: number): number {
  while (at < text.length && text.charCodeAt(at) <= 0x20) at++;
  return at;
}

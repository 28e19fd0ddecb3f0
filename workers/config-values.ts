/** Values of the configuration that have a form of their own: addresses, time zones, header names. */
import { isIP } from 'node:net';

/** One entry of `sip.listen`. The address is an IP address, IPv6 without brackets. */
export interface ListenAddress {
  transport: 'udp';
  address: string;
  port: number;
}

/** A host (name or IP address, IPv6 without brackets) and a port. */
export interface HostPort {
  host: string;
  port: number;
}

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

function parsePort(text: string): number | undefined {
  if (!/^\d{1,5}$/.test(text)) return undefined;
  const port = Number(text);
  return port <= 65_535 ? port : undefined;
}

/**
 * Reads `HOST:PORT`, an IPv6 address in brackets. Without `default_port` the port must be given.
 * Undefined when the text is not of that form.
 */
export function parseHostPort(text: string, default_port?: number): HostPort | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([\w.-]{1,253}))(?::(\d+))?$/.exec(text);
  if (match === null) return undefined;
  const port = match[3] === undefined ? default_port : parsePort(match[3]);
  if (port === undefined) return undefined;
  const [, ipv6, name] = match;
  if (ipv6 !== undefined) return isIP(ipv6) === 6 ? { host: ipv6, port } : undefined;
  // A name of only digits and dots that is no IPv4 address is a slip of the keyboard.
  if (name === undefined || (/^[\d.]+$/.test(name) && isIP(name) !== 4)) return undefined;
  return { host: name, port };
}

/** Reads `udp:ADDRESS:PORT`; undefined when the text is not of that form or not an IP address. */
export function parseListen(text: string): ListenAddress | undefined {
  const match = /^udp:(.+)$/.exec(text);
  const at = match?.[1] === undefined ? undefined : parseHostPort(match[1]);
  if (at === undefined || isIP(at.host) === 0) return undefined;
  return { transport: 'udp', address: at.host, port: at.port };
}

/** Whether only this machine can reach the address. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  return name === 'localhost' || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'));
}

/** Whether the runtime knows the time zone. */
export function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    // The only way to ask: an unknown zone is a RangeError.
    return false;
  }
}

/** What the engine writes itself on every leg; a copy of the caller's would contradict it. */
const OWN_HEADERS = new Set(
  `via from to call-id cseq contact route record-route max-forwards content-length content-type
  content-encoding supported require proxy-require allow unsupported min-se session-expires authorization
  proxy-authorization www-authenticate proxy-authenticate expires p-asserted-identity privacy replaces
  refer-to v f t i m l c e k x r`.split(/\s+/),
);

/** Identity headers that agents get from the caller's INVITE without being configured. */
const ALWAYS_CARRIED = new Set(['p-asserted-identity', 'privacy']);

/** Whether a header of that name is left by the engine to others, who may set it on a leg's INVITE. */
export function isHeaderOfOthers(name: string): boolean {
  const lower = name.toLowerCase();
  return /^[\w\-.!%*+`'~]{1,64}$/.test(name) && (ALWAYS_CARRIED.has(lower) || !OWN_HEADERS.has(lower));
}

/** Whether a caller's header of that name can be copied to an agent's leg by being configured. */
export function isIdentityHeader(name: string): boolean {
  return isHeaderOfOthers(name) && !ALWAYS_CARRIED.has(name.toLowerCase());
}

/**
 * What the SIP layers need from the shell around them: a way out for datagrams, the clock, randomness.
 */
import type { TimerWheel } from '../timers.js';

/** Where a datagram came from or goes to: one of our sockets and a remote address. */
export interface Path {
  /** Number of a local socket; the shell knows which one it is. */
  readonly socket: number;
  /** Remote IP address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** Set where the transport itself retransmits (TCP, TLS): timers A, E, G are off, D, I, J, K zero. */
  readonly reliable?: boolean;
}

export interface SipEnvironment {
  /** Deadlines, and the clock: `timers.now_ms`. */
  readonly timers: TimerWheel;
  /** Puts a message into the turn's outbox; `text` is a byte string. */
  send(path: Path, text: string): void;
  /** A fresh random token for branches and tags: 16 or more characters of [0-9a-z]. */
  token(): string;
}

/** The base times of RFC 3261, table 4. */
export interface SipTimes {
  /** Estimate of the round-trip time. */
  readonly t1_ms: number;
  /** Longest interval between retransmissions of anything but an INVITE request. */
  readonly t2_ms: number;
  /** How long a message may remain in the network. */
  readonly t4_ms: number;
}

export const DEFAULT_TIMES: SipTimes = { t1_ms: 500, t2_ms: 4_000, t4_ms: 5_000 };

/** From the same socket to another address. */
export function pathTo(path: Path, host: string, port: number): Path {
  const { socket, reliable } = path;
  return reliable === undefined ? { socket, host, port } : { socket, host, port, reliable };
}

/** Names a path in a table. */
export function pathKey(path: Path): string {
  return `${path.socket} ${path.port} ${path.host}`;
}

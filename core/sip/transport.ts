/** The seam to the network: where datagrams come from and go to, and what the pure layers need of their shell. */
import type { TimerWheel } from '../timers.js';

/** A local socket and a remote address. */
export interface Path {
  /** Number of a local socket, known to the shell. */
  socket: number;
  /** IP address. */
  host: string;
  port: number;
  /** The transport retransmits by itself (TCP, TLS, WebSocket): no timers A, E, G; D, I, J, K are 0. */
  reliable?: boolean;
}

export interface SipEnvironment {
  /** Deadlines, and the clock: `timers.now_ms`. */
  readonly timers: TimerWheel;
  /** Puts a byte string into the turn's outbox. */
  send(path: Path, text: string): void;
  /** A fresh random token of at least 16 characters out of 0-9 a-z: branches and tags. */
  token(): string;
}

/** RFC 3261 17.1.1.1. */
export interface SipTimes {
  t1_ms: number;
  t2_ms: number;
  t4_ms: number;
}

export const DEFAULT_TIMES: SipTimes = { t1_ms: 500, t2_ms: 4_000, t4_ms: 5_000 };

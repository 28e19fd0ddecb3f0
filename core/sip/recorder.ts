/**
 * What happens to calls from outside, in order: enough to play them again. Everything else about a call
 * follows from this, since core has no clock, no randomness and no I/O of its own.
 */
import type { Decision } from '../messages.js';
import type { CallScope } from './call-scope.js';
import type { Routed } from './environment.js';
import type { Seed } from './randomness.js';
import type { Path } from './transport.js';

/** What names a call, seeds its randomness, and what its legs are reached by. */
export interface CallIdentity {
  /** Unique over restarts, short, of token characters without dots. */
  id: string;
  seed: Seed;
  /** The port of ours that its legs go by, wherever it is played again: the dialogs' far ends know it. */
  port: number;
}

/** A call's beginning: the INVITE that routing let in. */
export interface CallStart extends CallIdentity {
  routed: Extract<Routed, { flow: string }>;
  /** The datagram, a byte string. */
  text: string;
  path: Path;
}

/** Told of each input before it takes effect, at the time that the timer wheel shows. */
export interface Recorder {
  /** An INVITE about which routing has not decided at once, by a name that no call has. */
  undecided(id: string, text: string, path: Path): void;
  /** Routing has decided, or the caller has given up. */
  decided(id: string): void;
  started(scope: CallScope, start: CallStart): void;
  /** A datagram about the call. */
  datagram(scope: CallScope, text: string, path: Path): void;
  decision(scope: CallScope, decision: Decision): void;
  /** The answer to one of the call's questions, numbered from 0. */
  answered(scope: CallScope, question: number, answer: unknown): void;
  /** Nothing can be sent there: concerns every call that waits for an answer from there. */
  unreachable(path: Path): void;
  /** The call is over and nobody is owed anything: it need not be played again. */
  over(scope: CallScope): void;
}

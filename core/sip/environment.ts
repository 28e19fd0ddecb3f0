/** What the B2BUA needs from the thread that runs it, and what it can be told to do differently. */
import type { CallState, Report } from '../messages.js';
import type { SipRequest } from './message.js';
import type { CallIdentity, Recorder } from './recorder.js';
import type { HeaderFields } from './transaction.js';
import type { Path, SipEnvironment } from './transport.js';

/** A place to send to; addresses, not names. */
export interface Target {
  host: string;
  port: number;
}

/**
 * What routing made of an initial INVITE: a flow with what goes with it, or a refusal. `media` left undefined is
 * what the SDP says; `reason` is the value of a Reason header. Byte strings all.
 */
export type Routed =
  | { flow: string; param: string; media: 'rtp' | 'msrp' | 'none' | undefined }
  | { status: number; reason: string };

/** An INVITE that is about to start a leg, for who may change its headers. All but the context are byte strings. */
export interface LegInvite {
  call: string;
  leg: number;
  role: 'media' | 'agent' | 'target';
  /** The call's, when the leg was made. */
  state: CallState;
  uri: string;
  from: string;
  to: string;
  callId: string;
  /** Those beyond what every INVITE of ours has. */
  headers: HeaderFields;
  body: string;
  /** Parameters that the leg has from its call. */
  context: LegParameters;
}

/** By name. */
export type LegParameters = Readonly<Record<string, string>>;

/** The headers that the INVITE gets, and the leg's parameters from now on. */
export interface LegChanges {
  headers: HeaderFields;
  context: LegParameters;
}

/** `failed`: why the call cannot go on. */
export type LegAnswer = LegChanges | { failed: string };

export interface B2buaEnvironment extends SipEnvironment {
  /** The local socket from which our own legs reach `host` (an IP address) by a port of ours. */
  socketFor(host: string, port: number): number;
  /** How Via and Contact name a local socket: `host:port`, never a wildcard address. */
  sentBy(socket: number): string;
  /**
   * Where requests to `uri` go (RFC 3263), best first; none when it cannot be told. Answers at once for addresses,
   * and only for them.
   * `first` says that the request starts a dialog: an outbound proxy takes those.
   */
  resolve(uri: string, found: (targets: readonly Target[]) => void, first: boolean): void;
  /** Which flow an initial INVITE enters. `done` is called once, at once or later. */
  route(request: SipRequest, path: Path, done: (routed: Routed) => void): void;
  /** Asked before each INVITE that starts a leg, where somebody wants to be. `done` is called once, never at once. */
  onLeg?: ((invite: LegInvite, done: (answer: LegAnswer) => void) => void) | undefined;
  /** False while the engine takes no new calls: the way to the dispatcher is filling up, or it is stopping. */
  accepting(): boolean;
  /** False while there is too much to do for a new call; one that was turned away stays so when it comes again. */
  admits(invite: SipRequest, path: Path): boolean;
  report(report: Report): void;
  /** Names a new call. */
  newCall(): CallIdentity;
  /** Told of every input of a call; undefined where nobody keeps them. */
  readonly recorder: Recorder | undefined;
  /** A random fraction, 0 <= n < 1. */
  random(): number;
  /** One line for people. */
  log(level: 'info' | 'warn' | 'error', message: string, fields?: Record<string, string | number>): void;
}

export interface B2buaOptions {
  /** Whether a new leg of an answered caller is offered to (early) or asked for its offer (late). */
  offer: 'late' | 'early';
  /** Hosts of locations that are offered to early whatever `offer` says, lower-case. */
  early_offer_hosts: readonly string[];
  agent_ring_timeout_ms: number;
  agent_no_response_timeout_ms: number;
  /** A message played to an agent is over after this, whether its server hangs up or not. */
  message_timeout_ms: number;
  /** The engine's own addresses, as peers may write them; requests to any of them go to the first. */
  own_addresses: readonly Target[];
  /** Name under which a call's parameter is handed to `onLeg`. */
  context_param: string;
  /** Header names, besides P-Asserted-Identity and Privacy, that an agent's INVITE gets from the caller's. */
  identity_headers: readonly string[];
}

/** A media server that neither answers nor refuses is given up after this long. */
export const MEDIA_SETUP_TIMEOUT_MS = 10_000;
/** A transfer's target that neither answers nor refuses is given up after this long. */
export const TRANSFER_TIMEOUT_MS = 60_000;
/** A caller who does not answer a re-INVITE within this is lost (ladders: moving an answered caller). */
export const MOVE_TIMEOUT_MS = 8_000;

/** Extensions that we know (RFC 4028, RFC 3891). */
export const SUPPORTED: readonly string[] = ['timer', 'replaces'];
/** {@link SUPPORTED} as it stands in a header. */
export const SUPPORTED_VALUE = SUPPORTED.join(', ');
export const ALLOW = 'INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, MESSAGE, UPDATE, REFER, NOTIFY';

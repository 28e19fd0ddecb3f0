/**
 * What the SIP workers and the dispatcher tell each other: reports go up, decisions come down.
 *
 * Both are plain values. Nothing here assumes that the two ends share a thread, a process or a
 * machine. A call is named by its id (unique over restarts), a leg by its number within the call:
 * leg 0 is the caller, the dispatcher numbers every other leg in the `connect` that makes it and never
 * uses a number twice in one call, so that a report about a leg which is no longer wanted is told by
 * its number.
 */

export type Media = 'rtp' | 'msrp';

export const CALL_STATES = [
  'welcome',
  'dissuading1',
  'dissuading2',
  'queued',
  'preagent',
  'toagent',
  'ended',
] as const;
/** States named as on the wire; the number in cc_calls is the index here plus one. */
export type CallState = (typeof CALL_STATES)[number];

/** Reports: what has happened, told by the worker that owns the call. Times are ms since the epoch. */
export type Report =
  | CallArrived
  | LegRinging
  | LegConnected
  | LegFailed
  | LegEnded
  | CallerGone
  | CallLost
  | CallResumed
  | AllResumed;

/** A new call, not yet answered; `media` is `none` when its SDP names no stream that we can carry. */
export interface CallArrived {
  kind: 'arrived';
  call: string;
  at_ms: number;
  /** Flow id that routing chose. */
  flow: string;
  /** The opaque second argument of cc_handle_call; empty when there is none. */
  param: string;
  media: Media | 'none';
  /** User part of the From URI; undefined when the URI could not be used. */
  caller_user: string | undefined;
  /** Display name of From, unquoted; empty when there is none. */
  caller_display: string;
}

/** The leg's peer sent its first 18x. */
export interface LegRinging {
  kind: 'leg_ringing';
  call: string;
  leg: number;
}

/** The leg answered and the caller is joined to it; the leg joined before is released by the worker. */
export interface LegConnected {
  kind: 'leg_connected';
  call: string;
  leg: number;
  /** When the leg's 200 came. */
  answered_ms: number;
}

/** The leg will never be joined to the caller, who stays where he is. */
export interface LegFailed {
  kind: 'leg_failed';
  call: string;
  leg: number;
  /** Status of the final response; 408 for a ring or response timeout, 503 for an unreachable peer. */
  status: number;
  /** `peer`: the leg's own far end refused. `caller`: the caller refused to be moved to it. */
  refused_by: 'peer' | 'caller';
}

/** The peer of a leg that was joined to the caller hung up; the caller is still there. */
export interface LegEnded {
  kind: 'leg_ended';
  call: string;
  leg: number;
  at_ms: number;
}

/** The caller left (CANCEL, BYE, or lost without a word); the worker releases every other leg itself. */
export interface CallerGone {
  kind: 'caller_gone';
  call: string;
  at_ms: number;
  how: 'cancel' | 'bye' | 'lost';
}

/** The worker could not go on with the call and has released every leg; `why` goes to the log. */
export interface CallLost {
  kind: 'call_lost';
  call: string;
  at_ms: number;
  why: string;
}

/**
 * The worker was gone and is back with this call. What it had reported of the call, from `arrived` on, has come once
 * more before: what was heard then changed nothing.
 */
export interface CallResumed {
  kind: 'resumed';
  call: string;
}

/** The worker was gone and has told of all the calls it is back with. */
export interface AllResumed {
  kind: 'all_resumed';
}

/** Decisions: what the worker that owns the call is to do. Unknown calls and legs are ignored. */
export type Decision = Entered | Connect | Drop | Progress | EndCall;

/** The call has entered a state, of which its next legs are. Told only where legs are asked about. */
export interface Entered {
  kind: 'entered';
  call: string;
  state: CallState;
}

/**
 * Make a leg to `uri` and join the caller to it as soon as it answers. Until then the caller keeps
 * what he hears. The leg that the caller is joined to then is released without a report; so is a leg
 * of the same role still being set up, and, when the caller is unanswered, any leg being set up.
 */
export interface Connect {
  kind: 'connect';
  call: string;
  leg: number;
  role: 'media' | 'agent';
  uri: string;
  /** Display name that an agent sees in From, unquoted; empty for the caller's own. */
  display: string;
}

/** Release a leg (CANCEL or BYE). No report about it follows. */
export interface Drop {
  kind: 'drop';
  call: string;
  leg: number;
}

/** Tell an unanswered caller that he is queued: 182. */
export interface Progress {
  kind: 'progress';
  call: string;
}

/** End the call: BYE to every leg, or `status` to a caller not yet answered. No report follows. */
export interface EndCall {
  kind: 'end';
  call: string;
  status: number;
  /** Why, for people: the text of the Reason header (RFC 3326); empty for none. */
  reason: string;
}

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
  | LegAnswered
  | LegAnnounced
  | LegConnected
  | LegFailed
  | LegEnded
  | TransferAsked
  | Transferred
  | BridgeEnded
  | Referred
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

/** The leg, one of `connect_announced`, answered: its peer hears that before he gets the caller. */
export interface LegAnswered {
  kind: 'leg_answered';
  call: string;
  leg: number;
  /** When the leg's 200 came. */
  answered_ms: number;
}

/** The announcement is over, or could not be played: the caller is being moved to the leg. */
export interface LegAnnounced {
  kind: 'leg_announced';
  call: string;
  leg: number;
}

/** The leg answered and the caller is joined to it; the leg joined before is released by the worker. */
export interface LegConnected {
  kind: 'leg_connected';
  call: string;
  leg: number;
  role: Connect['role'];
  /** When the leg's 200 came; of an announced one, when its peer was ready for the caller after that. */
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

/**
 * The agent of the leg, who talks to the caller, asks to send him elsewhere; a `transfer` decision answers it. Leg 0:
 * the caller asks to send the agent elsewhere; who takes the caller's place then is the caller, and nothing is reported.
 */
export interface TransferAsked {
  kind: 'transfer_asked';
  call: string;
  leg: number;
  /** Which of the call's transfers, from 1. */
  transfer: number;
  /** Where to: in lower case. */
  host: string;
  /** 0 where none is given. */
  port: number;
}

/**
 * The agent of the leg has handed the caller on: for the dispatcher the call is over, and nothing more is reported
 * of it. The worker keeps the bare bridge until it ends. Leg 0: a bridge that never was a call of the dispatcher's.
 */
export interface Transferred {
  kind: 'transferred';
  call: string;
  leg: number;
  at_ms: number;
}

/** What was left of a transferred call has ended. */
export interface BridgeEnded {
  kind: 'bridge_ended';
  call: string;
}

/** What became of a `refer`: 2xx when the caller has gone there, else why he has not, and is still here. */
export interface Referred {
  kind: 'referred';
  call: string;
  status: number;
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
export type Decision =
  | Entered
  | Connect
  | ConnectAnnounced
  | Drop
  | Keep
  | Progress
  | Transfer
  | Refer
  | EndCall;

/** The call has entered a state, of which its next legs are. Told only where legs are asked about. */
export interface Entered {
  kind: 'entered';
  call: string;
  state: CallState;
}

/**
 * Make a leg to `uri` and join the caller to it as soon as it answers. Until then the caller keeps
 * what he hears. The leg that the caller is joined to then is released without a report; so is a leg
 * of the same role still being set up, and, when the caller is unanswered, any leg being set up; there an
 * announced agent's leg and a media leg do not exclude each other.
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

/**
 * The same for an agent who hears a message first (message_flow_id): his leg and one to a media server are bridged
 * while the caller stays where he is; when the message is over the caller is joined to the agent.
 */
export interface ConnectAnnounced {
  kind: 'connect_announced';
  call: string;
  leg: number;
  role: 'agent';
  uri: string;
  display: string;
  /** URI of the message. */
  announcement: string;
  /** The leg to its server, of which nothing is reported. */
  announcement_leg: number;
}

/** Release a leg (CANCEL or BYE). No report about it follows. */
export interface Drop {
  kind: 'drop';
  call: string;
  leg: number;
}

/** Release every leg but these: what was decided while the worker was gone has not been told. */
export interface Keep {
  kind: 'keep';
  call: string;
  /** 0 is none. */
  agent_leg: number;
  /** Being set up; 0 is none. */
  media_setup: number;
  /** The media leg that the caller may be joined to, or a later one, of which the report is under way. */
  media_leg: number;
}

/** Tell an unanswered caller that he is queued: 182. */
export interface Progress {
  kind: 'progress';
  call: string;
}

/** Whether an agent may transfer the caller, or the caller the agent, as he asked. */
export interface Transfer {
  kind: 'transfer';
  call: string;
  transfer: number;
  /** 202, or the status that refuses. */
  status: number;
}

/** Ask the caller to call `uri` himself; he stays where he is until a `referred` report. Once in a call. */
export interface Refer {
  kind: 'refer';
  call: string;
  uri: string;
}

/** End the call: BYE to every leg, or `status` to a caller not yet answered. No report follows. */
export interface EndCall {
  kind: 'end';
  call: string;
  status: number;
  /** Why, for people: the text of the Reason header (RFC 3326); empty for none. */
  reason: string;
}

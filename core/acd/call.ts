/** One caller's visit as the dispatcher knows it, from the arrival to the last CDR. */
import type { Media } from '../messages.js';
import type { Timer } from '../timers.js';
import type { Agent } from './agent.js';
import type { Flow } from './flow.js';
import type { CallRecord, CdrRecord } from './records.js';
import { CALL_STATES, type CallRow, type CallState } from './view.js';

/** Bits of a CDR's fstats. */
export const FSTAT_INBOUND = 1;
export const FSTAT_DISTRIBUTED = 2;
export const FSTAT_ANSWERED = 4;
export const FSTAT_ABANDONED = 8;

/** What is known of a call at its arrival. Times are ms since the epoch. */
export interface Arrival {
  id: string;
  /** Worker that owns the call. */
  worker: number;
  /** Sequence number for cc_cdrs. */
  cid: number;
  flow: Flow;
  media: Media;
  param: string;
  caller_user: string;
  caller_display: string;
  /** The caller's name as an agent sees it. */
  display: string;
  arrival_ms: number;
  eta_s: number;
  /** Grows with each arrival. */
  order_sequence: number;
}

export class Call {
  readonly id: string;
  worker: number;
  readonly cid: number;
  readonly flow: Flow;
  readonly media: Media;
  readonly param: string;
  readonly caller_user: string;
  readonly caller_display: string;
  readonly display: string;
  readonly arrival_ms: number;
  readonly eta_s: number;
  readonly order_sequence: number;

  /** `ended` also before its first state. */
  state: CallState = 'ended';
  /** Whether its row of cc_calls is due to be told to the store. */
  record_due = false;

  /** Place in the queue; changes only while the call is not in it. */
  order_priority = 0;
  /** An agent has refused it. */
  put_back = false;
  /** When it last entered the queue; 0 before. */
  queued_ms = 0;
  /** Deadline of dissuading_onhold_th. */
  onhold_timer: Timer | null = null;

  /** Who rings or talks. */
  agent: Agent | null = null;
  delivered_ms = 0;
  /** When the agent answered who then hears a message before he gets the caller; 0 before, and for all others. */
  picked_up_ms = 0;
  /** Told ringing from talking in state toagent. */
  connected = false;
  /** When the agent answered; 0 before. */
  answered_ms = 0;
  /** Seconds of ringing before the answer; -1 unknown. */
  setup_s = -1;
  rejections = 0;
  /** Agents who refused it. */
  refusers: Agent[] | null = null;
  fstats = FSTAT_INBOUND;
  /** Whether the flow has counted its answer. */
  answer_counted = false;

  /** Leg 0 is the caller; 0 in the fields below means none. */
  next_leg = 1;
  /** When the last leg was made. */
  last_start_ms: number;
  /** The media leg that the caller is joined to. */
  media_leg = 0;
  /** The last media leg that he was joined to, or that was dropped before; what is said of it has been heard. */
  media_joined = 0;
  media_since_ms = 0;
  /** The media leg being set up. */
  media_setup = 0;
  agent_leg = 0;
  /** The last agent's leg that the caller was joined to. */
  agent_joined = 0;
  /** The leg to the message that the agent hears first. */
  announcement_leg = 0;
  /** Whether any leg has been joined to the caller, who thus is answered. */
  caller_answered = false;
  /** The caller has been asked to call the dissuading message himself, and has not said how that went. */
  referring = false;
  /** How often in a row the queue's media failed at once. */
  media_failures = 0;
  /** The latest end of a message that should end by itself. */
  message_timer: Timer | null = null;
  /** The next attempt at the queue's media. */
  retry_timer: Timer | null = null;
  /** The queue's media for a caller who would hear nothing while an agent rings. */
  meanwhile_timer: Timer | null = null;

  constructor(
    readonly row: number,
    arrival: Arrival,
  ) {
    this.id = arrival.id;
    this.worker = arrival.worker;
    this.cid = arrival.cid;
    this.flow = arrival.flow;
    this.media = arrival.media;
    this.param = arrival.param;
    this.caller_user = arrival.caller_user;
    this.caller_display = arrival.caller_display;
    this.display = arrival.display;
    this.arrival_ms = arrival.arrival_ms;
    this.eta_s = arrival.eta_s;
    this.order_sequence = arrival.order_sequence;
    this.last_start_ms = arrival.arrival_ms;
  }

  /** Whether this agent has refused the call. */
  refusedBy(agent: Agent): boolean {
    return this.refusers?.includes(agent) ?? false;
  }

  /** Seconds from arrival to the agent's answer, or to `at_ms` when there is none. */
  waited(at_ms: number): number {
    return seconds(this.arrival_ms, this.connected ? this.answered_ms : at_ms);
  }

  /** A row of cc_cdrs about what happened up to `at_ms`, with the call's agent. */
  cdr(call_type: CdrRecord['call_type'], at_ms: number): CdrRecord {
    const { agent } = this;
    const rang_until_ms = this.picked_up_ms || (this.connected ? this.answered_ms : at_ms);
    return {
      kind: 'cdr',
      caller: this.caller_user,
      received_ms: this.arrival_ms,
      wait_s: call_type === -2 ? seconds(this.arrival_ms, at_ms) : this.waited(at_ms),
      pickup_s: agent === null ? 0 : seconds(this.delivered_ms, rang_until_ms),
      talk_s: call_type === 0 ? seconds(this.answered_ms, at_ms) : 0,
      flow_id: this.flow.config.id,
      agent_id: agent === null ? '' : agent.config.id,
      call_type,
      rejected: this.rejections,
      fstats: this.fstats,
      cid: this.cid,
      media: this.media === 'rtp' ? 1 : 2,
    };
  }

  /** Its row of cc_calls. */
  record(): CallRecord {
    return {
      kind: 'call',
      call: this.id,
      state: CALL_STATES.indexOf(this.state) + 1,
      media: this.media === 'rtp' ? 0 : 1,
      rejections: this.rejections,
      setup_s: this.setup_s,
      eta_s: this.eta_s,
      last_start_ms: this.last_start_ms,
      received_ms: this.arrival_ms,
      caller_display: this.caller_display,
      caller_user: this.caller_user,
      flow_id: this.flow.config.id,
      agent_id: this.agent === null ? '' : this.agent.config.id,
      param: this.param,
    };
  }

  view(): CallRow {
    return {
      id: this.id,
      flow: this.flow.row,
      agent: this.agent === null ? -1 : this.agent.row,
      state: this.state,
      media: this.media,
      caller_user: this.caller_user,
      caller_display: this.display,
      arrival_ms: this.arrival_ms,
      queued_ms: this.queued_ms,
      eta_s: this.eta_s,
      order_priority: this.order_priority,
      order_sequence: this.order_sequence,
      refs:
        1 + one(this.media_leg) + one(this.media_setup) + one(this.agent_leg) + one(this.announcement_leg),
    };
  }
}

/** A leg counts for one, none for nothing. */
function one(leg: number): number {
  return leg === 0 ? 0 : 1;
}

/** Whole seconds from one moment to a later one; 0 when clocks say it was earlier. */
export function seconds(from_ms: number, to_ms: number): number {
  return Math.max(0, Math.floor((to_ms - from_ms) / 1000));
}

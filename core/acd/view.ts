/**
 * What everybody may see of the dispatcher's state, row by row: the rows of the shared tables. The
 * dispatcher owns the rows (a row's number is its entity's for life), everybody else reads copies.
 * Times are ms since the epoch, talk and wait sums seconds. Counters only grow until they are reset.
 */

import { CALL_STATES, type CallState } from '../messages.js';

export { CALL_STATES, type CallState };

export const AGENT_STATES = ['offline', 'free', 'incall', 'inchat', 'wrapup'] as const;
/** `offline` is what others see of a logged-out agent, whatever he is still busy with. */
export type AgentState = (typeof AGENT_STATES)[number];

export interface AgentRow {
  id: string;
  /** The state without regard to login: never `offline`. */
  state: Exclude<AgentState, 'offline'>;
  logged_in: boolean;
  /** Calls and chats that hold the agent now. */
  refs: number;
  /** End of a running wrapup; 0 when none runs. */
  wrapup_end_ms: number;
  ongoing_chats: number;
  max_chats: number;
  dist_incalls: number;
  answ_incalls: number;
  answ_inchats: number;
  aban_incalls: number;
  rej_incalls: number;
  /** Sum and number behind cca_att. */
  talk_sum_s: number;
  talk_count: number;
}

/** Who can answer a skill; flows point here. */
export interface SkillRow {
  name: string;
  logged_in: number;
  free: number;
}

export interface FlowRow {
  id: string;
  priority: number;
  /** Row of the flow's skill. */
  skill: number;
  /** No longer provisioned: it takes no new call. */
  removed: boolean;
  /** Calls of this flow that have not ended. */
  ongoing: number;
  onhold_calls: number;
  onhold_chats: number;
  queued_calls: number;
  incalls: number;
  dist_incalls: number;
  answ_incalls: number;
  answ_inchats: number;
  aban_incalls: number;
  /** Sum and number behind "Avg Call Duration" and the estimated wait; the number is "Processed Calls". */
  talk_sum_s: number;
  talk_count: number;
  /** Sum and number behind ccf_awt. */
  wait_sum_s: number;
  wait_count: number;
}

export interface CallRow {
  id: string;
  flow: number;
  /** Row of the agent who rings or talks; -1 when there is none. */
  agent: number;
  state: CallState;
  media: 'rtp' | 'msrp';
  caller_user: string;
  /** As the agent would see it. */
  caller_display: string;
  arrival_ms: number;
  /** When it last entered the queue; 0 before. */
  queued_ms: number;
  eta_s: number;
  /** Queue order: smaller goes first, compared in this order. Only of meaning in state `queued`. */
  order_priority: number;
  order_sequence: number;
  refs: number;
}

/** One row: the whole engine. */
export interface EngineRow {
  onhold_calls: number;
  onhold_chats: number;
  logged_in_agents: number;
  free_agents: number;
  incalls: number;
  dist_incalls: number;
  answ_incalls: number;
  answ_inchats: number;
  aban_incalls: number;
  wait_sum_s: number;
  wait_count: number;
  internal_dispatching: boolean;
  /** Bridges that are left of calls which agents have transferred. */
  bridges: number;
}

/** What the dispatcher hands to the store: rows to write, in order. Times are ms since the epoch. */

export type StoreRecord = CdrRecord | CallRecord | CallGoneRecord | WrapupRecord;

/** One row of cc_cdrs. */
export interface CdrRecord {
  kind: 'cdr';
  caller: string;
  received_ms: number;
  wait_s: number;
  pickup_s: number;
  talk_s: number;
  flow_id: string;
  /** '' when no agent is concerned. */
  agent_id: string;
  /** -2 rejected, -1 internal error, 0 handled, 1 ended without having talked. */
  call_type: -2 | -1 | 0 | 1;
  rejected: number;
  /** 1 inbound, 2 distributed, 4 answered, 8 abandoned. */
  fstats: number;
  cid: number;
  /** 1 RTP, 2 MSRP. */
  media: 1 | 2;
}

/** The call's row of cc_calls as it is now: inserted or updated by `call`. */
export interface CallRecord {
  kind: 'call';
  call: string;
  /** 1 welcome, 2 dissuading1, 3 dissuading2, 4 queued, 5 preagent, 6 toagent. */
  state: number;
  /** 0 RTP, 1 MSRP. */
  media: 0 | 1;
  rejections: number;
  /** Seconds; -1 unknown. */
  setup_s: number;
  eta_s: number;
  last_start_ms: number;
  received_ms: number;
  caller_display: string;
  caller_user: string;
  flow_id: string;
  agent_id: string;
  param: string;
}

/** The call has ended: its row of cc_calls goes. */
export interface CallGoneRecord {
  kind: 'call_gone';
  call: string;
}

/** An agent's wrapup starts: cc_agents.wrapup_end_time. */
export interface WrapupRecord {
  kind: 'wrapup';
  agent_id: string;
  ends_ms: number;
}

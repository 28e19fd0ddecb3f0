/** Flows and agents as provisioned: what a load of the database gives, after its rows were checked. */

/** A queue definition (cc_flows). SIP URIs have been checked by who loaded them; '' means none. */
export interface FlowConfig {
  id: string;
  /** 0 is the highest. */
  priority: number;
  skill: string;
  prependcid: string;
  /** Ceiling of the wrapup of this flow's calls; 0 is none. */
  max_wrapup_s: number;
  dissuading_hangup: boolean;
  /** Callers to be hung up after it are asked to call the dissuading message themselves (acd_flows). */
  dissuading_refer: boolean;
  /** Thresholds; 0 is off. */
  dissuading_onhold_s: number;
  dissuading_ewt_s: number;
  dissuading_qsize: number;
  message_welcome: string;
  message_queue: string;
  message_dissuading: string;
  message_flow_id: string;
}

/** Who answers (cc_agents). At least one of the two locations is set. */
export interface AgentConfig {
  id: string;
  /** SIP URI for audio; '' when the agent takes none. */
  location: string;
  /** SIP URI for chat; '' when the agent takes none. */
  msrp_location: string;
  msrp_max_sessions: number;
  /** Trimmed, no empty ones, none twice. */
  skills: string[];
  /** The logstate column: the initial state, and a change of it at a reload. */
  logged_in: boolean;
  /** Unix time; in the future at the agent's first load, the agent starts in wrapup. */
  wrapup_end_time_s: number;
  /** 0 means the global one. */
  wrapup_s: number;
}

export interface Provisioning {
  flows: FlowConfig[];
  agents: AgentConfig[];
}

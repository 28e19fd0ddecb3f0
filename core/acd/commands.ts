/** What management asks of the dispatcher, and what it answers. Codes are those of MI errors. */
import type { Media } from '../messages.js';
import type { Provisioning } from './provisioning.js';
import type { CallState } from './view.js';

export type Command =
  | { kind: 'load'; provisioning: Provisioning }
  | { kind: 'agent_login'; agent_id: string; logged_in: boolean }
  | { kind: 'dispatch'; call: string; agent_id: string }
  /** Ends a call, whatever it is doing. */
  | { kind: 'end_call'; call: string }
  /** Takes an agent out of whatever holds him. */
  | { kind: 'release_agent'; agent_id: string }
  /** Sets internal dispatching, or, with `on` left out, asks for it. */
  | { kind: 'internal_dispatching'; on?: boolean }
  | { kind: 'reset_stats' };

export type CommandResult =
  | { ok: true; dispatching?: boolean }
  | { ok: false; code: number; message: string };

/** What subscribers are told. */
export type EngineEvent = AgentEvent | CallEvent;

/** E_CALLCENTER_AGENT_REPORT: raised at every change of an agent's state and at every delivery. */
export interface AgentEvent {
  kind: 'agent_report';
  agent_id: string;
  state: 'offline' | 'free' | 'incall' | 'inchat' | 'wrapup';
  /** While a wrapup runs; ms since the epoch, else 0. */
  wrapup_ends_ms: number;
  /** At a delivery, else ''. */
  flow_id: string;
  /** At a delivery in inchat, else 0. */
  ongoing_sessions: number;
}

/** E_CALLCENTER_CALL_REPORT: raised at every change of a call's state. */
export interface CallEvent {
  kind: 'call_report';
  call_id: string;
  flow_id: string;
  state: CallState;
  media: Media;
  /** The caller's user part. */
  caller: string;
  /** '' when no agent is known. */
  agent_id: string;
}

/** What SIP workers ask of route modules, and what comes back. Answers are the B2BUA's own types. */
import type { MessagePort } from 'node:worker_threads';
import type { LegAnswer, LegInvite, Routed } from '../core/sip/environment.js';

export type RouteAsk = DecideAsk | LegAsk;

/** Which flow an INVITE enters. */
export interface DecideAsk {
  kind: 'decide';
  /** The module's number. */
  module: number;
  /** The whole INVITE, a byte string. */
  request: string;
  /** IP address that it came from. */
  source: string;
}

/** Which headers an INVITE of ours gets. */
export interface LegAsk {
  kind: 'leg';
  invite: LegInvite;
}

export type RouteAnswer = Routed | LegAnswer;

/** On the port between a SIP worker and the pool. */
export interface NumberedAsk {
  id: number;
  ask: RouteAsk;
}
export interface NumberedAnswer {
  id: number;
  answer: RouteAnswer;
}

/** What a thread of the pool is asked; without `ask` what its modules export. */
export interface RouteTask {
  ask?: RouteAsk;
  /** Where the thread says that it has begun, and has agents logged in and out. */
  port: MessagePort;
}

/** On a task's port, from the thread. */
export type RouteNotice =
  | { kind: 'begun' }
  | { kind: 'login'; id: number; agent_id: string; logged_in: boolean };
/** And back: whether the agent is known. */
export interface LoginReply {
  id: number;
  known: boolean;
}

/** `failed`: what the module threw. */
export type RouteResult = { answer: RouteAnswer } | { failed: string };

/** What a module exports; `error` when it cannot be loaded. */
export interface ModuleDescription {
  error: string | undefined;
  decides: boolean;
  asks_legs: boolean;
}

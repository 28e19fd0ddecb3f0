/**
 * What the dispatcher must remember to go on after a restart: the state of each call, agent and flow as plain
 * values. Levels, queues and deadlines follow from them.
 */
import type { Agent } from './agent.js';
import type { Call } from './call.js';
import type { Flow } from './flow.js';
import type { AgentConfig, FlowConfig } from './provisioning.js';
import type { AcdState } from './state.js';
import type { EngineCounters } from './statistics.js';

/** Fields of T that hold plain values. */
type Plain<T> = {
  [K in keyof T]: T[K] extends string | number | boolean ? K : never;
}[keyof T];

/** Every plain field is either remembered or follows from others: with a new one this does not compile until it is. */
type Remembered<T, Derived extends keyof T> = {
  -readonly [K in Exclude<Plain<T>, Derived>]: T[K];
};

/** Flow, agent ('' for none) and refusers are told by id. */
export type CallMemory = Remembered<Call, 'row' | 'record_due' | 'order_priority'> & {
  flow: string;
  agent: string;
  refusers: string[];
};

export type AgentMemory = { id: string } & Remembered<
  Agent,
  'row' | 'removed' | 'visible' | 'sessionsLeft' | 'chat_rank' | 'chat_since' | 'match_due'
>;

export type FlowMemory = { id: string } & Remembered<
  Flow,
  'row' | 'removed' | 'ongoing' | 'onhold_calls' | 'onhold_chats' | 'queued_calls'
>;

/** Flows and agents as they are, those included that are provisioned no longer and live until their last call ends. */
export interface ProvisioningMemory {
  flows: { config: FlowConfig; removed: boolean }[];
  agents: { config: AgentConfig; removed: boolean }[];
}

export interface EngineMemory {
  next_cid: number;
  internal_dispatching: boolean;
  /** The latest call of each origin that was taken: older ones that are not there have ended. */
  heard: [origin: string, serial: number][];
  counters: Pick<
    EngineCounters,
    | 'incalls'
    | 'dist_incalls'
    | 'answ_incalls'
    | 'answ_inchats'
    | 'aban_incalls'
    | 'wait_sum_s'
    | 'wait_count'
  >;
}

/** All of it. */
export interface Memory {
  provisioning: ProvisioningMemory;
  engine: EngineMemory;
  agents: AgentMemory[];
  flows: FlowMemory[];
  calls: CallMemory[];
  /** Ids of calls that have ended since `engine` was remembered. */
  ended: string[];
}

export function callMemory(call: Call): CallMemory {
  return {
    id: call.id,
    worker: call.worker,
    cid: call.cid,
    media: call.media,
    param: call.param,
    caller_user: call.caller_user,
    caller_display: call.caller_display,
    display: call.display,
    arrival_ms: call.arrival_ms,
    eta_s: call.eta_s,
    order_sequence: call.order_sequence,
    state: call.state,
    put_back: call.put_back,
    queued_ms: call.queued_ms,
    delivered_ms: call.delivered_ms,
    connected: call.connected,
    answered_ms: call.answered_ms,
    setup_s: call.setup_s,
    rejections: call.rejections,
    fstats: call.fstats,
    answer_counted: call.answer_counted,
    next_leg: call.next_leg,
    last_start_ms: call.last_start_ms,
    media_leg: call.media_leg,
    media_joined: call.media_joined,
    media_since_ms: call.media_since_ms,
    media_setup: call.media_setup,
    agent_leg: call.agent_leg,
    agent_joined: call.agent_joined,
    announcement_leg: call.announcement_leg,
    referring: call.referring,
    picked_up_ms: call.picked_up_ms,
    caller_answered: call.caller_answered,
    media_failures: call.media_failures,
    flow: call.flow.config.id,
    agent: call.agent === null ? '' : call.agent.config.id,
    refusers: call.refusers === null ? [] : call.refusers.map(({ config }) => config.id),
  };
}

export function agentMemory(agent: Agent): AgentMemory {
  return {
    id: agent.config.id,
    state: agent.state,
    logged_in: agent.logged_in,
    refs: agent.refs,
    ongoing_chats: agent.ongoing_chats,
    wrapup_end_ms: agent.wrapup_end_ms,
    idle_since: agent.idle_since,
    last_chat: agent.last_chat,
    dist_incalls: agent.dist_incalls,
    answ_incalls: agent.answ_incalls,
    answ_inchats: agent.answ_inchats,
    aban_incalls: agent.aban_incalls,
    rej_incalls: agent.rej_incalls,
    talk_sum_s: agent.talk_sum_s,
    talk_count: agent.talk_count,
  };
}

export function flowMemory(flow: Flow): FlowMemory {
  return {
    id: flow.config.id,
    incalls: flow.incalls,
    dist_incalls: flow.dist_incalls,
    answ_incalls: flow.answ_incalls,
    answ_inchats: flow.answ_inchats,
    aban_incalls: flow.aban_incalls,
    talk_sum_s: flow.talk_sum_s,
    talk_count: flow.talk_count,
    wait_sum_s: flow.wait_sum_s,
    wait_count: flow.wait_count,
  };
}

export function provisioningMemory(acd: AcdState): ProvisioningMemory {
  const of = <C>({ config, removed }: { config: C; removed: boolean }) => ({ config, removed });
  return { flows: [...acd.flows.values()].map(of), agents: [...acd.agents.values()].map(of) };
}

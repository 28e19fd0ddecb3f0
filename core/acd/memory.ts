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

type Values<T, K extends keyof T> = { -readonly [P in K]: T[P] };

/** Every plain field is either remembered or follows from others: a new one does not compile until it is listed. */
type FieldsOf<T, Derived extends keyof T> = Readonly<Record<Exclude<Plain<T>, Derived>, true>>;

type CallDerived = 'row' | 'record_due' | 'order_priority';
const CALL_FIELDS: FieldsOf<Call, CallDerived> = {
  id: true,
  worker: true,
  cid: true,
  media: true,
  param: true,
  caller_user: true,
  caller_display: true,
  display: true,
  arrival_ms: true,
  eta_s: true,
  order_sequence: true,
  state: true,
  put_back: true,
  queued_ms: true,
  delivered_ms: true,
  connected: true,
  answered_ms: true,
  setup_s: true,
  rejections: true,
  fstats: true,
  answer_counted: true,
  next_leg: true,
  last_start_ms: true,
  media_leg: true,
  media_since_ms: true,
  media_setup: true,
  agent_leg: true,
  announcement_leg: true,
  referring: true,
  picked_up_ms: true,
  caller_answered: true,
  media_failures: true,
};

type AgentDerived = 'row' | 'removed' | 'visible' | 'sessionsLeft' | 'chat_rank' | 'chat_since' | 'match_due';
const AGENT_FIELDS: FieldsOf<Agent, AgentDerived> = {
  state: true,
  logged_in: true,
  refs: true,
  ongoing_chats: true,
  wrapup_end_ms: true,
  idle_since: true,
  last_chat: true,
  dist_incalls: true,
  answ_incalls: true,
  answ_inchats: true,
  aban_incalls: true,
  rej_incalls: true,
  talk_sum_s: true,
  talk_count: true,
};

type FlowDerived = 'row' | 'removed' | 'ongoing' | 'onhold_calls' | 'onhold_chats' | 'queued_calls';
const FLOW_FIELDS: FieldsOf<Flow, FlowDerived> = {
  incalls: true,
  dist_incalls: true,
  answ_incalls: true,
  answ_inchats: true,
  aban_incalls: true,
  talk_sum_s: true,
  talk_count: true,
  wait_sum_s: true,
  wait_count: true,
};

const CALL_KEYS = Object.keys(CALL_FIELDS) as (keyof typeof CALL_FIELDS)[];
const AGENT_KEYS = Object.keys(AGENT_FIELDS) as (keyof typeof AGENT_FIELDS)[];
const FLOW_KEYS = Object.keys(FLOW_FIELDS) as (keyof typeof FLOW_FIELDS)[];

/** The values of the fields in their fixed order, then flow, agent and refusers by id ('' for no agent). */
export type CallMemory = unknown[];
/** The agent's id, then the values of the fields. */
export type AgentMemory = unknown[];
export type FlowMemory = unknown[];

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
  const values: unknown[] = CALL_KEYS.map((key) => call[key]);
  values.push(
    call.flow.config.id,
    call.agent === null ? '' : call.agent.config.id,
    call.refusers?.map((agent) => agent.config.id) ?? null,
  );
  return values;
}

export function agentMemory(agent: Agent): AgentMemory {
  return [agent.config.id, ...AGENT_KEYS.map((key) => agent[key])];
}

export function flowMemory(flow: Flow): FlowMemory {
  return [flow.config.id, ...FLOW_KEYS.map((key) => flow[key])];
}

export function provisioningMemory(acd: AcdState): ProvisioningMemory {
  const of = <C>({ config, removed }: { config: C; removed: boolean }) => ({ config, removed });
  return { flows: [...acd.flows.values()].map(of), agents: [...acd.agents.values()].map(of) };
}

/** Ids of whom the memory of a call is about. */
export function namesIn(memory: CallMemory): { id: string; flow: string; agent: string; refusers: string[] } {
  const after = CALL_KEYS.length;
  return {
    id: memory[CALL_KEYS.indexOf('id')] as string,
    flow: memory[after] as string,
    agent: memory[after + 1] as string,
    refusers: (memory[after + 2] as string[] | null) ?? [],
  };
}

/** The cid in the memory of a call. */
export function cidIn(memory: CallMemory): number {
  return memory[CALL_KEYS.indexOf('cid')] as number;
}

/** The remembered values of a call, by name. */
export function callValues(memory: CallMemory): Values<Call, keyof typeof CALL_FIELDS> {
  return byName(CALL_KEYS, memory, 0);
}

/** Gives the agent of that memory its values back. */
export function recallAgent(agent: Agent, memory: AgentMemory): void {
  Object.assign(agent, byName<Agent, keyof typeof AGENT_FIELDS>(AGENT_KEYS, memory, 1));
}

export function recallFlow(flow: Flow, memory: FlowMemory): void {
  Object.assign(flow, byName<Flow, keyof typeof FLOW_FIELDS>(FLOW_KEYS, memory, 1));
}

function byName<T, K extends keyof T>(keys: readonly K[], values: unknown[], from: number): Values<T, K> {
  return Object.fromEntries(keys.map((key, index) => [key, values[from + index]])) as Values<T, K>;
}

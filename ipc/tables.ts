/**
 * The shared tables of the engine: the dispatcher writes them, everybody else reads.
 *
 * The compiler holds the columns against the rows of core/acd/view.ts. Counters and times are f64,
 * which counts to 2^53; i32 is for what the number of rows bounds.
 */
import {
  type AgentRow,
  CALL_STATES,
  type CallRow,
  type EngineRow,
  type FlowRow,
  type SkillRow,
} from '../core/acd/view.js';
import {
  type Columns,
  createTable,
  f64,
  flag,
  i32,
  oneOf,
  SharedTable,
  type TableDescriptor,
  type TableReader,
  type TableWriter,
  utf8,
} from './shared-table.js';

/** The most agents, skills and flows that an engine holds over its life. */
export const AGENT_ROWS = 65_536;
export const SKILL_ROWS = 16_384;
export const FLOW_ROWS = 16_384;

const AGENT: Columns<AgentRow> = {
  id: utf8(128),
  state: oneOf(['free', 'incall', 'inchat', 'wrapup']),
  logged_in: flag,
  refs: i32,
  wrapup_end_ms: f64,
  ongoing_chats: i32,
  max_chats: f64,
  dist_incalls: f64,
  answ_incalls: f64,
  answ_inchats: f64,
  aban_incalls: f64,
  rej_incalls: f64,
  talk_sum_s: f64,
  talk_count: f64,
};

const SKILL: Columns<SkillRow> = { name: utf8(64), logged_in: i32, free: i32 };

const FLOW: Columns<FlowRow> = {
  id: utf8(64),
  priority: f64,
  skill: i32,
  removed: flag,
  ongoing: i32,
  onhold_calls: i32,
  onhold_chats: i32,
  queued_calls: i32,
  incalls: f64,
  dist_incalls: f64,
  answ_incalls: f64,
  answ_inchats: f64,
  aban_incalls: f64,
  talk_sum_s: f64,
  talk_count: f64,
  wait_sum_s: f64,
  wait_count: f64,
};

const CALL: Columns<CallRow> = {
  id: utf8(64),
  flow: i32,
  agent: i32,
  state: oneOf(CALL_STATES),
  media: oneOf(['rtp', 'msrp']),
  caller_user: utf8(64),
  caller_display: utf8(128),
  arrival_ms: f64,
  queued_ms: f64,
  eta_s: f64,
  order_priority: f64,
  order_sequence: f64,
  refs: i32,
};

const ENGINE: Columns<EngineRow> = {
  onhold_calls: i32,
  onhold_chats: i32,
  logged_in_agents: i32,
  free_agents: i32,
  incalls: f64,
  dist_incalls: f64,
  answ_incalls: f64,
  answ_inchats: f64,
  aban_incalls: f64,
  wait_sum_s: f64,
  wait_count: f64,
  internal_dispatching: flag,
  bridges: i32,
};

/** Memory of all tables; may be cloned to any thread. */
export interface TablesDescriptor {
  agents: TableDescriptor;
  skills: TableDescriptor;
  flows: TableDescriptor;
  calls: TableDescriptor;
  engine: TableDescriptor;
}

/** The tables as their readers see them. */
export interface TableReaders {
  agents: TableReader<AgentRow>;
  skills: TableReader<SkillRow>;
  flows: TableReader<FlowRow>;
  calls: TableReader<CallRow>;
  /** Row 0 is the only one. */
  engine: TableReader<EngineRow>;
}

/** The tables as the dispatcher sees them. */
export interface Tables extends TableReaders {
  agents: TableWriter<AgentRow>;
  skills: TableWriter<SkillRow>;
  flows: TableWriter<FlowRow>;
  calls: TableWriter<CallRow>;
  engine: TableWriter<EngineRow>;
}

/** Makes empty tables with room for `max_calls` calls. */
export function createTables(max_calls: number): TablesDescriptor {
  return {
    agents: createTable(AGENT, AGENT_ROWS),
    skills: createTable(SKILL, SKILL_ROWS),
    flows: createTable(FLOW, FLOW_ROWS),
    calls: createTable(CALL, max_calls),
    engine: createTable(ENGINE, 1),
  };
}

/** Opens the tables; all threads but the dispatcher take them as {@link TableReaders}. */
export function openTables(descriptor: TablesDescriptor): Tables {
  return {
    agents: new SharedTable(AGENT, descriptor.agents),
    skills: new SharedTable(SKILL, descriptor.skills),
    flows: new SharedTable(FLOW, descriptor.flows),
    calls: new SharedTable(CALL, descriptor.calls),
    engine: new SharedTable(ENGINE, descriptor.engine),
  };
}

/** Reads flows and agents. A row that cannot be used is skipped with one log line; the others load. */

import type { TransactionSql } from 'postgres';
import type { AgentConfig, FlowConfig, Provisioning } from '../core/acd/provisioning.js';
import type { Database } from './connect.js';
import type { Log } from './log.js';
import type { TableNames } from './options.js';
import { isSipUri } from './sip_uri.js';
import { quoteIdentifier } from './text.js';

/** Why a row is skipped. */
class BadRow extends Error {}

/** A row as the database gives it, under our names. */
type Row = Record<string, unknown>;

/**
 * Loads all flows and agents. A database that cannot be read (or lacks a table or column) rejects, with
 * nothing loaded; see `reasonOf` for the line to show.
 */
export async function loadProvisioning(
  database: Database,
  names: TableNames,
  log: Log,
): Promise<Provisioning> {
  // Of one moment: somebody who changes both tables in a transaction is never seen half-way.
  const { flow_rows, agent_rows, refers } = await database.run((sql) =>
    sql.begin('isolation level repeatable read read only', async (sql) => ({
      flow_rows: await readFlows(sql, names),
      agent_rows: await readAgents(sql, names),
      refers: await readReferring(sql),
    })),
  );
  return {
    flows: usable(flow_rows, (row) => toFlow(row, refers), names.cc_flows_table, log),
    agents: usable(agent_rows, toAgent, names.cc_agents_table, log),
  };
}

function readFlows(sql: TransactionSql, names: TableNames): Promise<Row[]> {
  return read(sql, names.cc_flows_table, {
    id: names.ccf_flowid_column,
    priority: names.ccf_priority_column,
    skill: names.ccf_skill_column,
    prependcid: names.ccf_cid_column,
    max_wrapup_time: names.ccf_max_wrapup_column,
    dissuading_hangup: names.ccf_dissuading_hangup_column,
    dissuading_onhold_th: names.ccf_dissuading_onhold_th_column,
    dissuading_ewt_th: names.ccf_dissuading_ewt_th_column,
    dissuading_qsize_th: names.ccf_dissuading_qsize_th_column,
    message_welcome: names.ccf_m_welcome_column,
    message_queue: names.ccf_m_queue_column,
    message_dissuading: names.ccf_m_dissuading_column,
    message_flow_id: names.ccf_m_flow_id_column,
  });
}

/** Ids of the flows that dissuade by REFER. */
async function readReferring(sql: TransactionSql): Promise<ReadonlySet<string>> {
  const rows = await sql<{ flowid: string }[]>`select flowid from acd_flows where dissuading_refer <> 0`;
  return new Set(rows.map(({ flowid }) => flowid));
}

function readAgents(sql: TransactionSql, names: TableNames): Promise<Row[]> {
  return read(sql, names.cc_agents_table, {
    id: names.cca_agentid_column,
    location: names.cca_location_column,
    msrp_location: names.cca_msrp_location_column,
    msrp_max_sessions: names.cca_msrp_max_sessions_column,
    skills: names.cca_skills_column,
    logstate: names.cca_logstate_column,
    wrapup_end_time: names.cca_wrapupend_column,
    wrapup_time: names.cca_wrapuptime_column,
  });
}

/** All rows of a table, its columns under our names, in order of id. */
async function read(sql: TransactionSql, table: string, columns: Record<string, string>): Promise<Row[]> {
  const list = Object.entries(columns).map(([ours, theirs]) => `${quoteIdentifier(theirs)} AS ${ours}`);
  const text = `SELECT ${list.join(', ')} FROM ${quoteIdentifier(table)} ORDER BY 1`;
  return sql.unsafe<Row[]>(text);
}

function usable<T extends { id: string }>(
  rows: Row[],
  convert: (row: Row) => T,
  table: string,
  log: Log,
): T[] {
  const good = new Map<string, T>();
  for (const row of rows) {
    try {
      const entity = convert(row);
      if (good.has(entity.id)) throw new BadRow('its id occurs twice');
      good.set(entity.id, entity);
    } catch (error) {
      if (!(error instanceof BadRow)) throw error;
      const id = String(row.id ?? '');
      log.warn({ table, row: id, reason: error.message }, `${table}: row '${id}' skipped: ${error.message}`);
    }
  }
  return [...good.values()];
}

/** @param refers ids of the flows that dissuade by REFER */
function toFlow(row: Row, refers: ReadonlySet<string>): FlowConfig {
  const message_queue = uri(row, 'message_queue');
  if (message_queue === '') throw new BadRow('no message_queue');
  return {
    id: required(row, 'id'),
    priority: count(row, 'priority', 256),
    skill: required(row, 'skill'),
    prependcid: text(row, 'prependcid'),
    max_wrapup_s: count(row, 'max_wrapup_time', 0),
    dissuading_hangup: integer(row, 'dissuading_hangup', 0) !== 0,
    dissuading_refer: refers.has(required(row, 'id')),
    dissuading_onhold_s: count(row, 'dissuading_onhold_th', 0),
    dissuading_ewt_s: count(row, 'dissuading_ewt_th', 0),
    dissuading_qsize: count(row, 'dissuading_qsize_th', 0),
    message_welcome: uri(row, 'message_welcome'),
    message_queue,
    message_dissuading: uri(row, 'message_dissuading'),
    message_flow_id: uri(row, 'message_flow_id'),
  };
}

function toAgent(row: Row): AgentConfig {
  const location = uri(row, 'location');
  const msrp_location = uri(row, 'msrp_location');
  if (location === '' && msrp_location === '') throw new BadRow('no usable location');
  const skills = text(row, 'skills')
    .split(',')
    .map((skill) => skill.trim())
    .filter((skill) => skill !== '');
  return {
    id: required(row, 'id'),
    location,
    msrp_location,
    msrp_max_sessions: count(row, 'msrp_max_sessions', 4),
    skills: [...new Set(skills)],
    logged_in: integer(row, 'logstate', 0) !== 0,
    wrapup_end_time_s: integer(row, 'wrapup_end_time', 0),
    wrapup_s: count(row, 'wrapup_time', 0),
  };
}

function text(row: Row, column: string): string {
  const value = row[column];
  return value === null || value === undefined ? '' : String(value);
}

function required(row: Row, column: string): string {
  const value = text(row, column);
  if (value === '') throw new BadRow(`no ${column}`);
  return value;
}

function uri(row: Row, column: string): string {
  const value = text(row, column).trim();
  if (value !== '' && !isSipUri(value)) throw new BadRow(`bad SIP URI in ${column}: '${value}'`);
  return value;
}

/** An integer; NULL, which only foreign tables have, is the column's default. */
function integer(row: Row, column: string, fallback: number): number {
  const value = text(row, column).trim();
  if (value === '') return fallback;
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new BadRow(`${column} is not an integer: '${value}'`);
  return number;
}

function count(row: Row, column: string, fallback: number): number {
  const number = integer(row, column, fallback);
  if (number < 0) throw new BadRow(`negative ${column}: ${number}`);
  return number;
}

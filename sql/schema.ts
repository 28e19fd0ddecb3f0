/**
 * The tables: made where they are missing, never altered where they are. Shapes, version rows and the names
 * of the constraints are those that OpenSIPS expects, so that the same database serves either.
 */
import type { Database, Databases, Sql } from './connect.js';
import { reasonOf, StoreError } from './errors.js';
import type { TableNames } from './options.js';
import { quoteIdentifier } from './text.js';

/** A table of the contract: its name, its `version` row, how it is made, and what is used of it. */
interface Table {
  name: string;
  version: number;
  columns: string[];
  ddl: string;
}

/** OpenSIPS's `version.table_name`. */
const VERSION_NAME_WIDTH = 32;

const VERSION_DDL = `CREATE TABLE version (
  table_name VARCHAR(${VERSION_NAME_WIDTH}) NOT NULL,
  table_version INTEGER DEFAULT 0 NOT NULL,
  CONSTRAINT version_t_name_idx UNIQUE (table_name)
)`;

/**
 * Up to which of the sender's records a writer's rows are in this database, written in one statement with
 * the rows; and the highest cid among them.
 */
const APPLIED_DDL = `CREATE TABLE IF NOT EXISTS acd_applied (
  writer VARCHAR(64) PRIMARY KEY,
  sequence BIGINT NOT NULL,
  last_cid INTEGER NOT NULL DEFAULT 0
)`;

/** What a flow is told beyond the columns of OpenSIPS; flows without a row have the defaults. */
const FLOWS_DDL = `CREATE TABLE IF NOT EXISTS acd_flows (
  flowid VARCHAR(64) PRIMARY KEY,
  dissuading_refer INTEGER NOT NULL DEFAULT 0
)`;

function flowsTable(names: TableNames): Table {
  const q = quoteIdentifier;
  return {
    name: names.cc_flows_table,
    version: 2,
    columns: [],
    ddl: `CREATE TABLE ${q(names.cc_flows_table)} (
      id SERIAL PRIMARY KEY NOT NULL,
      ${q(names.ccf_flowid_column)} VARCHAR(64) NOT NULL UNIQUE,
      ${q(names.ccf_priority_column)} INTEGER DEFAULT 256 NOT NULL,
      ${q(names.ccf_skill_column)} VARCHAR(64) NOT NULL,
      ${q(names.ccf_cid_column)} VARCHAR(32),
      ${q(names.ccf_max_wrapup_column)} INTEGER DEFAULT 0 NOT NULL,
      ${q(names.ccf_dissuading_hangup_column)} INTEGER DEFAULT 0 NOT NULL,
      ${q(names.ccf_dissuading_onhold_th_column)} INTEGER DEFAULT 0 NOT NULL,
      ${q(names.ccf_dissuading_ewt_th_column)} INTEGER DEFAULT 0 NOT NULL,
      ${q(names.ccf_dissuading_qsize_th_column)} INTEGER DEFAULT 0 NOT NULL,
      ${q(names.ccf_m_welcome_column)} VARCHAR(128),
      ${q(names.ccf_m_queue_column)} VARCHAR(128) NOT NULL,
      ${q(names.ccf_m_dissuading_column)} VARCHAR(128),
      ${q(names.ccf_m_flow_id_column)} VARCHAR(128)
    )`,
  };
}

function agentsTable(names: TableNames): Table {
  const q = quoteIdentifier;
  return {
    name: names.cc_agents_table,
    version: 3,
    columns: [],
    ddl: `CREATE TABLE ${q(names.cc_agents_table)} (
      id SERIAL PRIMARY KEY NOT NULL,
      ${q(names.cca_agentid_column)} VARCHAR(128) NOT NULL UNIQUE,
      ${q(names.cca_location_column)} VARCHAR(128),
      ${q(names.cca_logstate_column)} INTEGER DEFAULT 0 NOT NULL,
      ${q(names.cca_msrp_location_column)} VARCHAR(128),
      ${q(names.cca_msrp_max_sessions_column)} INTEGER DEFAULT 4 NOT NULL,
      ${q(names.cca_skills_column)} VARCHAR(255) NOT NULL,
      ${q(names.cca_wrapupend_column)} INTEGER DEFAULT 0 NOT NULL,
      ${q(names.cca_wrapuptime_column)} INTEGER DEFAULT 0 NOT NULL
    )`,
  };
}

const CDRS_TABLE: Table = {
  name: 'cc_cdrs',
  version: 2,
  columns: [
    'caller',
    'received_timestamp',
    'wait_time',
    'pickup_time',
    'talk_time',
    'flow_id',
    'agent_id',
    'call_type',
    'rejected',
    'fstats',
    'cid',
    'media',
  ],
  ddl: `CREATE TABLE cc_cdrs (
    id SERIAL PRIMARY KEY NOT NULL,
    caller VARCHAR(64) NOT NULL,
    received_timestamp TIMESTAMP WITHOUT TIME ZONE NOT NULL,
    wait_time INTEGER DEFAULT 0 NOT NULL,
    pickup_time INTEGER DEFAULT 0 NOT NULL,
    talk_time INTEGER DEFAULT 0 NOT NULL,
    flow_id VARCHAR(128) NOT NULL,
    agent_id VARCHAR(128) DEFAULT NULL,
    call_type INTEGER DEFAULT -1 NOT NULL,
    rejected INTEGER DEFAULT 0 NOT NULL,
    fstats INTEGER DEFAULT 0 NOT NULL,
    cid INTEGER DEFAULT 0,
    media INTEGER DEFAULT 0 NOT NULL
  )`,
};

const CALLS_TABLE: Table = {
  name: 'cc_calls',
  version: 3,
  columns: [
    'state',
    'media',
    'ig_cback',
    'no_rej',
    'setup_time',
    'eta',
    'last_start',
    'recv_time',
    'caller_dn',
    'caller_un',
    'b2buaid',
    'flow',
    'agent',
    'script_param',
  ],
  ddl: `CREATE TABLE cc_calls (
    id SERIAL PRIMARY KEY NOT NULL,
    state INTEGER NOT NULL,
    media INTEGER NOT NULL,
    ig_cback INTEGER NOT NULL,
    no_rej INTEGER NOT NULL,
    setup_time INTEGER NOT NULL,
    eta INTEGER NOT NULL,
    last_start INTEGER NOT NULL,
    recv_time INTEGER NOT NULL,
    caller_dn VARCHAR(128) NOT NULL,
    caller_un VARCHAR(128) NOT NULL,
    b2buaid VARCHAR(128) NOT NULL,
    flow VARCHAR(128) NOT NULL,
    agent VARCHAR(128) NOT NULL,
    script_param VARCHAR(128) NOT NULL,
    CONSTRAINT cc_calls_unique_id UNIQUE (b2buaid)
  )`,
};

/**
 * Makes the tables that are missing, each role's in its own database, and checks that those that exist have
 * the columns that are written. Throws {@link StoreError} naming key, table and reason.
 */
export async function ensureSchema(databases: Databases, names: TableNames): Promise<void> {
  await ensureTables(databases.provisioning, [flowsTable(names), agentsTable(names)]);
  await ensureOwn(databases.provisioning, 'acd_flows', FLOWS_DDL);
  await ensureTables(databases.cdrs, [CDRS_TABLE]);
  await ensureTables(databases.calls, [CALLS_TABLE]);
}

async function ensureTables(database: Database, tables: Table[]): Promise<void> {
  for (const table of tables) {
    try {
      await database.run((sql) => ensureTable(sql, table));
    } catch (error) {
      throw new StoreError(
        `${database.key}: table ${table.name} at ${database.place} cannot be used: ${reasonOf(error)}`,
      );
    }
  }
  await ensureOwn(database, 'acd_applied', APPLIED_DDL);
}

/** A table of our own. */
async function ensureOwn(database: Database, name: string, ddl: string): Promise<void> {
  try {
    await database.run((sql) => sql.unsafe(ddl));
  } catch (error) {
    throw new StoreError(
      `${database.key}: table ${name} at ${database.place} cannot be used: ${reasonOf(error)}`,
    );
  }
}

async function ensureTable(sql: Sql, table: Table): Promise<void> {
  if (await exists(sql, table.name)) {
    if (table.columns.length > 0) {
      await sql.unsafe(`SELECT ${table.columns.join(', ')} FROM ${quoteIdentifier(table.name)} LIMIT 0`);
    }
    return;
  }
  const statements = [table.ddl];
  if (table.name.length <= VERSION_NAME_WIDTH) {
    if (!(await exists(sql, 'version'))) statements.push(VERSION_DDL);
    const name = table.name.replaceAll("'", "''");
    statements.push(
      `INSERT INTO version (table_name, table_version) SELECT '${name}', ${table.version}
       WHERE NOT EXISTS (SELECT 1 FROM version WHERE table_name = '${name}')`,
    );
  }
  // One message of several statements is one transaction: a table never stands there without its version.
  await sql.unsafe(statements.join(';\n'));
}

async function exists(sql: Sql, table: string): Promise<boolean> {
  const [row] = await sql<{ found: boolean }[]>`
    select to_regclass(${quoteIdentifier(table)}) is not null as found`;
  return row?.found === true;
}

/** What a column can hold: characters (Infinity without a limit), and the name of its type. */
export interface ColumnShape {
  width: number;
  type: string;
}

/** The shapes of a table's columns as they really are, by name. */
export async function columnShapes(sql: Sql, table: string): Promise<Map<string, ColumnShape>> {
  const rows = await sql<{ name: string; width: number | null; type: string }[]>`
    select attname as name, format_type(atttypid, null) as type,
      case when atttypid in ('varchar'::regtype, 'bpchar'::regtype) and atttypmod > 4
        then atttypmod - 4 end as width
    from pg_attribute
    where attrelid = to_regclass(${quoteIdentifier(table)}) and attnum > 0 and not attisdropped`;
  return new Map(
    rows.map(({ name, width, type }) => [name, { width: width ?? Number.POSITIVE_INFINITY, type }]),
  );
}

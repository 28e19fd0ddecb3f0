/** A call centre's database as OpenSIPS leaves it: its tables and rows, and what has become of them. */

/** The tables of the contract, with the names that OpenSIPS gives their constraints and other modules' versions. */
export const OPENSIPS_SCHEMA = `
  create table version (
    table_name varchar(32) not null,
    table_version integer default 0 not null,
    constraint version_t_name_idx unique (table_name));
  insert into version values ('cc_flows', 2), ('cc_agents', 3), ('cc_cdrs', 2), ('cc_calls', 3), ('dialog', 12);
  create table cc_flows (
    id serial primary key not null,
    flowid varchar(64) not null,
    priority integer default 256 not null,
    skill varchar(64) not null,
    prependcid varchar(32),
    max_wrapup_time integer default 0 not null,
    dissuading_hangup integer default 0 not null,
    dissuading_onhold_th integer default 0 not null,
    dissuading_ewt_th integer default 0 not null,
    dissuading_qsize_th integer default 0 not null,
    message_welcome varchar(128) default null,
    message_queue varchar(128) not null,
    message_dissuading varchar(128) default null,
    message_flow_id varchar(128),
    constraint cc_flows_unique_flowid unique (flowid));
  create table cc_agents (
    id serial primary key not null,
    agentid varchar(128) not null,
    location varchar(128) default null,
    logstate integer default 0 not null,
    msrp_location varchar(128) default null,
    msrp_max_sessions integer default 4 not null,
    skills varchar(255) not null,
    wrapup_end_time integer default 0 not null,
    wrapup_time integer default 0 not null,
    constraint cc_agents_unique_agentid unique (agentid));
  create table cc_cdrs (
    id serial primary key not null,
    caller varchar(64) not null,
    received_timestamp timestamp without time zone not null,
    wait_time integer default 0 not null,
    pickup_time integer default 0 not null,
    talk_time integer default 0 not null,
    flow_id varchar(128) not null,
    agent_id varchar(128) default null,
    call_type integer default -1 not null,
    rejected integer default 0 not null,
    fstats integer default 0 not null,
    cid integer default 0,
    media integer default 0 not null);
  create table cc_calls (
    id serial primary key not null,
    state integer not null,
    media integer not null,
    ig_cback integer not null,
    no_rej integer not null,
    setup_time integer not null,
    eta integer not null,
    last_start integer not null,
    recv_time integer not null,
    caller_dn varchar(128) not null,
    caller_un varchar(128) not null,
    b2buaid varchar(128) default '' not null,
    flow varchar(128) not null,
    agent varchar(128) not null,
    script_param varchar(128) not null,
    constraint cc_calls_unique_id unique (b2buaid));
  create index cc_calls_b2buaid_idx on cc_calls (b2buaid);
`;

/** Runs a statement on a database under test. */
export type Query = (text: string) => Promise<readonly Record<string, unknown>[]>;

/** Everything that information_schema and the catalogue say of the tables that are not ours alone (acd_*). */
export async function schemaOf(query: Query): Promise<unknown> {
  return {
    columns: await query(`
      select table_name, column_name, ordinal_position, column_default, is_nullable, data_type,
        character_maximum_length, numeric_precision, datetime_precision, is_identity, is_generated
      from information_schema.columns
      where table_schema = 'public' and table_name not like 'acd\\_%'
      order by table_name, ordinal_position`),
    constraints: await query(`
      select conrelid::regclass::text as of, conname as name, pg_get_constraintdef(oid) as definition
      from pg_constraint where connamespace = 'public'::regnamespace and conrelid::regclass::text not like 'acd\\_%'
      order by 1, 2`),
    indexes: await query(`
      select tablename, indexname, indexdef from pg_indexes
      where schemaname = 'public' and tablename not like 'acd\\_%' order by 1, 2`),
    sequences: await query(`
      select sequencename, data_type, start_value, increment_by, max_value, cycle from pg_sequences
      where schemaname = 'public' order by 1`),
    triggers: await query(`
      select event_object_table, trigger_name, action_statement from information_schema.triggers order by 1, 2`),
    versions: await query('select table_name, table_version from version order by 1'),
  };
}

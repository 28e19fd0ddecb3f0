/** Three databases, every table and column under a name of its own; and what of it a restart reads again. */
import { rm } from 'node:fs/promises';
import postgres from 'postgres';
import t, { type Test } from 'tap';
import { openDatabases } from '../../sql/connect.js';
import { DEFAULT_TABLES, type TableNames } from '../../sql/options.js';
import { loadProvisioning } from '../../sql/provisioning.js';
import { ensureSchema } from '../../sql/schema.js';
import { quoteIdentifier as q } from '../../sql/text.js';
import { readCdrs } from '../../tools/provision.js';
import { environmentName } from '../../workers/config.js';
import { Lines, opened, serverDatabases } from '../sql/databases.js';
import { within } from '../support/settle.js';
import type { Query } from './opensips-schema.js';
import { Site } from './site.js';

/** Each name with capitals, spaces, both quotes, a letter of two bytes and what would end a statement. */
const NAMES = Object.fromEntries(
  Object.keys(DEFAULT_TABLES).map((key, i) => [key, `${i} My "Own" ${key.slice(0, 28)} né'; drop--`]),
) as unknown as TableNames;

const FLOWS = `create table ${q(NAMES.cc_flows_table)} (
  id serial primary key not null,
  ${q(NAMES.ccf_flowid_column)} varchar(64) not null unique,
  ${q(NAMES.ccf_priority_column)} integer default 256 not null,
  ${q(NAMES.ccf_skill_column)} varchar(64) not null,
  ${q(NAMES.ccf_cid_column)} varchar(32),
  ${q(NAMES.ccf_max_wrapup_column)} integer default 0 not null,
  ${q(NAMES.ccf_dissuading_hangup_column)} integer default 0 not null,
  ${q(NAMES.ccf_dissuading_onhold_th_column)} integer default 0 not null,
  ${q(NAMES.ccf_dissuading_ewt_th_column)} integer default 0 not null,
  ${q(NAMES.ccf_dissuading_qsize_th_column)} integer default 0 not null,
  ${q(NAMES.ccf_m_welcome_column)} varchar(128),
  ${q(NAMES.ccf_m_queue_column)} varchar(128) not null,
  ${q(NAMES.ccf_m_dissuading_column)} varchar(128),
  ${q(NAMES.ccf_m_flow_id_column)} varchar(128))`;

const AGENTS = `create table ${q(NAMES.cc_agents_table)} (
  id serial primary key not null,
  ${q(NAMES.cca_agentid_column)} varchar(128) not null unique,
  ${q(NAMES.cca_location_column)} varchar(128),
  ${q(NAMES.cca_logstate_column)} integer default 0 not null,
  ${q(NAMES.cca_msrp_location_column)} varchar(128),
  ${q(NAMES.cca_msrp_max_sessions_column)} integer default 4 not null,
  ${q(NAMES.cca_skills_column)} varchar(255) not null,
  ${q(NAMES.cca_wrapupend_column)} integer default 0 not null,
  ${q(NAMES.cca_wrapuptime_column)} integer default 0 not null)`;

function client(t: Test, url: string): Query {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  t.teardown(() => sql.end());
  return (text) => sql.unsafe(text);
}

t.test('three databases, and every name of tables and columns', async (t) => {
  const urls = await serverDatabases(t, 'provisioning', 'cdrs', 'runtime');
  if (urls === undefined) return;
  const provisioning = client(t, urls.provisioning);
  const cdrs = client(t, urls.cdrs);
  const runtime = client(t, urls.runtime);
  const env = Object.fromEntries(
    Object.entries(NAMES).map(([key, name]) => [environmentName(['call_center', key]), name]),
  );
  const site = await Site.open(t, {
    ...env,
    SIP_ACD_CALL_CENTER_DB_URL: urls.provisioning,
    SIP_ACD_CALL_CENTER_ACC_DB_URL: urls.cdrs,
    SIP_ACD_CALL_CENTER_RT_DB_URL: urls.runtime,
    SIP_ACD_CALL_CENTER_WRAPUP_TIME: '1000',
  });
  const [ann, chat] = [site.agent('ann'), site.agent('chatty')];
  await provisioning(FLOWS);
  await provisioning(AGENTS);
  const flow = (values: Partial<Record<keyof TableNames, string | number>>) =>
    insert(provisioning, NAMES.cc_flows_table, values);
  const agent = (values: Partial<Record<keyof TableNames, string | number>>) =>
    insert(provisioning, NAMES.cc_agents_table, values);
  await flow({
    ccf_flowid_column: 'talks',
    ccf_priority_column: 3,
    ccf_skill_column: 'talk',
    ccf_cid_column: 'TLK',
    ccf_max_wrapup_column: 700,
    ccf_m_welcome_column: site.media.uri('welcome'),
    ccf_m_queue_column: site.media.uri('queue'),
  });
  await flow({
    ccf_flowid_column: 'full',
    ccf_skill_column: 'talk',
    ccf_dissuading_hangup_column: 1,
    ccf_dissuading_qsize_th_column: 1,
    ccf_m_queue_column: site.media.uri('queue'),
    ccf_m_dissuading_column: site.media.uri('dissuading'),
  });
  await agent({
    cca_agentid_column: 'ann',
    cca_location_column: ann.uri,
    cca_logstate_column: 1,
    cca_skills_column: 'talk',
  });
  await agent({
    cca_agentid_column: 'chatty',
    cca_msrp_location_column: chat.uri,
    cca_msrp_max_sessions_column: 2,
    cca_logstate_column: -1,
    cca_skills_column: 'talk',
    cca_wrapuptime_column: 650,
  });
  const wrapup_end_s = async (id: string): Promise<number> => {
    const [row] = await provisioning(`select ${q(NAMES.cca_wrapupend_column)} as ends
      from ${q(NAMES.cc_agents_table)} where ${q(NAMES.cca_agentid_column)} = '${id}'`);
    return row?.ends as number;
  };

  await t.test('calls and chats of these flows reach these agents', async (t) => {
    await site.start();
    const talk = site.call('talks', 'talker');
    await within(talk.hears('welcome'), 'the welcome of its column');
    await within(talk.hears('ann'), 'the location of its column');
    t.equal((await ann.nextCall()).invitation?.from.display, 'TLK talker');
    const text = site.call('talks', 'chatter', { media: 'msrp' });
    await within(text.hears('chatty'), 'the chat location of its column');
    const waits = site.call('full', 'waiter');
    await within(waits.hears('queue'), 'no agent is left for audio');
    const told = site.call('full', 'told');
    await within(told.hears('dissuading'), 'the dissuading message of its column');
    t.equal((await within(told.ended, 'and hung up after it')).how, 'remote-bye');
    t.match(await site.list('cc_list_queue'), [{ Flow: 'full', Skill: 'talk', Priority: 256 }]);
    await within(talk.hangup(), 'the talk ends');
    await within(text.hangup(), 'the chat ends');
    await within(waits.hangup(), 'the last one leaves');
    await site.idle();
  });

  await t.test('the end of a wrapup is written, and honoured across a restart', async (t) => {
    t.match(await site.listedAgent('ann'), { State: 'wrapup' });
    const chatting = await site.listedAgent('chatty');
    t.match(chatting, { State: 'inchat', 'Ongoing chats': 0, 'Free chats': 1 });
    await site.stop();
    const now_s = Math.floor(Date.now() / 1000);
    const ends = [await wrapup_end_s('ann'), await wrapup_end_s('chatty')];
    t.ok(ends[0]! > now_s + 600 && ends[0]! <= now_s + 700, "the global one, capped by the flow's 700 s");
    t.ok(ends[1]! > now_s + 550 && ends[1]! <= now_s + 650, "the agent's own 650 s");
    await site.start();
    t.match(await site.listedAgent('ann'), { State: 'wrapup' });
    t.match(await site.listedAgent('chatty'), { State: 'inchat' }, 'as the engine remembers him');
    await site.stop();
    await provisioning(`update ${q(NAMES.cc_agents_table)} set ${q(NAMES.cca_wrapupend_column)} = ${now_s}
      where ${q(NAMES.cca_agentid_column)} = 'chatty'`);
    await rm(site.data_dir, { recursive: true });
    await site.start();
    const left = (await site.listedAgent('ann'))?.['Wrapup-ends'] as number;
    t.match(
      await site.listedAgent('ann'),
      { State: 'wrapup' },
      'an engine that remembers nothing reads the table',
    );
    t.ok(left > 500 && left <= 700, `${left} s are left`);
    t.match(await site.listedAgent('chatty'), { State: 'free' }, 'a wrapup that is over is none');
    const kept = site.call('talks', 'kept');
    await within(kept.hears('queue'), 'the agent in wrapup gets no call');
    await within(kept.hangup(), 'the caller leaves');
    await site.stop();
  });

  await t.test('each kind of row is in its own database, and no table elsewhere', async (t) => {
    const tables = async (query: Query) =>
      (
        await query(
          `select table_name from information_schema.tables where table_schema = 'public' order by 1`,
        )
      ).map((row) => row.table_name);
    const ours = [NAMES.cc_agents_table, NAMES.cc_flows_table];
    t.same(new Set(await tables(provisioning)), new Set([...ours, 'acd_applied', 'acd_flows']));
    t.same(await tables(cdrs), ['acd_applied', 'cc_cdrs', 'version']);
    t.same(await tables(runtime), ['acd_applied', 'cc_calls', 'version']);
    const callers = await cdrs('select caller from cc_cdrs order by caller');
    t.same(
      callers.map((row) => row.caller),
      ['chatter', 'kept', 'talker', 'told', 'waiter'],
    );
  });
  t.same(site.violations(), []);
});

t.test('CDRs in the embedded database beside a server', async (t) => {
  const urls = await serverDatabases(t, 'server');
  if (urls === undefined) return;
  const data_dir = t.testdir();
  const databases = await openDatabases({
    db_url: urls.server,
    acc_db_url: 'embedded',
    data_dir,
    tables: DEFAULT_TABLES,
  });
  try {
    await ensureSchema(databases, DEFAULT_TABLES);
  } finally {
    await databases.close();
  }
  const there = await client(
    t,
    urls.server,
  )("select to_regclass('cc_calls') as calls, to_regclass('cc_cdrs') as cdrs");
  t.match(there, [{ calls: 'cc_calls', cdrs: null }]);
  t.same(await readCdrs(data_dir), [], 'a table of its own');
});

t.test('every column is read from where its key says', async (t) => {
  const urls = await serverDatabases(t, 'one');
  if (urls === undefined) return;
  const query = client(t, urls.one);
  await query(FLOWS);
  await query(AGENTS);
  await insert(query, NAMES.cc_flows_table, {
    ccf_flowid_column: 'f',
    ccf_priority_column: 1,
    ccf_skill_column: 's',
    ccf_cid_column: 'p',
    ccf_max_wrapup_column: 2,
    ccf_dissuading_hangup_column: 3,
    ccf_dissuading_onhold_th_column: 4,
    ccf_dissuading_ewt_th_column: 5,
    ccf_dissuading_qsize_th_column: 6,
    ccf_m_welcome_column: 'sip:w',
    ccf_m_queue_column: 'sip:q',
    ccf_m_dissuading_column: 'sip:d',
    ccf_m_flow_id_column: 'sip:f',
  });
  await insert(query, NAMES.cc_agents_table, {
    cca_agentid_column: 'a',
    cca_location_column: 'sip:l',
    cca_msrp_location_column: 'sip:m',
    cca_msrp_max_sessions_column: 7,
    cca_skills_column: 's,t',
    cca_logstate_column: 8,
    cca_wrapuptime_column: 9,
    cca_wrapupend_column: 10,
  });
  const databases = await opened(t, { db_url: urls.one, data_dir: t.testdir(), tables: NAMES });
  await ensureSchema(databases, NAMES);
  t.strictSame(await loadProvisioning(databases.provisioning, NAMES, new Lines()), {
    flows: [
      {
        id: 'f',
        priority: 1,
        skill: 's',
        prependcid: 'p',
        max_wrapup_s: 2,
        dissuading_hangup: true,
        dissuading_refer: false,
        dissuading_onhold_s: 4,
        dissuading_ewt_s: 5,
        dissuading_qsize: 6,
        message_welcome: 'sip:w',
        message_queue: 'sip:q',
        message_dissuading: 'sip:d',
        message_flow_id: 'sip:f',
      },
    ],
    agents: [
      {
        id: 'a',
        location: 'sip:l',
        msrp_location: 'sip:m',
        msrp_max_sessions: 7,
        skills: ['s', 't'],
        logged_in: true,
        wrapup_end_time_s: 10,
        wrapup_s: 9,
      },
    ],
  });
});

t.test('tables of these names are made where they are missing', async (t) => {
  const urls = await serverDatabases(t, 'empty');
  if (urls === undefined) return;
  const env = Object.fromEntries(
    Object.entries(NAMES).map(([key, name]) => [environmentName(['call_center', key]), name]),
  );
  const site = await Site.open(t, { ...env, SIP_ACD_CALL_CENTER_DB_URL: urls.empty });
  await site.start();
  t.same(await site.list('cc_list_flows'), []);
  await site.stop();
  const query = client(t, urls.empty);
  const columns = await query(`select column_name from information_schema.columns
    where table_name in (${[NAMES.cc_agents_table, NAMES.cc_flows_table].map(literal).join(', ')})`);
  const made = new Set(columns.map((row) => row.column_name));
  for (const [key, name] of Object.entries(NAMES)) if (key.endsWith('_column')) t.ok(made.has(name), name);
});

/** A row of a table, its columns by their keys in the configuration. */
async function insert(
  query: Query,
  table: string,
  values: Partial<Record<keyof TableNames, string | number>>,
): Promise<void> {
  const columns = Object.keys(values).map((key) => q(NAMES[key as keyof TableNames]));
  await query(
    `insert into ${q(table)} (${columns.join(', ')}) values (${Object.values(values).map(literal).join(', ')})`,
  );
}

function literal(value: string | number): string {
  return typeof value === 'number' ? String(value) : `'${value.replaceAll("'", "''")}'`;
}

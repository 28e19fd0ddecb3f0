import postgres from 'postgres';
import t from 'tap';
import type { Provisioning } from '../../core/acd/provisioning.js';
import { openDatabases } from '../../sql/connect.js';
import { StoreError } from '../../sql/errors.js';
import { DEFAULT_TABLES } from '../../sql/options.js';
import { loadProvisioning } from '../../sql/provisioning.js';
import { ensureSchema } from '../../sql/schema.js';
import { Lines, onEachDatabase, opened, serverDatabases } from './databases.js';

onEachDatabase(t, async (t, options) => {
  const databases = await opened(t, options);
  const { provisioning: database } = databases;
  const sql = (text: string) => database.run((sql) => sql.unsafe(text));

  await t.test('an empty database gets the tables and the versions that OpenSIPS checks', async (t) => {
    await ensureSchema(databases, options.tables);
    const versions = await sql('select table_name, table_version from version order by 1');
    t.same(
      versions.map((row) => [row.table_name, row.table_version]),
      [
        ['cc_agents', 3],
        ['cc_calls', 3],
        ['cc_cdrs', 2],
        ['cc_flows', 2],
      ],
    );
    await ensureSchema(databases, options.tables);
    t.equal((await sql('select * from version')).length, 4, 'a second start adds nothing');
    t.same(await loadProvisioning(database, options.tables, new Lines()), { flows: [], agents: [] });
  });

  await t.test('flows and agents load with the defaults of their columns', async (t) => {
    await sql(
      `insert into cc_flows (flowid, skill, message_queue) values ('sales', 'Sales', 'sip:moh@media')`,
    );
    await sql(`insert into cc_flows (flowid, priority, skill, prependcid, max_wrapup_time, dissuading_hangup,
      dissuading_onhold_th, dissuading_ewt_th, dissuading_qsize_th, message_welcome, message_queue,
      message_dissuading, message_flow_id)
      values ('support', 0, 'tech', 'SUP ', 20, 1, 60, 30, 5, 'sip:w@m', 'sip:q@m', 'sip:d@m', 'sip:f@m')`);
    await sql(`insert into acd_flows (flowid, dissuading_refer) values ('support', 1)`);
    await sql(`insert into cc_agents (agentid, location, skills) values ('bob', 'sip:bob@10.0.0.2', 'tech')`);
    await sql(`insert into cc_agents (agentid, location, logstate, msrp_location, msrp_max_sessions, skills,
      wrapup_end_time, wrapup_time)
      values ('alice', 'sip:alice@10.0.0.1', 7, 'sip:chat@10.0.0.1', 2, ' tech, Sales,,tech , ', 1800000000, 15)`);
    const log = new Lines();
    t.same(await loadProvisioning(database, options.tables, log), {
      flows: [
        {
          id: 'sales',
          priority: 256,
          skill: 'Sales',
          prependcid: '',
          max_wrapup_s: 0,
          dissuading_hangup: false,
          dissuading_refer: false,
          dissuading_onhold_s: 0,
          dissuading_ewt_s: 0,
          dissuading_qsize: 0,
          message_welcome: '',
          message_queue: 'sip:moh@media',
          message_dissuading: '',
          message_flow_id: '',
        },
        {
          id: 'support',
          priority: 0,
          skill: 'tech',
          prependcid: 'SUP ',
          max_wrapup_s: 20,
          dissuading_hangup: true,
          dissuading_refer: true,
          dissuading_onhold_s: 60,
          dissuading_ewt_s: 30,
          dissuading_qsize: 5,
          message_welcome: 'sip:w@m',
          message_queue: 'sip:q@m',
          message_dissuading: 'sip:d@m',
          message_flow_id: 'sip:f@m',
        },
      ],
      agents: [
        {
          id: 'alice',
          location: 'sip:alice@10.0.0.1',
          msrp_location: 'sip:chat@10.0.0.1',
          msrp_max_sessions: 2,
          skills: ['tech', 'Sales'],
          logged_in: true,
          wrapup_end_time_s: 1800000000,
          wrapup_s: 15,
        },
        {
          id: 'bob',
          location: 'sip:bob@10.0.0.2',
          msrp_location: '',
          msrp_max_sessions: 4,
          skills: ['tech'],
          logged_in: false,
          wrapup_end_time_s: 0,
          wrapup_s: 0,
        },
      ],
    });
    t.same(log.lines, []);
  });

  await t.test('a bad row is skipped with one line that says why, the others load', async (t) => {
    await sql(
      `insert into cc_flows (flowid, skill, message_queue) values ('mute', 'tech', ''), ('typo', 'tech', 'moh@media')`,
    );
    await sql(
      `insert into cc_flows (flowid, skill, message_queue, dissuading_ewt_th) values ('neg', 'tech', 'sip:q@m', -1)`,
    );
    await sql(`insert into cc_agents (agentid, skills) values ('nowhere', 'tech')`);
    await sql(`insert into cc_agents (agentid, location, skills) values ('odd', 'tel:112', 'tech')`);
    const log = new Lines();
    const { flows, agents } = await loadProvisioning(database, options.tables, log);
    t.same(
      flows.map((flow) => flow.id),
      ['sales', 'support'],
    );
    t.same(
      agents.map((agent) => agent.id),
      ['alice', 'bob'],
    );
    t.same(log.lines.sort(), [
      "cc_agents: row 'nowhere' skipped: no usable location",
      "cc_agents: row 'odd' skipped: bad SIP URI in location: 'tel:112'",
      "cc_flows: row 'mute' skipped: no message_queue",
      "cc_flows: row 'neg' skipped: negative dissuading_ewt_th: -1",
      "cc_flows: row 'typo' skipped: bad SIP URI in message_queue: 'moh@media'",
    ]);
  });

  await t.test('tables and columns of any name serve', async (t) => {
    const tables = {
      ...DEFAULT_TABLES,
      cc_agents_table: 'my "own".Agents',
      cca_agentid_column: 'drop table cc_flows; --',
      cca_skills_column: 'select',
      cc_flows_table: "Flow's",
      ccf_priority_column: 'a.b',
    };
    await ensureSchema(databases, tables);
    await sql(
      `insert into "my ""own"".Agents" ("drop table cc_flows; --", location, "select") values ('eve', 'sip:eve@h', 'x')`,
    );
    await sql(`insert into "Flow's" (flowid, "a.b", skill, message_queue) values ('f', 3, 'x', 'sip:q@m')`);
    const { flows, agents } = await loadProvisioning(database, tables, new Lines());
    t.equal(agents[0]?.id, 'eve');
    t.same(agents[0]?.skills, ['x']);
    t.equal(flows[0]?.priority, 3);
    t.ok((await sql('select 1 from cc_flows')).length > 0, 'the others are untouched');
  });

  await t.test('a load fails as a whole where a column is missing', async (t) => {
    const tables = { ...DEFAULT_TABLES, cca_skills_column: 'talents' };
    await t.rejects(loadProvisioning(database, tables, new Lines()), { message: /talents.*does not exist/ });
  });
});

t.test('a load sees flows and agents as they were at one moment', async (t) => {
  const urls = await serverDatabases(t, 'one');
  if (urls === undefined) return;
  const databases = await opened(t, { db_url: urls.one, data_dir: t.testdir(), tables: DEFAULT_TABLES });
  await ensureSchema(databases, DEFAULT_TABLES);
  const { provisioning: database } = databases;
  const other = postgres(urls.one, { max: 1 });
  t.teardown(() => other.end());
  await other.unsafe(`insert into cc_flows (flowid, skill, message_queue) values ('f', 'old', 'sip:q@m')`);
  await other.unsafe(`insert into cc_agents (agentid, location, skills) values ('a', 'sip:a@h', 'old')`);
  let loading: Promise<Provisioning> | undefined;
  await other.begin(async (sql) => {
    await sql.unsafe('lock table cc_agents in access exclusive mode');
    loading = loadProvisioning(database, DEFAULT_TABLES, new Lines());
    const waits = "select 1 from pg_locks where not granted and relation = 'cc_agents'::regclass";
    while ((await sql.unsafe(waits)).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await sql.unsafe(`update cc_flows set skill = 'new'`);
    await sql.unsafe(`update cc_agents set skills = 'new'`);
  });
  t.match(await loading, { flows: [{ skill: 'old' }], agents: [{ skills: ['old'] }] });
  t.match(await loadProvisioning(database, DEFAULT_TABLES, new Lines()), {
    flows: [{ skill: 'new' }],
    agents: [{ skills: ['new'] }],
  });
});

t.test('a start that cannot reach its database says where and why, without the password', async (t) => {
  const options = { data_dir: t.testdir(), tables: DEFAULT_TABLES };
  await t.rejects(
    openDatabases({ ...options, db_url: 'postgres://acd:secret@127.0.0.1:9/acd' }),
    new StoreError('db_url: cannot reach the database at 127.0.0.1:9/acd: connect ECONNREFUSED 127.0.0.1:9'),
  );
  await t.rejects(
    openDatabases({ ...options, db_url: 'mysql://acd:secret@127.0.0.1/acd' }),
    new StoreError("db_url: expected postgres://user:password@host:port/database, got scheme 'mysql'"),
  );
});

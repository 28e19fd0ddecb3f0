/** cc_calls while calls run: a row for each, and levels that agree with the rows. */
import postgres from 'postgres';
import t from 'tap';
import { serverDatabases } from '../sql/databases.js';
import { eventually, within } from '../support/settle.js';
import { OPENSIPS_SCHEMA, type Query, schemaOf } from './opensips-schema.js';
import { Site } from './site.js';

const NOBODY_LOGGED_IN = 2_147_483_647;

t.test('cc_calls mirrors the calls there are, and the levels are what its rows say', async (t) => {
  const urls = await serverDatabases(t, 'all');
  if (urls === undefined) return;
  const site = await Site.open(
    t,
    {
      SIP_ACD_CALL_CENTER_DB_URL: urls.all,
      SIP_ACD_CALL_CENTER_REJECT_ON_NO_AGENTS: 'false',
      SIP_ACD_ROUTES:
        '[{"match":{"user":"vip"},"flow":"sales","param":"gold"},{"match":{"user":"*"},"flow":"other"}]',
    },
    { endless: {} },
  );
  const sql = postgres(urls.all, { max: 1, onnotice: () => {} });
  t.teardown(() => sql.end());
  await sql.unsafe(OPENSIPS_SCHEMA);
  const message_queue = site.media.uri('queue');
  await sql`insert into cc_flows ${sql([
    { flowid: 'sales', skill: 'sales', message_queue, message_welcome: null, dissuading_hangup: 0 },
    {
      flowid: 'other',
      skill: 'none',
      message_queue,
      message_welcome: site.media.uri('endless'),
      dissuading_hangup: 0,
    },
  ])}`;
  await sql`insert into cc_agents ${sql([
    { agentid: 'ann', skills: 'sales', location: site.agent('ann').uri, logstate: 1, wrapup_time: 1 },
  ])}`;
  await site.start();
  const started_s = Math.floor(Date.now() / 1000);

  const talks = site.call('vip', 'talks', { display: '"Tess T."' });
  await within(talks.hears('ann'), 'ann answers');
  const waits = site.call('vip', 'waits', { media: 'rtp' });
  await within(waits.hears('queue'), 'one waits');
  const chats = site.call('vip', 'chats', { media: 'msrp' });
  await within(chats.hears('queue'), 'a chat waits');
  const greeted = site.call('anything', 'greeted');
  await within(greeted.hears('endless'), 'one is greeted');

  const rows = await eventually(
    async () => [...(await sql`select * from cc_calls order by caller_un`)],
    (found) => found.length === 4 && found.some((row) => row.caller_un === 'talks' && row.setup_time >= 0),
    'each call has its row',
    3_000,
  );
  const listed = await site.list('cc_list_calls');
  t.same(
    new Set(rows.map((row) => row.b2buaid)),
    new Set(listed.map((call) => call.id)),
    'by the id that MI shows',
  );
  const sales = {
    flow: 'sales',
    ig_cback: 0,
    no_rej: 0,
    script_param: 'gold',
    eta: 0,
    agent: '',
    setup_time: -1,
  };
  t.match(rows, [
    { ...sales, caller_un: 'chats', caller_dn: '', state: 4, media: 1 },
    {
      ...sales,
      caller_un: 'greeted',
      state: 1,
      media: 0,
      flow: 'other',
      eta: NOBODY_LOGGED_IN,
      script_param: '',
    },
    { ...sales, caller_un: 'talks', caller_dn: 'Tess T.', state: 6, media: 0, agent: 'ann', setup_time: 0 },
    { ...sales, caller_un: 'waits', state: 4, media: 0 },
  ]);
  const now_s = Math.ceil(Date.now() / 1000);
  for (const { recv_time, last_start } of rows) {
    t.ok(recv_time >= started_s - 1 && recv_time <= last_start && last_start <= now_s, 'unix times');
  }
  const count = (fits: (row: (typeof rows)[number]) => boolean) => rows.filter(fits).length;
  t.match(await site.statistics(), {
    ccg_onhold_calls: count((row) => row.state <= 5),
    ccg_onhold_chats: count((row) => row.state <= 5 && row.media === 1),
    'ccf_onhold_calls-sales': count((row) => row.state <= 5 && row.flow === 'sales'),
    'ccf_onhold_chats-sales': count((row) => row.state <= 5 && row.flow === 'sales' && row.media === 1),
    'ccf_queued_calls-sales': count((row) => row.state === 4 && row.flow === 'sales'),
    'ccf_queued_calls-other': 0,
    'ccf_onhold_calls-other': 1,
    ccg_free_agents: 0,
    ccg_load: 400,
    'ccf_load-sales': 300,
    'ccf_load-other': 0,
  });

  for (const call of [talks, waits, chats, greeted]) await within(call.hangup(), 'a caller leaves');
  await eventually(
    async () => [...(await sql`select b2buaid from cc_calls`)],
    (found) => found.length === 0,
    'no row outlives its call',
    3_000,
  );
  t.same(site.violations(), []);
});

t.test('an empty database gets the tables of the contract, column by column', async (t) => {
  const urls = await serverDatabases(t, 'empty', 'opensips');
  if (urls === undefined) return;
  const site = await Site.open(t, { SIP_ACD_CALL_CENTER_DB_URL: urls.empty });
  await site.start();
  await site.stop();
  const columns = async (url: string): Promise<unknown> => {
    const client = postgres(url, { max: 1, onnotice: () => {} });
    const query: Query = (text) => client.unsafe(text);
    if (url === urls.opensips) {
      await query(OPENSIPS_SCHEMA);
      await query("delete from version where table_name = 'dialog'");
      // The contract gives b2buaid no default.
      await query('alter table cc_calls alter column b2buaid drop default');
    }
    const { columns, versions } = (await schemaOf(query)) as Record<string, { column_name: string }[]>;
    const unique = await query(`select conrelid::regclass::text as of, pg_get_constraintdef(oid) as definition
      from pg_constraint where contype in ('u', 'p') and conrelid::regclass::text not like 'acd%' order by 1, 2`);
    await client.end();
    return { columns: columns?.map(withoutPlace), versions, unique };
  };
  t.same(await columns(urls.empty), await columns(urls.opensips));
});

/** How a default of NULL is written, and the order of the columns, do not matter. */
function withoutPlace(column: object): object {
  const { ordinal_position, column_default, ...rest } = column as Record<string, unknown>;
  const preset = String(column_default ?? '').startsWith('NULL') ? null : column_default;
  return { ...rest, preset };
}

/** A database that OpenSIPS made and filled: it serves as it is, and afterwards it is as it was. */
import { join } from 'node:path';
import postgres from 'postgres';
import t, { type Test } from 'tap';
import { type EmbeddedDatabase, openEmbedded } from '../../sql/embedded.js';
import { serverDatabases } from '../sql/databases.js';
import { within } from '../support/settle.js';
import { OPENSIPS_SCHEMA, type Query, schemaOf } from './opensips-schema.js';
import { Site } from './site.js';

interface Talk {
  wait_time: number;
  pickup_time: number;
  talk_time: number;
  /** Local time. */
  received: string;
}

const ZONE = 'Asia/Tokyo';

t.test('embedded database', async (t) => {
  const site = await Site.open(t, { SIP_ACD_SQL_TIMEZONE: ZONE });
  const folder = join(site.data_dir, 'sql');
  await servesAsItIs(t, site, async (work) => {
    const database: EmbeddedDatabase = await openEmbedded(folder);
    const client = postgres({ path: database.socket_path, user: 'postgres', database: 'postgres', max: 1 });
    try {
      await work((text) => client.unsafe(text));
    } finally {
      await client.end();
      await database.close();
    }
  });
});

t.test('PostgreSQL server', async (t) => {
  const urls = await serverDatabases(t, 'all');
  if (urls === undefined) return;
  const site = await Site.open(t, { SIP_ACD_CALL_CENTER_DB_URL: urls.all, SIP_ACD_SQL_TIMEZONE: ZONE });
  await servesAsItIs(t, site, async (work) => {
    const client = postgres(urls.all, { max: 1, onnotice: () => {} });
    try {
      await work((text) => client.unsafe(text));
    } finally {
      await client.end();
    }
  });
});

/** @param inside opens the database for a while, when no engine runs */
async function servesAsItIs(
  t: Test,
  site: Site,
  inside: (work: (query: Query) => Promise<void>) => Promise<void>,
): Promise<void> {
  const bob = site.agent('bob', { answer_after_ms: 1_200 });
  const media = (name: string) => site.media.uri(name);
  let before: unknown;
  await inside(async (query) => {
    await query(OPENSIPS_SCHEMA);
    await query(`insert into cc_flows (flowid, priority, skill, prependcid, message_welcome, message_queue)
      values ('support', 10, 'tech', 'SUP', '${media('welcome')}', '${media('queue')}')`);
    await query(`insert into cc_agents (agentid, location, logstate, skills, wrapup_time)
      values ('bob', '${bob.uri}', 1, ' tech ,, tech,billing', 7), ('eve', 'sip:eve@127.0.0.1:9', 0, 'tech', 0)`);
    await query(`insert into cc_cdrs (caller, received_timestamp, flow_id, agent_id, call_type, cid)
      values ('before', '2020-01-01 00:00:00', 'support', 'bob', 0, 41)`);
    await query(`insert into cc_calls (state, media, ig_cback, no_rej, setup_time, eta, last_start, recv_time,
      caller_dn, caller_un, b2buaid, flow, agent, script_param)
      values (4, 0, 0, 0, -1, 0, 1, 1, '', 'stale', 'B2B.1.2', 'support', '', '')`);
    before = await schemaOf(query);
  });

  const started_s = Math.floor(Date.now() / 1000);
  await site.start();
  const talked = site.call('support', 'talker', { display: '"Tess"' });
  await within(talked.hears('welcome'), 'the welcome plays');
  await within(talked.hears('bob'), 'bob answers');
  t.equal((await bob.nextCall()).invitation?.from.display, 'SUP Tess');
  const waits = site.call('support', 'waiter');
  await within(waits.hears('queue'), 'the next one waits');
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  const hangup_s = Math.floor(Date.now() / 1000);
  await within(talked.hangup(), 'the talk ends');
  await within(waits.hangup(), 'the one who waits leaves');
  await site.idle();
  const idle_s = Date.now() / 1000;
  await site.stop();

  await inside(async (query) => {
    t.same(await schemaOf(query), before, 'columns, types, defaults, constraints, indexes and versions');
    const rows = await query(
      `select *, received_timestamp::text as received from cc_cdrs where caller <> 'before' order by cid`,
    );
    t.match(rows, [
      {
        caller: 'talker',
        flow_id: 'support',
        agent_id: 'bob',
        call_type: 0,
        rejected: 0,
        fstats: 7,
        cid: 42,
        media: 1,
      },
      {
        caller: 'waiter',
        flow_id: 'support',
        agent_id: null,
        call_type: 1,
        talk_time: 0,
        fstats: 9,
        cid: 43,
      },
    ]);
    const { pickup_time = 0, wait_time = 0, talk_time = 0, received } = (rows[0] ?? {}) as Partial<Talk>;
    t.ok(pickup_time >= 1, 'seconds of ringing');
    t.ok(wait_time >= pickup_time, 'the wait ends with the answer');
    t.ok(talk_time >= 1, 'seconds of talk');
    const received_s = Date.parse(`${received?.replace(' ', 'T')}+09:00`) / 1000;
    t.ok(received_s >= started_s && received_s <= idle_s, `the arrival in local time: ${received}`);
    const [agent] = (await query(`select * from cc_agents where agentid = 'bob'`)) as Record<
      string,
      number
    >[];
    const wrapup_end_s = agent?.wrapup_end_time ?? 0;
    t.ok(wrapup_end_s >= hangup_s + 7 && wrapup_end_s <= idle_s + 7, 'the end of the wrapup');
    t.match(agent, { skills: ' tech ,, tech,billing', logstate: 1 }, 'nothing else of the agent is written');
    t.same(await query('select b2buaid from cc_calls'), [], 'what was left over and what has ended is gone');
    t.match(await query(`select caller from cc_cdrs where cid = 41`), [{ caller: 'before' }]);
  });
  t.same(site.violations(), []);
}

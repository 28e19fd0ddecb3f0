/** cc_reload while calls run, over the tables themselves. */
import postgres from 'postgres';
import t from 'tap';
import { serverDatabases } from '../sql/databases.js';
import { eventually, within } from '../support/settle.js';
import { Site } from './site.js';

t.test('reload while calls run', async (t) => {
  const urls = await serverDatabases(t, 'all');
  if (urls === undefined) return;
  const site = await Site.open(t, {
    SIP_ACD_CALL_CENTER_DB_URL: urls.all,
    SIP_ACD_CALL_CENTER_WRAPUP_TIME: '1',
    SIP_ACD_LOG_LEVEL: 'fatal',
  });
  const sql = postgres(urls.all, { max: 1, onnotice: () => {} });
  t.teardown(() => sql.end());
  const queue = site.media.uri('queue');
  const agent = async (agentid: string, skills: string, logstate = 1) => {
    await sql`insert into cc_agents ${sql({ agentid, skills, location: site.agent(agentid).uri, logstate })}`;
  };
  await site.start();
  t.same(await site.list('cc_list_flows'), [], 'an empty database serves nothing');
  const closed = site.call('sales', 'early');
  t.match(await within(closed.ended, 'no such flow yet'), { status: 404 });

  await t.test('added flows and agents serve at once', async (t) => {
    await sql`insert into cc_flows ${sql({ flowid: 'sales', skill: 'sales', message_queue: queue })}`;
    await agent('ann', 'sales');
    t.equal(await site.mi('cc_reload'), 'OK');
    const call = site.call('sales', 'first');
    await within(call.hears('ann'), 'ann answers');
    await within(call.hangup(), 'the talk ends');
    await site.agentIs('ann', 'free');
  });

  await t.test('counters survive, and the login that was made at run time', async (t) => {
    await site.mi('cc_agent_login', ['ann', 0]);
    const before = await site.statistics();
    t.equal(before.ccg_answered_incalls, 1);
    await sql`update cc_flows set priority = 7, prependcid = 'New'`;
    t.equal(await site.mi('call_center:reload'), 'OK');
    t.same(await site.statistics(), before);
    t.match(await site.listedAgent('ann'), { 'Loged in': 'NO' });
    await site.mi('cc_agent_login', ['ann', 1]);
    const call = site.call('sales', 'second');
    await within(call.hears('ann'), 'ann answers');
    await site.agent('ann').nextCall();
    t.equal((await site.agent('ann').nextCall()).invitation?.from.display, 'New second', 'the new prefix');
    await within(call.hangup(), 'the talk ends');
    await site.agentIs('ann', 'free');
  });

  await t.test('removed ones live until their last call ends', async (t) => {
    await sql`insert into cc_flows ${sql({ flowid: 'old', skill: 'old', message_queue: queue })}`;
    await agent('otto', 'old');
    await site.mi('cc_reload');
    const talks = site.call('old', 'talks');
    await within(talks.hears('otto'), 'otto answers');
    const waits = site.call('old', 'waits');
    await within(waits.hears('queue'), 'another waits');
    await sql`delete from cc_flows where flowid = 'old'`;
    await sql`delete from cc_agents where agentid = 'otto'`;
    t.equal(await site.mi('cc_reload'), 'OK');
    const late = site.call('old', 'late');
    t.match(await within(late.ended, 'the flow takes no more'), { status: 404 });
    t.match(await site.listedAgent('otto'), { 'Loged in': 'NO', Ref: 1 }, 'there while he talks');
    t.ok((await site.list('cc_list_flows')).some((flow) => flow.id === 'old'));
    t.equal(talks.peer, 'otto');
    await within(talks.hangup(), 'the talk ends');
    await eventually(
      () => site.listedAgent('otto'),
      (otto) => otto === undefined,
      'otto is gone',
    );
    t.ok(
      (await site.list('cc_list_flows')).some((flow) => flow.id === 'old'),
      'one still waits in the flow',
    );
    await within(waits.hangup(), 'the last one leaves');
    await eventually(
      () => site.list('cc_list_flows'),
      (flows) => flows.every((flow) => flow.id !== 'old'),
      'the flow is gone',
    );
    t.notOk(Object.keys(await site.statistics()).some((name) => /-(old|otto)$/.test(name)));
  });

  await t.test('a skill that moves to another agent takes the waiting calls along', async (t) => {
    await sql`insert into cc_flows ${sql({ flowid: 'tech', skill: 'tech', message_queue: queue })}`;
    await agent('tim', 'tech', 0);
    await site.mi('cc_reload');
    await site.mi('cc_agent_login', ['tim', 1]);
    await site.mi('cc_internal_call_dispatching', [0]);
    const call = site.call('tech', 'tech-caller');
    await within(call.hears('queue'), 'the call waits');
    await sql`update cc_agents set skills = 'none' where agentid = 'tim'`;
    await sql`update cc_agents set skills = 'sales,tech' where agentid = 'ann'`;
    await site.mi('cc_reload');
    await site.mi('cc_internal_call_dispatching', [1]);
    await within(call.hears('ann'), 'who has the skill now answers');
    t.match(await site.listedAgent('tim'), { Ref: 0, State: 'free' });
    await within(call.hangup(), 'the talk ends');
    await site.agentIs('ann', 'free');
  });

  await t.test('a bad row is left out, the others load', async (t) => {
    await sql`insert into cc_flows ${sql({ flowid: 'bad', skill: 'sales', message_queue: 'no URI' })}`;
    await sql`insert into cc_flows ${sql({ flowid: 'good', skill: 'sales', message_queue: queue })}`;
    t.equal(await site.mi('cc_reload'), 'OK');
    const ids = (await site.list('cc_list_flows')).map((flow) => flow.id);
    t.ok(ids.includes('good') && !ids.includes('bad'), ids.join());
  });

  await t.test('a reload that fails half-way changes nothing', async (t) => {
    const call = site.call('sales', 'talker');
    await within(call.hears('ann'), 'ann answers');
    const [flows, agents] = [await site.list('cc_list_flows'), await site.list('cc_list_agents')];
    await sql`delete from cc_flows`;
    await sql`alter table cc_agents rename column skills to talents`;
    await t.rejects(site.mi('cc_reload'), { message: /^Failed to reload \(500\).*cannot load from.*skills/ });
    t.same(await site.list('cc_list_flows'), flows, 'the flows could be read, the agents not');
    t.same(await site.list('cc_list_agents'), agents);
    t.equal(call.peer, 'ann');
    const waits = site.call('good', 'waiter');
    await within(waits.hears('queue'), 'calls are taken as before');
    await within(call.hangup(), 'the talk ends');
    await within(waits.hears('ann'), 'and delivered');
    await sql`alter table cc_agents rename column talents to skills`;
    t.equal(await site.mi('cc_reload'), 'OK', 'the next one succeeds');
    t.match(await site.list('cc_list_flows'), [{ id: 'good' }], 'empty but for the flow with a call');
    await within(waits.hangup(), 'the caller leaves');
    await eventually(
      () => site.list('cc_list_flows'),
      (left) => left.length === 0,
      'all flows are gone',
    );
  });
  t.same(site.violations(), []);
});

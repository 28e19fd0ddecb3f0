/** Dispatching from outside: switched off at the start, switched at run time, and every refusal in its order. */
import t from 'tap';
import { seedDatabase } from '../../tools/provision.js';
import { eventually, within } from '../support/settle.js';
import { Site } from './site.js';

const site = await Site.open(t, { SIP_ACD_CALL_CENTER_INTERNAL_CALL_DISPATCHING: '0' });
const message_queue = site.media.uri('queue');
const at = (agentid: string) => site.agent(agentid).uri;
await seedDatabase(
  site.data_dir,
  [
    { flowid: 'sales', skill: 'sales', message_queue },
    { flowid: 'greeted', skill: 'sales', message_queue, message_welcome: site.media.uri('queue') },
  ],
  [
    { agentid: 'ann', skills: 'sales', location: at('ann'), logstate: 1, wrapup_time: 1 },
    { agentid: 'chatty', skills: 'sales', msrp_location: at('chatty'), msrp_max_sessions: 1, logstate: 1 },
    { agentid: 'away', skills: 'sales', location: at('away'), logstate: 0 },
    { agentid: 'tech', skills: 'tech', location: at('tech'), logstate: 1 },
  ],
);
await site.start();

async function idOf(caller: string): Promise<string> {
  const calls = await eventually(
    () => site.list('cc_list_queue'),
    (listed) => listed.some((call) => call['Caller username'] === caller),
    `${caller} is in the queue`,
  );
  return String(calls.find((call) => call['Caller username'] === caller)?.id);
}

const dispatch = (call_id: string, agent_id: string) =>
  site.mi('cc_dispatch_call_to_agent', [call_id, agent_id]);

/** The error of a dispatch. */
async function refusal(call_id: string, agent_id: string): Promise<string> {
  return dispatch(call_id, agent_id).then(
    () => 'none',
    (error: Error) => error.message,
  );
}

t.test('calls wait although agents are free, until they are dispatched', async (t) => {
  t.same(await site.mi('cc_internal_call_dispatching'), { dispatching: 0 });
  const first = site.call('sales', 'first');
  const second = site.call('sales', 'second');
  const chat = site.call('sales', 'chat', { media: 'msrp' });
  const [first_id, second_id, chat_id] = [await idOf('first'), await idOf('second'), await idOf('chat')];
  await within(first.hears('queue'), 'the queue message plays');
  t.match(await site.listedAgent('ann'), { State: 'free' });

  t.equal(await dispatch(second_id, 'ann'), 'OK', 'any call of the queue');
  await within(second.hears('ann'), 'ann answers');
  t.equal(await dispatch(chat_id, 'chatty'), 'OK');
  await within(chat.hears('chatty'), 'chatty answers');

  await within(second.hangup(), 'the talk ends');
  await site.agentIs('ann', 'free');
  t.equal(first.peer, 'queue', 'ann is free again, and nothing is delivered by itself');
  t.same(await site.mi('cc_internal_call_dispatching', { dispatching: 1 }), { dispatching: 1 });
  await within(first.hears('ann'), 'switched on, what waits is delivered');
  t.equal(await refusal(first_id, 'ann'), 'Internal dispatching is enabled (403)');
  t.same(await site.mi('cc_internal_call_dispatching', { dispatching: 0 }), { dispatching: 0 });
  for (const call of [first, chat]) await within(call.hangup(), 'the caller leaves');
  await site.agentIs('ann', 'free');
});

t.test('every refusal, the first in this order', async (t) => {
  const waits = site.call('sales', 'waits');
  const chats = site.call('sales', 'chats', { media: 'msrp' });
  const [waits_id, chats_id] = [await idOf('waits'), await idOf('chats')];
  const greeted = site.call('greeted', 'greeted');
  await within(greeted.hears('queue'), 'the welcome plays');
  const welcome = (await site.list('cc_list_calls')).find((call) => call.State === 'welcome');

  t.same(await site.mi('cc_internal_call_dispatching', { dispatching: 1 }), { dispatching: 1 });
  await within(waits.hears('ann'), 'ann takes it');
  t.equal(await refusal('nothing', 'nobody'), 'Internal dispatching is enabled (403)');
  t.same(await site.mi('cc_internal_call_dispatching', ['0']), { dispatching: 0 });
  t.equal(await refusal('nothing', 'nobody'), 'Agent not found (404)');
  t.equal(await refusal('nothing', 'away'), 'Agent not logged in (404)');
  t.equal(await refusal('nothing', 'tech'), 'Call not found (404)');
  t.equal(await refusal(waits_id, 'tech'), 'Agent has no skill for the call (488)');
  t.equal(await refusal(waits_id, 'ann'), 'Agent is not free/audio enabled (488)', 'in a call');
  t.equal(await refusal(waits_id, 'chatty'), 'Agent is not free/audio enabled (488)', 'only for chats');
  t.equal(await refusal(chats_id, 'ann'), 'Agent is not free/chat enabled (488)', 'no place for chats');
  t.equal(await refusal(chats_id, 'chatty'), 'Agent is not free/chat enabled (488)', 'no session left');
  await within(waits.hangup(), 'ann is done');
  await site.agentIs('ann', 'free');
  t.equal(await refusal(String(welcome?.id), 'ann'), 'Call not in queue any more (404)', 'or not yet');
  t.equal(await refusal(waits_id, 'ann'), 'Call not found (404)', 'it has ended');
  for (const call of [chats, greeted]) await within(call.hangup(), 'the caller leaves');
});

t.test('what a command has done is seen by who has its answer', async (t) => {
  const seen: unknown[] = [];
  const state = (i: number) => (i % 2 === 0 ? 'NO' : 'YES');
  for (let i = 0; i < 100; i++) {
    await site.mi('cc_agent_login', ['tech', i % 2]);
    seen.push((await site.listedAgent('tech'))?.['Loged in']);
  }
  t.same(
    seen,
    Array.from(seen, (_, i) => state(i)),
  );
});

t.test('an agent who refuses what was dispatched leaves it waiting for the next command', async (t) => {
  const ann = site.agent('ann', { reject: 486 });
  const call = site.call('sales', 'refused');
  const id = await idOf('refused');
  await dispatch(id, 'ann');
  await eventually(
    () => site.statistics(['cca_rej_incalls-ann']),
    (statistics) => statistics['cca_rej_incalls-ann'] === 1,
    'ann refuses',
  );
  await site.agentIs('ann', 'free');
  t.equal(await idOf('refused'), id, 'in the queue again');
  ann.temper = { answer_after_ms: 0 };
  t.equal(await dispatch(id, 'ann'), 'OK');
  await within(call.hears('ann'), 'this time ann answers');
  await within(call.hangup(), 'the talk ends');
  t.same(site.violations(), []);
});

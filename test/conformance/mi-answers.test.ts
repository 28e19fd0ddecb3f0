/** The answers of MI, key by key, from a running engine: by both names of each method, over HTTP and over WebSocket. */
import { once } from 'node:events';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { seedDatabase } from '../../tools/provision.js';
import { eventually, within } from '../support/settle.js';
import { Site } from './site.js';

type Shape = string | number | boolean | Shape[] | { [key: string]: Shape };
interface Answer {
  jsonrpc: string;
  id: number;
  result?: unknown;
  error?: { code: number; message: string; data?: string };
}

const site = await Site.open(t, {});
const at = (agentid: string) => site.agent(agentid).uri;
await seedDatabase(
  site.data_dir,
  [
    { flowid: 'sales', skill: 'sales', prependcid: 'S', priority: 4, message_queue: site.media.uri('queue') },
    { flowid: 'chat', skill: 'chat', message_queue: site.media.uri('queue') },
  ],
  [
    { agentid: 'away', skills: 'sales', location: at('away'), logstate: 0 },
    { agentid: 'chats', skills: 'chat', msrp_location: at('chats'), logstate: 1, wrapup_time: 500 },
    { agentid: 'free', skills: 'other', location: at('free'), logstate: 1 },
    { agentid: 'rests', skills: 'sales', location: at('rests'), logstate: 1, wrapup_time: 500 },
    { agentid: 'talks', skills: 'sales', location: at('talks'), logstate: 1 },
  ],
);
await site.start();
const socket = new WebSocket(site.mi_url.replace('http:', 'ws:'));
await once(socket, 'open');
t.teardown(() => socket.terminate());

/** Who rests talked, one talks, one waits; two chatted, one of them has left. */
const first = site.call('sales', 'first');
await within(Promise.race([first.hears('rests'), first.hears('talks')]), 'an agent answers');
const second = site.call('sales', 'second', { display: '"Bob"' });
await within(Promise.race([second.hears('rests'), second.hears('talks')]), 'the other one answers');
const [rests, talks] = first.peer === 'rests' ? [first, second] : [second, first];
const waits = site.call('sales', 'waits', { display: '"Zoe"' });
await within(waits.hears('queue'), 'the third one waits');
await within(rests.hangup(), 'the first talk ends');
await site.agentIs('rests', 'wrapup');
const chats = [site.call('chat', 'chat1', { media: 'msrp' }), site.call('chat', 'chat2', { media: 'msrp' })];
for (const chat of chats) await within(chat.hears('chats'), 'the chat is answered');
await within(chats[0]?.hangup() ?? Promise.reject(), 'one chat ends');
await eventually(
  () => site.listedAgent('chats'),
  (agent) => agent?.['Ongoing chats'] === 1,
  'one chat is left',
);

async function overHttp(method: string, params?: unknown): Promise<Answer> {
  const response = await fetch(site.mi_url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 7, method, params }),
  });
  return (await response.json()) as Answer;
}

async function overSocket(method: string, params?: unknown): Promise<Answer> {
  const answer = once(socket, 'message');
  socket.send(JSON.stringify({ jsonrpc: '2.0', id: 7, method, params }));
  const [data] = (await within(answer, `an answer to ${method}`)) as [Buffer];
  return JSON.parse(String(data)) as Answer;
}

/** Each method by each name over each transport: its answer is JSON-RPC's, with a result of this shape. */
async function answers(t: Test, names: readonly string[], params: unknown, shape: Shape): Promise<void> {
  for (const name of names) {
    for (const ask of [overHttp, overSocket]) {
      const { jsonrpc, id, result, ...rest } = await ask(name, params);
      t.same({ jsonrpc, id, rest }, { jsonrpc: '2.0', id: 7, rest: {} }, `${name} ${ask.name}`);
      t.strictSame(shapeOf(result, shape), shape, name);
    }
  }
}

/** The value with whatever the shape has as a type's name replaced by its own type's name. */
function shapeOf(value: unknown, shape: Shape | undefined): unknown {
  if (shape === ':text' || shape === ':number')
    return typeof value === 'string' ? ':text' : `:${typeof value}`;
  if (Array.isArray(value)) return value.map((item, i) => shapeOf(item, (shape as Shape[] | undefined)?.[i]));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, shapeOf(item, (shape as Record<string, Shape>)?.[key])]),
  );
}

const cc = (name: string) => [`cc_${name}`, `call_center:${name}`];
const TEXT = ':text';
const NUMBER = ':number';

t.test('cc_list_queue', async (t) => {
  const call = {
    index: 0,
    id: TEXT,
    Media: 'RTP',
    'Caller username': 'waits',
    'Caller display name': 'S Zoe',
    'Waiting for': NUMBER,
    ETW: NUMBER,
    Flow: 'sales',
    Priority: 4,
    Skill: 'sales',
  };
  await answers(t, cc('list_queue'), undefined, { Calls: [call] });
});

t.test('cc_list_flows', async (t) => {
  const flow = (id: string, processed: number, agents: number, ongoing: number) => ({
    id,
    'Avg Call Duration': NUMBER,
    'Processed Calls': processed,
    'Logged Agents': agents,
    'Ongoing Calls': ongoing,
    'Ref Calls': ongoing,
  });
  await answers(t, cc('list_flows'), undefined, { Flows: [flow('chat', 1, 1, 1), flow('sales', 1, 2, 2)] });
});

t.test('cc_list_agents', async (t) => {
  const agent = (id: string, Ref: number, State: string) => ({ id, Ref, 'Loged in': 'YES', State });
  await answers(t, cc('list_agents'), undefined, {
    Agents: [
      { id: 'away', Ref: 0, 'Loged in': 'NO' },
      { ...agent('chats', 1, 'inchat'), 'Wrapup-ends': NUMBER, 'Ongoing chats': 1, 'Free chats': 2 },
      agent('free', 0, 'free'),
      { ...agent('rests', 0, 'wrapup'), 'Wrapup-ends': NUMBER },
      agent('talks', 1, 'incall'),
    ],
  });
});

t.test('cc_list_calls', async (t) => {
  const call = (State: string, Flow: string) => ({ id: TEXT, Ref: NUMBER, State, 'Call Time': NUMBER, Flow });
  const listed = await site.list('cc_list_calls');
  const shapes: Record<string, Shape> = {
    talks: { ...call('toagent', 'sales'), Agent: 'talks' },
    chats: { ...call('toagent', 'chat'), Agent: 'chats' },
    '': call('queued', 'sales'),
  };
  t.equal(listed.length, 3);
  await answers(t, cc('list_calls'), undefined, {
    Calls: listed.map((shown) => shapes[String(shown.Agent ?? '')] ?? 'unexpected'),
  });
});

t.test('the orders answer OK, their refusals as JSON-RPC errors', async (t) => {
  await answers(t, cc('reload'), undefined, 'OK');
  await answers(t, cc('agent_login'), { agent_id: 'free', state: '0' }, 'OK');
  await answers(t, cc('agent_login'), ['free', 1], 'OK');
  await answers(t, cc('internal_call_dispatching'), undefined, { dispatching: 1 });
  for (const [names, params, error] of [
    [cc('agent_login'), ['nobody', 1], { code: 404, message: 'Agent not found' }],
    [cc('dispatch_call_to_agent'), ['c', 'free'], { code: 403, message: 'Internal dispatching is enabled' }],
    [['get_statistics'], [['none']], { code: 404, message: 'Statistics Not Found' }],
    [['which'], ['none'], { code: 404, message: 'unknown MI command' }],
    [['cc_fly'], undefined, { code: -32601, message: 'Method not found' }],
    [
      cc('agent_login'),
      ['free'],
      { code: -32602, message: 'Invalid params', data: 'Too few or too many parameters' },
    ],
  ] as const) {
    for (const name of names) {
      for (const ask of [overHttp, overSocket])
        t.same(
          await ask(name, params),
          { jsonrpc: '2.0', id: 7, error },
          `${name} ${JSON.stringify(params)}`,
        );
    }
  }
});

t.test('statistics', async (t) => {
  const get = ['get_statistics', 'statistics:get'];
  const asked = [
    ['ccg_onhold_calls', 'CALL_CENTER:ccf_queued_calls-SALES', 'cca_answ_incalls-rests', 'none'],
  ];
  await answers(t, get, asked, {
    'call_center:ccg_onhold_calls': 1,
    'call_center:ccf_queued_calls-sales': 1,
    'call_center:cca_answ_incalls-rests': 1,
  });
  const all = Object.keys(await site.statistics());
  t.equal(all.length, 10 + 2 * 12 + 5 * 6);
  const numbers = Object.fromEntries(all.map((name) => [`call_center:${name}`, NUMBER]));
  for (const every of [['all'], ['call_center:']]) await answers(t, get, { statistics: every }, numbers);
  const list = ['list_statistics', 'statistics:list'];
  await answers(t, list, [['ccg_awt', 'ccg_incalls']], {
    'call_center:ccg_awt': 'non-incremental',
    'call_center:ccg_incalls': 'incremental',
  });
  await answers(t, ['reset_statistics', 'statistics:reset'], [['ccg_incalls']], 'OK');
  await answers(t, ['reset_all_statistics', 'statistics:reset_all'], [['all']], 'OK');
  await answers(t, get, [['ccg_incalls', 'ccg_onhold_calls', 'ccg_answered_incalls']], {
    'call_center:ccg_incalls': 0,
    'call_center:ccg_onhold_calls': 1,
    'call_center:ccg_answered_incalls': 0,
  });
  await answers(t, cc('reset_stats'), undefined, 'OK');
  await answers(t, ['statistics:get'], [['ccg_awt', 'ccf_awt-sales', 'cca_att-rests', 'ccg_onhold_calls']], {
    'call_center:ccg_awt': 0,
    'call_center:ccf_awt-sales': 0,
    'call_center:cca_att-rests': 0,
    'call_center:ccg_onhold_calls': 1,
  });
  const [sales] = (await site.list('cc_list_flows')).filter((flow) => flow.id === 'sales');
  t.match(sales, { 'Avg Call Duration': 0, 'Processed Calls': 0, 'Ongoing Calls': 2 });
});

t.test('which, and events', async (t) => {
  await answers(t, ['which'], { command: 'cc_internal_call_dispatching' }, [[], ['dispatching']]);
  for (const name of ['events_list', 'evi:list']) {
    for (const ask of [overHttp, overSocket]) {
      const { Events } = (await ask(name)).result as { Events: { name: string; id: number }[] };
      t.ok(Events.some((event) => event.name === 'E_CALLCENTER_AGENT_REPORT'));
      for (const event of Events) t.same(Object.keys(event).sort(), ['id', 'name']);
    }
  }
  const subscribe = { event: 'E_CALLCENTER_AGENT_REPORT' };
  t.same(await overSocket('evi:subscribe', subscribe), { jsonrpc: '2.0', id: 7, result: 'OK' });
  t.match(
    await overHttp('event_subscribe', subscribe),
    { error: { code: 400 } },
    'HTTP cannot be told anything',
  );
  const told = once(socket, 'message');
  await site.mi('cc_agent_login', ['free', 0]);
  const [data] = (await within(told, 'the event')) as [Buffer];
  t.same(JSON.parse(String(data)), {
    jsonrpc: '2.0',
    method: 'E_CALLCENTER_AGENT_REPORT',
    params: { agent_id: 'free', state: 'offline', status: 'offline' },
  });
});

t.test('everybody leaves', async (t) => {
  for (const call of [talks, waits, chats[1]])
    await within(call?.hangup() ?? Promise.reject(), 'a caller leaves');
  await site.idle();
  t.same(await site.list('cc_list_calls'), []);
  t.same(site.violations(), []);
});

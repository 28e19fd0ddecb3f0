/** The management interface of a running engine, over HTTP and over WebSocket: what is answered, key by key. */
import { once } from 'node:events';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { Center } from '../support/center.js';
import { eventually, within } from '../support/settle.js';
import { type Answer, Socket } from '../workers/mi/support.js';

type Item = Record<string, unknown>;

const center = await Center.start(
  {
    talk: { flow: { prependcid: 'Talk', priority: 7 }, agents: { ann: {} } },
    ring: { agents: { ben: { temper: {} } } },
    held: { agents: { carl: { logged_in: false, temper: {} } } },
  },
  { SIP_ACD_CALL_CENTER_REJECT_ON_NO_AGENTS: 'false' },
);

async function webSocket(): Promise<Socket> {
  const ws = new WebSocket(center.engine.mi_url.replace('http', 'ws'));
  await once(ws, 'open');
  return new Socket(ws);
}

const socket = await webSocket();
t.teardown(() => socket.ws.terminate());

async function post(message: unknown): Promise<unknown> {
  const response = await fetch(center.engine.mi_url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(message),
  });
  return response.json();
}

/** The ways that a method can be called: each name over each transport. */
const WAYS: readonly ((method: string, params?: unknown) => Promise<Answer>)[] = [
  (method, params) => post({ jsonrpc: '2.0', id: 1, method, params }) as Promise<Answer>,
  (method, params) => socket.call(method, params),
];

/** Both names of a call-centre command. */
const named = (name: string) => [`cc_${name}`, `call_center:${name}`];

async function everyWay(names: string[], params: unknown, check: (answer: Answer, way: string) => void) {
  for (const name of names) {
    for (const [index, call] of WAYS.entries())
      check(await within(call(name, params), name), `${name} over ${index === 0 ? 'HTTP' : 'WebSocket'}`);
  }
}

/** A list, item by item: exactly these keys in this order, and such values. */
function items(t: Test, answer: Answer, key: string, expected: Item[], way: string): void {
  t.same(Object.keys(answer), ['jsonrpc', 'result', 'id'], way);
  const result = answer.result as Record<string, Item[]>;
  t.same(Object.keys(result), [key]);
  const list = [...(result[key] ?? [])].sort((a, b) => String(a.id).localeCompare(String(b.id)));
  const sorted = [...expected].sort((a, b) => String(a.id).localeCompare(String(b.id)));
  t.equal(list.length, sorted.length);
  for (const [index, item] of list.entries()) {
    t.same(Object.keys(item), Object.keys(sorted[index] ?? {}), `${way}: ${String(item.id)}`);
    t.match(item, sorted[index] ?? {}, `${way}: ${String(item.id)}`);
  }
}

const list = async (method: string, key: string) =>
  ((await center.engine.mi(method)) as Record<string, Item[]>)[key] ?? [];

/** The call in this state, once there is one. */
async function callIn(State: string, Flow: string): Promise<string> {
  const calls = await eventually(
    () => list('cc_list_calls', 'Calls'),
    (all) => all.some((call) => call.State === State && call.Flow === Flow),
    `a call of ${Flow} is ${State}`,
  );
  return String(calls.find((call) => call.State === State && call.Flow === Flow)?.id);
}

const talking = center.call('talk', 'talker', { display: '"Tom"' });
await within(talking.hears('ann'), 'a caller talks');
const ringing = center.call('ring', 'ringer');
await within(center.agent('ben').nextCall(), 'an agent rings');
const waiting = center.call('held', 'waiter', { display: 'Wanda' });
await within(waiting.hears('queue'), 'a caller waits');
const chatting = center.call('held', 'chatter', { media: 'msrp' });
await within(chatting.hears('queue'), 'a chat waits');
const ids = {
  talk: await callIn('toagent', 'talk'),
  ring: await callIn('toagent', 'ring'),
};

t.test('cc_list_queue', async (t) => {
  const waits = {
    'Waiting for': Number,
    ETW: 2147483647,
    Flow: 'held',
    Priority: 256,
    Skill: 'held',
  };
  await everyWay(named('list_queue'), undefined, (answer, way) => {
    const queue = (answer.result as { Calls: Item[] }).Calls;
    t.same(
      queue.map((call) => [call.index, call['Caller username']]),
      [
        [0, 'waiter'],
        [1, 'chatter'],
      ],
      'in the order of delivery',
    );
    const [first, second] = queue.map(({ id }) => id);
    items(
      t,
      answer,
      'Calls',
      [
        {
          index: 0,
          id: first,
          Media: 'RTP',
          'Caller username': 'waiter',
          'Caller display name': 'Wanda',
          ...waits,
        },
        {
          index: 1,
          id: second,
          Media: 'MSRP',
          'Caller username': 'chatter',
          'Caller display name': 'chatter',
          ...waits,
        },
      ],
      way,
    );
  });
});

t.test('cc_list_flows', async (t) => {
  const flow = (id: string, logged: number, ongoing: number) => ({
    id,
    'Avg Call Duration': 0,
    'Processed Calls': 0,
    'Logged Agents': logged,
    'Ongoing Calls': ongoing,
    'Ref Calls': ongoing,
  });
  const flows = [flow('talk', 1, 1), flow('ring', 1, 1), flow('held', 0, 2)];
  await everyWay(named('list_flows'), [], (answer, way) => items(t, answer, 'Flows', flows, way));
});

t.test('cc_list_agents', async (t) => {
  const agents = [
    { id: 'ann', Ref: 1, 'Loged in': 'YES', State: 'incall' },
    { id: 'ben', Ref: 1, 'Loged in': 'YES', State: 'incall' },
    { id: 'carl', Ref: 0, 'Loged in': 'NO' },
  ];
  await everyWay(named('list_agents'), {}, (answer, way) => items(t, answer, 'Agents', agents, way));
});

t.test('cc_list_calls', async (t) => {
  const waiting = (await list('cc_list_queue', 'Calls')).map(({ id }) => id);
  const of = (id: unknown, State: string, Flow: string, more: Item = {}) => ({
    id,
    Ref: Number,
    State,
    'Call Time': Number,
    Flow,
    ...more,
  });
  const calls = [
    of(ids.talk, 'toagent', 'talk', { Agent: 'ann' }),
    of(ids.ring, 'toagent', 'ring', { Agent: 'ben' }),
    ...waiting.map((id) => of(id, 'queued', 'held')),
  ];
  await everyWay(named('list_calls'), [], (answer, way) => items(t, answer, 'Calls', calls, way));
});

t.test('statistics', async (t) => {
  const names = ['ccg_incalls', 'CALL_CENTER:ccf_queued_calls-HELD', 'cca_answ_incalls-ann', 'ccg_nothing'];
  const values = {
    'call_center:ccg_incalls': 4,
    'call_center:ccf_queued_calls-held': 2,
    'call_center:cca_answ_incalls-ann': 1,
  };
  for (const params of [[names], { statistics: names }]) {
    await everyWay(['get_statistics', 'statistics:get'], params, (answer, way) =>
      t.same(answer, { jsonrpc: '2.0', result: values, id: 1 }, way),
    );
  }
  await everyWay(['list_statistics', 'statistics:list'], [names], (answer, way) =>
    t.same(
      answer.result,
      {
        'call_center:ccg_incalls': 'incremental',
        'call_center:ccf_queued_calls-held': 'non-incremental',
        'call_center:cca_answ_incalls-ann': 'incremental',
      },
      way,
    ),
  );
  await everyWay(['get_statistics'], [['all']], (answer, way) =>
    t.equal(Object.keys(answer.result as object).length, 10 + 3 * 12 + 3 * 6, way),
  );
  await everyWay(['list_statistics', 'statistics:list'], undefined, (answer, way) =>
    t.equal(Object.keys(answer.result as object).length, 10 + 3 * 12 + 3 * 6, way),
  );
  await everyWay(
    ['get_statistics', 'reset_statistics', 'list_statistics'],
    [['ccg_nothing']],
    (answer, way) => t.same(answer.error, { code: 404, message: 'Statistics Not Found' }, way),
  );
});

t.test('internal dispatching, and what cc_dispatch_call_to_agent refuses', async (t) => {
  const refused = (params: unknown, code: number, message: string) =>
    everyWay(named('dispatch_call_to_agent'), params, (answer, way) =>
      t.same(answer, { jsonrpc: '2.0', error: { code, message }, id: 1 }, `${way}: ${message}`),
    );
  await refused(['none', 'nobody'], 403, 'Internal dispatching is enabled');
  await everyWay(named('internal_call_dispatching'), undefined, (answer, way) =>
    t.same(answer.result, { dispatching: 1 }, way),
  );
  await everyWay(named('internal_call_dispatching'), ['0'], (answer, way) =>
    t.same(answer.result, { dispatching: 0 }, way),
  );
  await center.login('carl', false);
  const [waiter, chatter] = (await list('cc_list_queue', 'Calls')).map(({ id }) => id);
  await refused({ agent_id: 'nobody', call_id: 'none' }, 404, 'Agent not found');
  await refused(['none', 'carl'], 404, 'Agent not logged in');
  await center.login('carl', true);
  await refused(['none', 'carl'], 404, 'Call not found');
  await refused([waiter, 'ann'], 488, 'Agent has no skill for the call');
  await refused([chatter, 'carl'], 488, 'Agent is not free/chat enabled');
  await refused([ids.ring, 'ben'], 488, 'Agent is not free/audio enabled');
  const dispatched = await socket.call('cc_dispatch_call_to_agent', { call_id: waiter, agent_id: 'carl' });
  t.same(dispatched.result, 'OK');
  const leg = await within(center.agent('carl').nextCall(), 'the call is there');
  t.match(leg.invitation?.from.uri, /waiter@/);
  await refused([waiter, 'carl'], 488, 'Agent is not free/audio enabled');
  await center.engine.mi('cc_internal_call_dispatching', { dispatching: 1 });
});

t.test('commands answer OK, by name and by position, numbers also as strings', async (t) => {
  for (const params of [
    ['carl', 1],
    ['carl', '1'],
    { agent_id: 'carl', state: 1 },
    { state: '1', agent_id: 'carl' },
  ]) {
    await everyWay(named('agent_login'), params, (answer, way) => t.equal(answer.result, 'OK', way));
  }
  await everyWay(named('reload'), undefined, (answer, way) => t.equal(answer.result, 'OK', way));
  await everyWay(named('agent_login'), ['nobody', 1], (answer, way) =>
    t.same(answer.error, { code: 404, message: 'Agent not found' }, way),
  );
  await everyWay(named('agent_login'), ['carl'], (answer, way) =>
    t.same(
      answer.error,
      { code: -32602, message: 'Invalid params', data: 'Too few or too many parameters' },
      way,
    ),
  );
  await everyWay(['cc_fly'], [], (answer, way) =>
    t.same(answer.error, { code: -32601, message: 'Method not found' }, way),
  );
  await everyWay(['which'], ['cc_end_call'], (answer, way) => t.same(answer.result, [['call_id']], way));
  await everyWay(['which'], ['cc_fly'], (answer, way) =>
    t.same(answer.error, { code: 404, message: 'unknown MI command' }, way),
  );
});

t.test('a batch, over either transport', async (t) => {
  const batch = [
    { jsonrpc: '2.0', id: 'a', method: 'cc_internal_call_dispatching' },
    { jsonrpc: '2.0', method: 'cc_reload' },
    { jsonrpc: '2.0', id: 2, method: 'which', params: ['cc_reload'] },
    { jsonrpc: '2.0', id: 3, method: 'cc_end_call', params: { call_id: 'none' } },
  ];
  const answers = [
    { jsonrpc: '2.0', result: { dispatching: 1 }, id: 'a' },
    { jsonrpc: '2.0', result: [[]], id: 2 },
    { jsonrpc: '2.0', error: { code: 404, message: 'Call not found' }, id: 3 },
  ];
  t.same(await post(batch), answers);
  socket.ws.send(JSON.stringify(batch));
  t.same(await socket.next(), answers);
});

t.test('events tell what calls and agents do, and what is ended by hand ends', async (t) => {
  const listener = await webSocket();
  for (const [id, name] of ['E_CALLCENTER_AGENT_REPORT', 'E_CALLCENTER_CALL_REPORT'].entries()) {
    const { Events } = (await center.engine.mi('events_list')) as { Events: unknown[] };
    t.same(Events[id], { name, id });
    t.equal((await listener.call(id === 0 ? 'event_subscribe' : 'evi:subscribe', [name])).result, 'OK');
  }
  const agent = (params: object) => ({ jsonrpc: '2.0', method: 'E_CALLCENTER_AGENT_REPORT', params });
  const call = (params: object) => ({ jsonrpc: '2.0', method: 'E_CALLCENTER_CALL_REPORT', params });

  t.equal((await socket.call('cc_end_call', [ids.talk])).result, 'OK');
  t.same(await within(talking.ended, 'the caller is released'), { how: 'remote-bye', status: 0 });
  const told = [await listener.next(), await listener.next()];
  const [report] = told.filter(({ method }) => method === 'E_CALLCENTER_AGENT_REPORT');
  t.match(report, agent({ agent_id: 'ann', state: 'wrapup', status: 'wrapup', wrapup_ends: Number }));
  t.same(Object.keys(report?.params as object), ['agent_id', 'state', 'status', 'wrapup_ends']);
  t.ok(
    told.some((event) => {
      const { params } = call({
        call_id: ids.talk,
        flow_id: 'talk',
        state: 'ended',
        media: 'RTP',
        caller: 'talker',
        agent_id: 'ann',
      });
      return JSON.stringify(event.params) === JSON.stringify(params);
    }),
    'the call has ended',
  );
  t.same((await socket.call('cc_end_call', [ids.talk])).error, { code: 404, message: 'Call not found' });

  t.equal((await socket.call('call_center:release_agent', { agent_id: 'ben' })).result, 'OK');
  const again = await within(center.agent('ben').nextCall(), 'he is called again, as nobody else is there');
  t.match(again.invitation?.from.uri, /ringer@/);
  const events: Answer[] = [];
  while (events.filter(({ method }) => method === 'E_CALLCENTER_CALL_REPORT').length < 2)
    events.push(await within(listener.next(), 'the events arrive'));
  const params = events.map((event) => event.params as Item);
  t.ok(
    params.some(({ state, flow_id }) => state === 'incall' && flow_id === 'ring'),
    'the delivery, with its flow',
  );
  t.same(
    params.filter(({ call_id }) => call_id === ids.ring).map(({ state, agent_id }) => [state, agent_id]),
    [
      ['queued', undefined],
      ['toagent', 'ben'],
    ],
  );
  t.equal((await socket.call('cc_end_call', { call_id: ids.ring })).result, 'OK');
  t.same(await within(ringing.ended, 'the caller is refused'), { how: 'rejected', status: 480 });
  t.equal((await within(again.ended, 'the agent rings no more')).how, 'cancelled');
  await listener.close();
});

t.test('cc_reset_stats and reset_statistics', async (t) => {
  const value = async () =>
    ((await center.engine.mi('get_statistics', { statistics: ['ccg_incalls'] })) as Item)[
      'call_center:ccg_incalls'
    ];
  t.equal(await value(), 4);
  t.equal((await socket.call('reset_statistics', [['ccg_incalls']])).result, 'OK');
  t.equal(await value(), 0);
  await everyWay(named('reset_stats'), undefined, (answer, way) => t.equal(answer.result, 'OK', way));
  await everyWay(
    ['reset_all_statistics', 'statistics:reset_all', 'statistics:reset'],
    [['all']],
    (answer, way) => t.equal(answer.result, 'OK', way),
  );
  const flows = await list('cc_list_flows', 'Flows');
  t.ok(flows.every((flow) => flow['Avg Call Duration'] === 0 && flow['Processed Calls'] === 0));
});

t.test('what was ended by hand has its CDR', async (t) => {
  for (const call of [waiting, chatting]) await within(call.hangup(), 'the caller leaves');
  const violations = center.violations();
  const cdrs = await center.finish();
  const types = (caller: string) => cdrs.get(caller)?.map(({ call_type, agent_id }) => [call_type, agent_id]);
  t.same(types('talker'), [[0, 'ann']]);
  t.same(types('ringer'), [
    [-2, 'ben'],
    [1, 'ben'],
  ]);
  t.same(violations, []);
});

import { agentRow, callRow, eachListener, flowRow, NOW_MS } from './support.js';

eachListener.test(
  'an agent is logged in and out by name or by position, numbers also as strings',
  async (t, start) => {
    const bench = await start();
    for (const [params, agent_id, logged_in] of [
      [['alice', 1], 'alice', true],
      [['alice', '0'], 'alice', false],
      [{ agent_id: 'bob', state: 0 }, 'bob', false],
      [{ state: '2', agent_id: 'bob' }, 'bob', true],
      [[1001, -1], '1001', true],
    ] as const) {
      t.equal(await bench.result('cc_agent_login', params), 'OK');
      t.same(bench.engine.commands.pop(), { kind: 'agent_login', agent_id, logged_in });
    }
    t.equal(await bench.result('call_center:agent_login', ['alice', 1]), 'OK', 'the newer name');
    bench.engine.result = { ok: false, code: 404, message: 'Agent not found' };
    t.same(await bench.error('cc_agent_login', ['nobody', 1]), { code: 404, message: 'Agent not found' });
  },
);

eachListener.test('reload says OK, or 500 with what went wrong', async (t, start) => {
  const bench = await start();
  t.equal(await bench.result('cc_reload'), 'OK');
  t.equal(await bench.result('call_center:reload', []), 'OK');
  t.equal(await bench.result('cc_reload', {}), 'OK');
  t.equal(bench.engine.reloads, 3);
  bench.engine.result = { ok: false, code: 503, message: 'database unreachable' };
  t.same(await bench.error('cc_reload'), {
    code: 500,
    message: 'Failed to reload',
    data: 'database unreachable',
  });
});

eachListener.test('a waiting call is handed to an agent from outside', async (t, start) => {
  const bench = await start();
  t.equal(await bench.result('cc_dispatch_call_to_agent', { call_id: 'c1', agent_id: 'alice' }), 'OK');
  t.same(bench.engine.commands, [{ kind: 'dispatch', call: 'c1', agent_id: 'alice' }]);
  bench.engine.result = { ok: false, code: 403, message: 'Internal dispatching is enabled' };
  t.same(await bench.error('call_center:dispatch_call_to_agent', ['c1', 'alice']), {
    code: 403,
    message: 'Internal dispatching is enabled',
  });
});

eachListener.test('a call is ended and an agent released by hand', async (t, start) => {
  const bench = await start();
  t.equal(await bench.result('cc_end_call', ['c1']), 'OK');
  t.equal(await bench.result('call_center:end_call', { call_id: 7 }), 'OK');
  t.equal(await bench.result('cc_release_agent', { agent_id: 'alice' }), 'OK');
  t.equal(await bench.result('call_center:release_agent', [1001]), 'OK');
  t.same(bench.engine.commands, [
    { kind: 'end_call', call: 'c1' },
    { kind: 'end_call', call: '7' },
    { kind: 'release_agent', agent_id: 'alice' },
    { kind: 'release_agent', agent_id: '1001' },
  ]);
  bench.engine.result = { ok: false, code: 404, message: 'Call not found' };
  t.same(await bench.error('cc_end_call', ['c1']), { code: 404, message: 'Call not found' });
});

eachListener.test('internal dispatching is asked for and switched', async (t, start) => {
  const bench = await start();
  bench.engine.result = { ok: true, dispatching: true };
  t.same(await bench.result('cc_internal_call_dispatching'), { dispatching: 1 });
  t.same(bench.engine.commands.pop(), { kind: 'internal_dispatching' });
  bench.engine.result = { ok: true, dispatching: false };
  t.same(await bench.result('call_center:internal_call_dispatching', ['0']), { dispatching: 0 });
  t.same(bench.engine.commands.pop(), { kind: 'internal_dispatching', on: false });
  await bench.call('cc_internal_call_dispatching', { dispatching: 5 });
  t.same(bench.engine.commands.pop(), { kind: 'internal_dispatching', on: true });
});

eachListener.test('the queue is listed in the order of delivery', async (t, start) => {
  const bench = await start();
  const { engine } = bench;
  engine.skillRows = [{ name: 'english', logged_in: 1, free: 0 }];
  engine.flowRows = [flowRow({ id: 'support', priority: 5 }), flowRow({ id: 'sales', priority: 0 })];
  engine.callRows = [
    callRow({ id: 'later', order_priority: 5, order_sequence: 9 }),
    callRow({ id: 'talking', state: 'toagent', agent: 0 }),
    callRow({ id: 'first', order_priority: 5, order_sequence: 2, eta_s: 2147483647 }),
    callRow({ id: 'back', order_priority: -1, order_sequence: 40, queued_ms: NOW_MS - 999 }),
    callRow({
      id: 'chat',
      flow: 1,
      order_priority: 0,
      order_sequence: 7,
      media: 'msrp',
      caller_display: 'Sales Bob "B"',
    }),
  ];
  const { Calls } = (await bench.result('cc_list_queue')) as { Calls: { id: string; index: number }[] };
  t.same(
    Calls.map(({ id, index }) => [index, id]),
    [
      [0, 'back'],
      [1, 'chat'],
      [2, 'first'],
      [3, 'later'],
    ],
  );
  t.match(Calls[0], { 'Waiting for': 0 });
  t.same(Calls[1], {
    index: 1,
    id: 'chat',
    Media: 'MSRP',
    'Caller username': 'alice',
    'Caller display name': 'Sales Bob "B"',
    'Waiting for': 10,
    ETW: 0,
    Flow: 'sales',
    Priority: 0,
    Skill: 'english',
  });
  t.match(Calls[2], { Media: 'RTP', ETW: 2147483647, Priority: 5 });
});

eachListener.test('flows are listed with their mean talk time', async (t, start) => {
  const bench = await start();
  bench.engine.skillRows = [{ name: 'english', logged_in: 3, free: 1 }];
  bench.engine.flowRows = [
    flowRow({ id: 'support', talk_sum_s: 25, talk_count: 2, ongoing: 4 }),
    flowRow({ id: 'idle' }),
  ];
  t.same(await bench.result('call_center:list_flows'), {
    Flows: [
      {
        id: 'support',
        'Avg Call Duration': 12.5,
        'Processed Calls': 2,
        'Logged Agents': 3,
        'Ongoing Calls': 4,
        'Ref Calls': 4,
      },
      {
        id: 'idle',
        'Avg Call Duration': 0,
        'Processed Calls': 0,
        'Logged Agents': 3,
        'Ongoing Calls': 0,
        'Ref Calls': 0,
      },
    ],
  });
});

eachListener.test('agents are listed with what fits their state', async (t, start) => {
  const bench = await start();
  const wrapup_end_ms = NOW_MS + 7_500;
  bench.engine.agentRows = [
    agentRow({ id: 'free' }),
    agentRow({ id: 'gone', logged_in: false, state: 'incall', refs: 1 }),
    agentRow({ id: 'talks', state: 'incall', refs: 1 }),
    agentRow({ id: 'rests', state: 'wrapup', wrapup_end_ms }),
    agentRow({ id: 'chats', state: 'inchat', refs: 2, ongoing_chats: 2, max_chats: 3 }),
    agentRow({ id: 'both', state: 'inchat', ongoing_chats: 1, max_chats: 2, wrapup_end_ms }),
  ];
  t.same(await bench.result('cc_list_agents'), {
    Agents: [
      { id: 'free', Ref: 0, 'Loged in': 'YES', State: 'free' },
      { id: 'gone', Ref: 1, 'Loged in': 'NO' },
      { id: 'talks', Ref: 1, 'Loged in': 'YES', State: 'incall' },
      { id: 'rests', Ref: 0, 'Loged in': 'YES', State: 'wrapup', 'Wrapup-ends': 8 },
      { id: 'chats', Ref: 2, 'Loged in': 'YES', State: 'inchat', 'Ongoing chats': 2, 'Free chats': 1 },
      {
        id: 'both',
        Ref: 0,
        'Loged in': 'YES',
        State: 'inchat',
        'Wrapup-ends': 8,
        'Ongoing chats': 1,
        'Free chats': 0,
      },
    ],
  });
});

eachListener.test('calls are listed with their agent when they have one', async (t, start) => {
  const bench = await start();
  bench.engine.agentRows = [agentRow({ id: 'alice' })];
  bench.engine.flowRows = [flowRow({ id: 'support' })];
  bench.engine.callRows = [
    callRow({ id: 'a', state: 'welcome' }),
    callRow({ id: 'b', state: 'toagent', agent: 0, refs: 2 }),
    callRow({ id: 'c', state: 'ended', agent: 0 }),
  ];
  t.same(await bench.result('cc_list_calls'), {
    Calls: [
      { id: 'a', Ref: 1, State: 'welcome', 'Call Time': 15, Flow: 'support' },
      { id: 'b', Ref: 2, State: 'toagent', 'Call Time': 15, Flow: 'support', Agent: 'alice' },
      { id: 'c', Ref: 1, State: 'ended', Agent: 'alice' },
    ],
  });
});

eachListener.test('which tells the methods under both names, and the parameters of one', async (t, start) => {
  const bench = await start();
  const names = (await bench.result('which')) as string[];
  for (const name of [
    ...['reload', 'agent_login', 'list_queue', 'list_flows', 'list_agents', 'list_calls', 'reset_stats'],
    ...['dispatch_call_to_agent', 'internal_call_dispatching', 'end_call', 'release_agent'],
  ]) {
    t.ok(names.includes(`cc_${name}`) && names.includes(`call_center:${name}`), name);
  }
  for (const name of ['get', 'list', 'reset', 'reset_all']) {
    t.ok(names.includes(`${name}_statistics`) && names.includes(`statistics:${name}`), name);
  }
  for (const name of ['event_subscribe', 'evi:subscribe', 'events_list', 'evi:list', 'which']) {
    t.ok(names.includes(name), name);
  }
  t.same(await bench.result('which', ['cc_internal_call_dispatching']), [[], ['dispatching']]);
  t.same(await bench.result('which', { command: 'cc_agent_login' }), [['agent_id', 'state']]);
  t.same(await bench.error('which', ['cc_fly']), { code: 404, message: 'unknown MI command' });
});

eachListener.test('10,000 agents and 10,000 calls are listed whole', async (t, start) => {
  const bench = await start();
  bench.engine.flowRows = [flowRow({ id: 'support' })];
  bench.engine.agentRows = Array.from({ length: 10_000 }, (_, i) => agentRow({ id: `agent${i}` }));
  bench.engine.callRows = Array.from({ length: 10_000 }, (_, i) =>
    callRow({ id: `call${i}`, order_sequence: 10_000 - i }),
  );
  t.equal(((await bench.result('cc_list_agents')) as { Agents: unknown[] }).Agents.length, 10_000);
  t.equal(((await bench.result('cc_list_calls')) as { Calls: unknown[] }).Calls.length, 10_000);
  const { Calls } = (await bench.result('cc_list_queue')) as { Calls: { id: string }[] };
  t.equal(Calls[0]?.id, 'call9999');
  t.equal(Calls[9_999]?.id, 'call0');
});

import { MAX_BATCH } from '../../../workers/mi/json-rpc.js';
import { eachListener } from './support.js';

eachListener.test('a request that cannot be read is told so', async (t, start) => {
  const bench = await start();
  const failure = (code: number, message: string) => ({ jsonrpc: '2.0', error: { code, message }, id: null });
  t.same(await bench.ask('{"jsonrpc":"2.0",'), failure(-32700, 'Parse error'));
  t.same(await bench.ask(''), failure(-32700, 'Parse error'));
  for (const body of [
    '1',
    '"which"',
    'null',
    '{}',
    '{"method":"which","id":1}',
    '{"jsonrpc":"1.0","method":"which","id":1}',
    '{"jsonrpc":"2.0","method":1,"id":1}',
    '{"jsonrpc":"2.0","method":"which","params":"x","id":1}',
    '{"jsonrpc":"2.0","method":"which","params":null,"id":1}',
    '{"jsonrpc":"2.0","method":"which","id":{}}',
    '[]',
  ]) {
    t.same(await bench.ask(body), failure(-32600, 'Invalid Request'), body);
  }
});

eachListener.test('an unknown method and wrong parameters have the errors of JSON-RPC', async (t, start) => {
  const bench = await start();
  t.same(await bench.call('cc_fly'), {
    jsonrpc: '2.0',
    error: { code: -32601, message: 'Method not found' },
    id: 1,
  });
  const count = { code: -32602, message: 'Invalid params', data: 'Too few or too many parameters' };
  t.same(await bench.error('cc_reload', ['now']), count);
  t.same(await bench.error('cc_agent_login'), count);
  t.same(await bench.error('cc_agent_login', ['alice']), count);
  t.same(await bench.error('cc_agent_login', { agent_id: 'alice', status: 1 }), count);
  t.same(await bench.error('cc_agent_login', { agent_id: 'alice', state: 1, extra: 1 }), count);
  t.match(await bench.error('cc_agent_login', ['alice', 'yes']), { code: -32602, data: /^state: / });
  t.match(await bench.error('cc_agent_login', [['alice'], 1]), { code: -32602, data: /^agent_id: / });
  t.equal(bench.engine.commands.length, 0);
});

eachListener.test('an id comes back as it was', async (t, start) => {
  const bench = await start();
  for (const id of [0, -1, 1.5, '', 'seven', null]) {
    t.same((await bench.ask(JSON.stringify({ jsonrpc: '2.0', id, method: 'events_list' }))).id, id);
  }
});

eachListener.test('a batch is answered as a batch, item by item', async (t, start) => {
  const bench = await start();
  const batch = [
    { jsonrpc: '2.0', id: 1, method: 'cc_list_queue' },
    { jsonrpc: '2.0', method: 'cc_agent_login', params: ['alice', 1] },
    7,
    { jsonrpc: '2.0', id: 2, method: 'nothing' },
  ];
  t.same(await bench.ask(JSON.stringify(batch)), [
    { jsonrpc: '2.0', result: { Calls: [] }, id: 1 },
    { jsonrpc: '2.0', error: { code: -32600, message: 'Invalid Request' }, id: null },
    { jsonrpc: '2.0', error: { code: -32601, message: 'Method not found' }, id: 2 },
  ]);
  t.equal(bench.engine.commands.length, 1, 'the notification was carried out');
  const long = Array.from({ length: MAX_BATCH + 1 }, () => batch[1]);
  t.match(await bench.ask(JSON.stringify(long)), { error: { code: -32600 }, id: null });
  t.equal(bench.engine.commands.length, 1, 'a batch too long is refused as a whole');
});

eachListener.test('a notification is carried out and not answered', async (t, start) => {
  const bench = await start();
  const login = { jsonrpc: '2.0', method: 'cc_agent_login', params: ['alice', 0] };
  for (const body of [login, [login, login], { ...login, method: 'nothing' }]) {
    const response = await bench.post(JSON.stringify(body));
    t.equal(response.status, 204);
    t.equal(await response.text(), '');
  }
  t.equal(bench.engine.commands.length, 3);
});

eachListener.test(
  'when the engine itself fails the client gets a server error and the log the reason',
  async (t, start) => {
    const bench = await start();
    bench.engine.broken = new Error('dispatcher is gone');
    t.same(await bench.error('cc_reset_stats'), { code: -32000, message: 'Server error' });
    t.equal(bench.logged.length, 1);
    t.match(bench.logged[0], /MI cc_reset_stats failed/);
    t.match(bench.logged[0], /dispatcher is gone/);
  },
);

import { once } from 'node:events';
import { createServer } from 'node:net';
import { pino } from 'pino';
import { WebSocket } from 'ws';
import { MAX_REQUEST, MAX_UNREAD } from '../../../workers/mi/listener.js';
import { startMi } from '../../../workers/mi/server.js';
import { eventually } from '../../support/settle.js';
import { agentRow, eachListener, FakeEngine } from './support.js';

const WHICH = '{"jsonrpc":"2.0","id":1,"method":"events_list"}';
const EVENTS = {
  Events: [
    { name: 'E_CALLCENTER_AGENT_REPORT', id: 0 },
    { name: 'E_CALLCENTER_CALL_REPORT', id: 1 },
  ],
};

/** Status with which an upgrade is refused. */
async function refusedWith(ws: WebSocket): Promise<number | undefined> {
  // The client's own error that it was refused follows the response.
  ws.on('error', () => ws.terminate());
  const [, response] = (await once(ws, 'unexpected-response')) as [unknown, { statusCode?: number }];
  ws.terminate();
  return response.statusCode;
}

eachListener.test('only POST to /mi is served', async (t, start) => {
  const bench = await start();
  const at = (path: string, init?: RequestInit) => fetch(`http://${bench.authority}${path}`, init);
  const json = { 'Content-Type': 'application/json' };
  t.equal((await at('/')).status, 404);
  t.equal((await at('/mi/x', { method: 'POST', headers: json, body: WHICH })).status, 404);
  t.equal((await at('/mi?x=1', { method: 'POST', headers: json, body: WHICH })).status, 200);
  for (const method of ['GET', 'PUT', 'OPTIONS', 'DELETE']) {
    const response = await at('/mi', { method });
    t.equal(response.status, 405, method);
    t.equal(response.headers.get('allow'), 'POST');
  }
});

eachListener.test('an answer is JSON and says so', async (t, start) => {
  const bench = await start();
  const response = await bench.post(WHICH);
  t.equal(response.status, 200);
  t.equal(response.headers.get('content-type'), 'application/json');
  t.same(await response.json(), { jsonrpc: '2.0', result: EVENTS, id: 1 });
});

eachListener.test('a request that is not said to be JSON is refused', async (t, start) => {
  const bench = await start();
  const status = async (type: string) => (await bench.post(WHICH, { 'Content-Type': type })).status;
  for (const type of [
    'application/json; charset=utf-8',
    'Application/JSON',
    'application/json-rpc',
    'application/vnd.x+json',
  ]) {
    t.equal(await status(type), 200, type);
  }
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'text/plain; a=application/json']) {
    t.equal(await status(type), 415, type);
  }
  t.equal((await fetch(bench.url, { method: 'POST', body: Buffer.from(WHICH) })).status, 415, 'none at all');
});

eachListener.test('a web page of another origin can do nothing', async (t, start) => {
  const bench = await start();
  for (const origin of ['http://evil.example', `http://evil.example:${bench.authority}`, 'null', 'file://']) {
    t.equal((await bench.post(WHICH, { Origin: origin })).status, 403, origin);
    t.equal(await refusedWith(bench.connect({ Origin: origin })), 403, origin);
  }
  const rebound = { Origin: 'http://evil.example:8888', Host: 'evil.example:8888' };
  t.equal(await refusedWith(bench.connect(rebound)), 403, 'a name of its own that leads here');
  for (const origin of [`http://${bench.authority}`, 'http://localhost:3000', 'http://[::1]:80']) {
    t.equal((await bench.post(WHICH, { Origin: origin })).status, 200, origin);
  }
  const socket = await bench.socket({ Origin: 'http://localhost:3000' });
  t.same((await socket.call('events_list')).result, EVENTS);
  await socket.close();
});

eachListener.test('with a token every request must carry it', async (t, start) => {
  const bench = await start({ token: 'correct-horse' });
  const refused = await bench.post(WHICH);
  t.equal(refused.status, 401);
  t.equal(refused.headers.get('www-authenticate'), 'Bearer');
  for (const value of ['Bearer wrong', 'Bearer', 'Basic correct-horse', 'Bearer correct-horse2']) {
    t.equal((await bench.post(WHICH, { Authorization: value })).status, 401, value);
  }
  t.equal((await bench.post(WHICH, { Authorization: 'Bearer correct-horse' })).status, 200);
  t.equal(await refusedWith(bench.connect()), 401);
  const socket = await bench.socket({ Authorization: 'bearer correct-horse' });
  t.same((await socket.call('events_list')).result, EVENTS);
  await socket.close();
});

eachListener.test('on another address than loopback pages of that address are let in', async (t, start) => {
  const bench = await start({ token: 'correct-horse', host: '0.0.0.0' });
  const headers = { Authorization: 'Bearer correct-horse' };
  t.equal((await bench.post(WHICH, { ...headers, Origin: `http://${bench.authority}` })).status, 200);
  t.equal((await bench.post(WHICH, { ...headers, Origin: 'http://evil.example' })).status, 403);
});

eachListener.test('without a token it never listens beyond loopback', async (t, _start, listener) => {
  const engine = new FakeEngine();
  const options = {
    token: '',
    view: engine,
    control: engine,
    interest() {},
    listener,
    log: pino({ level: 'silent' }),
  };
  await t.rejects(startMi({ ...options, listen: { host: '0.0.0.0', port: 0 } }), /token/);
});

eachListener.test(
  'a request of more than a megabyte is refused, one of just a megabyte is not',
  async (t, start) => {
    const bench = await start();
    const response = await bench.post(WHICH.padEnd(MAX_REQUEST + 1));
    t.equal(response.status, 413);
    t.match(await response.json(), { error: { code: -32600 }, id: null });
    t.equal((await bench.post(WHICH.padEnd(MAX_REQUEST))).status, 200);
    const socket = await bench.socket();
    socket.ws.send(WHICH.padEnd(MAX_REQUEST + 1));
    const [code] = (await once(socket.ws, 'close')) as [number];
    t.equal(code, 1009);
  },
);

eachListener.test('a path other than /mi has no WebSocket either', async (t, start) => {
  const bench = await start();
  t.equal(await refusedWith(new WebSocket(`ws://${bench.authority}/`)), 404);
});

eachListener.test('a WebSocket answers in order, batches and errors included', async (t, start) => {
  const bench = await start();
  const socket = await bench.socket();
  for (let id = 0; id < 50; id++) {
    socket.ws.send(JSON.stringify({ jsonrpc: '2.0', id, method: 'cc_agent_login', params: ['alice', 1] }));
  }
  for (let id = 0; id < 50; id++) t.same(await socket.next(), { jsonrpc: '2.0', result: 'OK', id });
  socket.ws.send('{');
  t.match(await socket.next(), { error: { code: -32700 } });
  socket.ws.send('{"jsonrpc":"2.0","method":"cc_reload"}');
  t.match(
    await socket.call('nothing', [], 7),
    { error: { code: -32601 }, id: 7 },
    'the notification is silent',
  );
  t.equal(bench.engine.reloads, 1);
  socket.ws.send(Buffer.from(WHICH));
  const [code] = (await once(socket.ws, 'close')) as [number];
  t.equal(code, 1003, 'binary is not understood');
});

eachListener.test('a subscriber is told every change of an agent until he leaves', async (t, start) => {
  const bench = await start();
  const [subscriber, other] = [await bench.socket(), await bench.socket()];
  t.equal((await subscriber.call('event_subscribe', ['E_CALLCENTER_AGENT_REPORT'])).result, 'OK');
  t.equal((await subscriber.call('evi:subscribe', { event: 'E_CALLCENTER_AGENT_REPORT' })).result, 'OK');
  bench.raise({ agent_id: 'alice', state: 'incall', flow_id: 'support' });
  bench.raise({ agent_id: 'alice', state: 'wrapup', wrapup_ends_ms: 1_700_000_030_500 });
  bench.raise({
    agent_id: 'bob',
    state: 'inchat',
    flow_id: 'chat',
    ongoing_sessions: 2,
    wrapup_ends_ms: 9_000,
  });
  bench.raise({ agent_id: 'bob', state: 'offline' });
  const report = (params: object) => ({ jsonrpc: '2.0', method: 'E_CALLCENTER_AGENT_REPORT', params });
  t.same(
    await subscriber.next(),
    report({ agent_id: 'alice', state: 'incall', status: 'incall', flow_id: 'support' }),
  );
  t.same(
    await subscriber.next(),
    report({ agent_id: 'alice', state: 'wrapup', status: 'wrapup', wrapup_ends: 1_700_000_030 }),
  );
  t.same(
    await subscriber.next(),
    report({
      agent_id: 'bob',
      state: 'inchat',
      status: 'inchat',
      wrapup_ends: 9,
      flow_id: 'chat',
      ongoing_sessions: 2,
    }),
  );
  t.same(await subscriber.next(), report({ agent_id: 'bob', state: 'offline', status: 'offline' }));
  t.match(await other.call('events_list'), { result: EVENTS }, 'who has not subscribed hears nothing');
  t.match(await other.call('event_subscribe', ['E_NONE']), { error: { code: 404 } });
  t.match(await bench.error('event_subscribe', ['E_CALLCENTER_AGENT_REPORT']), { code: 400 });
  await subscriber.close();
  await other.close();
  bench.raise({ agent_id: 'alice', state: 'free' });
  t.same(await bench.result('events_list'), EVENTS, 'nobody left to tell is nothing special');
});

eachListener.test(
  'a subscriber is told every change of a call, and only what he asked for',
  async (t, start) => {
    const bench = await start();
    const socket = await bench.socket();
    t.equal((await socket.call('event_subscribe', ['E_CALLCENTER_CALL_REPORT'])).result, 'OK');
    bench.raise({ agent_id: 'alice', state: 'free' });
    const call = { call_id: 'c1', flow_id: 'support', caller: 'bob' } as const;
    bench.raiseCall({ ...call, state: 'queued', media: 'rtp', agent_id: '' });
    bench.raiseCall({ ...call, state: 'toagent', media: 'msrp', agent_id: 'alice' });
    const report = (params: object) => ({ jsonrpc: '2.0', method: 'E_CALLCENTER_CALL_REPORT', params });
    t.same(await socket.next(), report({ ...call, state: 'queued', media: 'RTP' }));
    t.same(await socket.next(), report({ ...call, state: 'toagent', media: 'MSRP', agent_id: 'alice' }));
    await socket.close();
  },
);

eachListener.test('an event is wanted from its first subscriber to its last', async (t, start) => {
  const bench = await start();
  const [a, b] = [await bench.socket(), await bench.socket()];
  t.same([...bench.wanted], []);
  for (const socket of [a, b]) await socket.call('event_subscribe', ['E_CALLCENTER_CALL_REPORT']);
  t.same([...bench.wanted], ['call_report']);
  await b.call('event_subscribe', ['E_CALLCENTER_AGENT_REPORT']);
  t.same([...bench.wanted], ['call_report', 'agent_report']);
  await b.close();
  await eventually(
    async () => [...bench.wanted],
    (wanted) => wanted.length === 1,
    'agents have nobody listening',
  );
  t.same([...bench.wanted], ['call_report']);
  await a.close();
  await eventually(
    async () => bench.wanted.size,
    (size) => size === 0,
    'calls have nobody listening',
  );
});

eachListener.test(
  'a subscriber who does not read is cut off, once and for all, and the log says so',
  async (t, start) => {
    const bench = await start();
    const [slow, quick] = [await bench.socket(), await bench.socket()];
    for (const socket of [slow, quick]) await socket.call('event_subscribe', ['E_CALLCENTER_AGENT_REPORT']);
    slow.ws.pause();
    const flow_id = 'f'.repeat(64 * 1024);
    const cut = () => bench.logged.some((line) => line.includes('unread'));
    let raised = 0;
    // The network's own buffers take a part before anything piles up.
    for (; !cut() && raised < (64 * MAX_UNREAD) / flow_id.length; raised++) {
      bench.raise({ agent_id: `a${raised}`, state: 'incall', flow_id });
      t.match((await quick.next()).params, { agent_id: `a${raised}` });
    }
    t.ok(cut(), 'cut off');
    bench.raise({ agent_id: 'last', state: 'incall', flow_id });
    t.match((await quick.next()).params, { agent_id: 'last' }, 'others go on');
    t.equal(bench.logged.length, 1, 'one line');
    const closed = once(slow.ws, 'close');
    slow.ws.resume();
    await closed;
    await quick.close();
  },
);

eachListener.test('a large answer to a subscriber does not count as not reading', async (t, start) => {
  const bench = await start();
  const socket = await bench.socket();
  await socket.call('event_subscribe', ['E_CALLCENTER_AGENT_REPORT']);
  bench.engine.agentRows = Array.from({ length: 2_000 }, (_, i) =>
    agentRow({ id: `${i}`.padStart(4_000, 'x') }),
  );
  const asked = socket.call('cc_list_agents');
  t.equal(((await asked).result as { Agents: unknown[] }).Agents.length, 2_000);
  bench.raise({ agent_id: 'alice', state: 'free' });
  t.match(await socket.next(), { params: { agent_id: 'alice' } });
  t.same(bench.logged, []);
  await socket.close();
});

eachListener.test('a port in use is one clear line', async (t, _start, listener) => {
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  t.teardown(() => holder.close());
  const { port } = holder.address() as { port: number };
  const engine = new FakeEngine();
  const options = {
    token: '',
    view: engine,
    control: engine,
    interest() {},
    listener,
    log: pino({ level: 'silent' }),
  };
  await t.rejects(startMi({ ...options, listen: { host: '127.0.0.1', port } }), {
    message: new RegExp(`^mi\\.listen: cannot listen on 127\\.0\\.0\\.1 port ${port}: .*EADDRINUSE`),
  });
});

eachListener.test('closing ends the WebSockets and frees the port', async (t, _start, listener) => {
  const engine = new FakeEngine();
  const options = {
    token: '',
    view: engine,
    control: engine,
    interest() {},
    listener,
    log: pino({ level: 'silent' }),
  };
  const first = await startMi({ ...options, listen: { host: '127.0.0.1', port: 0 } });
  const ws = new WebSocket(`ws://127.0.0.1:${first.address.port}/mi`);
  await once(ws, 'open');
  const closed = once(ws, 'close') as Promise<[number]>;
  await first.close();
  t.equal((await closed)[0], 1001);
  const second = await startMi({ ...options, listen: first.address });
  t.equal(second.address.port, first.address.port);
  await second.close();
});

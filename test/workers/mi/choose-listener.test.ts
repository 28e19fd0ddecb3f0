/** Which listener is taken, by what is installed. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import t from 'tap';
import { chooseListener } from '../../../workers/mi/choose-listener.js';
import { MAX_REQUEST } from '../../../workers/mi/listener.js';
import { listenWithNode } from '../../../workers/mi/node-listener.js';
import { eachListener } from './support.js';

const failing = (message: string, code: string) => () => {
  throw Object.assign(new Error(message), { code });
};

t.test('without uWebSockets.js it is ws, and nothing to talk about', async (t) => {
  const choice = chooseListener(
    failing("Cannot find module 'uWebSockets.js'\nRequire stack:", 'MODULE_NOT_FOUND'),
  );
  t.match(choice, { name: 'ws', because: undefined });
});

t.test('uWebSockets.js that cannot be used is told, and ws serves', async (t) => {
  const broken = chooseListener(
    failing('libssl.so.1.1: cannot open shared object file', 'ERR_DLOPEN_FAILED'),
  );
  t.match(broken, { name: 'ws', because: /libssl/ });
  const part = chooseListener(failing("Cannot find module './uws_linux_x64_200.node'", 'MODULE_NOT_FOUND'));
  t.match(part, { name: 'ws', because: /uws_linux_x64_200/ });
  const stand_in = { App() {}, us_listen_socket_close() {}, us_socket_local_port() {} };
  t.match(
    chooseListener(() => stand_in),
    { name: 'ws', because: /nothing for this platform/ },
  );
  const whole = { ...stand_in, LIBUS_LISTEN_EXCLUSIVE_PORT: 1 };
  t.match(
    chooseListener(() => whole),
    { name: 'uWebSockets.js', because: undefined },
  );
});

t.test(
  'it is an optional peer: npm fetches it for nobody by itself, and the lock file knows of none',
  async (t) => {
    const root = new URL('../../../../', import.meta.url);
    for (const file of ['package.json', 'package-lock.json']) {
      const text = readFileSync(new URL(file, root), 'utf8');
      const read = JSON.parse(text) as { packages?: Record<string, unknown> };
      t.match(read.packages?.[''] ?? read, {
        peerDependencies: { 'uWebSockets.js': '*' },
        peerDependenciesMeta: { 'uWebSockets.js': { optional: true } },
      });
      t.notMatch(text, /node_modules\/uWebSockets/);
    }
  },
);

eachListener.test('requests may come faster than they are answered', async (t, start) => {
  const bench = await start();
  const socket = await bench.socket();
  const request = (id: number) => `{"jsonrpc":"2.0","id":${id},"method":"cc_reload"}`.padEnd(10_000);
  for (let id = 0; id < 100; id++) socket.ws.send(request(id));
  for (let id = 0; id < 100; id++) t.same(await socket.next(), { jsonrpc: '2.0', result: 'OK', id });
  await socket.close();
});

eachListener.test('a client who floods is held back, or else sent away', async (t, start, listener) => {
  const bench = await start();
  const [flood, other] = [await bench.socket(), await bench.socket()];
  let release: () => void = () => {};
  bench.engine.held = new Promise((resolve) => {
    release = resolve;
  });
  const count = 8;
  const closed = once(flood.ws, 'close') as Promise<[number]>;
  for (let sent = 0; sent < count; sent++)
    flood.ws.send('{"jsonrpc":"2.0","id":0,"method":"cc_reload"}'.padEnd(MAX_REQUEST));
  t.match(await other.call('events_list'), { result: { Events: [{}] } }, 'others are served');
  if (listener === listenWithNode) {
    release();
    for (let answers = 0; answers < count; answers++) t.equal((await flood.next()).result, 'OK');
    flood.ws.terminate();
  } else {
    t.equal((await closed)[0], 1008);
    release();
  }
  await other.close();
});

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { freeUdpPorts } from '../../tools/ports.js';
import { BATCH, type BatchSocket, BatchUdp, openLibC } from '../../workers/batch-udp.js';

const LOOPBACK = { udp4: '127.0.0.1', udp6: '::1' } as const;

async function node(type: 'udp4' | 'udp6', port = 0): Promise<Socket> {
  const socket = createSocket({ type, reuseAddr: true });
  socket.bind(port, LOOPBACK[type]);
  await once(socket, 'listening');
  return socket;
}

/** Until that holds, or some seconds are over. */
async function until(holds: () => boolean): Promise<void> {
  for (let waited = 0; !holds() && waited < 1_000; waited++) await sleep(2);
}

/** What comes to a socket until it has been so many datagrams. */
async function read(udp: BatchUdp, socket: BatchSocket, count: number): Promise<[string, string, number][]> {
  const came: [string, string, number][] = [];
  for (let waited = 0; came.length < count && waited < 1_000; waited++) {
    udp.each(socket.receive(), (bytes, host, port) => came.push([bytes.toString('latin1'), host, port]));
    await sleep(2);
  }
  return came;
}

const lib = await openLibC();
if (typeof lib === 'string') t.comment(`not on this machine: ${lib}`);
else {
  for (const type of ['udp4', 'udp6'] as const) {
    t.test(`datagrams come with their sender and go to where they are sent, ${type}`, async (t) => {
      const udp = new BatchUdp(lib);
      const peer = await node(type);
      const at = await freeUdpPorts(1, LOOPBACK[type]);
      const socket = udp.open(LOOPBACK[type], at);
      const { port } = peer.address() as AddressInfo;
      t.equal(socket.receive(), 0, 'nothing has come');
      const sent = Array.from({ length: BATCH + 10 }, (_, i) => `${i} \xff\x00 ${'x'.repeat(i * 10)}`);
      for (const text of sent) peer.send(Buffer.from(text, 'latin1'), at, LOOPBACK[type]);
      const came = await read(udp, socket, sent.length);
      t.same(
        came,
        sent.map((text) => [text, LOOPBACK[type], port]),
      );
      t.ok(udp.waited_ms < 60_000, 'and how long they have waited');
      const back: string[] = [];
      peer.on('message', (bytes) => back.push(bytes.toString('latin1')));
      for (const text of sent) socket.send(text, LOOPBACK[type], port);
      udp.flush();
      await until(() => back.length === sent.length);
      t.same(back, sent);
      peer.close();
      socket.close();
    });
  }

  t.test('what the system does not let be sent does not hold up the rest', async (t) => {
    const udp = new BatchUdp(lib);
    const peer = await node('udp4');
    const { port } = peer.address() as AddressInfo;
    const socket = udp.open('127.0.0.1', await freeUdpPorts(1));
    let came = 0;
    peer.on('message', () => came++);
    socket.send('one', '127.0.0.1', port);
    socket.send('no way there from loopback', '192.0.2.1', port);
    socket.send('two', '127.0.0.1', port);
    udp.flush();
    await until(() => came === 2);
    t.equal(came, 2);
    peer.close();
    socket.close();
  });

  t.test('the socket bound last receives, until it is deafened, and nothing is lost', async (t) => {
    const udp = new BatchUdp(lib);
    const before = await node('udp4');
    const { port } = before.address() as AddressInfo;
    let came = 0;
    before.on('message', () => came++);
    const sender = await node('udp4');
    const send = (): void => sender.send('x', port, '127.0.0.1');
    send();
    await until(() => came === 1);
    t.equal(came, 1);
    const socket = udp.open('127.0.0.1', port);
    for (let i = 0; i < 20; i++) send();
    await sleep(50);
    t.equal(came, 1, 'it has them now');
    socket.deafen(9);
    for (let i = 0; i < 20; i++) send();
    await until(() => came === 21);
    t.equal(came, 21);
    t.equal((await read(udp, socket, 20)).length, 20, 'what had come to it before can still be read');
    for (const opened of [before, sender]) opened.close();
    socket.close();
  });

  t.test('an address that cannot be had is told of', async (t) => {
    t.throws(() => new BatchUdp(lib).open('192.0.2.1', 5060), /udp 192\.0\.2\.1 port 5060: error 99/);
  });
}

import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { createDatagramLink, DatagramLinkReader, DatagramLinkWriter } from '../../ipc/datagram-link.js';
import { createDoorbell } from '../../ipc/doorbell.js';

function open() {
  const descriptor = createDatagramLink(0, createDoorbell());
  const waits_ms: number[] = [];
  return {
    writer: new DatagramLinkWriter(descriptor),
    reader: new DatagramLinkReader(structuredClone(descriptor), (wait_ms) => waits_ms.push(wait_ms)),
    waits_ms,
  };
}

t.test('a forwarded datagram arrives with its socket and its sender, and lasts', async (t) => {
  const { writer, reader } = open();
  const sent: [number, number, string, Buffer][] = [
    [0, 5060, '192.0.2.1', Buffer.from('OPTIONS sip:x SIP/2.0\r\n\r\n')],
    [65_535, 65_535, 'fe80::1234:5678:9abc:def0%enp0s31f6', Buffer.alloc(65_507, 0xff)],
    [3, 1, '::1', Buffer.alloc(0)],
  ];
  for (const datagram of sent) t.ok(writer.send(...datagram));
  t.notOk(reader.pending, 'nothing leaves before the flush');
  writer.flush();
  t.ok(reader.pending);
  const seen: [number, number, string, Buffer][] = [];
  t.equal(
    reader.drain((...datagram) => seen.push(datagram), 1),
    1,
  );
  reader.drain((...datagram) => seen.push(datagram));
  t.notOk(reader.pending);
  for (let i = 0; i < 100; i++) {
    writer.send(1, 1, '127.0.0.1', Buffer.alloc(60_000, i));
    writer.flush();
    reader.drain(() => undefined);
  }
  t.strictSame(seen, sent, 'also after the ring has been written over');
});

t.test('a full ring loses datagrams, counts them, and goes on', async (t) => {
  const { writer, reader } = open();
  let sent = 0;
  while (writer.send(1, 5060, '192.0.2.1', Buffer.alloc(1000, sent))) sent++;
  t.equal(writer.dropped, 1);
  t.notOk(writer.send(1, 5060, '192.0.2.1', Buffer.alloc(1000)));
  t.equal(writer.dropped, 2);
  writer.flush();
  let next = 0;
  reader.drain((_socket, _port, _address, bytes) => {
    if (bytes[0] === next % 256) next++;
  });
  t.equal(next, sent, 'those that were taken come in order');
  t.ok(writer.send(1, 5060, '192.0.2.1', Buffer.alloc(1000)));
});

t.test('the reader is told how long what it reads has waited', async (t) => {
  const { writer, reader, waits_ms } = open();
  writer.send(1, 5060, '192.0.2.1', Buffer.from('x'));
  writer.flush();
  await sleep(15);
  reader.drain(() => undefined);
  t.equal(waits_ms.length, 1);
  t.ok((waits_ms[0] as number) > 10, 'in the ring');
  writer.flush();
  reader.drain(() => undefined);
  t.equal(waits_ms.length, 1, 'nothing was sent since');
  writer.send(1, 5060, '192.0.2.1', Buffer.from('x'));
  writer.flush(500);
  reader.drain(() => undefined);
  t.ok((waits_ms[1] as number) >= 500, 'and before it came there');
});

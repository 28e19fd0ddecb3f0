import t from 'tap';
import { createDoorbell, Doorbell } from '../../ipc/doorbell.js';
import { createRing, RingReader, RingWriter } from '../../ipc/ring.js';

const HEAD = 0;
const TAIL = 16;

function open(bytes: number, position = 0) {
  const descriptor = createRing(bytes);
  const words = new Int32Array(descriptor);
  words[HEAD] = words[TAIL] = position;
  return {
    descriptor,
    writer: new RingWriter(descriptor, new Doorbell(createDoorbell())),
    reader: new RingReader(descriptor),
  };
}

/** Record number `n`: 0 to 255 bytes that say which record they are. */
function record(n: number): Buffer {
  return Buffer.alloc((n * 37) % 256, n & 0xff);
}

function drain(reader: RingReader, max = 1000): Buffer[] {
  const records: Buffer[] = [];
  reader.drain((view, start, end) => records.push(Buffer.from(view.subarray(start, end))), max);
  return records;
}

for (const position of [0, 0x7fffff00, -256]) {
  t.test(`records come out whole and in order while positions pass ${position}`, async (t) => {
    const { writer, reader } = open(2048, position);
    let sent = 0;
    let received = 0;
    let wrong = 0;
    while (received < 5000) {
      for (let i = 0; i <= received % 7 && writer.tryWrite(record(sent)); i++) sent++;
      writer.publish();
      for (const bytes of drain(reader, 1 + (received % 5))) {
        if (!bytes.equals(record(received))) wrong++;
        received++;
      }
    }
    t.equal(wrong, 0);
    t.equal(drain(reader).length, sent - received);
    t.equal(writer.fill(), 0);
  });
}

t.test('a full ring refuses a record and takes it when the reader has read', async (t) => {
  const { writer, reader } = open(1024);
  let written = 0;
  while (writer.tryWrite(Buffer.alloc(100, written))) written++;
  t.equal(written, 9);
  t.ok(writer.fill() > 0.9 && writer.fill() <= 1);
  writer.publish();
  t.notOk(writer.tryWrite(Buffer.alloc(100)));
  t.strictSame(
    drain(reader, 4).map((bytes) => bytes[0]),
    [0, 1, 2, 3],
  );
  t.ok(writer.tryWrite(Buffer.alloc(100, written)));
  writer.publish();
  t.strictSame(
    drain(reader).map((bytes) => bytes[0]),
    [4, 5, 6, 7, 8, 9],
  );
});

t.test('an empty ring has room for the largest record wherever it stands', async (t) => {
  const { writer, reader } = open(1024);
  const largest = Buffer.alloc(writer.max_record_bytes, 1);
  for (let i = 0; i < 500; i++) {
    if (!writer.tryWrite(largest)) t.fail(`no room in round ${i}`);
    if (!writer.tryWrite(record(i % 6))) t.fail(`no room for a small one in round ${i}`);
    writer.publish();
    if (drain(reader).length !== 2) t.fail(`not two records in round ${i}`);
  }
});

t.test('a record larger than a quarter of the ring is a mistake of the caller', async (t) => {
  const { writer } = open(1024);
  t.throws(() => writer.tryWrite(Buffer.alloc(writer.max_record_bytes + 1)), { message: /invariant broken/ });
});

t.test('what is not published is not seen', async (t) => {
  const { writer, reader } = open(1024);
  writer.tryWrite(Buffer.from('one'));
  t.notOk(reader.pending);
  t.equal(drain(reader).length, 0);
  writer.publish();
  t.ok(reader.pending);
  t.equal(drain(reader).length, 1);
  t.notOk(reader.pending);
});

t.test('a part of a buffer can be written', async (t) => {
  const { writer, reader } = open(1024);
  writer.tryWrite(Buffer.from('abcdef'), 2, 3);
  writer.tryWrite(new Uint8Array([120, 121, 122]), 2, 1);
  writer.publish();
  t.strictSame(drain(reader).map(String), ['de', 'yz']);
});

t.test('a record whose reader throws is not read again', async (t) => {
  const { writer, reader } = open(1024);
  for (const text of ['one', 'two', 'three']) writer.tryWrite(Buffer.from(text));
  writer.publish();
  t.throws(() =>
    reader.drain((view, start, end) => {
      if (view.toString('latin1', start, end) === 'two') throw new Error('no');
    }, 10),
  );
  t.strictSame(drain(reader).map(String), ['three']);
});

t.test('a ring that was scribbled on is noticed', async (t) => {
  const { descriptor, writer, reader } = open(1024);
  writer.tryWrite(Buffer.from('one'));
  writer.publish();
  new Int32Array(descriptor)[32] = 4000;
  t.throws(() => drain(reader), { message: /invariant broken/ });
});

import { Worker } from 'node:worker_threads';
import t from 'tap';
import type { Report } from '../../core/messages.js';
import { decisionCodec, reportCodec } from '../../ipc/catalogue.js';
import { createDoorbell, Doorbell, DoorbellListener } from '../../ipc/doorbell.js';
import { createLink, LinkReader, LinkWriter } from '../../ipc/link.js';
import { RingWriter } from '../../ipc/ring.js';
import { type EchoTask, SPILL_PAUSE } from './peer.js';
import { REPORTS } from './samples.js';

function report(n: number): Report {
  return { kind: 'leg_announced', call: `call ${n}`, leg: n };
}

function open(bytes: number, options = {}) {
  const descriptor = createLink('worker 1 to dispatcher', bytes, createDoorbell());
  return {
    descriptor,
    writer: new LinkWriter(descriptor, reportCodec, options),
    reader: new LinkReader(descriptor, reportCodec),
  };
}

t.test('messages are numbered from 1 and arrive in order at the flush', async (t) => {
  const { writer, reader } = open(4096);
  const seen: [Report, number][] = [];
  const read = () => reader.drain((message, seq) => seen.push([message, seq]));
  writer.send(report(1));
  writer.send(REPORTS.arrived);
  t.equal(read(), 0, 'nothing leaves before the flush');
  t.notOk(writer.flush());
  t.ok(reader.pending);
  t.equal(read(), 2);
  t.strictSame(seen, [
    [report(1), 1],
    [REPORTS.arrived, 2],
  ]);
  t.equal(writer.last_seq, 2);
  t.equal(reader.last_seq, 2);
});

t.test('a link that goes on after a restart begins with the number it was told', async (t) => {
  const descriptor = createLink('a link', 4096, createDoorbell(), 1001);
  const writer = new LinkWriter(descriptor, reportCodec);
  const reader = new LinkReader(structuredClone(descriptor), reportCodec);
  t.equal(reader.last_seq, 1000);
  writer.send(report(1));
  writer.flush();
  reader.drain((_, seq) => t.equal(seq, 1001));
  t.equal(reader.last_seq, 1001);
});

t.test('above three quarters new calls are refused, those in progress go on', async (t) => {
  const { writer, reader } = open(4096);
  let sent = 0;
  while (writer.hasRoomForNew) writer.send(report(++sent));
  t.equal(writer.spilled, 0, 'the last quarter is still free');
  writer.send(report(++sent));
  t.equal(writer.spilled, 0);
  writer.flush();
  t.notOk(writer.hasRoomForNew);
  t.equal(
    reader.drain(() => undefined),
    sent,
  );
  t.ok(writer.hasRoomForNew);
});

t.test('what does not fit in the ring waits and goes out in order', async (t) => {
  const { writer, reader } = open(1024);
  const seen: number[] = [];
  for (let n = 1; n <= 1000; n++) writer.send(report(n));
  t.ok(writer.spilled > 900);
  t.notOk(writer.hasRoomForNew);
  let next = 1001;
  let more = writer.flush();
  t.ok(more, 'the flush says that messages still wait');
  while (more) {
    t.notOk(writer.hasRoomForNew);
    reader.drain((message, seq) => {
      t.strictSame(message, report(seq));
      seen.push(seq);
    });
    if (next <= 1010) writer.send(report(next++));
    more = writer.flush();
  }
  reader.drain((_, seq) => seen.push(seq));
  t.strictSame(
    seen,
    Array.from({ length: 1010 }, (_, i) => i + 1),
    'what came later stays behind',
  );
  t.equal(writer.spilled, 0);
  t.ok(writer.hasRoomForNew);
});

t.test('a reader that reads nothing any more fails its writer loudly', async (t) => {
  const { writer } = open(1024, { spill_limit: 10 });
  while (writer.spilled < 10) writer.send(report(1));
  t.throws(() => writer.send(report(1)), {
    message: /worker 1 to dispatcher: at most 10 messages are spilled/,
  });
});

t.test('a gap in the numbers is noticed', async (t) => {
  const { descriptor, reader } = open(4096);
  const ring = new RingWriter(descriptor.ring, new Doorbell(descriptor.doorbell));
  for (const seq of [1, 3]) {
    const encoded = reportCodec.encode(seq, report(seq));
    ring.tryWrite(encoded, encoded.end - encoded.start, encoded.start);
  }
  ring.publish();
  t.equal(
    reader.drain(() => undefined, 1),
    1,
  );
  t.throws(() => reader.drain(() => undefined), {
    message: /worker 1 to dispatcher: 2 comes next, not 3/,
  });
});

t.test('a corrupt record is noticed', async (t) => {
  const { descriptor, reader } = open(4096);
  const ring = new RingWriter(descriptor.ring, new Doorbell(descriptor.doorbell));
  ring.tryWrite(Buffer.from([0xc1, 0xff]));
  ring.publish();
  t.throws(() => reader.drain(() => undefined), {
    message: /worker 1 to dispatcher: a record is no/,
  });
});

/** Two links to a thread that answers every report with a decision. */
function echoThread(ring_bytes: number) {
  const here = createDoorbell();
  const there = createDoorbell();
  const task: EchoTask = {
    task: 'echo',
    doorbell: there,
    reports: createLink('reports', ring_bytes, there),
    decisions: createLink('decisions', ring_bytes, here),
  };
  return {
    doorbell: here,
    worker: new Worker(new URL('./peer.js', import.meta.url), { workerData: task }),
    writer: new LinkWriter(task.reports, reportCodec),
    reader: new LinkReader(task.decisions, decisionCodec),
  };
}

t.test('two threads that sleep in between wake each other for every message', async (t) => {
  const { doorbell, worker, writer, reader } = echoThread(4096);
  const rounds = 3000;
  let answered = 0;
  await new Promise<void>((resolve, reject) => {
    worker.once('error', reject);
    const listener = new DoorbellListener(doorbell, () => {
      const count = reader.drain((decision, seq) => {
        if (decision.kind !== 'drop' || decision.leg !== seq || decision.call !== `call ${seq}`) {
          reject(new Error(`answer ${seq} is ${JSON.stringify(decision)}`));
        }
      });
      answered += count;
      if (count > 0 || answered === 0) {
        if (answered === rounds) {
          listener.close();
          resolve();
        } else if (writer.last_seq === answered) {
          writer.send(report(answered + 1));
          writer.flush();
        }
      }
      return false;
    });
  });
  t.equal(answered, rounds);
  await worker.terminate();
});

t.test('300,000 messages each way through small rings: none lost, none twice, all in order', async (t) => {
  const { doorbell, worker, writer, reader } = echoThread(16_384);
  const total = 300_000;
  let answered = 0;
  let wrong = 0;
  let most_spilled = 0;
  await new Promise<void>((resolve, reject) => {
    worker.once('error', reject);
    const listener = new DoorbellListener(doorbell, () => {
      reader.drain((decision, seq) => {
        answered++;
        if (decision.kind !== 'drop' || decision.leg !== answered || seq !== answered) wrong++;
        if (decision.call !== `call ${answered}`) wrong++;
      });
      for (let i = 0; i < 700 && writer.last_seq < total && writer.spilled < SPILL_PAUSE; i++) {
        writer.send(report(writer.last_seq + 1));
      }
      most_spilled = Math.max(most_spilled, writer.spilled);
      const spilled = writer.flush();
      if (answered === total) {
        listener.close();
        resolve();
      }
      return spilled || reader.pending || writer.last_seq < total;
    });
  });
  t.equal(answered, total);
  t.equal(wrong, 0);
  t.ok(most_spilled > 0, 'the rings were full at times');
  await worker.terminate();
});

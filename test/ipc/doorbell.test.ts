import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { createDoorbell, Doorbell, DoorbellListener } from '../../ipc/doorbell.js';
import { createRing, RingReader, RingWriter } from '../../ipc/ring.js';

/** Where a doorbell says that its consumer sleeps. */
const ASLEEP_WORD = 16;

/** Waits, a turn of the event loop at a time, for what must come about. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

t.test('a sleeping consumer hears each ring, again and again', async (t) => {
  const descriptor = createDoorbell();
  const doorbell = new Doorbell(descriptor);
  let unheard = true;
  let heard = 0;
  const listener = new DoorbellListener(descriptor, () => {
    if (unheard) heard++;
    unheard = false;
    return false;
  });
  const words = new Int32Array(descriptor);
  await until(() => !unheard);
  for (let round = 2; round <= 100; round++) {
    // Every other time it is left alone until it sleeps.
    if (round % 2 === 0) await until(() => Atomics.load(words, ASLEEP_WORD) === 1);
    unheard = true;
    doorbell.ring();
    await until(() => !unheard);
  }
  t.equal(heard, 100);
  listener.close();
});

t.test('a ring while the consumer looks at its rings is not lost', async (t) => {
  const descriptor = createDoorbell();
  const doorbell = new Doorbell(descriptor);
  let calls = 0;
  const listener = new DoorbellListener(descriptor, () => {
    calls++;
    if (calls < 5) doorbell.ring();
    return false;
  });
  await until(() => calls === 5);
  t.equal(calls, 5);
  listener.close();
});

t.test('a consumer with work left is called again, and the event loop gets its turns', async (t) => {
  let calls = 0;
  let turns = 0;
  const listener = new DoorbellListener(createDoorbell(), () => ++calls < 10);
  while (calls < 10) {
    await turn();
    turns++;
  }
  t.ok(turns >= 9);
  listener.close();
});

t.test('a closed consumer is left alone', async (t) => {
  const descriptor = createDoorbell();
  let calls = 0;
  const listener = new DoorbellListener(descriptor, () => {
    calls++;
    return false;
  });
  await until(() => calls === 1);
  listener.close();
  new Doorbell(descriptor).ring();
  for (let i = 0; i < 10; i++) await turn();
  t.equal(calls, 1);
});

t.test('what is published without a wake-up is read with the next one, or after max_sleep_ms', async (t) => {
  const descriptor = createDoorbell();
  const ring = createRing(1024);
  const writer = new RingWriter(ring, new Doorbell(descriptor));
  const reader = new RingReader(ring);
  const seen: string[] = [];
  const read = () => {
    reader.drain((view, start, end) => seen.push(view.toString('latin1', start, end)), 10);
    return false;
  };
  const patient = new DoorbellListener(descriptor, read);
  await turn();
  await turn();
  writer.tryWrite(Buffer.from('a'));
  writer.publish({ wake: false });
  for (let i = 0; i < 10; i++) await turn();
  t.strictSame(seen, [], 'it lies there');
  writer.tryWrite(Buffer.from('b'));
  writer.publish();
  await until(() => seen.length === 2);
  t.strictSame(seen, ['a', 'b']);
  writer.tryWrite(Buffer.from('c'));
  writer.publish({ wake: false });
  writer.publish();
  await until(() => seen.length === 3);
  t.strictSame(seen, ['a', 'b', 'c'], 'a later wake-up with nothing new announces it');
  patient.close();

  const restless = new DoorbellListener(descriptor, read, { max_sleep_ms: 20 });
  await turn();
  await turn();
  writer.tryWrite(Buffer.from('d'));
  writer.publish({ wake: false });
  await until(() => seen.length === 4);
  t.equal(seen[3], 'd');
  restless.close();
});

t.test(
  'with much to do a consumer pauses instead: what is published without a wake-up is read soon',
  async (t) => {
    const descriptor = createDoorbell();
    const words = new Int32Array(descriptor);
    const ring = createRing(1024);
    const writer = new RingWriter(ring, new Doorbell(descriptor));
    const reader = new RingReader(ring);
    let read = 0;
    let busy = true;
    const listener = new DoorbellListener(
      descriptor,
      () => {
        read += reader.drain(() => undefined, 10);
        return false;
      },
      { pause: { ms: 1, due: () => busy } },
    );
    for (let round = 1; round <= 5; round++) {
      writer.tryWrite(Buffer.from('a'));
      writer.publish({ wake: false });
      await until(() => read === round);
    }
    busy = false;
    await until(() => Atomics.load(words, ASLEEP_WORD) === 1);
    writer.tryWrite(Buffer.from('b'));
    writer.publish();
    await until(() => read === 6);
    t.equal(read, 6);
    listener.close();
  },
);

t.test('a ring ends a pause, and the event loop is served between two', async (t) => {
  const descriptor = createDoorbell();
  const peer = new Worker(new URL('./peer.js', import.meta.url), {
    workerData: { task: 'ring', doorbell: descriptor },
  });
  await once(peer, 'online');
  let looks = 0;
  const listener = new DoorbellListener(
    descriptor,
    () => {
      looks++;
      return false;
    },
    // Longer than a test may take: without a ring it would never end.
    { pause: { ms: 600_000, due: () => looks > 1 } },
  );
  await until(() => looks === 20);
  t.equal(looks, 20);
  listener.close();
  await peer.terminate();
});

t.test('a ring more than half full wakes its reader even when that was not asked for', async (t) => {
  const descriptor = createDoorbell();
  const ring = createRing(1024);
  const writer = new RingWriter(ring, new Doorbell(descriptor));
  const reader = new RingReader(ring);
  let read = 0;
  const listener = new DoorbellListener(descriptor, () => {
    read += reader.drain(() => undefined, 100);
    return false;
  });
  await turn();
  await turn();
  for (let i = 0; i < 6; i++) writer.tryWrite(Buffer.alloc(100));
  writer.publish({ wake: false });
  await until(() => read === 6);
  t.equal(read, 6);
  listener.close();
});

t.test('a thread that has nothing but a listener ends by itself', async (t) => {
  const worker = new Worker(new URL('./peer.js', import.meta.url), { workerData: { task: 'sleep' } });
  const [code] = await once(worker, 'exit');
  t.equal(code, 0);
});

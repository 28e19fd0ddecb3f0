import fs, {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { beginGeneration, completeGeneration, filesOf } from '../../../workers/journal/files.js';
import { frameSlices, goodFrames, inFrames } from '../../../workers/journal/frames.js';
import { type JournalOptions, JournalWriter } from '../../../workers/journal/writer.js';
import { eventually } from '../../support/settle.js';

const QUIET: JournalOptions = { sync: 'none', log() {} };

function noGap(): void {
  throw new Error('nothing was lost');
}

function writeFrames(folder: string, texts: string[], options = QUIET): JournalWriter {
  const writer = new JournalWriter(folder, 'calls', 1, options);
  for (const text of texts) {
    writer.batch.text(text);
    writer.commit(noGap);
  }
  return writer;
}

/** What is in the journal, and how many bytes at the end of a file were no record. */
function readBack(folder: string): { texts: string[]; cut: number } {
  const texts: string[] = [];
  let cut = 0;
  for (const { path } of filesOf(folder, 'calls')) {
    const good = goodFrames(path, (bytes) => (cut += bytes));
    for (const from of inFrames([good])) texts.push(from.text());
  }
  return { texts, cut };
}

t.test('what was committed is read back, over many files', async (t) => {
  const folder = t.testdir();
  const texts = Array.from({ length: 50 }, (_, n) => `record ${n}`.repeat(20));
  const writer = writeFrames(folder, texts, { ...QUIET, file_bytes: 1000 });
  t.ok(writer.number > 5);
  writer.close();
  t.same(readBack(folder), { texts, cut: 0 });
});

t.test(
  'a file is given a slice at a time, whatever the length of its frames and of what ends it',
  async (t) => {
    const folder = t.testdir();
    const texts = Array.from({ length: 40 }, (_, n) => `record ${n}`.repeat(1 + ((n * 7) % 30)));
    writeFrames(folder, texts).close();
    const path = filesOf(folder, 'calls')[0]?.path as string;
    const whole = readFileSync(path);
    appendFileSync(path, 'torn');
    for (const slice_bytes of [16, 100, 1000, 100_000]) {
      const slices: Buffer[] = [];
      for await (const slice of frameSlices(path, slice_bytes)) slices.push(Buffer.from(slice));
      t.equal(slices.pop()?.toString(), 'torn');
      t.ok(Buffer.concat(slices).equals(whole));
      t.same(
        slices.flatMap((slice) => [...inFrames([slice])].map((from) => from.text())),
        texts,
      );
    }
  },
);

const damages: Record<string, (path: string) => void> = {
  'a torn last record': (path) => truncateSync(path, readFileSync(path).length - 3),
  'a torn header': (path) => appendFileSync(path, Buffer.from([9, 0, 0])),
  'zeros, as a crash of the machine leaves them': (path) => appendFileSync(path, Buffer.alloc(64)),
  'a flipped bit in the last record': (path) => {
    const bytes = readFileSync(path);
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(path, bytes);
  },
};
for (const [name, damage] of Object.entries(damages)) {
  t.test(`${name} costs nothing before it`, async (t: Test) => {
    const folder = t.testdir();
    writeFrames(folder, ['one', 'two', 'three']).close();
    damage(filesOf(folder, 'calls')[0]!.path);
    const { texts, cut } = readBack(folder);
    t.same(texts.slice(0, 2), ['one', 'two']);
    t.ok(cut > 0, 'what is left out is told');
  });
}

t.test('a full disk: new calls are refused, and what waited is written when there is room', async (t) => {
  const folder = t.testdir();
  const lines: string[] = [];
  let room = true;
  const writer = writeFrames(folder, ['before'], {
    sync: 'none',
    log: (_level, message) => lines.push(message),
    disk_takes: () => room,
  });
  t.notOk(writer.full);
  room = false;
  for (const text of ['one', 'two']) {
    writer.batch.text(text);
    t.notOk(writer.commit(noGap));
  }
  t.ok(writer.full, 'no new call');
  room = true;
  writer.batch.text('three');
  t.ok(writer.commit(noGap));
  t.notOk(writer.full);
  writer.close();
  t.same(readBack(folder), { texts: ['before', 'one', 'two', 'three'], cut: 0 });
  t.equal(lines.length, 2, 'one line when it begins, one when it is over');
});

t.test('what the disk does not take for too long is given up, and the journal says so', async (t) => {
  const folder = t.testdir();
  let room = false;
  const writer = writeFrames(folder, ['x'.repeat(1000)], {
    ...QUIET,
    disk_takes: () => room,
    max_waiting_bytes: 3000,
  });
  const gap = (): void => writer.batch.text('a gap');
  for (let n = 0; n < 5; n++) {
    writer.batch.text('y'.repeat(1000));
    writer.commit(gap);
  }
  room = true;
  writer.batch.text('z');
  writer.commit(gap);
  writer.batch.text('after');
  t.ok(writer.commit(noGap));
  writer.close();
  t.same(readBack(folder).texts, ['a gap', 'after']);
});

t.test('journals of another version are neither read nor removed', async (t) => {
  const data_dir = t.testdir();
  const first = beginGeneration(data_dir);
  completeGeneration(first);
  writeFileSync(join(first.next, 'complete'), '');
  t.throws(() => beginGeneration(data_dir), {
    message: /journal\/1: journals of another version of sip-acd/,
  });
  t.ok(existsSync(first.next));
});

t.test('a generation counts once it is complete', async (t) => {
  const data_dir = t.testdir();
  const first = beginGeneration(data_dir);
  t.equal(first.old, undefined);
  completeGeneration(first);
  const second = beginGeneration(data_dir);
  t.equal(second.old, first.next);
  writeFileSync(join(second.next, 'worker-0.00000000.base'), '');
  // The engine dies before it is complete.
  const third = beginGeneration(data_dir);
  t.equal(third.old, first.next, 'still the first');
  t.notOk(existsSync(second.next) && second.next !== third.next, 'what was begun is gone');
  t.same(readdirSync(third.next), []);
  completeGeneration(third);
  t.notOk(existsSync(first.next));
  t.equal(beginGeneration(data_dir).old, third.next);
});

t.test('journal.sync says when what was written survives the machine', async (t) => {
  let synced = 0;
  const counting = {
    ...fs,
    fdatasyncSync: () => synced++,
    fdatasync: (_fd: number, done: (error: Error | null) => void) => {
      synced++;
      done(null);
    },
  };
  // Resolved from this file's source, not from what it was built to.
  const { JournalWriter: Writer } = (await t.mockImport('../../../dist/workers/journal/writer.js', {
    'node:fs': counting,
  })) as typeof import('../../../workers/journal/writer.js');
  const syncs = async (sync: 'interval' | 'always' | 'none', pause_ms: number): Promise<number> => {
    synced = 0;
    const writer = new Writer(t.testdir(), sync, 1, { sync, log() {} });
    for (let turn = 0; turn < 5; turn++) {
      writer.batch.text('entry');
      writer.commit(noGap);
    }
    const at_once = synced;
    if (pause_ms > 0)
      await eventually(
        async () => synced,
        (count) => count > at_once,
        'it is synced in time',
      );
    writer.close();
    return at_once;
  };
  t.equal(await syncs('always', 0), 5, 'always: at the end of each turn');
  t.equal(await syncs('interval', 1), 0, 'interval: soon after');
  t.equal(await syncs('none', 0), 0);
  t.equal(synced, 0, 'none: never, at the close neither');
});

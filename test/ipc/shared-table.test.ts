import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import {
  type Columns,
  createTable,
  f64,
  flag,
  i32,
  oneOf,
  SharedTable,
  utf8,
} from '../../ipc/shared-table.js';
import { HAMMER_COLUMNS, HAMMER_ROWS, type HammerTask, type HeldUpTask, hammerRow } from './peer.js';

interface Row {
  name: string;
  count: number;
  sum: number;
  open: boolean;
  color: 'red' | 'green';
}

const COLUMNS: Columns<Row> = {
  name: utf8(8),
  count: i32,
  sum: f64,
  open: flag,
  color: oneOf(['red', 'green']),
};
/** In words: behind the table's header. */
const SEQUENCE_OF_ROW_0 = 64 / 4;
const ROW: Row = { name: 'müller', count: -7, sum: 1.5e12, open: true, color: 'green' };

function open(rows = 10) {
  const descriptor = createTable(COLUMNS, rows);
  return {
    descriptor,
    writer: new SharedTable(COLUMNS, descriptor),
    reader: new SharedTable(COLUMNS, structuredClone(descriptor)),
  };
}

t.test('a row is read as it was written, and empty rows are empty', async (t) => {
  const { writer, reader } = open();
  t.equal(reader.read(3), undefined);
  writer.write(3, ROW);
  t.strictSame(reader.read(3), ROW);
  t.equal(reader.read(2), undefined);
  writer.write(3, { ...ROW, name: '', open: false });
  t.strictSame(reader.read(3), { ...ROW, name: '', open: false });
  writer.clear(3);
  t.equal(reader.read(3), undefined);
});

t.test('text is cut at the boundary of a character', async (t) => {
  const { writer, reader } = open();
  const cut = (name: string) => {
    writer.write(0, { ...ROW, name });
    const row = reader.read(0);
    return typeof row === 'object' ? row.name : row;
  };
  t.equal(cut('12345678'), '12345678');
  t.equal(cut('123456789'), '12345678');
  t.equal(cut('1234567é'), '1234567');
  t.equal(cut('123456é9'), '123456é');
  t.equal(cut('12345🙂'), '12345');
  t.equal(cut('🙂🙂🙂'), '🙂🙂');
  t.equal(cut('x'.repeat(5000)), 'xxxxxxxx');
});

t.test('a scan sees every row up to the highest ever used, but not the empty ones', async (t) => {
  const { writer, reader } = open();
  t.equal(reader.high_water, 0);
  for (const row of [5, 0, 2]) writer.write(row, { ...ROW, count: row });
  writer.clear(2);
  t.equal(reader.high_water, 6);
  const seen: [number, number][] = [];
  reader.scan((row, index) => seen.push([index, row.count]));
  t.strictSame(seen, [
    [0, 0],
    [5, 5],
  ]);
});

t.test('who reads a row in the middle of which its writer was held up waits for it', async (t) => {
  const { descriptor, writer, reader } = open();
  for (const row of [0, 1, 2]) writer.write(row, { ...ROW, count: row });
  const held_up = async (read: () => void): Promise<void> => {
    const task: HeldUpTask = { task: 'held-up', memory: descriptor.memory, word: SEQUENCE_OF_ROW_0 };
    const worker = new Worker(new URL('./peer.js', import.meta.url), { workerData: task });
    await once(worker, 'message');
    read();
    await once(worker, 'exit');
  };
  await held_up(() => t.strictSame(reader.read(0), { ...ROW, count: 0 }));
  const seen: number[] = [];
  await held_up(() => reader.scan((_, index) => seen.push(index)));
  t.strictSame(seen, [0, 1, 2], 'and no row is left out of a scan');
});

t.test('values that a column cannot hold are a mistake of the writer', async (t) => {
  const { writer } = open();
  t.throws(() => writer.write(0, { ...ROW, count: 2 ** 31 }), {
    message: /count/,
  });
  t.throws(() => writer.write(0, { ...ROW, count: 0.5 }), { message: /count/ });
  t.throws(() => writer.write(10, ROW), { message: /invariant broken/ });
  t.throws(() => writer.read(-1), { message: /invariant broken/ });
});

t.test('no row is ever seen half written while another thread writes it', async (t) => {
  const table = createTable(HAMMER_COLUMNS, HAMMER_ROWS);
  const reader = new SharedTable(HAMMER_COLUMNS, table);
  const task: HammerTask = { task: 'hammer', table, stop: new SharedArrayBuffer(4) };
  const worker = new Worker(new URL('./peer.js', import.meta.url), { workerData: task });
  await once(worker, 'online');
  const last: number[] = new Array(HAMMER_ROWS).fill(-1);
  let good = 0;
  let torn = 0;
  let changes = 0;
  for (let i = 0; (good < 300_000 || changes < 1000) && i < 1e9; i++) {
    const index = i % HAMMER_ROWS;
    const row = reader.read(index);
    if (row !== undefined) {
      const right = hammerRow(row.n);
      const whole =
        row.twice === right.twice &&
        row.text === right.text &&
        row.odd === right.odd &&
        row.third === right.third;
      if (!whole || row.n % HAMMER_ROWS !== index) torn++;
      good++;
      if (last[index] !== row.n) changes++;
      last[index] = row.n;
    }
  }
  Atomics.store(new Int32Array(task.stop), 0, 1);
  await once(worker, 'exit');
  t.equal(torn, 0);
  t.ok(changes >= 1000, 'the rows did change meanwhile');
});

/** The other thread of the tests: what it does is named in its workerData. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Decision } from '../../core/messages.js';
import { decisionCodec, reportCodec } from '../../ipc/catalogue.js';
import { createDoorbell, Doorbell, type DoorbellDescriptor, DoorbellListener } from '../../ipc/doorbell.js';
import { type LinkDescriptor, LinkReader, LinkWriter } from '../../ipc/link.js';
import {
  type Columns,
  f64,
  flag,
  i32,
  oneOf,
  SharedTable,
  type TableDescriptor,
  utf8,
} from '../../ipc/shared-table.js';

export interface EchoTask {
  task: 'echo';
  doorbell: DoorbellDescriptor;
  reports: LinkDescriptor;
  decisions: LinkDescriptor;
}

export interface SleepTask {
  task: 'sleep';
}

export interface RingTask {
  task: 'ring';
  doorbell: DoorbellDescriptor;
}

export interface HammerTask {
  task: 'hammer';
  table: TableDescriptor;
  /** One word: 1 ends the task. */
  stop: SharedArrayBuffer;
}

/** Begins to write a row, says so, and ends 30 ms later. */
export interface HeldUpTask {
  task: 'held-up';
  memory: SharedArrayBuffer;
  /** Where the row's sequence number is. */
  word: number;
}

/** A row whose columns all follow from `n`. */
export interface HammerRow {
  n: number;
  twice: number;
  text: string;
  odd: boolean;
  third: 'zero' | 'one' | 'two';
}

export const HAMMER_COLUMNS: Columns<HammerRow> = {
  n: i32,
  twice: f64,
  text: utf8(200),
  odd: flag,
  third: oneOf(['zero', 'one', 'two']),
};
export const HAMMER_ROWS = 4;

export function hammerRow(n: number): HammerRow {
  const third = n % 3 === 0 ? 'zero' : n % 3 === 1 ? 'one' : 'two';
  return {
    n,
    twice: 2 * n,
    text: String.fromCharCode(97 + (n % 26)).repeat(n % 200),
    odd: n % 2 === 1,
    third,
  };
}

/** How many messages an end lets spill before it stops to send. */
export const SPILL_PAUSE = 2000;

/** Answers every report with a decision that names the same call and leg. */
function echo({ doorbell, reports, decisions }: EchoTask): void {
  const reader = new LinkReader(reports, reportCodec);
  const writer = new LinkWriter<Decision>(decisions, decisionCodec);
  new DoorbellListener(doorbell, () => {
    if (writer.spilled < SPILL_PAUSE) {
      reader.drain(
        (report, seq) => writer.send({ kind: 'drop', call: 'call' in report ? report.call : '', leg: seq }),
        500,
      );
    }
    return writer.flush() || reader.pending;
  });
  // Holds the thread until the test ends it; a listener alone would not.
  parentPort?.on('message', () => undefined);
}

function hammer({ table, stop }: HammerTask): void {
  const rows = new SharedTable(HAMMER_COLUMNS, table);
  const word = new Int32Array(stop);
  for (let n = 0; Atomics.load(word, 0) === 0; n = (n + 1) % 1_000_000) {
    const row = n % HAMMER_ROWS;
    if (n % 101 === 0) rows.clear(row);
    else rows.write(row, hammerRow(n));
  }
}

function holdUp({ memory, word }: HeldUpTask): void {
  const words = new Int32Array(memory);
  Atomics.add(words, word, 1);
  parentPort?.postMessage('begun');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30);
  Atomics.add(words, word, 1);
}

/** Rings every 5 ms, as long as the thread is left to run. */
function ring({ doorbell }: RingTask): void {
  const bell = new Doorbell(doorbell);
  setInterval(() => bell.ring(), 5);
}

const data = workerData as EchoTask | SleepTask | HammerTask | HeldUpTask | RingTask | null;
switch (data?.task) {
  case 'echo':
    echo(data);
    break;
  case 'sleep':
    new DoorbellListener(createDoorbell(), () => false, { max_sleep_ms: 20 });
    break;
  case 'ring':
    ring(data);
    break;
  case 'hammer':
    hammer(data);
    break;
  case 'held-up':
    holdUp(data);
}

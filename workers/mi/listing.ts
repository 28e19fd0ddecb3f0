/**
 * A long answer, made a slice at a time. Ten thousand rows are some milliseconds of a core, and calls should not have to
 * wait for it in one piece: between two slices the thread sleeps.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Json } from './json-rpc.js';

/** Rows that are gone through at a time: a fraction of a millisecond. */
const SLICE = 400;
const PAUSE_MS = 1;

/** An object with one field, a list. */
export class Listing {
  constructor(
    readonly field: string,
    private readonly slices: AsyncIterable<readonly Json[]>,
  ) {}

  /** As JSON. */
  async text(): Promise<string> {
    const texts: string[] = [];
    for await (const slice of this.slices) {
      // Without the brackets of each slice.
      if (slice.length > 0) texts.push(JSON.stringify(slice).slice(1, -1));
    }
    return `{${JSON.stringify(this.field)}:[${texts.join(',')}]}`;
  }
}

/** The rows, so many at a time. */
async function* slices<Row>(rows: Iterable<Row>): AsyncGenerator<Row[]> {
  let slice: Row[] = [];
  for (const row of rows) {
    slice.push(row);
    if (slice.length < SLICE) continue;
    yield slice;
    slice = [];
    await sleep(PAUSE_MS);
  }
  yield slice;
}

/** The items of some rows, slice by slice. */
export async function* inSlices<Row>(
  rows: Iterable<Row>,
  item: (row: Row, index: number) => Json,
): AsyncGenerator<Json[]> {
  let index = 0;
  for await (const slice of slices(rows)) yield slice.map((row) => item(row, index++));
}

/** The rows that are wanted, looked for in slices as well. */
export async function select<Row>(rows: Iterable<Row>, wanted: (row: Row) => boolean): Promise<Row[]> {
  const selected: Row[] = [];
  for await (const slice of slices(rows)) selected.push(...slice.filter(wanted));
  return selected;
}

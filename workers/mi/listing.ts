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

/** The items of some rows, slice by slice; rows that have none are left out. */
export async function* inSlices<Row>(
  rows: Iterable<Row>,
  item: (row: Row, index: number) => Json,
): AsyncGenerator<Json[]> {
  let items: Json[] = [];
  let looked_at = 0;
  for (const row of rows) {
    items.push(item(row, looked_at++));
    if (looked_at % SLICE > 0) continue;
    yield items;
    items = [];
    await sleep(PAUSE_MS);
  }
  yield items;
}

/** The rows that are wanted, looked for in slices as well. */
export async function select<Row>(rows: Iterable<Row>, wanted: (row: Row) => boolean): Promise<Row[]> {
  const selected: Row[] = [];
  let looked_at = 0;
  for (const row of rows) {
    if (wanted(row)) selected.push(row);
    if (++looked_at % SLICE === 0) await sleep(PAUSE_MS);
  }
  return selected;
}

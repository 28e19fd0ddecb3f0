/**
 * Row numbers for the shared tables: an entity holds one for life, and a row given back is
 * used again first, so that a table grows no larger than the most entities there were at once.
 */
import { assert } from '../assert.js';

export class Rows<T> {
  private readonly entities: (T | undefined)[] = [];
  private readonly free: number[] = [];

  /** Takes a row and lets `make` build the entity that will live in it. */
  add(make: (row: number) => T): T {
    const row = this.free.pop() ?? this.entities.length;
    const entity = make(row);
    this.entities[row] = entity;
    return entity;
  }

  /** Gives the row back for another entity. */
  remove(row: number): void {
    assert(this.entities[row] !== undefined, 'a row that is given back is in use');
    this.entities[row] = undefined;
    this.free.push(row);
  }

  /** Who lives in the row; undefined when it is empty. */
  get(row: number): T | undefined {
    return this.entities[row];
  }

  /** Everybody, by row. */
  *[Symbol.iterator](): IterableIterator<T> {
    for (const entity of this.entities) if (entity !== undefined) yield entity;
  }
}

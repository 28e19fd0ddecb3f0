/**
 * A lane takes the rows of one table from memory to its database: in order, in batches, each batch in one
 * statement together with its sequence number.
 *
 * When the database cannot be reached the batch is repeated until it is there, with back-off, and the next
 * ones wait in memory. When its data makes it fail it is halved until the bad row is alone, which becomes a
 * dead letter. A repeated batch that had gone through after all is recognised by its sequence number.
 */
import type { Sql } from './connect.js';
import type { DeadLetters } from './dead_letters.js';
import { isDataError, isOutside, reasonOf } from './errors.js';
import type { Log } from './log.js';

export const WINDOW_MS = 200;
export const BATCH_ROWS = 500;
const BACK_OFF_MIN_MS = 250;
const BACK_OFF_MAX_MS = 5_000;

/** A row in a batch. */
export interface Numbered {
  /** The sender's number of the record that it comes from; ascending in a batch, and from batch to batch. */
  sequence: number;
}

/** A database as a lane sees it: `run` gives the work a handle of it, and fails where it cannot be reached. */
export interface LaneDatabase<Handle> {
  /** Configuration key, and where it is, for people. */
  readonly key: string;
  readonly place: string;
  run<T>(work: (handle: Handle) => Promise<T>): Promise<T>;
}

/** Where a lane's waits come from; a simulation has its own. */
export interface LaneClock {
  now_ms(): number;
  /** @returns takes it back */
  after(ms: number, act: () => void): () => void;
}

const SYSTEM_CLOCK: LaneClock = {
  now_ms: () => performance.now(),
  after(ms, act) {
    const timer = setTimeout(act, ms);
    return () => clearTimeout(timer);
  },
};

/** Rows that wait, and how a batch of them is written. */
export interface Waiting<Row extends Numbered, Handle = Sql> {
  readonly table: string;
  /** How many wait. */
  readonly size: number;
  /** Sequence of the one waiting longest; Infinity when there is none. */
  oldest(): number;
  /** Removes and returns up to `max` rows, oldest first. */
  take(max: number): Row[];
  /**
   * Writes the rows and the last one's sequence in one statement; nothing is written where the last sequence that
   * the database has is not `after`.
   * @returns the sequence that it has then
   */
  write(sql: Handle, rows: Row[], after: number): Promise<number>;
  /** What the dead-letter file keeps of a row. */
  letter(row: Row): object;
}

/**
 * What every lane's statement starts with: `mark` has a row if what had been written last was `after`. A statement
 * of a process that has died may still be under way when the next one writes the same rows: only one of them counts.
 */
export function markApplied(sql: Sql, writer: string, after: number, sequence: number, last_cid = 0) {
  return sql`mark as (
    insert into acd_applied as a (writer, sequence, last_cid) values (${writer}, ${sequence}, ${last_cid})
    on conflict (writer) do update
      set sequence = excluded.sequence, last_cid = greatest(a.last_cid, excluded.last_cid)
      where a.sequence = ${after}
    returning sequence)`;
}

/** What the statement ends with: {@link sequenceIn} reads it. */
export function selectApplied(sql: Sql, writer: string) {
  return sql`select sequence from mark
    union all select sequence from acd_applied where writer = ${writer} and not exists (select 1 from mark)`;
}

export function sequenceIn(rows: readonly { sequence?: string }[]): number {
  return Number(rows[0]?.sequence);
}

/** Repeating does not help: the database holds another sequence than this engine has written last. */
export class ForeignWriter extends Error {}

type Attempt = 'written' | 'given up' | { refused: unknown };

export class Lane<Row extends Numbered, Handle = Sql> {
  private running = false;
  /** Takes back the start that is due. */
  private timer: (() => void) | undefined = undefined;
  private flushes: { sequence: number; done: () => void }[] = [];
  /** Set while the database does not take our rows. */
  private down_since_ms: number | undefined = undefined;
  private closing = false;
  private giving_up = false;
  /** Rows that were given up, oldest first. */
  private readonly left: Row[] = [];
  /** Ends what an attempt is waiting for. */
  private interrupt: (() => void) | undefined;

  constructor(
    private readonly waiting: Waiting<Row, Handle>,
    private readonly database: LaneDatabase<Handle>,
    private readonly dead_letters: Pick<DeadLetters, 'add' | 'path'>,
    private readonly log: Log,
    /** Called once for an error that repeating cannot cure; the lane has then stopped. */
    private readonly fatal: (error: unknown) => void,
    /** The sequence that the database has. */
    private written: number,
    private readonly clock: LaneClock = SYSTEM_CLOCK,
  ) {}

  /** To be called after a row was added. */
  added(): void {
    if (this.running || this.closing) return;
    if (this.waiting.size >= BATCH_ROWS) this.start();
    else this.timer ??= this.clock.after(WINDOW_MS, () => this.start());
  }

  /** Resolves when every row up to `sequence` is in the database, or a dead letter. */
  flush(sequence: number): Promise<void> {
    return new Promise((done) => {
      this.flushes.push({ sequence, done });
      if (!this.running) this.start();
    });
  }

  /**
   * Writes what waits, and ends. What the database has not taken after `patience_ms` is returned (of a
   * statement under way then it is unknown whether its rows were written).
   */
  async close(patience_ms: number): Promise<Row[]> {
    this.closing = true;
    const patient = this.clock.after(patience_ms, () => {
      this.giving_up = true;
      this.interrupt?.();
    });
    await this.flush(Number.POSITIVE_INFINITY);
    patient();
    return this.left;
  }

  private start(): void {
    this.timer?.();
    this.timer = undefined;
    this.running = true;
    this.work().catch((error) => {
      this.closing = true;
      this.fatal(error);
    });
  }

  private async work(): Promise<void> {
    do {
      const rows = this.waiting.take(BATCH_ROWS);
      if (rows.length > 0) await this.write(rows);
      this.settleFlushes();
    } while (this.waiting.size >= BATCH_ROWS || (this.flushes.length > 0 && this.waiting.size > 0));
    this.running = false;
    if (this.waiting.size > 0) this.added();
  }

  private settleFlushes(): void {
    const oldest = this.waiting.oldest();
    const open = [];
    for (const flush of this.flushes) {
      if (flush.sequence < oldest || oldest === Number.POSITIVE_INFINITY) flush.done();
      else open.push(flush);
    }
    this.flushes = open;
  }

  private async write(rows: Row[]): Promise<void> {
    const outcome = await this.attempt(rows);
    if (outcome === 'written') return;
    if (outcome === 'given up') {
      for (const row of rows) this.left.push(row);
      return;
    }
    const [only] = rows;
    if (rows.length === 1 && only) {
      const { table } = this.waiting;
      const reason = reasonOf(outcome.refused);
      this.dead_letters.add(table, this.waiting.letter(only), reason);
      this.log.error(
        { table, reason },
        `${table}: a row was refused and is in ${this.dead_letters.path}: ${reason}`,
      );
      return;
    }
    const middle = rows.length >> 1;
    await this.write(rows.slice(0, middle));
    await this.write(rows.slice(middle));
  }

  /** Repeats the batch until the database has taken it or refused its data. */
  private async attempt(rows: Row[]): Promise<Attempt> {
    let back_off_ms = BACK_OFF_MIN_MS;
    // Told to each attempt: one that nobody waits for any more may still be carried out.
    const after = this.written;
    const last = rows.at(-1)?.sequence ?? after;
    while (!this.giving_up) {
      try {
        const has = await this.unlessInterrupted(
          this.database.run((sql) => this.waiting.write(sql, rows, after)),
        );
        if (has === undefined) break;
        // A batch that is repeated may have gone through before.
        if (has !== last) {
          const { key, place } = this.database;
          throw new ForeignWriter(
            `${key}: another engine writes to ${this.waiting.table} at ${place} as this one`,
          );
        }
        this.isBack();
        this.written = last;
        return 'written';
      } catch (error) {
        if (isDataError(error)) {
          this.isBack();
          return { refused: error };
        }
        if (!isOutside(error)) throw error;
        this.isDown(error);
      }
      await this.unlessInterrupted(this.sleep(back_off_ms));
      back_off_ms = Math.min(back_off_ms * 2, BACK_OFF_MAX_MS);
    }
    return 'given up';
  }

  /** The result of `work`, or undefined when the lane gives up before. */
  private async unlessInterrupted<T>(work: Promise<T>): Promise<T | undefined> {
    const interrupted = new Promise<undefined>((resolve) => {
      this.interrupt = () => resolve(undefined);
    });
    try {
      return await Promise.race([work, interrupted]);
    } finally {
      this.interrupt = undefined;
    }
  }

  private sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.clock.after(ms, resolve);
    });
  }

  private isDown(error: unknown): void {
    if (this.down_since_ms !== undefined) return;
    this.down_since_ms = this.clock.now_ms();
    const { table } = this.waiting;
    const { place } = this.database;
    const reason = reasonOf(error);
    this.log.error(
      { table, place, reason },
      `${table}: the database at ${place} takes no rows, they wait in memory: ${reason}`,
    );
  }

  private isBack(): void {
    if (this.down_since_ms === undefined) return;
    const down_s = Math.round((this.clock.now_ms() - this.down_since_ms) / 1000);
    this.down_since_ms = undefined;
    const { table } = this.waiting;
    const { place } = this.database;
    this.log.warn({ table, place, down_s }, `${table}: the database at ${place} is back after ${down_s} s`);
  }
}

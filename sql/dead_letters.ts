/** The dead-letter file: rows that no database took, one JSON object a line, for people to look at. */
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from './log.js';

export const DEAD_LETTER_FILE = 'dead-letters.jsonl';

/** Appends to the file in the data folder; opened at the first row. */
export class DeadLetters {
  readonly path: string;
  private fd: number | undefined = undefined;

  constructor(
    private readonly data_dir: string,
    private readonly log: Log,
  ) {
    this.path = join(data_dir, DEAD_LETTER_FILE);
  }

  /**
   * Keeps `row` (as it came, not as cut for `table`) with the `reason` why it is not in the database. Where
   * even the file cannot be written, the row goes to the log.
   */
  add(table: string, row: object, reason: string): void {
    const line = `${JSON.stringify({ time: new Date().toISOString(), table, reason, row })}\n`;
    try {
      if (this.fd === undefined) {
        mkdirSync(this.data_dir, { recursive: true });
        this.fd = openSync(this.path, 'a', 0o600);
      }
      writeSync(this.fd, line);
    } catch (error) {
      this.log.error(
        { err: error, table, reason, row },
        `${this.path} cannot be written: the row is only here`,
      );
    }
  }

  close(): void {
    if (this.fd !== undefined) closeSync(this.fd);
    this.fd = undefined;
  }
}

/** The rows in the dispatcher's journal, numbered for good, in the bytes that workers/journal writes and reads. */
import type { StoreRecord } from '../../core/acd/records.js';
import { recordsIn, writeRecord } from '../../workers/journal/acd-entries.js';
import { ByteReader, ByteWriter } from '../../workers/journal/bytes.js';
import type { Tables } from './database.js';
import { must } from './violation.js';

export class SimRecords {
  /** Number of the last one. */
  last_seq = 0;
  private readonly out = new ByteWriter(0);
  /** Those that some table may not have yet, by number. */
  private readonly frames: { sequence: number; frame: Buffer }[] = [];
  /** What the tables should come to. */
  private readonly cdr_numbers: number[] = [];
  private readonly wrapups = new Map<string, number>();
  /** By call, the number of its latest record. */
  private readonly calls = new Map<string, number>();
  private checked = 0;

  /** @returns the record as it is read again */
  append(record: StoreRecord): StoreRecord {
    const { out } = this;
    writeRecord(out, ++this.last_seq, record);
    const frame = Buffer.from(out.buffer.subarray(0, out.length));
    out.clear();
    this.frames.push({ sequence: this.last_seq, frame });
    if (record.kind === 'cdr') this.cdr_numbers.push(this.last_seq);
    else if (record.kind === 'wrapup') this.wrapups.set(record.agent_id, record.ends_ms);
    else if (record.kind === 'call') this.calls.set(record.call, this.last_seq);
    else this.calls.delete(record.call);
    let again: StoreRecord | undefined;
    recordsIn(new ByteReader(frame), (read) => {
      again = read;
    });
    must(again !== undefined, 'what is journalled can be read');
    return again;
  }

  /** Those after that number. */
  read(after: number, take: (record: StoreRecord, sequence: number) => void): void {
    const from = this.frames.findLastIndex(({ sequence }) => sequence <= after) + 1;
    for (const { frame } of this.frames.slice(from)) recordsIn(new ByteReader(frame), take);
  }

  /** What the database has so far, in order and once; it forgets what every table has. */
  check({ applied, cdrs }: Tables): void {
    for (; this.checked < cdrs.length; this.checked++)
      must(
        cdrs[this.checked]?.sequence === this.cdr_numbers[this.checked],
        'each CDR is written once, in order',
      );
    const written = Math.min(...Object.values(applied));
    const keep = this.frames.findIndex(({ sequence }) => sequence > written);
    this.frames.splice(0, keep < 0 ? this.frames.length : keep);
  }

  /** Nothing waits: all there is stands in the tables. */
  checkAll(tables: Tables): void {
    this.check(tables);
    must(tables.calls.size === this.calls.size, 'cc_calls has the calls that there are');
    for (const [call, sequence] of this.calls)
      must(tables.calls.get(call) === sequence, `the row of ${call} in cc_calls says how it is`);
    must(tables.cdrs.length === this.cdr_numbers.length, 'every CDR is in the database');
    for (const [agent, ends_ms] of this.wrapups)
      must(tables.wrapups.get(agent) === ends_ms, `the last wrapup of ${agent} is in the database`);
  }
}

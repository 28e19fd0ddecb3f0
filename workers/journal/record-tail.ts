/**
 * The store's end of the dispatcher's journal: reads the rows for the databases as they are appended. Files of
 * a former run that the store had not read through come first, under the name of backlog.
 */
import { closeSync, linkSync, openSync, readSync, rmSync } from 'node:fs';
import type { StoreRecord } from '../../core/acd/records.js';
import { recordsIn } from './acd-entries.js';
import { ACD_JOURNAL } from './acd-journal.js';
import { ByteReader } from './bytes.js';
import { allFilesOf, type JournalFile, logPath } from './files.js';
import { FRAME_HEADER_BYTES, frameAt } from './frames.js';

export const BACKLOG = 'backlog';
const READ_BYTES = 1024 * 1024;

/** Hands the files of an old generation, which the store may not have read through, on to the next. */
export function carryRecords(old: string, next: string): void {
  let number = 0;
  for (const name of [BACKLOG, ACD_JOURNAL]) {
    for (const file of allFilesOf(old, name)) {
      if (!file.base) linkSync(file.path, logPath(next, BACKLOG, ++number));
    }
  }
}

/** What a look at the journal came to: more is there, nothing new is, or a file was read to its end. */
export type Look = 'more' | 'nothing' | 'file over';

export class RecordTail {
  private file: { name: string; number: number; path: string } | undefined = undefined;
  private at = 0;
  private readonly chunk = Buffer.allocUnsafeSlow(READ_BYTES);

  constructor(private readonly folder: string) {}

  /** Number of the dispatcher's file that is being read: those before it were read through. */
  get number(): number {
    return this.file?.name === ACD_JOURNAL ? this.file.number : 0;
  }

  /** Reads on. After `file over`, {@link next} goes to the file that follows. */
  look(take: (record: StoreRecord, seq: number) => void): Look {
    this.file ??= this.after(undefined);
    const { file } = this;
    if (file === undefined) return 'nothing';
    // Asked before reading: what was appended to this file came before the next one.
    const next = this.after(file);
    let bytes = this.read(file.path, this.chunk);
    let at = 0;
    let frame: Buffer | undefined;
    while ((frame = frameAt(bytes, at)) !== undefined) {
      recordsIn(new ByteReader(frame), take);
      at += FRAME_HEADER_BYTES + frame.length;
    }
    if (at === 0 && bytes.length === READ_BYTES) {
      // A frame longer than the chunk.
      const length = bytes.readUInt32LE(0) + FRAME_HEADER_BYTES;
      bytes = this.read(file.path, Buffer.allocUnsafe(length));
      frame = frameAt(bytes, 0);
      if (frame !== undefined) {
        recordsIn(new ByteReader(frame), take);
        at = length;
      }
    }
    this.at += at;
    if (at > 0) return 'more';
    return next === undefined ? 'nothing' : 'file over';
  }

  /** All rows of the file are in the databases: it is done with. */
  next(): void {
    const done = this.file;
    if (done === undefined) return;
    this.file = this.after(done);
    this.at = 0;
    // The dispatcher removes its own.
    if (done.name === BACKLOG) rmSync(done.path);
  }

  private read(path: string, into: Buffer): Buffer {
    const fd = openSync(path, 'r');
    try {
      return into.subarray(0, readSync(fd, into, 0, into.length, this.at));
    } finally {
      closeSync(fd);
    }
  }

  private after(file: { name: string; number: number } | undefined) {
    const first = (name: string, above: number): JournalFile | undefined =>
      allFilesOf(this.folder, name).find((entry) => !entry.base && entry.number > above);
    if (file?.name !== ACD_JOURNAL) {
      const backlog = first(BACKLOG, file?.number ?? 0);
      if (backlog !== undefined) return { name: BACKLOG, ...backlog };
    }
    const own = first(ACD_JOURNAL, file?.name === ACD_JOURNAL ? file.number : 0);
    return own === undefined ? undefined : { name: ACD_JOURNAL, ...own };
  }
}

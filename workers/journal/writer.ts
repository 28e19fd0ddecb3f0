/**
 * A journal that is being written: one append at the end of a turn, in files of a size. What write(2) has
 * taken survives the process; fdatasync, as configured, makes it survive the machine.
 */
import { closeSync, fdatasync, fdatasyncSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { ByteWriter } from './bytes.js';
import { logPath } from './files.js';
import { FRAME_HEADER_BYTES, sealFrame } from './frames.js';

export type JournalSync = 'interval' | 'always' | 'none';

export interface JournalOptions {
  sync: JournalSync;
  /** One line for people. */
  log(level: 'warn' | 'error', message: string, fields: Record<string, string | number>): void;
  /** A file this long is followed by another. */
  file_bytes?: number;
  /** How much may wait for a disk that takes nothing. */
  max_waiting_bytes?: number;
  /** For tests: whether the disk has room. */
  disk_takes?: () => boolean;
}

const FILE_BYTES = 16 * 1024 * 1024;
const SYNC_INTERVAL_MS = 200;
/** What cannot be written waits in memory up to here; then it is given up. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024;

export class JournalWriter {
  /** The entries of this turn. */
  readonly batch = new ByteWriter(FRAME_HEADER_BYTES);
  private fd: number;
  private written = 0;
  private dirty = false;
  private syncing = false;
  private readonly interval: NodeJS.Timeout | undefined;
  /** Frames that the disk would not take, in order. */
  private waiting: Buffer[] = [];
  private waiting_bytes = 0;
  /** Whether frames were given up that the disk would not take. */
  private gap = false;

  /** @param number of the first file, which must not exist */
  constructor(
    private readonly folder: string,
    private readonly name: string,
    public number: number,
    private readonly options: JournalOptions,
  ) {
    this.fd = this.open();
    if (options.sync === 'interval')
      this.interval = setInterval(() => this.syncSoon(), SYNC_INTERVAL_MS).unref();
  }

  /** The disk takes nothing: no new call may begin. */
  get full(): boolean {
    return this.waiting.length > 0 || this.gap;
  }

  /** How many bytes the current file has. */
  get fileBytes(): number {
    return this.written;
  }

  /**
   * Appends the batch as one frame; when this returns true, it is safe.
   * @param afterGap called when entries before were lost, to put what says so, or makes up for it, in the batch
   */
  commit(afterGap: () => void): boolean {
    const { batch } = this;
    if (batch.empty) return !this.full;
    const { buffer, length } = batch;
    sealFrame(buffer, length - FRAME_HEADER_BYTES);
    if (this.full) {
      this.wait(Buffer.copyBytesFrom(buffer, 0, length));
      this.retry(afterGap);
    } else {
      const error = this.append(buffer, length);
      if (error !== undefined) {
        this.options.log('error', `the journal cannot be written: ${error.message}`, { journal: this.name });
        this.wait(Buffer.copyBytesFrom(buffer, 0, length));
      }
    }
    batch.clear();
    if (this.written >= (this.options.file_bytes ?? FILE_BYTES)) this.rotate();
    return !this.full;
  }

  /** Ends the current file and begins another. @returns the number of the one that ended */
  rotate(): number {
    this.retire(this.fd);
    this.number++;
    this.fd = this.open();
    this.written = 0;
    this.dirty = false;
    return this.number - 1;
  }

  close(): void {
    clearInterval(this.interval);
    this.syncNow();
    closeSync(this.fd);
  }

  /** Nobody waits for the disk while a file is made to last. */
  private retire(fd: number): void {
    if (!this.dirty || this.options.sync === 'none') {
      closeSync(fd);
      return;
    }
    fdatasync(fd, (error) => {
      if (error !== null) this.tellSync(error);
      closeSync(fd);
    });
  }

  private open(): number {
    return openSync(logPath(this.folder, this.name, this.number), 'wx');
  }

  /** Appends the frame that stands in the first `length` bytes. */
  private append(frame: Buffer, length: number): Error | undefined {
    try {
      if (this.options.disk_takes?.() === false) throw new Error('no space left on device');
      let at = 0;
      while (at < length) at += writeSync(this.fd, frame, at, length - at, this.written + at);
      if (this.options.sync === 'always') fdatasyncSync(this.fd);
    } catch (error) {
      // What a full disk took of a frame is none.
      ftruncateSync(this.fd, this.written);
      return error as Error;
    }
    this.written += length;
    this.dirty = true;
    return undefined;
  }

  private wait(frame: Buffer): void {
    if (this.gap) return;
    this.waiting.push(frame);
    this.waiting_bytes += frame.length;
    if (this.waiting_bytes <= (this.options.max_waiting_bytes ?? MAX_WAITING_BYTES)) return;
    this.waiting = [];
    this.waiting_bytes = 0;
    this.gap = true;
    this.options.log(
      'error',
      'the journal gives up what the disk does not take: a restart would lose these calls',
      {
        journal: this.name,
      },
    );
  }

  private retry(afterGap: () => void): void {
    while (this.waiting.length > 0) {
      const frame = this.waiting[0] as Buffer;
      if (this.append(frame, frame.length) !== undefined) return;
      this.waiting.shift();
      this.waiting_bytes -= frame.length;
    }
    if (this.gap) {
      this.batch.clear();
      afterGap();
      const { buffer, length } = this.batch;
      sealFrame(buffer, length - FRAME_HEADER_BYTES);
      if (this.append(buffer, length) !== undefined) return;
      this.gap = false;
    }
    this.options.log('warn', 'the journal is written again', { journal: this.name });
  }

  private syncSoon(): void {
    if (!this.dirty || this.syncing) return;
    this.dirty = false;
    this.syncing = true;
    fdatasync(this.fd, (error) => {
      this.syncing = false;
      // A file that was closed meanwhile was synced then.
      if (error !== null && error.code !== 'EBADF') this.tellSync(error);
    });
  }

  private tellSync(error: Error): void {
    this.options.log('error', `fdatasync failed: ${error.message}`, { journal: this.name });
  }

  private syncNow(): void {
    if (this.dirty && this.options.sync !== 'none') fdatasyncSync(this.fd);
    this.dirty = false;
  }
}

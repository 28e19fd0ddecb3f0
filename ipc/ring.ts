/**
 * A ring of records in shared memory: one thread writes, one reads, neither ever waits for the other.
 *
 * Layout: the reader's position, the writer's position (each on a cache line of its own), then the data,
 * a power of two of bytes. Positions count bytes, wrap at 2^32 and are multiples of 8. A record is its
 * length (4 bytes, and 4 unused) and its bytes, padded to 8; one that would not fit before the end of the data is
 * preceded by a wrap marker and starts at offset 0. A record is at most a quarter of the ring, so an
 * empty ring has room for any, wherever its positions stand.
 */
import { assert } from '../core/assert.js';
import type { Doorbell } from './doorbell.js';

const HEAD = 0;
const TAIL = 16;
const DATA_BYTES_OFFSET = 128;
const DATA_WORDS_OFFSET = DATA_BYTES_OFFSET / 4;
/**
 * The length and a gap: the bytes begin at a multiple of 8, because memory that threads share is copied word by word only
 * where source and target are aligned, else byte by byte, which takes eight times as long.
 */
const LENGTH_BYTES = 8;
const WRAP = -1;
const MIN_BYTES = 1024;
const MAX_BYTES = 1 << 30;

/** Shared memory of a ring; may be cloned to any thread. */
export type RingDescriptor = SharedArrayBuffer;

/** Makes an empty ring of at least `bytes` bytes (1 KB to 1 GB), rounded up to a power of two. */
export function createRing(bytes: number): RingDescriptor {
  assert(bytes >= MIN_BYTES && bytes <= MAX_BYTES, `a ring has 1 KB to 1 GB, not ${bytes} bytes`);
  return new SharedArrayBuffer(DATA_BYTES_OFFSET + 2 ** Math.ceil(Math.log2(bytes)));
}

/** The largest record in bytes that a ring of this many bytes takes. */
function maxRecordBytes(capacity: number): number {
  return capacity / 4 - LENGTH_BYTES;
}

function stride(length: number): number {
  return (LENGTH_BYTES + length + 7) & ~7;
}

export interface PublishOptions {
  /** False: what was written waits for the reader's next wake-up, unless the ring is half full. */
  wake?: boolean;
}

/** The writing end. Exactly one in all threads. */
export class RingWriter {
  /** The shared memory that {@link claim} gives offsets into. */
  readonly bytes: Buffer;
  readonly max_record_bytes: number;
  private readonly words: Int32Array;
  private readonly capacity: number;
  private head: number;
  private written: number;
  private published: number;
  private claimed = -1;
  private unannounced = false;

  constructor(
    descriptor: RingDescriptor,
    private readonly doorbell: Doorbell,
  ) {
    this.bytes = Buffer.from(descriptor);
    this.words = new Int32Array(descriptor);
    this.capacity = descriptor.byteLength - DATA_BYTES_OFFSET;
    this.max_record_bytes = maxRecordBytes(this.capacity);
    this.head = Atomics.load(this.words, HEAD);
    this.written = this.published = Atomics.load(this.words, TAIL);
  }

  /**
   * Room for a record of `length` bytes: the offset in {@link bytes} to write it at, then call
   * {@link commit}; -1 when the ring is full.
   */
  claim(length: number): number {
    assert(length >= 0 && length <= this.max_record_bytes, 'a record is at most a quarter of its ring');
    const need = stride(length);
    const to_end = this.capacity - (this.written & (this.capacity - 1));
    const skip = need > to_end ? to_end : 0;
    if (this.free() < need + skip) {
      this.head = Atomics.load(this.words, HEAD);
      if (this.free() < need + skip) return -1;
    }
    if (skip > 0) {
      this.words[this.word()] = WRAP;
      this.written = (this.written + skip) | 0;
    }
    this.claimed = length;
    return this.word() * 4 + LENGTH_BYTES;
  }

  /** Ends the record that was claimed last; it leaves with the next {@link publish}. */
  commit(): void {
    assert(this.claimed >= 0, 'a record is claimed before it is committed');
    this.words[this.word()] = this.claimed;
    this.written = (this.written + stride(this.claimed)) | 0;
    this.claimed = -1;
  }

  /** Writes a copy of `length` bytes of `bytes` from `start`; false when the ring is full. */
  tryWrite(bytes: Uint8Array, length = bytes.length, start = 0): boolean {
    const offset = this.claim(length);
    if (offset < 0) return false;
    // Copying all of an array needs no view of a part, which costs as much as the copy.
    if (start === 0 && length === bytes.length) this.bytes.set(bytes, offset);
    else if (bytes instanceof Buffer) bytes.copy(this.bytes, offset, start, start + length);
    else this.bytes.set(bytes.subarray(start, start + length), offset);
    this.commit();
    return true;
  }

  /** Makes everything written visible to the reader and rings its doorbell once, if there is news. */
  publish(options?: PublishOptions): void {
    if (this.written !== this.published) {
      this.published = this.written;
      Atomics.store(this.words, TAIL, this.written);
      this.unannounced = true;
    }
    if (!this.unannounced || (options?.wake === false && this.fill() < 0.5)) return;
    this.unannounced = false;
    this.doorbell.ring();
  }

  /** How full the ring is, 0 to 1. */
  fill(): number {
    this.head = Atomics.load(this.words, HEAD);
    return 1 - this.free() / this.capacity;
  }

  private free(): number {
    return this.capacity - ((this.written - this.head) | 0);
  }

  /** Index in `words` of the place where the next record begins. */
  private word(): number {
    return DATA_WORDS_OFFSET + ((this.written & (this.capacity - 1)) >> 2);
  }
}

/** The reading end. Exactly one in all threads. */
export class RingReader {
  private readonly bytes: Buffer;
  private readonly words: Int32Array;
  private readonly capacity: number;
  private readonly max_record_bytes: number;
  private head: number;

  constructor(descriptor: RingDescriptor) {
    this.bytes = Buffer.from(descriptor);
    this.words = new Int32Array(descriptor);
    this.capacity = descriptor.byteLength - DATA_BYTES_OFFSET;
    this.max_record_bytes = maxRecordBytes(this.capacity);
    this.head = Atomics.load(this.words, HEAD);
  }

  /** Whether a published record waits. */
  get pending(): boolean {
    return Atomics.load(this.words, TAIL) !== this.head;
  }

  /**
   * Reads up to `max` records. A record is `view` from `start` up to `end`, shared memory that is
   * written over after the call: copy what is to last. If `each` throws, its record counts as read.
   * @returns how many were read
   */
  drain(each: (view: Buffer, start: number, end: number) => void, max: number): number {
    const tail = Atomics.load(this.words, TAIL);
    let count = 0;
    try {
      while (count < max && this.head !== tail) {
        const offset = this.head & (this.capacity - 1);
        const length = this.words[DATA_WORDS_OFFSET + (offset >> 2)]!;
        if (length === WRAP) {
          this.head = (this.head + this.capacity - offset) | 0;
          continue;
        }
        const fits = length >= 0 && length <= this.max_record_bytes;
        assert(fits && stride(length) <= ((tail - this.head) | 0), 'the reader of a ring stands at a record');
        this.head = (this.head + stride(length)) | 0;
        count++;
        const start = DATA_BYTES_OFFSET + offset + LENGTH_BYTES;
        each(this.bytes, start, start + length);
      }
    } finally {
      Atomics.store(this.words, HEAD, this.head);
    }
    return count;
  }
}

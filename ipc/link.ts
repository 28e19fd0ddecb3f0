/**
 * A numbered one-way link between two threads: a ring, a codec, and numbers from 1 without a gap.
 *
 * The writer never blocks and never loses: what does not fit in the ring spills into a bounded list and
 * goes out first, in order, at the next flush. The last quarter of the ring is kept for calls in
 * progress: above three quarters, or with anything spilled, `hasRoomForNew` says that new calls are to
 * be refused.
 */
import { assert } from '../core/assert.js';
import type { Codec } from './codec.js';
import { Doorbell, type DoorbellDescriptor } from './doorbell.js';
import { createRing, type PublishOptions, type RingDescriptor, RingReader, RingWriter } from './ring.js';

const FULL_FOR_NEW = 0.75;
const DEFAULT_SPILL_LIMIT = 65_536;
const DEFAULT_DRAIN = 1024;

/** Both ends are made from this; may be cloned to any thread. */
export interface LinkDescriptor {
  /** For the texts of errors, such as `worker 2 to dispatcher`. */
  name: string;
  ring: RingDescriptor;
  /** The doorbell of the thread that reads. */
  doorbell: DoorbellDescriptor;
  /** The number of the first message; more than 1 on a link that goes on after a restart. */
  first_seq: number;
}

/** Makes a link over a new ring of at least `bytes` bytes. */
export function createLink(
  name: string,
  bytes: number,
  doorbell: DoorbellDescriptor,
  first_seq = 1,
): LinkDescriptor {
  return { name, ring: createRing(bytes), doorbell, first_seq };
}

export interface LinkWriterOptions {
  /** How many messages may wait for room in the ring; one more is a broken invariant. 65,536 by default. */
  spill_limit?: number;
}

/** The sending end. Exactly one in all threads. */
export class LinkWriter<T> {
  private readonly ring: RingWriter;
  private readonly spill_limit: number;
  private next_seq: number;
  private spill: Buffer[] = [];
  /** How many of `spill`, from its start, have gone out. */
  private unspilled = 0;

  constructor(
    private readonly link: LinkDescriptor,
    private readonly codec: Codec<T>,
    options: LinkWriterOptions = {},
  ) {
    this.ring = new RingWriter(link.ring, new Doorbell(link.doorbell));
    this.next_seq = link.first_seq;
    this.spill_limit = options.spill_limit ?? DEFAULT_SPILL_LIMIT;
  }

  /** The number of the message sent last; `first_seq - 1` before the first. */
  get last_seq(): number {
    return this.next_seq - 1;
  }

  /** How many messages wait for room in the ring. */
  get spilled(): number {
    return this.spill.length - this.unspilled;
  }

  /** Whether new calls may be let in, as far as this link is concerned. */
  get hasRoomForNew(): boolean {
    return this.spilled === 0 && this.ring.fill() <= FULL_FOR_NEW;
  }

  /** Takes the message for the next {@link flush}. */
  send(message: T): void {
    const encoded = this.codec.encode(this.next_seq, message);
    const length = encoded.end - encoded.start;
    this.next_seq++;
    if (this.spilled === 0 && this.ring.tryWrite(encoded, length, encoded.start)) return;
    const { name } = this.link;
    assert(length <= this.ring.max_record_bytes, `${name}: a message is at most a quarter of the ring`);
    assert(this.spilled < this.spill_limit, `${name}: at most ${this.spill_limit} messages are spilled`);
    this.spill.push(Buffer.from(encoded.subarray(encoded.start, encoded.end)));
  }

  /**
   * Ends the turn: what was sent becomes visible to the reader, who is woken once.
   * @returns true when messages still wait for room: flush again soon
   */
  flush(options?: PublishOptions): boolean {
    while (this.unspilled < this.spill.length && this.ring.tryWrite(this.spill[this.unspilled]!)) {
      this.unspilled++;
    }
    if (this.unspilled === this.spill.length) {
      if (this.unspilled > 0) this.spill = [];
      this.unspilled = 0;
    } else if (this.unspilled > this.spill.length / 2) {
      this.spill = this.spill.slice(this.unspilled);
      this.unspilled = 0;
    }
    this.ring.publish(options);
    return this.spill.length > 0;
  }
}

/** The receiving end. Exactly one in all threads. */
export class LinkReader<T> {
  private readonly ring: RingReader;
  private scratch = Buffer.allocUnsafeSlow(4096);
  private next_seq: number;

  constructor(
    private readonly link: LinkDescriptor,
    private readonly codec: Codec<T>,
  ) {
    this.ring = new RingReader(link.ring);
    this.next_seq = link.first_seq;
  }

  /** The number of the message read last; `first_seq - 1` before the first. */
  get last_seq(): number {
    return this.next_seq - 1;
  }

  /** Whether a message waits: what a doorbell's listener returns after draining a bounded amount. */
  get pending(): boolean {
    return this.ring.pending;
  }

  /**
   * Hands over up to `max` messages in order, each with its number.
   * @returns how many there were
   * @throws AssertionError at a record that is corrupt or out of turn
   */
  drain(handler: (message: T, seq: number) => void, max = DEFAULT_DRAIN): number {
    return this.ring.drain((view, start, end) => {
      const length = end - start;
      if (length > this.scratch.length) this.scratch = Buffer.allocUnsafeSlow(length * 2);
      view.copy(this.scratch, 0, start, end);
      const { seq, message } = this.codec.decode(this.scratch, length, this.link.name);
      if (seq !== this.next_seq) assert(false, `${this.link.name}: ${this.next_seq} comes next, not ${seq}`);
      this.next_seq++;
      handler(message, seq);
    }, max);
  }
}

/**
 * Which INVITEs have come within the last half minute, for as long as their senders may repeat them.
 *
 * There can be thousands a second, so of each only a number is kept, in memory that is there once and for all. One
 * thread writes it; others may look into it.
 */
import type { SipRequest } from '../core/sip/message.js';
import { hashOf } from '../core/sip/shard.js';

/** Nobody repeats an INVITE for longer (Timer B). */
const KEPT_MS = 32_000;
/** Of each half; beyond it the oldest are forgotten early. */
const MOST = 150_000;
/** Of a half. A power of two; at least four in ten stay free. */
const SLOTS = 262_144;

/** Before each half: how many it holds (an Int32), and since when (a Float64), ms. */
const HEAD_BYTES = 64;
const SINCE_AT = 8;
const HALF_BYTES = HEAD_BYTES + SLOTS * Int32Array.BYTES_PER_ELEMENT;

/** What an {@link InviteMemory} needs; may be cloned to any thread. */
export type InviteMemoryDescriptor = SharedArrayBuffer;

/** Makes an empty one: 2 MB, most of which are taken with the first thousand. */
export function createInviteMemory(): InviteMemoryDescriptor {
  return new SharedArrayBuffer(2 * HALF_BYTES);
}

export class InviteMemory {
  private young: NumberSet;
  private old: NumberSet;

  constructor(memory: InviteMemoryDescriptor) {
    const halves = [new NumberSet(memory, 0), new NumberSet(memory, HALF_BYTES)] as const;
    const later = halves[1].since_ms > halves[0].since_ms ? 1 : 0;
    this.young = halves[later];
    this.old = halves[1 - later] as NumberSet;
  }

  /** @param number of the INVITE. Of some hundred thousand others one may be taken for one that came. */
  has(number: number): boolean {
    return this.young.has(number) || this.old.has(number);
  }

  /** To be called by one thread, or the one that takes its place. */
  add(number: number, now_ms: number): void {
    if (now_ms - this.young.since_ms >= KEPT_MS || this.young.size >= MOST) {
      const { old } = this;
      this.old = this.young;
      this.young = old;
      old.clear(now_ms);
    }
    this.young.add(number);
  }
}

/** A hash (FNV-1a, then mixed) of what an INVITE has in common with itself sent again, not 0; a new try has a new branch. */
export function inviteNumber({ callId, cseq, via }: SipRequest): number {
  let hash = hashOf(via.branch, hashOf(callId) ^ cseq);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  hash ^= hash >>> 13;
  return hash === 0 ? 1 : hash;
}

/** Numbers but 0, found by looking from the place that the number says on. */
class NumberSet {
  private readonly slots: Int32Array;
  private readonly count: Int32Array;
  private readonly since: Float64Array;

  constructor(memory: InviteMemoryDescriptor, start: number) {
    this.count = new Int32Array(memory, start, 1);
    this.since = new Float64Array(memory, start + SINCE_AT, 1);
    this.slots = new Int32Array(memory, start + HEAD_BYTES, SLOTS);
  }

  get size(): number {
    return this.count[0] as number;
  }

  /** When it was empty. */
  get since_ms(): number {
    return this.since[0] as number;
  }

  has(number: number): boolean {
    return this.slots[this.slotOf(number)] === number;
  }

  add(number: number): void {
    const slot = this.slotOf(number);
    if (this.slots[slot] === number) return;
    this.slots[slot] = number;
    this.count[0] = this.size + 1;
  }

  clear(now_ms: number): void {
    if (this.size > 0) this.slots.fill(0);
    this.count[0] = 0;
    this.since[0] = now_ms;
  }

  /** Where it is, or would be. */
  private slotOf(number: number): number {
    const { slots } = this;
    let slot = number & (SLOTS - 1);
    while (slots[slot] !== 0 && slots[slot] !== number) slot = (slot + 1) & (SLOTS - 1);
    return slot;
  }
}

/**
 * Which INVITEs have come within the last half minute, for as long as their senders may repeat them.
 *
 * There can be thousands a second, so of each only a number is kept, in memory that is there once and for all. One
 * thread writes it; others may look into it.
 */
import type { SipRequest } from './message.js';

/** Nobody repeats an INVITE for longer (Timer B). */
const KEPT_MS = 32_000;
/** Of each half; beyond it the oldest are forgotten early. */
const MOST = 150_000;
/** Of a half. A power of two; at least four in ten stay free. */
const SLOTS = 262_144;

/** Before each half, how many it holds. */
const HEAD_BYTES = 64;
const HALF_BYTES = HEAD_BYTES + SLOTS * Int32Array.BYTES_PER_ELEMENT;

/** What an {@link InviteMemory} needs; may be cloned to any thread. */
export type InviteMemoryDescriptor = SharedArrayBuffer;

/** Makes an empty one: 2 MB, which are taken as they fill. */
export function createInviteMemory(): InviteMemoryDescriptor {
  return new SharedArrayBuffer(2 * HALF_BYTES);
}

export class InviteMemory {
  private young: NumberSet;
  private old: NumberSet;
  private turned_ms = 0;

  constructor(memory: InviteMemoryDescriptor) {
    this.young = new NumberSet(memory, 0);
    this.old = new NumberSet(memory, HALF_BYTES);
  }

  /** @param number of the INVITE. Of some hundred thousand others one may be taken for one that came. */
  has(number: number): boolean {
    return this.young.has(number) || this.old.has(number);
  }

  /** To be called by one thread, or the one that takes its place. */
  add(number: number, now_ms: number): void {
    if (now_ms - this.turned_ms >= KEPT_MS || this.young.size >= MOST) {
      const { old } = this;
      this.old = this.young;
      this.young = old;
      old.clear();
      this.turned_ms = now_ms;
    }
    this.young.add(number);
  }
}

/** A hash (FNV-1a, then mixed) of what names an INVITE, not 0; a new try has a new CSeq. */
export function inviteNumber({ callId, cseq }: SipRequest): number {
  let hash = 0x811c9dc5 ^ cseq;
  for (let i = 0; i < callId.length; i++) hash = Math.imul(hash ^ callId.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  hash ^= hash >>> 13;
  return hash === 0 ? 1 : hash;
}

/** Numbers but 0, found by looking from the place that the number says on. */
class NumberSet {
  private readonly slots: Int32Array;
  private readonly count: Int32Array;

  constructor(memory: InviteMemoryDescriptor, start: number) {
    this.count = new Int32Array(memory, start, 1);
    this.slots = new Int32Array(memory, start + HEAD_BYTES, SLOTS);
  }

  get size(): number {
    return this.count[0] as number;
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

  clear(): void {
    if (this.size > 0) this.slots.fill(0);
    this.count[0] = 0;
  }

  /** Where it is, or would be. */
  private slotOf(number: number): number {
    const { slots } = this;
    let slot = number & (SLOTS - 1);
    while (slots[slot] !== 0 && slots[slot] !== number) slot = (slot + 1) & (SLOTS - 1);
    return slot;
  }
}

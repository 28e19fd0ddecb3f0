/**
 * INVITEs that were refused without a transaction: the same one again, as its sender repeats it until the refusal
 * arrives, is refused again, however much better things are by then.
 *
 * There can be thousands a second, so of each only a number is kept, in memory that is there once and for all.
 */
import type { SipRequest } from './message.js';

/** To tag of such a refusal: there is no dialog to tell from another. */
export const TURNED_AWAY = 'turned-away';

/**
 * Whether a datagram is the ACK to such a refusal. Nothing is left of what it acknowledges, and thousands may
 * come a second: it is told by the tag alone and not read.
 */
export function acknowledgesTurnedAway(text: string): boolean {
  return text.startsWith('ACK ') && text.includes(`;tag=${TURNED_AWAY}`);
}

/** Nobody repeats an INVITE for longer (Timer B). */
const KEPT_MS = 32_000;
/** Of each half; beyond it the oldest are forgotten early. */
const MOST = 150_000;
/** A power of two; of the slots at least four in ten stay free. */
const SLOTS = 262_144;

/** Numbers but 0, found by looking from the place that the number says on. */
class NumberSet {
  private slots = new Int32Array(0);
  size = 0;

  has(number: number): boolean {
    return this.size > 0 && this.slots[this.slotOf(number)] === number;
  }

  add(number: number): void {
    if (this.slots.length === 0) this.slots = new Int32Array(SLOTS);
    const slot = this.slotOf(number);
    if (this.slots[slot] === number) return;
    this.slots[slot] = number;
    this.size++;
  }

  clear(): void {
    if (this.size > 0) this.slots.fill(0);
    this.size = 0;
  }

  /** Where it is, or would be. */
  private slotOf(number: number): number {
    const { slots } = this;
    let slot = number & (SLOTS - 1);
    while (slots[slot] !== 0 && slots[slot] !== number) slot = (slot + 1) & (SLOTS - 1);
    return slot;
  }
}

export class TurnedAway {
  private young = new NumberSet();
  private old = new NumberSet();
  private turned_ms = 0;

  /** Whether it was refused lately; of some hundred thousand others one may be taken for one that was. */
  has(invite: SipRequest): boolean {
    if (this.young.size === 0 && this.old.size === 0) return false;
    const number = numberOf(invite);
    return this.young.has(number) || this.old.has(number);
  }

  add(invite: SipRequest, now_ms: number): void {
    if (now_ms - this.turned_ms >= KEPT_MS || this.young.size >= MOST) {
      const { old } = this;
      this.old = this.young;
      this.young = old;
      old.clear();
      this.turned_ms = now_ms;
    }
    this.young.add(numberOf(invite));
  }
}

/** A hash (FNV-1a, then mixed) of what names an INVITE, not 0; a new try has a new CSeq. */
function numberOf({ callId, cseq }: SipRequest): number {
  let hash = 0x811c9dc5 ^ cseq;
  for (let i = 0; i < callId.length; i++) hash = Math.imul(hash ^ callId.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  hash ^= hash >>> 13;
  return hash === 0 ? 1 : hash;
}

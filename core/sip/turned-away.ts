/**
 * INVITEs that were refused without a transaction: the same one again, as its sender repeats it until the refusal
 * arrives, is refused again, however much better things are by then.
 */
import { flatten } from './bytes.js';
import type { SipRequest } from './message.js';

/** Nobody repeats an INVITE for longer (Timer B). */
const KEPT_MS = 32_000;
/** Of each half; beyond it the oldest are forgotten early. */
const MOST = 100_000;

export class TurnedAway {
  private young = new Set<string>();
  private old = new Set<string>();
  private turned_ms = 0;

  /** Whether it was refused lately. */
  has(invite: SipRequest): boolean {
    if (this.young.size === 0 && this.old.size === 0) return false;
    const name = nameOf(invite);
    return this.young.has(name) || this.old.has(name);
  }

  add(invite: SipRequest, now_ms: number): void {
    if (now_ms - this.turned_ms >= KEPT_MS || this.young.size >= MOST) {
      this.old = this.young;
      this.young = new Set();
      this.turned_ms = now_ms;
    }
    this.young.add(flatten(nameOf(invite)));
  }
}

/** A new try has a new number. */
function nameOf({ callId, cseq }: SipRequest): string {
  return `${callId} ${cseq}`;
}

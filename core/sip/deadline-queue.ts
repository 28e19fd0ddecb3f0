/**
 * Deadlines that are all equally far ahead (64*T1, T4): whoever enters first is due first, so a linked list
 * with one timer on the wheel serves any number of transactions, and a transaction is its own list entry.
 */
import { assert } from '../assert.js';
import type { Timer, TimerWheel } from '../timers.js';

/** Something that waits in at most one queue at a time. */
export abstract class Expiring {
  /** @internal */ expires_ms = 0;
  /** @internal */ queue: DeadlineQueue | null = null;
  /** @internal */ before: Expiring | null = null;
  /** @internal */ after: Expiring | null = null;

  /** @internal The deadline has passed; the queue has let go of it. */
  abstract expire(): void;
}

export class DeadlineQueue {
  private first: Expiring | null = null;
  private last: Expiring | null = null;
  private timer: Timer | null = null;

  /** @param duration_ms how far ahead every deadline of this queue is, more than 0 */
  constructor(
    private readonly timers: TimerWheel,
    readonly duration_ms: number,
  ) {
    assert(duration_ms > 0, 'a deadline lies ahead');
  }

  /** Calls `entry.expire()` once, `duration_ms` from now; any deadline that it had before is forgotten. */
  add(entry: Expiring): void {
    entry.queue?.remove(entry);
    entry.queue = this;
    entry.expires_ms = this.timers.now_ms + this.duration_ms;
    entry.before = this.last;
    if (this.last) this.last.after = entry;
    else this.first = entry;
    this.last = entry;
    this.timer ??= this.timers.set(this.duration_ms, this.due);
  }

  /** Forgets the deadline of an entry of this queue. The wheel's timer stays: at worst it finds nothing due. */
  remove(entry: Expiring): void {
    assert(entry.queue === this, 'an entry leaves the queue that it is in');
    if (entry.before) entry.before.after = entry.after;
    else this.first = entry.after;
    if (entry.after) entry.after.before = entry.before;
    else this.last = entry.before;
    entry.before = null;
    entry.after = null;
    entry.queue = null;
  }

  private readonly due = (): void => {
    // Until this is over the fired timer stands for the next: who enters meanwhile is not the first to be due.
    const now_ms = this.timers.now_ms;
    let entry: Expiring | null;
    try {
      while ((entry = this.first) !== null && entry.expires_ms <= now_ms) {
        this.remove(entry);
        entry.expire();
      }
    } finally {
      // Also where one entry fails: the others must not wait for ever.
      this.timer = this.first ? this.timers.set(this.first.expires_ms - now_ms, this.due) : null;
    }
  };
}

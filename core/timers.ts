/**
 * Deadlines: a hierarchical timing wheel with a resolution of 1 ms.
 *
 * SIP sets several timers a message and cancels nearly all of them, so setting and cancelling are O(1)
 * and allocate one object a timer. The wheel has no clock: `advance` is told the time. Deadlines
 * beyond the wheel's span (2^32 ms) are not meant to occur and fail an assertion.
 */
import { assert } from './assert.js';

const BITS = 8;
const SLOTS = 1 << BITS;
const MASK = SLOTS - 1;
const LEVELS = 4;
/** What one slot of each level spans, ms. */
const SPANS = Array.from({ length: LEVELS }, (_, level) => 2 ** (BITS * level));

/** A pending deadline. Keep it to cancel it. */
export class Timer {
  /** @internal */ next: Timer | null = null;
  /** @internal */ prev: Timer | null = null;
  /** @internal */ slot = -1;

  constructor(
    /** When it is due, ms on the wheel's clock. */
    readonly due_ms: number,
    /** @internal */ readonly fire: () => void,
  ) {}

  /** Whether it is still waiting to fire. */
  get pending(): boolean {
    return this.slot >= 0;
  }
}

export class TimerWheel {
  private readonly slots: (Timer | null)[] = new Array<Timer | null>(SLOTS * LEVELS).fill(null);
  private now_tick: number;
  private count = 0;

  /** @param start_ms the wheel's first "now", any epoch */
  constructor(start_ms: number) {
    this.now_tick = Math.floor(start_ms);
  }

  /** How many timers are pending. */
  get size(): number {
    return this.count;
  }

  /** The time up to which the wheel has fired, ms. */
  get now_ms(): number {
    return this.now_tick;
  }

  /** Calls `fire` once, in the first `advance` that reaches `now + delay_ms` (at least 1 ms ahead). */
  set(delay_ms: number, fire: () => void): Timer {
    const due = this.now_tick + Math.max(1, Math.ceil(delay_ms));
    const timer = new Timer(due, fire);
    this.insert(timer);
    this.count++;
    return timer;
  }

  /** Takes the timer off the wheel; a timer that has fired or was cancelled is left as it is. */
  cancel(timer: Timer | null | undefined): void {
    if (!timer || timer.slot < 0) return;
    this.unlink(timer);
    this.count--;
  }

  /** Fires everything that is due at `now_ms`, in order of deadline. Timers set meanwhile may fire too. */
  advance(now_ms: number): void {
    const target = Math.floor(now_ms);
    while (this.now_tick < target) {
      const next = this.next_ms();
      if (next === undefined || next > target) {
        this.now_tick = target;
        return;
      }
      this.now_tick = next;
      const slot = next & MASK;
      if (slot === 0) this.cascade(1);
      let timer: Timer | null;
      while ((timer = this.slots[slot] ?? null) !== null) {
        this.unlink(timer);
        this.count--;
        timer.fire();
      }
    }
  }

  /**
   * A time by which `advance` should be called next: the earliest deadline where it is less than a
   * quarter of a second ahead, else the moment at which the wheel can tell more; undefined when nothing is
   * pending.
   */
  next_ms(): number | undefined {
    if (this.count === 0) return undefined;
    const now_slot = this.now_tick & MASK;
    let slot = now_slot + 1;
    while (slot < SLOTS && this.slots[slot] === null) slot++;
    return this.now_tick + slot - now_slot;
  }

  private insert(timer: Timer): void {
    const ahead = timer.due_ms - this.now_tick;
    assert(ahead >= 0 && ahead < 2 ** (BITS * LEVELS), 'a deadline lies within the wheel');
    let level = 0;
    while (level < LEVELS - 1 && ahead >= (SPANS[level + 1] as number)) level++;
    const index = Math.floor(timer.due_ms / (SPANS[level] as number)) & MASK;
    const slot = level * SLOTS + index;
    const head = this.slots[slot] ?? null;
    timer.slot = slot;
    if (head === null) {
      timer.next = timer;
      timer.prev = timer;
      this.slots[slot] = timer;
    } else {
      // At the tail: of timers of one millisecond those set at about the same time fire in that order.
      const tail = head.prev as Timer;
      timer.prev = tail;
      timer.next = head;
      tail.next = timer;
      head.prev = timer;
    }
  }

  private unlink(timer: Timer): void {
    const next = timer.next as Timer;
    const prev = timer.prev as Timer;
    if (next === timer) this.slots[timer.slot] = null;
    else {
      next.prev = prev;
      prev.next = next;
      if (this.slots[timer.slot] === timer) this.slots[timer.slot] = next;
    }
    timer.next = null;
    timer.prev = null;
    timer.slot = -1;
  }

  private cascade(level: number): void {
    if (level >= LEVELS) return;
    const index = Math.floor(this.now_tick / (SPANS[level] as number)) & MASK;
    if (index === 0) this.cascade(level + 1);
    const slot = level * SLOTS + index;
    let timer: Timer | null;
    while ((timer = this.slots[slot] ?? null) !== null) {
      this.unlink(timer);
      this.insert(timer);
    }
  }
}

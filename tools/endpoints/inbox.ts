/** Calls that arrived at a simulated endpoint, for a test to take one after the other. */
import type { Call } from './call.js';

/** Calls kept that nobody has asked for; the oldest are forgotten. */
const MAX_WAITING = 1000;

export class Inbox {
  /** How many calls have arrived. */
  count = 0;
  private readonly waiting: Call[] = [];
  private readonly takers: ((call: Call) => void)[] = [];

  push(call: Call): void {
    this.count++;
    const taker = this.takers.shift();
    if (taker) {
      taker(call);
      return;
    }
    if (this.waiting.length >= MAX_WAITING) this.waiting.shift();
    this.waiting.push(call);
  }

  /** The next call that nobody has taken yet: one that waits, or the next to arrive. */
  next(): Promise<Call> {
    const call = this.waiting.shift();
    if (call) return Promise.resolve(call);
    return new Promise((taker) => this.takers.push(taker));
  }
}

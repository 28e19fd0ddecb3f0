/**
 * One turn of a thread's event loop: the clock is set, things happen, and what they produced leaves
 * together at the end.
 */
import { performance } from 'node:perf_hooks';
import type { TimerWheel } from '../core/timers.js';

/** What found no room on its way to another thread is tried again after this. */
export const RETRY_MS = 2;

/** The engine's clock: ms since the epoch, never going back. */
export function now_ms(): number {
  return performance.timeOrigin + performance.now();
}

export class Turns {
  private flushing: NodeJS.Immediate | undefined = undefined;
  private armed: NodeJS.Timeout | undefined = undefined;
  private armed_ms = Number.POSITIVE_INFINITY;

  constructor(
    private readonly timers: TimerWheel,
    /** Sends what the turn produced; tells when it wants another turn, ms, whatever happens; Infinity for never. */
    private readonly flush: () => number,
  ) {}

  /** Call before handling anything that has come in: sets the clock and fires what is due. */
  begin(): void {
    this.timers.advance(now_ms());
    this.flushing ??= setImmediate(() => this.end());
  }

  /** Fires no more. */
  stop(): void {
    clearTimeout(this.armed);
    clearImmediate(this.flushing);
  }

  private end(): void {
    this.flushing = undefined;
    const next_ms = Math.min(this.flush(), this.timers.next_ms() ?? Number.POSITIVE_INFINITY);
    if (next_ms >= this.armed_ms || next_ms === Number.POSITIVE_INFINITY) return;
    clearTimeout(this.armed);
    this.armed_ms = next_ms;
    this.armed = setTimeout(
      () => {
        this.armed_ms = Number.POSITIVE_INFINITY;
        this.begin();
      },
      Math.max(0, Math.ceil(next_ms - now_ms())),
    );
  }
}

/**
 * One turn of a thread's event loop: the clock is set, things happen, and what they produced leaves
 * together at the end.
 */
import { performance } from 'node:perf_hooks';
import type { TimerWheel } from '../core/timers.js';

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
    /** Sends what the turn produced; true when something is left and wants another try soon. */
    private readonly flush: () => boolean,
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
    const again = this.flush();
    const next_ms = Math.min(
      this.timers.next_ms() ?? Number.POSITIVE_INFINITY,
      again ? this.timers.now_ms + 2 : Number.POSITIVE_INFINITY,
    );
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

/** Whether a thread has so much to do that pausing between turns, so that more is handled in each, saves time. */

const WINDOW_MS = 50;

export class Pace {
  /** What has come in since the window began: add to it. */
  count = 0;
  private window_ms = 0;
  private busy = false;

  /** @param per_s how much must come in a second */
  constructor(private readonly per_s: number) {}

  /** Whether to pause before the next turn. */
  due(now_ms: number): boolean {
    if (process.env.AB && Math.floor(Date.now() / 4000) % 2 === 0) return false;
    const passed_ms = now_ms - this.window_ms;
    if (passed_ms >= WINDOW_MS) {
      const per_s = (this.count * 1000) / passed_ms;
      this.busy = per_s >= (this.busy ? this.per_s / 2 : this.per_s);
      this.window_ms = now_ms;
      this.count = 0;
    }
    return this.busy;
  }
}

/** Whether a thread has so much to do that it should pause between turns rather than sleep until it is woken. */

const WINDOW_MS = 50;
/** After a turn with so much more is likely to wait already. */
const LARGE_TURN = 16;

export class Pace {
  private in_turn = 0;
  private in_window = 0;
  private window_ms = 0;
  private busy = false;

  /** @param busy_from_per_s how much must come in a second; half of it, and it still counts as much */
  constructor(private readonly busy_from_per_s: number) {}

  /** So many messages have come in. */
  tookIn(count: number): void {
    this.in_turn += count;
  }

  /** Whether to pause now, before the next turn. */
  due(now_ms: number): boolean {
    const { in_turn } = this;
    this.in_turn = 0;
    this.in_window += in_turn;
    const passed_ms = now_ms - this.window_ms;
    if (passed_ms >= WINDOW_MS) {
      const per_s = (this.in_window * 1000) / passed_ms;
      this.busy = per_s >= (this.busy ? this.busy_from_per_s / 2 : this.busy_from_per_s);
      this.window_ms = now_ms;
      this.in_window = 0;
    }
    return this.busy && in_turn < LARGE_TURN;
  }
}

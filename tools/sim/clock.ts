/** A thread's clock, which is not its neighbours': a little ahead or behind, and drifting to and fro. */
import type { Dice } from './dice.js';

/** Furthest from the true time, ms: two clocks differ by up to a second. */
const FURTHEST_MS = 500;
const SHORTEST_PERIOD_MS = 200_000;
const LONGEST_PERIOD_MS = 2_000_000;

export class Clock {
  private constructor(
    private readonly furthest_ms: number,
    private readonly period_ms: number,
    private readonly phase: number,
  ) {}

  /** Always right. */
  static right(): Clock {
    return new Clock(0, LONGEST_PERIOD_MS, 0);
  }

  /** Ahead and behind by turns, at most one per cent too fast or too slow. */
  static drifting(dice: Dice): Clock {
    return new Clock(
      dice.between(0, FURTHEST_MS),
      dice.between(SHORTEST_PERIOD_MS, LONGEST_PERIOD_MS),
      dice.next(),
    );
  }

  /** What it shows at that time; it never goes back. */
  shows_ms(true_ms: number): number {
    const turn = (true_ms / this.period_ms + this.phase) % 1;
    return Math.floor(true_ms + this.furthest_ms * (4 * Math.abs(turn - 0.5) - 1));
  }
}

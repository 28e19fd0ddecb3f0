/**
 * How many new calls a second a worker can do. Beyond that, datagrams wait, and ever longer. While they do, new calls
 * are turned away at its gate before they cost anything, so that those in progress keep their speed; how many a second
 * are let in follows how long datagrams wait.
 */
import type { GateState } from './gate.js';

const WINDOW_MS = 100;
/** Over how long it is seen how many usually come in. */
const USUAL_MS = 500;
/** Overload begins when the least wait of a window is this long, and no shorter than in the window before: what a
 * pause (garbage collection, the store of a busy machine) has left gets less by itself. */
const BEGIN_MS = 40;
/** For so long after the first call there is none: code is cold, a start has left a pile, what is usual is not known. */
const START_MS = 2000;
/** While it lasts, waits are kept about this long. */
const TARGET_MS = 10;
/** How the rate of those let in follows, from one window to the next: where all waited too long and not less than
 * before, where the wait is right, and where there was hardly any, which makes bolder the longer that lasts. */
const LESS = 0.97;
const MORE = 1.01;
const SHORT_MS = 8;
const MUCH_MORE = 1.02;
const BOLDER = 0.005;
const MOST_MORE = 1.08;
/** So few calls a second any machine can do: one that is too slow for them is busy with something else, and to turn
 * them away would help nobody. */
const FEW_PER_S = 20;
/** Windows after which it is over, where nobody had to be turned away. */
const CALM_WINDOWS = 10;

export class Overload {
  private window_ms = 0;
  /** By way, the shortest wait seen in this window, and the last. */
  private readonly least_ms: (number | undefined)[] = [];
  private readonly last_ms: (number | undefined)[] = [];
  /** The shortest wait of the window before, by the way where it was longest. */
  private before_ms = 0;
  /** When the first call was let in. */
  private since_ms = Number.POSITIVE_INFINITY;
  private let_in = 0;
  /** How many had been turned away at the beginning of this window, and when that was last asked. */
  private away_before = 0;
  private away_told = 0;
  /** Calls let in in the windows before, decaying, a second. */
  private usual_per_s = 0;
  private calm = 0;
  /** For how many windows hardly any has waited. */
  private short = 0;

  /** @param gate which it sets */
  constructor(private readonly gate: GateState) {
    gate.open();
    gate.wait_ms = 0;
    this.away_before = this.away_told = gate.away;
  }

  /** A datagram has waited so long on one of the ways by which they come, ms, or does already. */
  waited(way: number, wait_ms: number): void {
    this.last_ms[way] = wait_ms;
    this.least_ms[way] = Math.min(wait_ms, this.least_ms[way] ?? wait_ms);
    this.gate.wait_ms = longest(this.last_ms);
  }

  /**
   * The end of a turn of the event loop.
   * @returns when it wants another if there is none before, ms: where the doorman answers all that comes, nothing else
   * would end an overload; Infinity while there is none
   */
  turned(now_ms: number): number {
    if (now_ms - this.window_ms >= WINDOW_MS) this.nextWindow(now_ms);
    return this.overloaded ? this.window_ms + WINDOW_MS : Number.POSITIVE_INFINITY;
  }

  /** A new call was let in. */
  letIn(now_ms: number): void {
    this.let_in++;
    this.since_ms = Math.min(this.since_ms, now_ms);
  }

  /** Whether calls are being turned away because there is too much to do. */
  get overloaded(): boolean {
    return !this.gate.isOpen;
  }

  /** How many calls were turned away since the last time. */
  takeAway(): number {
    const { away } = this.gate;
    const count = (away - this.away_told) | 0;
    this.away_told = away;
    return count;
  }

  private nextWindow(now_ms: number): void {
    const took_ms = now_ms - this.window_ms;
    const { gate } = this;
    const least_ms = longest(this.least_ms);
    // Nothing waits where no datagram is seen to.
    for (const way of this.last_ms.keys())
      if (this.least_ms[way] === undefined) this.last_ms[way] = undefined;
    gate.wait_ms = longest(this.last_ms);
    const turned_away = (gate.away - this.away_before) | 0;
    if (!this.overloaded) {
      this.usual_per_s +=
        ((this.let_in / took_ms) * 1000 - this.usual_per_s) * Math.min(1, took_ms / USUAL_MS);
      const many = now_ms - this.since_ms >= START_MS && this.usual_per_s >= FEW_PER_S;
      if (many && least_ms >= BEGIN_MS && least_ms >= this.before_ms && this.before_ms >= BEGIN_MS) {
        gate.narrow(this.usual_per_s);
        this.calm = 0;
        this.short = 0;
      }
    } else {
      this.calm = turned_away > 0 ? 0 : this.calm + took_ms / WINDOW_MS;
      if (this.calm >= CALM_WINDOWS) gate.open();
      else gate.narrow(Math.max(FEW_PER_S, gate.per_s * this.change(least_ms, turned_away > 0)));
    }
    this.before_ms = least_ms;
    this.least_ms.length = 0;
    this.window_ms = now_ms;
    this.let_in = 0;
    this.away_before = gate.away;
  }

  /** By how much the rate changes. */
  private change(least_ms: number, turned_away: boolean): number {
    this.short = least_ms > SHORT_MS ? 0 : this.short + 1;
    // What gets less by itself is left to, and a burst of a sender's is no more than that.
    if (least_ms > TARGET_MS) return least_ms >= this.before_ms && this.before_ms > TARGET_MS ? LESS : 1;
    if (!turned_away) return 1;
    return least_ms > SHORT_MS ? MORE : Math.min(MOST_MORE, MUCH_MORE + this.short * BOLDER);
  }
}

/** Of waits by way; 0 where none is known. */
function longest(waits_ms: readonly (number | undefined)[]): number {
  let longest_ms = 0;
  for (const wait_ms of waits_ms) if (wait_ms !== undefined && wait_ms > longest_ms) longest_ms = wait_ms;
  return longest_ms;
}

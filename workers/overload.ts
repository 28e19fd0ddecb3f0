/**
 * Which new calls a worker lets in. Beyond what it can do, datagrams wait in the kernel, and ever longer. While they
 * do, new calls are turned away before they cost anything, so that those in progress keep their speed; how many a
 * second are let in follows how long datagrams wait.
 */

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
/** Above this none is let in: they would be answered too late. */
const STOP_MS = 20;
/** How the rate of those let in follows, from one window to the next: where all waited too long and not less than
 * before, where the wait is right, and where there was hardly any, which makes bolder the longer that lasts. */
const LESS = 0.97;
const MORE = 1.01;
const SHORT_MS = 8;
const MUCH_MORE = 1.02;
const BOLDER = 0.005;
const MOST_MORE = 1.08;
const MIN_PER_S = 10;
/** How much of its rate may come in at once, s. */
const BURST_S = 0.02;
/** Windows after which it is over, where nobody had to be turned away. */
const CALM_WINDOWS = 10;
const MAX_SOURCES = 10_000;

export class Overload {
  private window_ms = 0;
  /** By socket, the shortest wait seen in this window, and the last. */
  private readonly least_ms: number[] = [];
  private readonly last_ms: number[] = [];
  /** The shortest wait of the window before, at the socket where it was longest. */
  private before_ms = 0;
  /** When the first call was let in. */
  private since_ms = Number.POSITIVE_INFINITY;
  private let_in = 0;
  private turned_away = 0;
  /** Calls let in in the windows before, decaying, a second. */
  private usual_per_s = 0;
  /** New calls a second that are let in; Infinity while there is no overload. */
  private per_s = Number.POSITIVE_INFINITY;
  private tokens = 0;
  private tokens_ms = 0;
  private calm = 0;
  /** For how many windows hardly any has waited. */
  private short = 0;
  /** How many were turned away since that was last asked. */
  private away = 0;
  private readonly sources = new Map<string, { tokens: number; at_ms: number }>();

  /** @param source_limit new calls a second of one source address; 0 is no limit */
  constructor(private readonly source_limit: number) {}

  /** A datagram has waited so long at a socket, ms, or does already. */
  waited(socket: number, wait_ms: number): void {
    this.last_ms[socket] = wait_ms;
    this.least_ms[socket] = Math.min(wait_ms, this.least_ms[socket] ?? wait_ms);
  }

  /** The end of a turn of the event loop. */
  turned(now_ms: number): void {
    if (now_ms - this.window_ms >= WINDOW_MS) this.nextWindow(now_ms);
  }

  /** Whether a new call of that source may come in now. */
  admits(source: string, now_ms: number): boolean {
    if (this.hasRoom(now_ms) && this.sourceAdmits(source, now_ms)) {
      this.let_in++;
      this.since_ms = Math.min(this.since_ms, now_ms);
      return true;
    }
    this.turned_away++;
    this.away++;
    return false;
  }

  /** Whether calls are being turned away because there is too much to do. */
  get overloaded(): boolean {
    return this.per_s !== Number.POSITIVE_INFINITY;
  }

  /** How many calls were turned away since the last time. */
  takeAway(): number {
    const { away } = this;
    this.away = 0;
    return away;
  }

  private hasRoom(now_ms: number): boolean {
    const { per_s } = this;
    if (per_s === Number.POSITIVE_INFINITY) return true;
    const earned = Math.max(0, (now_ms - this.tokens_ms) / 1000) * per_s;
    this.tokens = Math.min(1 + per_s * BURST_S, this.tokens + earned);
    this.tokens_ms = now_ms;
    if (this.tokens < 1 || longest(this.last_ms) > STOP_MS) return false;
    this.tokens--;
    return true;
  }

  private nextWindow(now_ms: number): void {
    const took_ms = now_ms - this.window_ms;
    // Turns come seldom when there is nothing to do, and nothing waits where no datagram is seen to.
    const least_ms = longest(this.least_ms);
    if (least_ms === 0) this.last_ms.length = 0;
    if (!this.overloaded) {
      this.usual_per_s +=
        ((this.let_in / took_ms) * 1000 - this.usual_per_s) * Math.min(1, took_ms / USUAL_MS);
      const started = now_ms - this.since_ms >= START_MS;
      if (started && least_ms >= BEGIN_MS && least_ms >= this.before_ms && this.before_ms >= BEGIN_MS) {
        this.per_s = Math.max(MIN_PER_S, this.usual_per_s);
        this.calm = 0;
        this.short = 0;
      }
    } else {
      this.calm = this.turned_away > 0 ? 0 : this.calm + took_ms / WINDOW_MS;
      if (this.calm >= CALM_WINDOWS) this.per_s = Number.POSITIVE_INFINITY;
      else this.per_s = Math.max(MIN_PER_S, this.per_s * this.change(least_ms));
    }
    this.before_ms = least_ms;
    this.least_ms.length = 0;
    this.window_ms = now_ms;
    this.let_in = 0;
    this.turned_away = 0;
  }

  /** By how much the rate changes. */
  private change(least_ms: number): number {
    this.short = least_ms > SHORT_MS ? 0 : this.short + 1;
    // What gets less by itself is left to, and a burst of a sender's is no more than that.
    if (least_ms > TARGET_MS) return least_ms >= this.before_ms && this.before_ms > TARGET_MS ? LESS : 1;
    if (this.turned_away === 0) return 1;
    return least_ms > SHORT_MS ? MORE : Math.min(MOST_MORE, MUCH_MORE + this.short * BOLDER);
  }

  private sourceAdmits(source: string, now_ms: number): boolean {
    const { source_limit, sources } = this;
    if (source_limit === 0) return true;
    let bucket = sources.get(source);
    if (bucket === undefined) {
      if (sources.size >= MAX_SOURCES) sources.clear();
      bucket = { tokens: source_limit, at_ms: now_ms };
      sources.set(source, bucket);
    }
    bucket.tokens = Math.min(source_limit, bucket.tokens + ((now_ms - bucket.at_ms) / 1000) * source_limit);
    bucket.at_ms = now_ms;
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    return true;
  }
}

/** Of waits by socket; 0 where none is known. */
function longest(waits_ms: readonly (number | undefined)[]): number {
  let longest_ms = 0;
  for (const wait_ms of waits_ms) if (wait_ms !== undefined && wait_ms > longest_ms) longest_ms = wait_ms;
  return longest_ms;
}

/**
 * Which new calls a worker lets in. Beyond what it can do, datagrams pile up in the kernel: a turn of the event
 * loop then always finds as many as libuv reads at once. While that lasts, new calls are turned away before they
 * cost anything, so that those in progress keep their speed; how many are let in follows how it went.
 */

/** libuv reads this many datagrams of a socket in one turn, and no more. */
const FULL_TURN = 32;
/** A pause (garbage collection, the store of a busy machine) leaves a pile too, which is soon gone. */
const PATIENCE_MS = 1000;
const WINDOW_MS = 100;
/** How much fewer, and how much more, are let in from one window to the next. */
const LESS = 0.85;
const MORE = 1.3;
/** Windows without a pile after which all are let in again. */
const CALM_WINDOWS = 8;
const MAX_SOURCES = 10_000;

export class Overload {
  private datagrams = 0;
  /** Since when every turn was full. */
  private piled_since_ms: number | undefined = undefined;
  private window_ms = 0;
  /** A pile was seen in this window. */
  private piled = false;
  private let_in = 0;
  /** How many a window may let in; Infinity while there is no overload. */
  private allowed = Number.POSITIVE_INFINITY;
  private calm = 0;
  /** How many were turned away since that was last asked. */
  private away = 0;
  private readonly sources = new Map<string, { tokens: number; at_ms: number }>();

  /** @param source_limit new calls a second of one source address; 0 is no limit */
  constructor(private readonly source_limit: number) {}

  /** A datagram was read. */
  received(): void {
    this.datagrams++;
  }

  /** The end of a turn of the event loop. */
  turned(now_ms: number): void {
    const full = this.datagrams >= FULL_TURN;
    this.datagrams = 0;
    if (!full) this.piled_since_ms = undefined;
    else {
      this.piled_since_ms ??= now_ms;
      if (now_ms - this.piled_since_ms >= PATIENCE_MS) this.piled = true;
    }
    if (now_ms - this.window_ms >= WINDOW_MS) this.nextWindow(now_ms);
  }

  /** Whether a new call of that source may come in now. */
  admits(source: string, now_ms: number): boolean {
    if (this.let_in < this.allowed && this.sourceAdmits(source, now_ms)) {
      this.let_in++;
      return true;
    }
    this.away++;
    return false;
  }

  /** Whether calls are being turned away because there is too much to do. */
  get overloaded(): boolean {
    return this.allowed !== Number.POSITIVE_INFINITY;
  }

  /** How many calls were turned away since the last time. */
  takeAway(): number {
    const { away } = this;
    this.away = 0;
    return away;
  }

  private nextWindow(now_ms: number): void {
    // Turns come seldom when there is nothing to do.
    if (now_ms - this.window_ms >= CALM_WINDOWS * WINDOW_MS) {
      this.calm = CALM_WINDOWS;
      this.piled = false;
    }
    this.window_ms = now_ms;
    if (this.piled) {
      this.allowed = Math.max(1, Math.floor(Math.min(this.let_in, this.allowed) * LESS));
      this.calm = 0;
    } else if (this.overloaded) {
      this.calm++;
      this.allowed = this.calm >= CALM_WINDOWS ? Number.POSITIVE_INFINITY : Math.ceil(this.allowed * MORE);
    }
    this.piled = false;
    this.let_in = 0;
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

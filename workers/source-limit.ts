/** How many new calls one source address may bring. */

const MAX_SOURCES = 10_000;

export class SourceLimit {
  private readonly sources = new Map<string, { tokens: number; at_ms: number }>();

  /** @param per_s new calls a second of one source address, as many at once; 0 is no limit */
  constructor(private readonly per_s: number) {}

  /** Whether a new call of that source may come in now; then it counts. */
  admits(source: string, now_ms: number): boolean {
    const { per_s, sources } = this;
    if (per_s === 0) return true;
    let bucket = sources.get(source);
    if (bucket === undefined) {
      if (sources.size >= MAX_SOURCES) sources.clear();
      bucket = { tokens: per_s, at_ms: now_ms };
      sources.set(source, bucket);
    }
    bucket.tokens = Math.min(per_s, bucket.tokens + ((now_ms - bucket.at_ms) / 1000) * per_s);
    bucket.at_ms = now_ms;
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    return true;
  }
}

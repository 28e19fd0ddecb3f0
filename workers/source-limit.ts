/** How many new calls one source address may bring. */
import { TokenBucket } from './token-bucket.js';

const MAX_SOURCES = 10_000;

export class SourceLimit {
  private readonly sources = new Map<string, TokenBucket>();

  /** @param per_s new calls a second of one source address, as many at once; 0 is no limit */
  constructor(private readonly per_s: number) {}

  /** Whether a new call of that source may come in now; then it counts. */
  admits(source: string, now_ms: number): boolean {
    const { per_s, sources } = this;
    if (per_s === 0) return true;
    let bucket = sources.get(source);
    if (bucket === undefined) {
      if (sources.size >= MAX_SOURCES) sources.clear();
      sources.set(source, (bucket = new TokenBucket()));
    }
    if (!bucket.fill(per_s, per_s, now_ms)) return false;
    bucket.take();
    return true;
  }
}

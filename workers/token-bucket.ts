/** A token bucket: how many may come a second, and how many at once. */

export class TokenBucket {
  // Full at first, since it was long ago.
  private tokens = 0;
  private at_ms = 0;

  /**
   * What has been earned since the last time, and whether there is one.
   * @param per_s tokens a second
   * @param most it holds
   */
  fill(per_s: number, most: number, now_ms: number): boolean {
    const earned = (Math.max(0, now_ms - this.at_ms) / 1000) * per_s;
    this.tokens = Math.min(most, this.tokens + earned);
    this.at_ms = now_ms;
    return this.tokens >= 1;
  }

  /** One is used. */
  take(): void {
    this.tokens--;
  }
}

/**
 * What nobody is told of need not be safe at once: lost before it had an effect, it is as if it had never come. It
 * waits for the next turn that tells somebody something, which saves a system call, though not for long.
 */
const WAIT_MS = 100;

export class Wait {
  /** When it is over at the latest; Infinity when nothing waits. */
  over_ms = Number.POSITIVE_INFINITY;

  /** The end of a turn after which something is not safe. @returns whether that may wait on */
  goesOn(telling: boolean, now_ms: number): boolean {
    if (telling || now_ms >= this.over_ms) {
      this.over_ms = Number.POSITIVE_INFINITY;
      return false;
    }
    if (this.over_ms === Number.POSITIVE_INFINITY) this.over_ms = now_ms + WAIT_MS;
    return true;
  }
}

/** How much memory the threads on a call's path have. */
import { setFlagsFromString } from 'node:v8';
import type { ResourceLimits } from 'node:worker_threads';

/**
 * Three times the space that one collection looks at, MB. V8's own is 48: collections are rarer, but each copies four
 * times as much and stops the thread for 10 ms and more where cores are short; these take 3.
 */
const YOUNG_MB = 12;

export const THREAD_LIMITS: ResourceLimits = { maxYoungGenerationSizeMb: YOUNG_MB };

/**
 * How much a heap grows beyond what is in use before it is collected, percent. V8's own choice is up to three times as
 * much, and ever more the more there was: under a load that lasts, a second one took half as much memory again as the first.
 */
const GROWTH_PERCENT = 60;

/** For all threads that begin afterwards. */
export function limitGrowth(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
}

/** How much memory the threads on a call's path have. */
import type { ResourceLimits } from 'node:worker_threads';

/**
 * Three times the space that one collection looks at, MB. V8's own is 48: collections are rarer, but each copies four
 * times as much and stops the thread for 10 ms and more where cores are short; these take 3.
 */
const YOUNG_MB = 12;

/**
 * Room for some 200,000 calls, MB. V8 lets a heap grow to four times what the last collection has left where its limit
 * is above 2 GB, to half of that below: after a burst of calls a thread would keep hundreds of MB that it does not need.
 */
const OLD_MB = 2_000;

export const THREAD_LIMITS: ResourceLimits = {
  maxYoungGenerationSizeMb: YOUNG_MB,
  maxOldGenerationSizeMb: OLD_MB,
};

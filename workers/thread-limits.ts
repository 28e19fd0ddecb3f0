/** How much memory the threads on a call's path have for what is young. */
import type { ResourceLimits } from 'node:worker_threads';

/**
 * Three times the space that one collection looks at, MB. V8's own is 48: collections are rarer, but each copies four
 * times as much and stops the thread for 10 ms and more where cores are short; these take 3.
 */
const YOUNG_MB = 12;

export const THREAD_LIMITS: ResourceLimits = { maxYoungGenerationSizeMb: YOUNG_MB };

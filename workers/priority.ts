/** Who comes first where cores are short: calls, then what V8 does beside them. */
import { readdirSync } from 'node:fs';
import { setPriority } from 'node:os';

/**
 * A quarter of a core that a thread of ours wants too. With next to none of it an engine that is overloaded before its
 * code is compiled stays so: it goes on in slow code, and threads that wait for a helper to sweep ask again all the time.
 */
const HELPERS = 5;

/**
 * V8's helpers (marking, sweeping, compiling) give way to all other threads: four of them at work take both cores of two
 * from a SIP worker for 20 ms. To be called before the process starts a thread of its own, while theirs are the only ones.
 * Linux knows threads with a priority of their own; elsewhere nothing happens.
 * @returns the threads that give way
 */
export function lowerHelpers(): number[] {
  if (process.platform !== 'linux') return [];
  const others = readdirSync('/proc/self/task').map(Number);
  return others.filter((thread) => thread !== process.pid && lower(thread));
}

/** False where the system does not allow it, or the thread has ended: calls are served all the same. */
function lower(thread: number): boolean {
  try {
    setPriority(thread, HELPERS);
    return true;
  } catch {
    return false;
  }
}

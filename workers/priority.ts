/** Who comes first where cores are short: calls, then management, then what V8 does beside them. */
import { readdirSync } from 'node:fs';
import { setPriority } from 'node:os';

const LOW = 10;
const LOWEST = 19;
/** setpriority(2): whoever calls, which on Linux is a thread. */
const CALLER = 0;

/**
 * V8's helpers (marking, compiling) give way to all other threads: four of them at work take both cores of two from a
 * SIP worker for 20 ms. To be called before the process starts a thread of its own, while theirs are the only ones.
 * Linux knows threads with a priority of their own; elsewhere nothing happens.
 * @returns the threads that give way
 */
export function lowerHelpers(): number[] {
  if (process.platform !== 'linux') return [];
  const others = readdirSync('/proc/self/task').map(Number);
  return others.filter((thread) => thread !== process.pid && lower(thread, LOWEST));
}

/** The calling thread, and those it starts from now on, give way to the others of the process; on Linux only. */
export function lowerThisThread(): void {
  if (process.platform === 'linux') lower(CALLER, LOW);
}

/** False where the system does not allow it, or the thread has ended: calls are served all the same. */
function lower(thread: number, priority: number): boolean {
  try {
    setPriority(thread, priority);
    return true;
  } catch {
    return false;
  }
}

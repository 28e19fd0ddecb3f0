/**
 * The threads on a call's path. What each is to do it is told later: they load their code while the main thread loads its
 * own and reads the configuration, so that a restart is over sooner.
 */
import { Worker } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { THREAD_LIMITS } from './thread-limits.js';
import { ThreadPeer } from './thread-peer.js';

export interface BootedThreads {
  /** By worker, a pool with its one thread; at least the first. */
  sip_workers: Piscina[];
  /** Waits for its data as its first message. */
  dispatcher: ThreadPeer;
}

/** Boots what every configuration needs: a SIP worker and the dispatcher. */
export function bootThreads(): BootedThreads {
  return {
    sip_workers: [bootSipWorker()],
    dispatcher: new ThreadPeer(
      new Worker(new URL('./dispatcher-thread.js', import.meta.url), {
        name: 'dispatcher',
        resourceLimits: THREAD_LIMITS,
      }),
    ),
  };
}

/** A pool of one thread, which is replaced when it dies. */
export function bootSipWorker(): Piscina {
  return new Piscina({
    filename: new URL('./sip-worker.js', import.meta.url).href,
    minThreads: 1,
    maxThreads: 1,
    concurrentTasksPerWorker: 1,
    resourceLimits: THREAD_LIMITS,
  });
}

/** Ends threads that have been given nothing to do. */
export async function endThreads({ sip_workers, dispatcher }: BootedThreads): Promise<void> {
  for (const pool of sip_workers) await pool.destroy();
  await dispatcher.terminate();
}

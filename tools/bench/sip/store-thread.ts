/**
 * Imported into each thread of a measured engine (`node --import`): the store's thread leaves its thread id in the
 * file that BENCH_STORE_THREAD_FILE names, as nothing in /proc tells the threads of a process apart.
 */
import { readlinkSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { workerData } from 'node:worker_threads';

const file = process.env.BENCH_STORE_THREAD_FILE;
if (file !== undefined && typeof workerData === 'object' && workerData !== null && 'sql' in workerData)
  writeFileSync(file, basename(readlinkSync('/proc/thread-self')));

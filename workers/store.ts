/**
 * The store thread: everything that is SQL. It writes the dispatcher's records, which come through a ring,
 * and loads the provisioning when asked. Nobody waits for it but who asked it to.
 *
 * Start it as a worker thread with {@link StoreData}; it answers `ready` when the databases are there (or
 * `fatal`), then {@link StoreRequest}s.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { Provisioning } from '../core/acd/provisioning.js';
import type { StoreRecord } from '../core/acd/records.js';
import { assert, unreachable } from '../core/assert.js';
import { recordCodec } from '../ipc/catalogue.js';
import { DoorbellListener } from '../ipc/doorbell.js';
import { type LinkDescriptor, LinkReader } from '../ipc/link.js';
import { type Databases, openDatabases } from '../sql/connect.js';
import { isOutside, reasonOf } from '../sql/errors.js';
import type { SqlOptions } from '../sql/options.js';
import { loadProvisioning } from '../sql/provisioning.js';
import { ensureSchema } from '../sql/schema.js';
import { Writer } from '../sql/writer.js';
import { createLogger, type LogLevel } from './log.js';

/** The thread's workerData. */
export interface StoreData {
  sql: SqlOptions;
  log_level: LogLevel;
  records: LinkDescriptor;
  /** Calls that a journal brought back: their rows of cc_calls stay. Default: none. */
  live_calls?: string[];
  /**
   * The numbers of the records' link go on across restarts and say which records had been written before.
   * Default false: what comes is new.
   */
  sequence_from_link?: boolean;
}

/** What may be asked of the thread. */
export type StoreRequest =
  /** Read flows and agents: answered `loaded` or `failed`. */
  | { kind: 'load'; request: number }
  /** Answered `flushed` when all records sent before are in the database. */
  | { kind: 'flush'; request: number }
  /** Write what there is, close, answer `stopped`, end. */
  | { kind: 'stop' };

/** What the thread says. */
export type StoreReply =
  | { kind: 'ready'; next_cid: number }
  | { kind: 'loaded'; request: number; provisioning: Provisioning }
  | { kind: 'failed'; request: number; reason: string }
  | { kind: 'flushed'; request: number }
  | { kind: 'stopped' }
  /** Without remedy; the thread ends. */
  | { kind: 'fatal'; reason: string };

/** Records taken from the ring before others of this thread have their turn. */
const DRAIN_RECORDS = 1024;
/** Rows are batched anyway: the dispatcher wakes nobody for them. */
const RECORDS_MAX_SLEEP_MS = 100;

assert(parentPort, 'the store is started as a worker thread');
const port = parentPort;
const data = workerData as StoreData;
const log = createLogger('store', data.log_level);

function reply(message: StoreReply): void {
  port.postMessage(message);
}

function fatal(error: unknown): void {
  // A fault in the program is worth its stack; of what is wrong outside, the line says it all.
  if (!isOutside(error)) log.fatal({ err: error }, 'the store thread ends');
  reply({ kind: 'fatal', reason: reasonOf(error) });
  // Ends this thread only; what was posted is delivered.
  process.exit(1);
}

async function start(): Promise<{ databases: Databases; writer: Writer }> {
  const databases = await openDatabases(data.sql);
  try {
    await ensureSchema(databases, data.sql.tables);
    const live_calls = data.live_calls ?? [];
    return { databases, writer: await Writer.start(databases, data.sql, log, { live_calls, fatal }) };
  } catch (error) {
    await databases.close();
    throw error;
  }
}

async function run(): Promise<void> {
  const { databases, writer } = await start();
  const reader = new LinkReader<StoreRecord>(data.records, recordCodec);
  const take = (record: StoreRecord, seq: number): void => {
    if (data.sequence_from_link) writer.push(record, seq);
    else writer.push(record);
  };
  const takeAll = (): void => {
    while (reader.drain(take, DRAIN_RECORDS) > 0);
  };
  const listener = new DoorbellListener(
    data.records.doorbell,
    () => {
      reader.drain(take, DRAIN_RECORDS);
      return reader.pending;
    },
    { max_sleep_ms: RECORDS_MAX_SLEEP_MS },
  );

  const load = async (request: number): Promise<void> => {
    try {
      const provisioning = await loadProvisioning(databases.provisioning, data.sql.tables, log);
      reply({ kind: 'loaded', request, provisioning });
    } catch (error) {
      if (!isOutside(error)) throw error;
      const { key, place } = databases.provisioning;
      reply({ kind: 'failed', request, reason: `${key}: cannot load from ${place}: ${reasonOf(error)}` });
    }
  };
  const flush = async (request: number): Promise<void> => {
    takeAll();
    await writer.flush();
    reply({ kind: 'flushed', request });
  };
  const stop = async (): Promise<void> => {
    listener.close();
    takeAll();
    await writer.stop();
    await databases.close();
    reply({ kind: 'stopped' });
    port.close();
  };
  const answer = (message: StoreRequest): Promise<void> => {
    switch (message.kind) {
      case 'load':
        return load(message.request);
      case 'flush':
        return flush(message.request);
      case 'stop':
        return stop();
      default:
        return unreachable(message);
    }
  };
  port.on('message', (message: StoreRequest) => void answer(message).catch(fatal));
  reply({ kind: 'ready', next_cid: writer.nextCid() });
}

run().catch(fatal);

/**
 * The store thread: everything that is SQL. It writes the dispatcher's records, which it reads from the
 * dispatcher's journal, and loads the provisioning when asked. Nobody waits for it but who asked it to.
 *
 * Start it as a worker thread with {@link StoreData}; it answers `ready` when the databases are there (or
 * `fatal`), then {@link StoreRequest}s.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import type { Provisioning } from '../core/acd/provisioning.js';
import type { StoreRecord } from '../core/acd/records.js';
import { assert, unreachable } from '../core/assert.js';
import { type Databases, openDatabases } from '../sql/connect.js';
import { isOutside, reasonOf } from '../sql/errors.js';
import type { SqlOptions } from '../sql/options.js';
import { loadProvisioning } from '../sql/provisioning.js';
import { ensureSchema } from '../sql/schema.js';
import { Writer } from '../sql/writer.js';
import { RecordTail } from './journal/record-tail.js';
import { createLogger, type LogLevel } from './log.js';

/** The thread's workerData. */
export interface StoreData {
  sql: SqlOptions;
  log_level: LogLevel;
  /** Folder of the journals. */
  journal: string;
  /** Where the number of the dispatcher's file that is being read is shown: one Int32. */
  reading: SharedArrayBuffer;
  /** Calls that the journal brought back: their rows of cc_calls stay. */
  live_calls: string[];
  /** Whether the engine can do without the databases for a while: then they are asked for until they are there. */
  patient: boolean;
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

/** A load that is asked for while the databases are still being opened waits so long for them. */
const LOAD_WAIT_MS = 20_000;
/** Rows are batched anyway: the journal is looked at this often. */
const LOOK_MS = 100;
/** While so many rows wait for their database no more are read: they wait in the journal. */
const MAX_WAITING = 20_000;
/** A file that cannot be read through because its rows find no database is read again after the next start. */
const STOP_READ_MS = 5_000;
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 5_000;

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

async function open(): Promise<{ databases: Databases; writer: Writer }> {
  const databases = await openDatabases(data.sql);
  try {
    await ensureSchema(databases, data.sql.tables);
    const { live_calls } = data;
    return { databases, writer: await Writer.start(databases, data.sql, log, { live_calls, fatal }) };
  } catch (error) {
    await databases.close();
    throw error;
  }
}

/** Opens the databases, when that may take a while until they are there; undefined when `stopped` comes first. */
async function openPatiently(stopped: () => boolean): Promise<Awaited<ReturnType<typeof open>> | undefined> {
  for (let wait_ms = RETRY_MIN_MS; !stopped(); wait_ms = Math.min(2 * wait_ms, RETRY_MAX_MS)) {
    try {
      const opened = await open();
      if (wait_ms > RETRY_MIN_MS) log.warn('the databases are there');
      return opened;
    } catch (error) {
      if (!data.patient || !isOutside(error)) throw error;
      if (wait_ms === RETRY_MIN_MS)
        log.error({ reason: reasonOf(error) }, 'no database yet: calls go on, rows wait in the journal');
    }
    for (let slept_ms = 0; slept_ms < wait_ms && !stopped(); slept_ms += LOOK_MS) await sleep(LOOK_MS);
  }
  return undefined;
}

/** Brings the rows in the journal to the databases. */
class Reading {
  private readonly tail = new RecordTail(data.journal);
  private readonly shown = new Int32Array(data.reading);
  private busy: Promise<void> | undefined = undefined;
  private closed = false;

  constructor(private readonly writer: Writer) {}

  async run(): Promise<void> {
    while (!this.closed) {
      await this.read(false);
      await sleep(LOOK_MS);
    }
  }

  /** Reads all there is; with `all` it does not stop where too much waits. One at a time. */
  async read(all: boolean): Promise<void> {
    while (this.busy !== undefined) await this.busy;
    this.busy = this.readOn(all);
    try {
      await this.busy;
    } finally {
      this.busy = undefined;
    }
  }

  close(): void {
    this.closed = true;
  }

  private async readOn(all: boolean): Promise<void> {
    const take = (record: StoreRecord, seq: number): void => this.writer.push(record, seq);
    for (;;) {
      if (!all && this.writer.waiting > MAX_WAITING) return;
      const look = this.tail.look(take);
      if (look === 'nothing') return;
      if (look === 'more') continue;
      await this.writer.flush();
      this.tail.next();
      Atomics.store(this.shown, 0, this.tail.number);
    }
  }
}

async function run(): Promise<void> {
  let opened: Awaited<ReturnType<typeof openPatiently>>;
  let reading: Reading | undefined;
  let stopping = false;
  const opening = openPatiently(() => stopping);

  const load = async (request: number): Promise<void> => {
    // Served from the journal, the engine is asked to reload before the databases of the start are there.
    const there = opened ?? (await Promise.race([opening, sleep(LOAD_WAIT_MS, undefined, { ref: false })]));
    if (there === undefined || stopping) {
      reply({ kind: 'failed', request, reason: 'there is no database yet' });
      return;
    }
    const { provisioning: database } = there.databases;
    try {
      const provisioning = await loadProvisioning(database, data.sql.tables, log);
      reply({ kind: 'loaded', request, provisioning });
    } catch (error) {
      if (!isOutside(error)) throw error;
      const { key, place } = database;
      reply({ kind: 'failed', request, reason: `${key}: cannot load from ${place}: ${reasonOf(error)}` });
    }
  };
  const flush = async (request: number): Promise<void> => {
    await reading?.read(true);
    await opened?.writer.flush();
    reply({ kind: 'flushed', request });
  };
  const stop = async (): Promise<void> => {
    stopping = true;
    reading?.close();
    // An attempt at the databases that is under way comes to its end first: what it opens is to be closed.
    opened = await opening;
    if (opened !== undefined) {
      reading ??= new Reading(opened.writer);
      await Promise.race([reading.read(false), sleep(STOP_READ_MS, undefined, { ref: false })]);
      await opened.writer.stop();
      await opened.databases.close();
    }
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

  opened = await opening;
  if (opened === undefined || stopping) return;
  reading = new Reading(opened.writer);
  reply({ kind: 'ready', next_cid: opened.writer.nextCid() });
  await reading.run();
}

// The client asks for types of its own accord on a new connection, and when that breaks nobody is told but here;
// statements that were waiting for the connection fail by themselves and are repeated.
process.on('unhandledRejection', (error) => {
  if (!isOutside(error)) return fatal(error);
  log.warn({ reason: reasonOf(error) }, 'a database connection broke');
});

run().catch(fatal);

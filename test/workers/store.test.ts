import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import t, { type Test } from 'tap';
import type { StoreRecord } from '../../core/acd/records.js';
import { openDatabases } from '../../sql/connect.js';
import { DEFAULT_TABLES, type SqlOptions } from '../../sql/options.js';
import { writeRecord } from '../../workers/journal/acd-entries.js';
import { ACD_JOURNAL } from '../../workers/journal/acd-journal.js';
import { allFilesOf } from '../../workers/journal/files.js';
import { JournalWriter } from '../../workers/journal/writer.js';
import type { StoreData, StoreReply, StoreRequest } from '../../workers/store.js';

let sequence = 0;

/** A running store thread, as the supervisor sees it. */
class Store {
  private readonly replies: StoreReply[] = [];
  private waiting: (() => void) | undefined;
  readonly worker: Worker;
  private readonly journal: JournalWriter;

  constructor(sql: SqlOptions, folder: string, patient = false) {
    const number = allFilesOf(folder, ACD_JOURNAL).length + 1;
    this.journal = new JournalWriter(folder, ACD_JOURNAL, number, { sync: 'none', log() {} });
    const workerData: StoreData = {
      sql,
      log_level: 'silent',
      journal: folder,
      reading: new SharedArrayBuffer(4),
      live_calls: [],
      patient,
    };
    this.worker = new Worker(new URL('../../workers/store.js', import.meta.url), { workerData });
    this.worker.on('message', (message: StoreReply) => {
      this.replies.push(message);
      this.waiting?.();
    });
  }

  send(records: StoreRecord[]): void {
    for (const record of records) writeRecord(this.journal.batch, ++sequence, record);
    this.journal.commit(() => {});
  }

  async ask(request: StoreRequest): Promise<StoreReply> {
    this.worker.postMessage(request);
    return this.next();
  }

  async next(): Promise<StoreReply> {
    for (;;) {
      const reply = this.replies.shift();
      if (reply) return reply;
      await new Promise<void>((resolve) => {
        this.waiting = resolve;
      });
    }
  }
}

function cdr(cid: number): StoreRecord {
  return {
    kind: 'cdr',
    caller: 'zoe',
    received_ms: 1_780_000_000_000,
    wait_s: 1,
    pickup_s: 1,
    talk_s: 1,
    flow_id: 'f',
    agent_id: '',
    call_type: 1,
    rejected: 0,
    fstats: 1,
    cid,
    media: 1,
  };
}

/** Of the whole file: making a database takes seconds. */
const sql: SqlOptions = { data_dir: t.testdir(), tables: DEFAULT_TABLES };

async function stopped(t: Test, store: Store): Promise<void> {
  const exit = once(store.worker, 'exit');
  t.same(await store.ask({ kind: 'stop' }), { kind: 'stopped' });
  t.same(await exit, [0], 'the thread ends by itself');
}

t.test('the store thread writes what is in the journal, and loads on demand', async (t) => {
  const folder = t.testdir();
  const first = new Store(sql, folder);
  t.same(await first.next(), { kind: 'ready', next_cid: 1 });
  const provisioning = { flows: [], agents: [] };
  t.same(await first.ask({ kind: 'load', request: 7 }), { kind: 'loaded', request: 7, provisioning });
  first.send(Array.from({ length: 2_500 }, (_, i) => cdr(i + 1)));
  t.same(await first.ask({ kind: 'flush', request: 8 }), { kind: 'flushed', request: 8 });
  first.send([cdr(2_501)]);
  await stopped(t, first);

  const second = new Store(sql, folder);
  t.same(await second.next(), { kind: 'ready', next_cid: 2_502 }, 'also the last record was written');
  second.send([cdr(2_502)]);
  await stopped(t, second);

  const databases = await openDatabases(sql);
  const [row] = await databases.cdrs.run((sql) => sql`select count(*)::int as rows from cc_cdrs`);
  await databases.close();
  t.same(row, { rows: 2_502 });
});

t.test('a load that fails says why, and the thread goes on', async (t) => {
  const odd = new Store({ ...sql, tables: { ...DEFAULT_TABLES, ccf_skill_column: 'talent' } }, t.testdir());
  await odd.next();
  t.match(await odd.ask({ kind: 'load', request: 1 }), {
    kind: 'failed',
    request: 1,
    reason: /^db_url: cannot load from .* column "talent" does not exist$/,
  });
  await stopped(t, odd);
});

t.test('without its database the store says why in one line and ends', async (t) => {
  const sql = {
    db_url: 'postgres://u:secret@127.0.0.1:9/acd',
    data_dir: t.testdir(),
    tables: DEFAULT_TABLES,
  };
  const store = new Store(sql, t.testdir());
  const exit = once(store.worker, 'exit');
  const reason = 'db_url: cannot reach the database at 127.0.0.1:9/acd: connect ECONNREFUSED 127.0.0.1:9';
  t.same(await store.next(), { kind: 'fatal', reason });
  t.same(await exit, [1]);
});

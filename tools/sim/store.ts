/**
 * The store of the simulation: what workers/store.ts does, with the engine's own writer, lanes and waiting rows. It reads
 * the rows from the dispatcher's journal, and brings them to a database that fails.
 */
import type { StoreRecord } from '../../core/acd/records.js';
import { type CallRow, type CallWidths, WaitingCalls } from '../../sql/calls.js';
import { type CdrRow, WaitingCdrs } from '../../sql/cdrs.js';
import { Lane, type LaneClock, type Numbered, type Waiting } from '../../sql/lane.js';
import { WaitingWrapups, type WrapupRow } from '../../sql/wrapups.js';
import { Writer } from '../../sql/writer.js';
import type { SimDatabase, Tables, WriterName } from './database.js';
import type { SimRecords } from './records.js';
import { must } from './violation.js';

/** How often the journal is looked at, and what may wait before it is not: see workers/store.ts. */
const LOOK_MS = 100;
const MAX_WAITING = 200;
const RETRY_MS = 500;
const WIDE = 1_000;
const CALL_WIDTHS: CallWidths = {
  b2buaid: WIDE,
  caller_dn: WIDE,
  caller_un: WIDE,
  flow: WIDE,
  agent: WIDE,
  script_param: WIDE,
};
const SILENT = { info() {}, warn() {}, error() {} };

export interface StoreWorld {
  now_ms(): number;
  after(ms: number, act: () => void): void;
  /** Promises have been settled: what waits for them is to go on. */
  stirred(): void;
  /** The store cannot go on: the process ends. */
  fatal(error: unknown): void;
}

export class SimStore {
  private writer: Writer | undefined;
  private alive = true;
  /** Number of the last record that was read. */
  private read_seq = 0;
  /** Number of the last record of which it is known that all tables have it, and those before it. */
  private written_seq = 0;

  /** @param live_calls calls that the journal brought back: their rows of cc_calls stay */
  constructor(
    private readonly around: StoreWorld,
    private readonly records: SimRecords,
    private readonly database: SimDatabase,
    live_calls: ReadonlySet<string>,
  ) {
    this.open(live_calls);
    this.lookLater();
  }

  /** The process dies. */
  end(): void {
    this.alive = false;
  }

  /** Whether everything is in the database. */
  get idle(): boolean {
    return this.written_seq >= this.records.last_seq;
  }

  /** Reads where each table stands, as soon as the database is there. */
  private open(live_calls: ReadonlySet<string>): void {
    const client = this.client();
    client
      .run(async ({ applied }) => applied.cc_calls)
      .then((after) =>
        // As in SQL: carried out late, it finds another mark and deletes nothing.
        client.run(async (tables) => {
          for (const call of tables.calls.keys())
            if (tables.applied.cc_calls === after && !live_calls.has(call)) tables.calls.delete(call);
          return tables;
        }),
      )
      .then((tables) => this.begin(tables))
      .catch(() => this.later(RETRY_MS, () => this.open(live_calls)));
  }

  private begin(tables: Tables): void {
    const cdrs = new WaitingCdrs('cc_cdrs', { caller: WIDE, flow_id: WIDE, agent_id: WIDE }, String);
    const calls = new WaitingCalls('cc_calls', CALL_WIDTHS, tables.calls.keys());
    const wrapups = new WaitingWrapups('cc_agents', NO_NAMES, 'text');
    this.writer = new Writer(
      {
        next_cid: 1,
        applied: {
          cdrs: tables.applied.cc_cdrs,
          calls: tables.applied.cc_calls,
          wrapups: tables.applied.cc_agents,
        },
        cdrs,
        calls,
        wrapups,
        cdr_lane: this.lane(tables, 'cc_cdrs', cdrs, (row: CdrRow) => {
          tables.cdrs.push(row);
        }),
        call_lane: this.lane(tables, 'cc_calls', calls, ({ call, fresh, record, sequence }: CallRow) => {
          if (record === undefined) tables.calls.delete(call);
          // As in SQL, an update of a row that is not there does nothing.
          else if (fresh || tables.calls.has(call)) tables.calls.set(call, sequence);
        }),
        wrapup_lane: this.lane(tables, 'cc_agents', wrapups, ({ record }: WrapupRow) => {
          tables.wrapups.set(record.agent_id, record.ends_ms);
        }),
        dead_letters: { close() {} },
      },
      SILENT,
    );
  }

  private lane<Row extends Numbered>(
    tables: Tables,
    writer: WriterName,
    waiting: Waiting<Row>,
    apply: (row: Row) => void,
  ): Lane<Row, Tables> {
    const simulated: Waiting<Row, Tables> = {
      table: writer,
      get size() {
        return waiting.size;
      },
      oldest: () => waiting.oldest(),
      take: (max) => waiting.take(max),
      letter: (row) => waiting.letter(row),
      write: async (to, rows, after) =>
        to.write(writer, after, rows.at(-1)?.sequence ?? 0, () => rows.forEach(apply)),
    };
    const dead_letters = { path: '', add: () => must(false, 'no row is refused') };
    const fatal = (error: unknown): void => {
      if (this.alive) this.around.fatal(error);
    };
    return new Lane(
      simulated,
      this.client(),
      dead_letters,
      SILENT,
      fatal,
      tables.applied[writer],
      this.clock(),
    );
  }

  private client() {
    return this.database.client(
      () => this.alive,
      () => this.around.stirred(),
      (error) => this.around.fatal(error),
    );
  }

  private clock(): LaneClock {
    return {
      now_ms: () => this.around.now_ms(),
      after: (ms, act) => {
        let due = true;
        this.later(ms, () => {
          if (due) act();
        });
        return () => {
          due = false;
        };
      },
    };
  }

  private later(ms: number, act: () => void): void {
    this.around.after(ms, () => {
      if (!this.alive) return;
      act();
      this.around.stirred();
    });
  }

  private lookLater(): void {
    this.around.after(LOOK_MS, () => {
      if (!this.alive) return;
      this.look();
      this.lookLater();
    });
  }

  private look(): void {
    const { records, writer } = this;
    if (writer === undefined || writer.waiting > MAX_WAITING) return;
    if (this.read_seq >= records.last_seq) return this.settle(writer);
    records.read(this.read_seq, (record: StoreRecord, sequence) => {
      this.read_seq = sequence;
      writer.push(record, sequence);
    });
    this.around.stirred();
  }

  /** All has been read: once nothing waits, what is under way is waited for. */
  private settle(writer: Writer): void {
    const { read_seq } = this;
    if (writer.waiting > 0 || this.written_seq >= read_seq) return;
    void writer.flush().then(() => {
      if (this.alive) this.written_seq = read_seq;
    });
    this.around.stirred();
  }
}

/** Statements are not made here. */
const NO_NAMES = { cc_agents_table: 'cc_agents' } as ConstructorParameters<typeof WaitingWrapups>[1];

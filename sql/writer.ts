/** Writes the dispatcher's records into their tables, in batches, each table's rows in order and once. */
import type { StoreRecord } from '../core/acd/records.js';
import { assert, unreachable } from '../core/assert.js';
import { type CallRow, WaitingCalls } from './calls.js';
import { type CdrRow, WaitingCdrs } from './cdrs.js';
import type { Database, Databases, Sql } from './connect.js';
import { DeadLetters } from './dead_letters.js';
import { isOutside, reasonOf, StoreError } from './errors.js';
import { Lane, type Numbered } from './lane.js';
import { localTimeWriter } from './local_time.js';
import type { Log } from './log.js';
import type { SqlOptions } from './options.js';
import { type ColumnShape, columnShapes } from './schema.js';
import { fit } from './text.js';
import { WaitingWrapups, type WrapupRow } from './wrapups.js';

/** Names of the rows in acd_applied. */
const CDR_WRITER = 'cc_cdrs';
const CALL_WRITER = 'cc_calls';
const WRAPUP_WRITER = 'cc_agents';

/** How long `stop` waits for a database that does not take its rows. */
const STOP_PATIENCE_MS = 5_000;
/** Of how many of the newest CDRs the cid is looked at, in case another engine wrote here meanwhile. */
const NEWEST_CDRS = 1_000;

export interface WriterOptions {
  /** The calls there are, as the journals know them; rows of others are deleted. Default: none. */
  live_calls?: readonly string[];
  /** Told of an error that repeating cannot cure; the table concerned gets no more rows. */
  fatal: (error: unknown) => void;
}

/** Up to where a table has been written, by its row in acd_applied. */
interface Applied {
  sequence: number;
  last_cid: number;
}

/** What a writer is made of: rows that wait, and the lanes that take them to their tables. */
export interface WriterParts {
  next_cid: number;
  /** The sequence that each table has. */
  applied: { cdrs: number; calls: number; wrapups: number };
  cdrs: WaitingCdrs;
  calls: WaitingCalls;
  wrapups: WaitingWrapups;
  cdr_lane: Carrier<CdrRow>;
  call_lane: Carrier<CallRow>;
  wrapup_lane: Carrier<WrapupRow>;
  dead_letters: Pick<DeadLetters, 'close'>;
}

type Carrier<Row extends Numbered> = Pick<Lane<Row>, 'added' | 'close' | 'flush'>;

export class Writer {
  private last_sequence: number;

  /** @internal `start` makes one for real databases. */
  constructor(
    private readonly parts: WriterParts,
    private readonly log: Log,
  ) {
    const { cdrs, calls, wrapups } = parts.applied;
    this.last_sequence = Math.max(cdrs, calls, wrapups);
  }

  /**
   * Starts writing to databases whose schema is there, and deletes the rows of calls that are no more. Throws
   * {@link StoreError}.
   */
  static async start(
    databases: Databases,
    options: SqlOptions,
    log: Log,
    { live_calls = [], fatal }: WriterOptions,
  ): Promise<Writer> {
    const dead_letters = new DeadLetters(options.data_dir, log);
    const toLocalTime = localTimeWriter(options.timezone);
    const cdr_start = await atStart(databases.cdrs, 'cc_cdrs', async (sql) => {
      const applied = await readApplied(sql, CDR_WRITER);
      const width = widthsOf(await columnShapes(sql, 'cc_cdrs'));
      const widths = { caller: width('caller'), flow_id: width('flow_id'), agent_id: width('agent_id') };
      return { applied, widths, next_cid: (await lastCid(sql, applied.last_cid)) + 1 };
    });
    const call_start = await atStart(databases.calls, 'cc_calls', async (sql) => {
      const applied = await readApplied(sql, CALL_WRITER);
      const width = widthsOf(await columnShapes(sql, 'cc_calls'));
      const widths = {
        b2buaid: width('b2buaid'),
        caller_dn: width('caller_dn'),
        caller_un: width('caller_un'),
        flow: width('flow'),
        agent: width('agent'),
        script_param: width('script_param'),
      };
      const live = live_calls.map((call) => fit(call, widths.b2buaid));
      return { applied, widths, known: await deleteOthers(sql, live, applied.sequence, log) };
    });
    const { cc_agents_table, cca_agentid_column } = options.tables;
    const wrapup_start = await atStart(databases.provisioning, cc_agents_table, async (sql) => {
      const applied = await readApplied(sql, WRAPUP_WRITER);
      const id_type = (await columnShapes(sql, cc_agents_table)).get(cca_agentid_column)?.type;
      if (id_type === undefined) throw new StoreError(`column ${cca_agentid_column} does not exist`);
      return { applied, id_type };
    });
    const cdrs = new WaitingCdrs(CDR_WRITER, cdr_start.widths, toLocalTime);
    const calls = new WaitingCalls(CALL_WRITER, call_start.widths, call_start.known);
    const wrapups = new WaitingWrapups(WRAPUP_WRITER, options.tables, wrapup_start.id_type);
    const parts = {
      next_cid: cdr_start.next_cid,
      applied: {
        cdrs: cdr_start.applied.sequence,
        calls: call_start.applied.sequence,
        wrapups: wrapup_start.applied.sequence,
      },
      cdrs,
      calls,
      wrapups,
      cdr_lane: new Lane(cdrs, databases.cdrs, dead_letters, log, fatal, cdr_start.applied.sequence),
      call_lane: new Lane(calls, databases.calls, dead_letters, log, fatal, call_start.applied.sequence),
      wrapup_lane: new Lane(
        wrapups,
        databases.provisioning,
        dead_letters,
        log,
        fatal,
        wrapup_start.applied.sequence,
      ),
      dead_letters,
    };
    return new Writer(parts, log);
  }

  /** The number for the next new call's CDRs: one more than any so far. */
  nextCid(): number {
    return this.parts.next_cid;
  }

  /**
   * Takes a record over; it is in its table within a second. `sequence` is the sender's number of it, ascending
   * and going on across restarts; a record that an earlier run wrote is recognised by it and left out. Senders
   * that number nothing leave it out: then the records go on from the last one written.
   */
  push(record: StoreRecord, sequence = this.last_sequence + 1): void {
    const { applied, cdrs, calls, wrapups } = this.parts;
    if (sequence > this.last_sequence) this.last_sequence = sequence;
    switch (record.kind) {
      case 'cdr':
        if (sequence <= applied.cdrs) return;
        cdrs.add(record, sequence);
        this.parts.cdr_lane.added();
        return;
      case 'call':
      case 'call_gone':
        if (sequence <= applied.calls) return;
        calls.add(record.call, record.kind === 'call' ? record : undefined, sequence);
        this.parts.call_lane.added();
        return;
      case 'wrapup':
        if (sequence <= applied.wrapups) return;
        wrapups.add(record, sequence);
        this.parts.wrapup_lane.added();
        return;
      default:
        unreachable(record);
    }
  }

  /** Resolves when all that was pushed so far is in its table (or a dead letter). */
  async flush(): Promise<void> {
    const { cdr_lane, call_lane, wrapup_lane } = this.parts;
    const sequence = this.last_sequence;
    await Promise.all([cdr_lane.flush(sequence), call_lane.flush(sequence), wrapup_lane.flush(sequence)]);
  }

  /** How many rows wait for their database. */
  get waiting(): number {
    const { cdrs, calls, wrapups } = this.parts;
    return cdrs.size + calls.size + wrapups.size;
  }

  /**
   * Writes what waits and ends; nothing may be pushed any more. What a database does not take within
   * `patience_ms` stays in the journal for the next start, with one log line.
   */
  async stop(patience_ms = STOP_PATIENCE_MS): Promise<void> {
    const { cdr_lane, call_lane, wrapup_lane, dead_letters } = this.parts;
    const [left] = await Promise.all([
      cdr_lane.close(patience_ms),
      call_lane.close(patience_ms),
      wrapup_lane.close(patience_ms),
    ]);
    if (left.length > 0) {
      this.log.error(
        { rows: left.length },
        `cc_cdrs: ${left.length} rows could not be written before the stop and wait in the journal`,
      );
    }
    dead_letters.close();
  }
}

/** Does what a table needs at start, or throws one {@link StoreError} that names key, table and reason. */
async function atStart<T>(database: Database, table: string, work: (sql: Sql) => Promise<T>): Promise<T> {
  try {
    return await database.run(work);
  } catch (error) {
    if (!isOutside(error)) throw error;
    const { key, place } = database;
    throw new StoreError(`${key}: table ${table} at ${place} cannot be used: ${reasonOf(error)}`);
  }
}

function widthsOf(shapes: Map<string, ColumnShape>): (column: string) => number {
  return (column) => {
    const shape = shapes.get(column);
    assert(shape, `column ${column} was there when the schema was checked`);
    return shape.width;
  };
}

async function readApplied(sql: Sql, writer: string): Promise<Applied> {
  const [row] = await sql<{ sequence: string; last_cid: number }[]>`
    select sequence, last_cid from acd_applied where writer = ${writer}`;
  return row ? { sequence: Number(row.sequence), last_cid: row.last_cid } : { sequence: 0, last_cid: 0 };
}

/** The highest cid; looked for in the whole table (which has no index on it) only before our first CDR. */
async function lastCid(sql: Sql, ours: number): Promise<number> {
  const [row] =
    ours > 0
      ? await sql<{ cid: number | null }[]>`
          select max(cid) as cid from (select cid from cc_cdrs order by id desc limit ${NEWEST_CDRS}) as newest`
      : await sql<{ cid: number | null }[]>`select max(cid) as cid from cc_cdrs`;
  return Math.max(ours, row?.cid ?? 0);
}

/**
 * Deletes the rows of calls other than `live`; the calls that remain. A statement may outlive its connection, and be
 * carried out when its process or the next one has written rows of new calls: then the mark is not `after` any more.
 */
async function deleteOthers(sql: Sql, live: string[], after: number, log: Log): Promise<string[]> {
  const { count } = await sql`delete from cc_calls where not (b2buaid = any(${live}::text[]))
    and coalesce((select sequence from acd_applied where writer = ${CALL_WRITER}), 0) = ${after}`;
  if (count > 0) log.info({ rows: count }, `cc_calls: ${count} rows of calls that are no more were deleted`);
  const rows = await sql<{ b2buaid: string }[]>`select b2buaid from cc_calls`;
  return rows.map((row) => row.b2buaid);
}

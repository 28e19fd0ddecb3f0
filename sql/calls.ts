/**
 * cc_calls: the mirror of the calls there are. Of each call only the last state waits, so a call that came
 * and went between two writes never touches the database, and what waits is bounded by the calls there are.
 */
import type { CallRecord } from '../core/acd/records.js';
import type { Sql } from './connect.js';
import { markApplied, type Numbered, selectApplied, sequenceIn, type Waiting } from './lane.js';
import { fit } from './text.js';

export interface CallRow extends Numbered {
  call: string;
  /** Undefined: the row is to go. */
  record: CallRecord | undefined;
  /** There is no row of the call yet. */
  fresh: boolean;
}

/** Widths of the text columns, characters. */
export interface CallWidths {
  b2buaid: number;
  caller_dn: number;
  caller_un: number;
  flow: number;
  agent: number;
  script_param: number;
}

interface Change {
  sequence: number;
  record: CallRecord | undefined;
}

export class WaitingCalls implements Waiting<CallRow> {
  readonly table = 'cc_calls';
  /** By call, in order of sequence. */
  private readonly changes = new Map<string, Change>();
  /** Calls that have a row, or will have when the batch under way is written. */
  private readonly known: Set<string>;

  constructor(
    private readonly writer: string,
    private readonly widths: CallWidths,
    /** Calls that have a row now. */
    known: Iterable<string>,
  ) {
    this.known = new Set(known);
  }

  get size(): number {
    return this.changes.size;
  }

  /** The call's row is to be as in `record`, or, when that is undefined, to go. */
  add(call_id: string, record: CallRecord | undefined, sequence: number): void {
    const call = fit(call_id, this.widths.b2buaid);
    // Deleted first, so that a change again stands last.
    this.changes.delete(call);
    if (record || this.known.has(call)) this.changes.set(call, { sequence, record });
  }

  oldest(): number {
    for (const change of this.changes.values()) return change.sequence;
    return Number.POSITIVE_INFINITY;
  }

  take(max: number): CallRow[] {
    const rows: CallRow[] = [];
    for (const [call, { sequence, record }] of this.changes) {
      if (rows.length >= max) break;
      rows.push({ sequence, call, record, fresh: !this.known.has(call) });
      this.changes.delete(call);
      if (record) this.known.add(call);
      else this.known.delete(call);
    }
    return rows;
  }

  letter(row: CallRow): object {
    return row.record ?? { kind: 'call_gone', call: row.call };
  }

  /**
   * Rows known to be there are updated, and only new ones go through an upsert: an upsert uses up a value of
   * the id's sequence (of 2^31) even when it updates.
   */
  async write(sql: Sql, rows: CallRow[], after: number): Promise<number> {
    const gone: string[] = [];
    const fresh = new Columns(this.widths);
    const changed = new Columns(this.widths);
    let last_sequence = 0;
    for (const row of rows) {
      last_sequence = row.sequence;
      if (!row.record) gone.push(row.call);
      else if (row.fresh) fresh.add(row.call, row.record);
      else changed.add(row.call, row.record);
    }
    const marked = await sql`
      with ${markApplied(sql, this.writer, after, last_sequence)}, gone as (
        delete from cc_calls where b2buaid = any(${gone}::text[]) and exists (select 1 from mark)
      ), changed as (
        update cc_calls as c set state = v.state, media = v.media, no_rej = v.no_rej, setup_time = v.setup_time,
          eta = v.eta, last_start = v.last_start, recv_time = v.recv_time, caller_dn = v.caller_dn,
          caller_un = v.caller_un, flow = v.flow, agent = v.agent, script_param = v.script_param
        from ${changed.table(sql)}
        where c.b2buaid = v.b2buaid and exists (select 1 from mark)
      ), fresh as (
        insert into cc_calls as c (b2buaid, state, media, ig_cback, no_rej, setup_time, eta, last_start,
          recv_time, caller_dn, caller_un, flow, agent, script_param)
        select v.b2buaid, v.state, v.media, 0, v.no_rej, v.setup_time, v.eta, v.last_start,
          v.recv_time, v.caller_dn, v.caller_un, v.flow, v.agent, v.script_param
        from ${fresh.table(sql)}
        where exists (select 1 from mark)
        on conflict (b2buaid) do update set state = excluded.state, media = excluded.media,
          no_rej = excluded.no_rej, setup_time = excluded.setup_time, eta = excluded.eta,
          last_start = excluded.last_start, recv_time = excluded.recv_time, caller_dn = excluded.caller_dn,
          caller_un = excluded.caller_un, flow = excluded.flow, agent = excluded.agent,
          script_param = excluded.script_param)
      ${selectApplied(sql, this.writer)}`;
    return sequenceIn(marked);
  }
}

/** Rows turned into the columns that travel as arrays. */
class Columns {
  private readonly b2buaid: string[] = [];
  private readonly state: number[] = [];
  private readonly media: number[] = [];
  private readonly no_rej: number[] = [];
  private readonly setup_time: number[] = [];
  private readonly eta: number[] = [];
  private readonly last_start: number[] = [];
  private readonly recv_time: number[] = [];
  private readonly caller_dn: string[] = [];
  private readonly caller_un: string[] = [];
  private readonly flow: string[] = [];
  private readonly agent: string[] = [];
  private readonly script_param: string[] = [];

  constructor(private readonly widths: CallWidths) {}

  add(call: string, record: CallRecord): void {
    this.b2buaid.push(call);
    this.state.push(record.state);
    this.media.push(record.media);
    this.no_rej.push(record.rejections);
    this.setup_time.push(record.setup_s);
    this.eta.push(record.eta_s);
    this.last_start.push(Math.floor(record.last_start_ms / 1000));
    this.recv_time.push(Math.floor(record.received_ms / 1000));
    this.caller_dn.push(fit(record.caller_display, this.widths.caller_dn));
    this.caller_un.push(fit(record.caller_user, this.widths.caller_un));
    this.flow.push(fit(record.flow_id, this.widths.flow));
    this.agent.push(fit(record.agent_id, this.widths.agent));
    this.script_param.push(fit(record.param, this.widths.script_param));
  }

  /** As a table `v` in a FROM clause. */
  table(sql: Sql) {
    return sql`unnest(${this.b2buaid}::text[], ${this.state}::int[], ${this.media}::int[], ${this.no_rej}::int[],
      ${this.setup_time}::int[], ${this.eta}::int[], ${this.last_start}::int[], ${this.recv_time}::int[],
      ${this.caller_dn}::text[], ${this.caller_un}::text[], ${this.flow}::text[], ${this.agent}::text[],
      ${this.script_param}::text[])
      as v(b2buaid, state, media, no_rej, setup_time, eta, last_start, recv_time, caller_dn, caller_un, flow,
        agent, script_param)`;
  }
}

/** cc_cdrs: rows that wait to be appended. */
import type { CdrRecord } from '../core/acd/records.js';
import type { Sql } from './connect.js';
import { markApplied, type Numbered, selectApplied, sequenceIn, type Waiting } from './lane.js';
import { fit } from './text.js';

export interface CdrRow extends Numbered {
  record: CdrRecord;
}

/** Widths of the text columns, characters. */
export interface CdrWidths {
  caller: number;
  flow_id: number;
  agent_id: number;
}

export class WaitingCdrs implements Waiting<CdrRow> {
  readonly table = 'cc_cdrs';
  private rows: CdrRow[] = [];

  constructor(
    private readonly writer: string,
    private readonly widths: CdrWidths,
    private readonly localTime: (at_ms: number) => string,
  ) {}

  get size(): number {
    return this.rows.length;
  }

  add(record: CdrRecord, sequence: number): void {
    this.rows.push({ sequence, record });
  }

  oldest(): number {
    return this.rows[0]?.sequence ?? Number.POSITIVE_INFINITY;
  }

  take(max: number): CdrRow[] {
    return this.rows.splice(0, max);
  }

  letter(row: CdrRow): object {
    return row.record;
  }

  async write(sql: Sql, rows: CdrRow[], after: number): Promise<number> {
    const caller: string[] = [];
    const received: string[] = [];
    const wait: number[] = [];
    const pickup: number[] = [];
    const talk: number[] = [];
    const flow: string[] = [];
    const agent: string[] = [];
    const type: number[] = [];
    const rejected: number[] = [];
    const fstats: number[] = [];
    const cid: number[] = [];
    const media: number[] = [];
    let last_sequence = 0;
    let last_cid = 0;
    for (const { sequence, record } of rows) {
      caller.push(fit(record.caller, this.widths.caller));
      received.push(this.localTime(record.received_ms));
      wait.push(record.wait_s);
      pickup.push(record.pickup_s);
      talk.push(record.talk_s);
      flow.push(fit(record.flow_id, this.widths.flow_id));
      agent.push(fit(record.agent_id, this.widths.agent_id));
      type.push(record.call_type);
      rejected.push(record.rejected);
      fstats.push(record.fstats);
      cid.push(record.cid);
      media.push(record.media);
      last_sequence = sequence;
      if (record.cid > last_cid) last_cid = record.cid;
    }
    // Moments travel as text: the client would turn an array of timestamps into UTC.
    const marked = await sql`
      with ${markApplied(sql, this.writer, after, last_sequence, last_cid)}, written as (
        insert into cc_cdrs (caller, received_timestamp, wait_time, pickup_time, talk_time, flow_id, agent_id,
          call_type, rejected, fstats, cid, media)
        select v.caller, v.received::timestamp, v.wait, v.pickup, v.talk, v.flow, nullif(v.agent, ''),
          v.type, v.rejected, v.fstats, v.cid, v.media
        from unnest(${caller}::text[], ${received}::text[], ${wait}::int[], ${pickup}::int[], ${talk}::int[],
          ${flow}::text[], ${agent}::text[], ${type}::int[], ${rejected}::int[], ${fstats}::int[], ${cid}::int[],
          ${media}::int[])
          as v(caller, received, wait, pickup, talk, flow, agent, type, rejected, fstats, cid, media)
        where exists (select 1 from mark))
      ${selectApplied(sql, this.writer)}`;
    return sequenceIn(marked);
  }
}

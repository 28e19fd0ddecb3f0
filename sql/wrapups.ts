/** cc_agents: when each agent's last wrapup ends. Of each agent only the last one waits. */
import type { WrapupRecord } from '../core/acd/records.js';
import type { Sql } from './connect.js';
import { markApplied, type Numbered, selectApplied, sequenceIn, type Waiting } from './lane.js';
import type { TableNames } from './options.js';
import { fit, quoteIdentifier } from './text.js';

export interface WrapupRow extends Numbered {
  record: WrapupRecord;
}

export class WaitingWrapups implements Waiting<WrapupRow> {
  readonly table: string;
  /** By agent, in order of sequence. */
  private readonly rows = new Map<string, WrapupRow>();

  constructor(
    private readonly writer: string,
    private readonly names: TableNames,
    /** SQL type of the agent's id. */
    private readonly id_type: string,
  ) {
    this.table = names.cc_agents_table;
  }

  get size(): number {
    return this.rows.size;
  }

  add(record: WrapupRecord, sequence: number): void {
    this.rows.delete(record.agent_id);
    this.rows.set(record.agent_id, { sequence, record });
  }

  oldest(): number {
    for (const row of this.rows.values()) return row.sequence;
    return Number.POSITIVE_INFINITY;
  }

  take(max: number): WrapupRow[] {
    const rows: WrapupRow[] = [];
    for (const [agent_id, row] of this.rows) {
      if (rows.length >= max) break;
      rows.push(row);
      this.rows.delete(agent_id);
    }
    return rows;
  }

  letter(row: WrapupRow): object {
    return row.record;
  }

  async write(sql: Sql, rows: WrapupRow[], after: number): Promise<number> {
    const agents: string[] = [];
    const ends: number[] = [];
    let last_sequence = 0;
    for (const { sequence, record } of rows) {
      last_sequence = sequence;
      agents.push(fit(record.agent_id, Number.POSITIVE_INFINITY));
      ends.push(Math.floor(record.ends_ms / 1000));
    }
    const table = sql.unsafe(quoteIdentifier(this.names.cc_agents_table));
    const id = sql.unsafe(quoteIdentifier(this.names.cca_agentid_column));
    const end = sql.unsafe(quoteIdentifier(this.names.cca_wrapupend_column));
    const id_type = sql.unsafe(this.id_type);
    const marked = await sql`
      with ${markApplied(sql, this.writer, after, last_sequence)}, written as (
        update ${table} as t set ${end} = v.ends
        from unnest(${agents}::text[], ${ends}::int[]) as v(agent, ends)
        where t.${id} = v.agent::${id_type} and exists (select 1 from mark))
      ${selectApplied(sql, this.writer)}`;
    return sequenceIn(marked);
  }
}

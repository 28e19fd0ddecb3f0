/** The engine as management sees it: rows copied out of the shared tables, nobody asked. */

import type { EngineRow } from '../../core/acd/view.js';
import { assert } from '../../core/assert.js';
import type { TableReader } from '../../ipc/shared-table.js';
import type { TableReaders } from '../../ipc/tables.js';
import type { EngineView } from './source.js';

/** A view on opened tables. Rows that keep changing under the reader are left out of lists. */
export function sharedTableView(tables: TableReaders, now_ms: () => number): EngineView {
  const { agents, flows, skills, calls, engine } = tables;
  let shown: EngineRow | undefined;
  return {
    agents: () => rows(agents),
    flows: () => rows(flows),
    calls: () => rows(calls),
    skill: (row) => one(skills, row),
    flow: (row) => one(flows, row),
    agent: (row) => one(agents, row),
    engine: () => {
      // There is always an answer: with the dispatcher's thread held up while it writes, the one before.
      shown = one(engine, 0) ?? shown;
      assert(shown !== undefined, 'the dispatcher has shown the engine’s row');
      return shown;
    },
    now_ms,
  };
}

function* rows<Row>(table: TableReader<Row>): Iterable<Row> {
  for (let row = 0; row < table.high_water; row++) {
    const values = table.read(row);
    if (values !== undefined && values !== 'busy') yield values;
  }
}

function one<Row>(table: TableReader<Row>, row: number): Row | undefined {
  if (row < 0 || row >= table.rows) return undefined;
  // The writer is done with a row in a microsecond: who meets it once does not meet it three times.
  for (let tries = 0; tries < 3; tries++) {
    const values = table.read(row);
    if (values !== 'busy') return values;
  }
  return undefined;
}

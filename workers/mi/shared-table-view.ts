/** The engine as management sees it: rows copied out of the shared tables, nobody asked. */
import { assert } from '../../core/assert.js';
import type { TableReader } from '../../ipc/shared-table.js';
import type { TableReaders } from '../../ipc/tables.js';
import type { EngineView } from './source.js';

/** A view on opened tables. */
export function sharedTableView(tables: TableReaders, now_ms: () => number): EngineView {
  const { agents, flows, skills, calls, engine } = tables;
  return {
    agents: () => rows(agents),
    flows: () => rows(flows),
    calls: () => rows(calls),
    skill: (row) => one(skills, row),
    flow: (row) => one(flows, row),
    agent: (row) => one(agents, row),
    engine: () => {
      const shown = one(engine, 0);
      assert(shown !== undefined, 'the dispatcher has shown the engine’s row');
      return shown;
    },
    now_ms,
  };
}

function* rows<Row>(table: TableReader<Row>): Iterable<Row> {
  for (let row = 0; row < table.high_water; row++) {
    const values = table.read(row);
    if (values !== undefined) yield values;
  }
}

function one<Row>(table: TableReader<Row>, row: number): Row | undefined {
  return row < 0 || row >= table.rows ? undefined : table.read(row);
}

import t from 'tap';
import type { AgentRow, CallRow, EngineRow, FlowRow, SkillRow } from '../../core/acd/view.js';
import { CALL_STATES } from '../../core/acd/view.js';
import {
  AGENT_ROWS,
  createTables,
  FLOW_ROWS,
  openTables,
  SKILL_ROWS,
  type TableReaders,
} from '../../ipc/tables.js';

const COUNTS = { incalls: 2 ** 33, dist_incalls: 2, answ_incalls: 3, answ_inchats: 4, aban_incalls: 5 };
const ONHOLD = { onhold_calls: 6, onhold_chats: 7 };
const WAITS = { wait_sum_s: 8.5, wait_count: 9 };
const TALKS = { talk_sum_s: 10.25, talk_count: 11 };

const AGENT: AgentRow = {
  id: 'agent42',
  state: 'wrapup',
  logged_in: true,
  refs: 1,
  wrapup_end_ms: 1_757_000_000_123,
  ongoing_chats: 2,
  max_chats: 3,
  dist_incalls: 4,
  answ_incalls: 5,
  answ_inchats: 6,
  aban_incalls: 7,
  rej_incalls: 8,
  ...TALKS,
};
const SKILL: SkillRow = { name: 'german', logged_in: 12, free: 3 };
const FLOW: FlowRow = {
  id: 'support-de',
  priority: 10,
  skill: 4,
  removed: true,
  ongoing: 13,
  queued_calls: 14,
  ...COUNTS,
  ...ONHOLD,
  ...WAITS,
  ...TALKS,
};
const CALL: CallRow = {
  id: '00c1.7f3a9c-1',
  flow: 5,
  agent: -1,
  state: 'queued',
  media: 'msrp',
  caller_user: 'alice',
  caller_display: 'Support: Алиса',
  arrival_ms: 1_757_000_000_123,
  queued_ms: 0,
  eta_s: 2_147_483_647,
  order_priority: -1,
  order_sequence: 2 ** 40,
  refs: 1,
};
const ENGINE: EngineRow = {
  logged_in_agents: 15,
  free_agents: 16,
  internal_dispatching: true,
  bridges: 2,
  ...COUNTS,
  ...ONHOLD,
  ...WAITS,
};

t.test('every thread reads the rows that the dispatcher has written', async (t) => {
  const descriptor = createTables(1000);
  const owner = openTables(descriptor);
  const others: TableReaders = openTables(structuredClone(descriptor));
  owner.agents.write(AGENT_ROWS - 1, AGENT);
  owner.skills.write(SKILL_ROWS - 1, SKILL);
  owner.flows.write(FLOW_ROWS - 1, FLOW);
  owner.calls.write(999, CALL);
  owner.engine.write(0, ENGINE);
  t.strictSame(others.agents.read(AGENT_ROWS - 1), AGENT);
  t.strictSame(others.skills.read(SKILL_ROWS - 1), SKILL);
  t.strictSame(others.flows.read(FLOW_ROWS - 1), FLOW);
  t.strictSame(others.calls.read(999), CALL);
  t.strictSame(others.engine.read(0), ENGINE);
  t.equal(others.calls.rows, 1000);
});

t.test('every state of a call can be shown', async (t) => {
  const tables = openTables(createTables(10));
  for (const state of CALL_STATES) {
    tables.calls.write(0, { ...CALL, state });
    t.strictSame(tables.calls.read(0), { ...CALL, state });
  }
});

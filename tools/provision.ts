/** Fills a data folder's own database with flows and agents, and reads CDRs from it, while no engine runs on it. */
import { type Database, openDatabases } from '../sql/connect.js';
import { DEFAULT_TABLES } from '../sql/options.js';
import { ensureSchema } from '../sql/schema.js';

/** A row of cc_flows; what is left out has the column's default. */
export interface FlowSeed {
  flowid: string;
  skill: string;
  message_queue: string;
  priority?: number;
  prependcid?: string;
  max_wrapup_time?: number;
  dissuading_hangup?: number;
  dissuading_onhold_th?: number;
  dissuading_ewt_th?: number;
  dissuading_qsize_th?: number;
  message_welcome?: string;
  message_dissuading?: string;
  message_flow_id?: string;
  /** The row of acd_flows: callers to be hung up after the dissuading message are sent there by REFER. */
  dissuading_refer?: number;
}

/** A row of cc_agents; what is left out has the column's default. */
export interface AgentSeed {
  agentid: string;
  skills: string;
  location?: string;
  msrp_location?: string;
  msrp_max_sessions?: number;
  logstate?: number;
  wrapup_time?: number;
}

/** A row of cc_cdrs. */
export interface CdrShown {
  id: number;
  caller: string;
  wait_time: number;
  pickup_time: number;
  talk_time: number;
  flow_id: string;
  agent_id: string | null;
  call_type: number;
  rejected: number;
  fstats: number;
  cid: number | null;
  media: number;
}

/** Agents of a statement. */
const BATCH = 1_000;

/** Puts the rows in, over those of the same flowid or agentid. Gives the id of the last CDR there is, 0 of none. */
export async function seedDatabase(
  data_dir: string,
  flows: readonly FlowSeed[],
  agents: readonly AgentSeed[],
): Promise<number> {
  return withDatabase(data_dir, (database) =>
    database.run(async (sql) => {
      for (const { dissuading_refer = 0, ...flow } of flows) {
        const { flowid } = flow;
        await sql`delete from cc_flows where flowid = ${flowid}`;
        await sql`insert into cc_flows ${sql(flow)}`;
        await sql`delete from acd_flows where flowid = ${flowid}`;
        if (dissuading_refer !== 0) await sql`insert into acd_flows ${sql({ flowid, dissuading_refer })}`;
      }
      for (const some of alike(agents)) {
        await sql`delete from cc_agents where agentid in ${sql(some.map(({ agentid }) => agentid))}`;
        await sql`insert into cc_agents ${sql(some.map((agent) => ({ ...agent })))}`;
      }
      const [row] = await sql<{ last: number }[]>`select coalesce(max(id), 0)::int as last from cc_cdrs`;
      return row?.last ?? 0;
    }),
  );
}

/** By the columns that they have, as many as one statement may carry. */
function alike(agents: readonly AgentSeed[]): AgentSeed[][] {
  const batches: AgentSeed[][] = [];
  const open = new Map<string, AgentSeed[]>();
  for (const agent of agents) {
    const columns = Object.keys(agent).join();
    let batch = open.get(columns);
    if (batch === undefined || batch.length >= BATCH) {
      batch = [];
      open.set(columns, batch);
      batches.push(batch);
    }
    batch.push(agent);
  }
  return batches;
}

/** The CDRs after the one of this id, in the order in which they were written. */
export async function readCdrs(data_dir: string, after_id = 0): Promise<CdrShown[]> {
  return withDatabase(data_dir, (database) =>
    database.run(async (sql) => [
      ...(await sql<CdrShown[]>`select * from cc_cdrs where id > ${after_id} order by id`),
    ]),
  );
}

async function withDatabase<T>(data_dir: string, work: (database: Database) => Promise<T>): Promise<T> {
  const databases = await openDatabases({ data_dir, tables: DEFAULT_TABLES });
  try {
    await ensureSchema(databases, DEFAULT_TABLES);
    return await work(databases.provisioning);
  } finally {
    await databases.close();
  }
}

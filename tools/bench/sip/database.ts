/** The database of a measured engine: the one in its data folder, or one of its own on a PostgreSQL server. */
import postgres from 'postgres';
import { openDatabases, type Sql } from '../../../sql/connect.js';
import { reasonOf } from '../../../sql/errors.js';
import { DEFAULT_TABLES } from '../../../sql/options.js';
import { type AgentSeed, type FlowSeed, seedDatabase } from '../../provision.js';
import { BenchError } from './children.js';

/** What a run left behind. */
export interface Remains {
  /** CDRs by call_type. */
  cdrs: Map<number, number>;
  /** Rows of cc_calls. */
  calls: number;
}

export interface BenchDatabase {
  /** As `call_center.db_url` has it. */
  url: string;
  /** Its name on the server; undefined when it is embedded. */
  name: string | undefined;
  /** Before the engine starts; of an embedded database. */
  seedBefore(flow: FlowSeed, agents: readonly AgentSeed[]): Promise<void>;
  /** While the engine runs, which made the tables; true when it has to reload then. */
  seedAfter(flow: FlowSeed, agents: readonly AgentSeed[]): Promise<boolean>;
  /** After the engine has stopped. */
  remains(): Promise<Remains>;
  /** The same, CDR by CDR. */
  cdrs(): Promise<{ caller: string; call_type: number }[]>;
  drop(): Promise<void>;
}

/** Prepares the database that `--db` names: `embedded`, or the URL of a server that lets us make databases. */
export async function prepareDatabase(db: string, data_dir: string): Promise<BenchDatabase> {
  return db === 'embedded' ? embedded(data_dir) : await onServer(db, data_dir);
}

function embedded(data_dir: string): BenchDatabase {
  return {
    url: 'embedded',
    name: undefined,
    seedBefore: async (flow, agents) => {
      await seedDatabase(data_dir, [flow], agents);
    },
    seedAfter: () => Promise.resolve(false),
    remains: () => remains(undefined, data_dir),
    cdrs: () => cdrs(undefined, data_dir),
    drop: () => Promise.resolve(),
  };
}

async function onServer(server: string, data_dir: string): Promise<BenchDatabase> {
  const name = `sip_acd_bench_${process.pid}_${Date.now().toString(36)}`;
  if (!/^postgres(ql)?:\/\//.test(server) || !URL.canParse(server))
    throw new BenchError('--db: expected embedded, or postgres://USER:PASSWORD@HOST:PORT/DATABASE');
  const url = new URL(server);
  url.pathname = `/${name}`;
  await onServerDo(server, (sql) => sql`create database ${sql(name)}`);
  return {
    url: url.href,
    name,
    seedBefore: () => Promise.resolve(),
    seedAfter: async (flow, agents) => {
      await onServerDo(url.href, async (sql) => {
        await sql`insert into cc_flows ${sql({ ...flow })}`;
        await sql`insert into cc_agents ${sql(agents.map((agent) => ({ ...agent })))}`;
      });
      return true;
    },
    remains: () => remains(url.href, data_dir),
    cdrs: () => cdrs(url.href, data_dir),
    drop: async () => {
      await onServerDo(server, (sql) => sql`drop database if exists ${sql(name)} with (force)`);
    },
  };
}

async function onServerDo(url: string, work: (sql: Sql) => PromiseLike<unknown>): Promise<void> {
  const sql = postgres(url, { max: 1, connect_timeout: 5, onnotice: () => {} });
  try {
    await work(sql);
  } catch (error) {
    throw new BenchError(`--db: ${reasonOf(error)}`, { cause: error });
  } finally {
    await sql.end({ timeout: 2 });
  }
}

function remains(db_url: string | undefined, data_dir: string): Promise<Remains> {
  return withDatabase(db_url, data_dir, async (sql) => {
    const types = await sql<{ call_type: number; count: number }[]>`
      select call_type, count(*)::int as count from cc_cdrs group by call_type`;
    const [calls] = await sql<{ count: number }[]>`select count(*)::int as count from cc_calls`;
    return { cdrs: new Map(types.map((row) => [row.call_type, row.count])), calls: calls?.count ?? 0 };
  });
}

function cdrs(
  db_url: string | undefined,
  data_dir: string,
): Promise<{ caller: string; call_type: number }[]> {
  return withDatabase(db_url, data_dir, async (sql) => [
    ...(await sql<
      { caller: string; call_type: number }[]
    >`select caller, call_type from cc_cdrs order by id`),
  ]);
}

async function withDatabase<T>(
  db_url: string | undefined,
  data_dir: string,
  work: (sql: Sql) => Promise<T>,
): Promise<T> {
  const databases = await openDatabases({ db_url, data_dir, tables: DEFAULT_TABLES });
  try {
    return await databases.provisioning.run(work);
  } finally {
    await databases.close();
  }
}

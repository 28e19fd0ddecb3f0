/** The databases of an engine: which there are, how to reach them, and a deadline on everything asked of them. */
import { join } from 'node:path';
import postgres from 'postgres';
import { dialer } from './dial.js';
import { type EmbeddedDatabase, openEmbedded } from './embedded.js';
import { isBroken, reasonOf, StoreError } from './errors.js';
import { EMBEDDED, type SqlOptions } from './options.js';

export type Sql = postgres.Sql;

const CONNECT_TIMEOUT_S = 5;
const ANSWER_TIMEOUT_MS = 30_000;
/** A lane each for CDRs, calls and wrapups, and one for loading meanwhile. */
const SERVER_CONNECTIONS = 4;

/** One database and a small pool of connections to it. */
export class Database {
  private client: Sql;

  private constructor(
    /** The configuration key that named it, for messages. */
    readonly key: string,
    /** Where it is, for messages: without user and password. */
    readonly place: string,
    private readonly connect: () => Sql,
    private readonly embedded: EmbeddedDatabase | undefined,
  ) {
    this.client = connect();
  }

  /**
   * Opens the database at `url`, or the embedded one below `data_dir`, and waits for its
   * first answer. Throws {@link StoreError} that names key, place and reason.
   */
  static async open(key: string, url: string, data_dir: string): Promise<Database> {
    const database = url === EMBEDDED ? await Database.embed(key, data_dir) : Database.remote(key, url);
    try {
      await database.run((sql) => sql`select 1`);
    } catch (error) {
      await database.close();
      throw new StoreError(`${key}: cannot reach the database at ${database.place}: ${reasonOf(error)}`);
    }
    return database;
  }

  private static async embed(key: string, data_dir: string): Promise<Database> {
    const folder = join(data_dir, 'sql');
    const embedded = await openEmbedded(folder);
    const connect = () =>
      postgres({
        path: embedded.socket_path,
        database: 'postgres',
        user: 'postgres',
        ssl: false,
        max: 1,
        max_lifetime: null,
        backoff: () => 0,
        onnotice: () => {},
      });
    return new Database(key, `${folder} (embedded)`, connect, embedded);
  }

  private static remote(key: string, url: string): Database {
    const scheme = url.slice(0, Math.max(0, url.indexOf(':')));
    if (scheme !== 'postgres' && scheme !== 'postgresql') {
      throw new StoreError(
        `${key}: expected postgres://user:password@host:port/database, got scheme '${scheme || 'none'}'`,
      );
    }
    const connect = () => {
      // A variable of its own, as `socket` is missing from the client's types.
      const options = {
        max: SERVER_CONNECTIONS,
        connect_timeout: CONNECT_TIMEOUT_S,
        // Who asks again waits of its own accord; a second wait inside the client would only add to it.
        backoff: () => 0,
        connection: { application_name: 'sip-acd' },
        onnotice: () => {},
        socket: dialer(),
      };
      return postgres(url, options);
    };
    let probe: Sql;
    try {
      probe = connect();
    } catch (error) {
      throw new StoreError(`${key}: not a usable URL: ${reasonOf(error).replaceAll(url, 'the URL')}`);
    }
    const { host, port, database } = probe.options;
    return new Database(key, `${host.join(',')}:${port.join(',')}/${database}`, connect, undefined);
  }

  /**
   * Does `work`. When it has no answer in 30 s (a peer that vanished, a lock that stays) or a connection breaks, all
   * are given up and new ones take their place; whether the work was done is then unknown. The first is a
   * {@link StoreError}, other errors are those of `work`.
   */
  async run<T>(work: (sql: Sql) => PromiseLike<T>): Promise<T> {
    const client = this.client;
    let timer: NodeJS.Timeout | undefined;
    const late = new StoreError(`no answer in ${ANSWER_TIMEOUT_MS / 1000} s`);
    const deadline = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(late), ANSWER_TIMEOUT_MS);
    });
    try {
      return await Promise.race([work(client), deadline]);
    } catch (error) {
      // The client dials twice at a time for a connection that broke while it was made, and then neither serves.
      if ((error === late || isBroken(error)) && client === this.client) {
        this.client = this.connect();
        await client.end({ timeout: 0 });
      }
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the connections; what is under way has 2 s. */
  async close(): Promise<void> {
    await this.client.end({ timeout: 2 });
    await this.embedded?.close();
  }
}

/** The three roles; two of them, or all, may be the same database. */
export interface Databases {
  provisioning: Database;
  cdrs: Database;
  calls: Database;
  close(): Promise<void>;
}

/** Opens the databases that `options` name. Throws {@link StoreError}; then none stays open. */
export async function openDatabases(options: SqlOptions): Promise<Databases> {
  const open = new Map<string, Database>();
  const role = async (key: string, url: string): Promise<Database> => {
    const known = open.get(url);
    if (known) return known;
    const database = await Database.open(key, url, options.data_dir);
    open.set(url, database);
    return database;
  };
  const close = async (): Promise<void> => {
    for (const database of open.values()) await database.close();
  };
  try {
    const { db_url = EMBEDDED, acc_db_url = db_url, rt_db_url = db_url } = options;
    const provisioning = await role('db_url', db_url);
    const cdrs = await role('acc_db_url', acc_db_url);
    const calls = await role('rt_db_url', rt_db_url);
    return { provisioning, cdrs, calls, close };
  } catch (error) {
    await close();
    throw error;
  }
}

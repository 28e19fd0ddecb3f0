/** The databases that tests run on: always the embedded one, and a PostgreSQL server where one answers. */
import postgres from 'postgres';
import type { Test } from 'tap';
import { type Databases, openDatabases } from '../../sql/connect.js';
import type { Log } from '../../sql/log.js';
import { DEFAULT_TABLES, type SqlOptions } from '../../sql/options.js';

const SERVER = process.env.SIP_ACD_TEST_DB ?? 'postgres://postgres@127.0.0.1:5432/test';

/** Keeps what was logged. */
export class Lines implements Log {
  readonly lines: string[] = [];
  private watchers: { part: string; seen: () => void }[] = [];

  info(_fields: object, message: string): void {
    this.add(message);
  }
  warn(_fields: object, message: string): void {
    this.add(message);
  }
  error(_fields: object, message: string): void {
    this.add(message);
  }

  matching(part: string): string[] {
    return this.lines.filter((line) => line.includes(part));
  }

  /** Resolves when a line with `part` in it was logged. */
  async seen(part: string): Promise<void> {
    if (this.matching(part).length > 0) return;
    await new Promise<void>((seen) => this.watchers.push({ part, seen }));
  }

  private add(message: string): void {
    this.lines.push(message);
    for (const { part, seen } of this.watchers) if (message.includes(part)) seen();
  }
}

/** Runs `suite` on each database there is, each empty; `options` name it and a data folder of its own. */
export function onEachDatabase(t: Test, suite: (t: Test, options: SqlOptions) => Promise<void>): void {
  t.test('embedded database', async (t) => {
    await suite(t, { data_dir: t.testdir(), tables: { ...DEFAULT_TABLES } });
  });
  t.test('PostgreSQL server', async (t) => {
    const made = await serverDatabases(t, 'one');
    if (made === undefined) return;
    await suite(t, { db_url: made.one, data_dir: t.testdir(), tables: { ...DEFAULT_TABLES } });
  });
}

/** How many databases this process has made. */
let made_so_far = 0;

/**
 * Makes an empty database on the PostgreSQL server for each name and drops them at the end of `t`. Gives their
 * URLs; undefined, with a comment, where no server answers and none was asked for by SIP_ACD_TEST_DB.
 */
export async function serverDatabases<Name extends string>(
  t: Test,
  ...names: readonly Name[]
): Promise<Record<Name, string> | undefined> {
  const admin = postgres(SERVER, { max: 1, connect_timeout: 2, onnotice: () => {} });
  const urls = {} as Record<Name, string>;
  const made: string[] = [];
  t.teardown(async () => {
    for (const name of made) await admin.unsafe(`drop database ${name} with (force)`);
    await admin.end({ timeout: 1 });
  });
  for (const name of names) {
    const database = `sip_acd_test_${process.pid}_${++made_so_far}`;
    try {
      await admin.unsafe(`create database ${database}`);
    } catch (error) {
      if (process.env.SIP_ACD_TEST_DB !== undefined || made.length > 0) throw error;
      t.comment('no PostgreSQL server answers: this was not tested on one');
      return undefined;
    }
    made.push(database);
    const url = new URL(SERVER);
    url.pathname = `/${database}`;
    urls[name] = url.href;
  }
  return urls;
}

/** Opens the databases and closes them at the end of `t`. */
export async function opened(t: Test, options: SqlOptions): Promise<Databases> {
  const databases = await openDatabases(options);
  t.teardown(() => databases.close());
  return databases;
}

/**
 * The embedded database: PGlite in the data folder, listening on a unix socket that nobody else can reach, so
 * that the `postgres` client and the same statements serve it and a PostgreSQL server alike. It computes on
 * the thread that opened it.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import { reasonOf, StoreError } from './errors.js';

export interface EmbeddedDatabase {
  /** Path of the unix socket, in a folder of mode 0700. */
  socket_path: string;
  /** Stops listening and closes the database; clients must have gone. */
  close(): Promise<void>;
}

/** Opens the database in `folder`, creating it (about 4 s) where there is none. Throws {@link StoreError}. */
export async function openEmbedded(folder: string): Promise<EmbeddedDatabase> {
  let db: PGlite;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    db = await PGlite.create({ dataDir: folder });
  } catch (error) {
    throw new StoreError(`data_dir: the embedded database in ${folder} cannot be opened: ${reasonOf(error)}`);
  }
  const socket_folder = mkdtempSync(join(tmpdir(), 'sip-acd-'));
  const socket_path = join(socket_folder, '.s.PGSQL.5432');
  // Its client has one connection; the other places are for one that reconnects and for people who look inside.
  const server = new PGLiteSocketServer({ db, path: socket_path, maxConnections: 8 });
  await server.start();
  return {
    socket_path,
    async close() {
      await server.stop();
      await db.close();
      rmSync(socket_folder, { recursive: true, force: true });
    },
  };
}

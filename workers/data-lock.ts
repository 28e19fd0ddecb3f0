/**
 * One engine per data folder. The lock is a listening local socket, so it ends with the process however that
 * dies. On Linux its name lies in the abstract namespace, which leaves nothing behind; elsewhere it is a
 * file in the data folder, taken over when nobody answers on it.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, realpathSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';

export interface DataLock {
  release(): Promise<void>;
}

/** Makes the folder where it is missing and locks it; rejects with one line when another engine has it. */
export async function lockDataFolder(folder: string): Promise<DataLock> {
  mkdirSync(folder, { recursive: true });
  const real = realpathSync(folder);
  const name =
    process.platform === 'linux'
      ? `\0sip-acd-${createHash('sha256').update(real).digest('hex').slice(0, 40)}`
      : join(real, 'engine.lock');
  let server = await listen(name);
  if (server === undefined && !name.startsWith('\0') && !(await answers(name))) {
    rmSync(name, { force: true });
    server = await listen(name);
  }
  if (server === undefined) throw new Error(`data folder ${folder} is in use by another engine`);
  const held = server;
  held.unref();
  return { release: () => new Promise((resolve) => held.close(() => resolve())) };
}

function listen(name: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen(name, () => resolve(server));
  });
}

function answers(name: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(name, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

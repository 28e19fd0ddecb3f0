/** What Linux tells in /proc: CPU time and memory of processes and threads, and which UDP ports are bound. */
import { readdir, readFile } from 'node:fs/promises';

/** A tick of utime and stime: USER_HZ, which is 100 on every Linux that Node runs on. */
const TICK_MS = 10;

/** CPU time of a process (its ended threads included), or of one of its threads, ms: user and system. */
export async function cpu_ms(pid: number, tid?: number): Promise<number> {
  const ticks = await times(`/proc/${pid}${tid === undefined ? '' : `/task/${tid}`}/stat`);
  return (ticks[0]! + ticks[1]!) * TICK_MS;
}

/**
 * CPU time of the PostgreSQL server on this machine, ms: its own processes and the backends of this database,
 * those that have ended included. Undefined when no server runs here.
 */
export async function postgresCpu_ms(database: string): Promise<number | undefined> {
  let sum: number | undefined;
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if ((await readFile(`/proc/${name}/comm`, 'latin1')) !== 'postgres\n') continue;
      const title = await readFile(`/proc/${name}/cmdline`, 'latin1');
      // A client's backend says where its client is; it counts when it says our database too.
      if (/\[local\]|\(\d+\)/.test(title) && !title.includes(` ${database} `)) continue;
      const [user = 0, system = 0] = await times(`/proc/${name}/stat`);
      sum = (sum ?? 0) + (user + system) * TICK_MS;
    } catch (error) {
      if (!vanished(error)) throw error;
    }
  }
  return sum;
}

/** Memory of a process, bytes: resident now (VmRSS), or at most so far (VmHWM). */
export async function memory(pid: number, field: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'latin1');
  const match = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status);
  if (!match) throw new Error(`no ${field} of process ${pid}`);
  return Number(match[1]) * 1024;
}

/** Whether some socket is bound to this UDP port; the port is left alone, unlike by trying to bind it. */
export async function udpPortBound(port: number): Promise<boolean> {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  return new RegExp(`^\\s*\\d+: [0-9A-F]+:${hex} `, 'm').test(await readFile('/proc/net/udp', 'latin1'));
}

/** utime and stime in ticks: fields 14 and 15, counted after the name, which may hold anything. */
async function times(path: string): Promise<number[]> {
  const text = await readFile(path, 'latin1');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return [Number(fields[11]), Number(fields[12])];
}

/** The process ended between two looks. */
function vanished(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ESRCH';
}

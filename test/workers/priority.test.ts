/** Who gives way to calls: what V8 does beside them. */
import { execFileSync } from 'node:child_process';
import t from 'tap';

/** The priorities of a process's threads: its main thread's, its helpers', and that of a thread which it starts later. */
const PROGRAM = `
  import { readdirSync, readFileSync } from 'node:fs';
  import { Worker } from 'node:worker_threads';
  import { lowerHelpers } from ${JSON.stringify(new URL('../../workers/priority.js', import.meta.url).href)};
  const threads = () => readdirSync('/proc/self/task').map(Number);
  const nice = (thread) => {
    const stat = readFileSync('/proc/self/task/' + thread + '/stat', 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
  };
  const lowered = lowerHelpers();
  const before = threads();
  const worker = new Worker('setInterval(() => {}, 1000)', { eval: true });
  await new Promise((resolve) => worker.once('online', resolve));
  const later = threads().filter((thread) => !before.includes(thread));
  console.log(JSON.stringify({ main: nice(process.pid), helpers: lowered.map(nice), later: later.map(nice) }));
  await worker.terminate();
`;

t.test(
  'V8’s helpers give way to the main thread and to all threads started later',
  { skip: process.platform !== 'linux' && 'threads have no priority of their own here' },
  async (t) => {
    const args = ['--input-type=module', '--eval', PROGRAM];
    const said = execFileSync(process.execPath, args, { encoding: 'utf8' });
    const { main, helpers, later } = JSON.parse(said) as { main: number; helpers: number[]; later: number[] };
    t.ok(helpers.length >= 1);
    t.ok(helpers.every((nice) => nice > main));
    t.ok(later.length >= 1);
    t.same(
      later,
      later.map(() => main),
    );
  },
);

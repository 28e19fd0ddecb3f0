import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { BenchError, Children } from '../../tools/bench/sip/children.js';
import { cpu_ms, memory, udpPortBound } from '../../tools/bench/sip/proc.js';

const folder = mkdtempSync(join(tmpdir(), 'sip-acd-test-'));
const log = join(folder, 'log');
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

t.test('a benchmark leaves none of its processes behind', async (t) => {
  const children = new Children();
  const child = await children.start(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], log);
  t.equal(child.code, undefined);
  await children.close();
  t.equal(child.code, -1, 'ended by a signal');
  t.throws(() => process.kill(child.pid, 0), { code: 'ESRCH' });
});

t.test('a program that is not installed is named on one line', async (t) => {
  const children = new Children();
  t.teardown(() => children.close());
  const missing = children.start('no-such-generator', [], log);
  await t.rejects(missing, new BenchError('cannot run no-such-generator: it is not installed'));
});

t.test('the last words of a process are kept', async (t) => {
  const children = new Children();
  t.teardown(() => children.close());
  const child = await children.start(
    process.execPath,
    ['-e', 'console.error("out of luck"); process.exit(3)'],
    log,
  );
  t.equal(await child.ended, 3);
  t.equal(child.tail(), 'out of luck');
});

t.test('an interrupted benchmark stops waiting, and says so', async (t) => {
  const children = new Children();
  t.teardown(() => children.close());
  const wait = children.until(() => false, 60_000);
  process.kill(process.pid, 'SIGTERM');
  await t.rejects(wait, new BenchError('interrupted (SIGTERM)'));
});

t.test('CPU time and memory are those of the process', { skip: process.platform !== 'linux' }, async (t) => {
  const before_ms = await cpu_ms(process.pid);
  const { user, system } = process.cpuUsage();
  t.ok(Math.abs(before_ms - (user + system) / 1000) <= 100, 'as the process itself counts');
  t.ok((await memory(process.pid, 'VmHWM')) >= (await memory(process.pid, 'VmRSS')) - 2 ** 20);
  await t.rejects(cpu_ms(0));
});

t.test('a bound port is seen without binding it', { skip: process.platform !== 'linux' }, async (t) => {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  t.equal(await udpPortBound(port), true);
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  t.equal(await udpPortBound(port), false);
});

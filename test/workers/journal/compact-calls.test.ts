/** What calls that are over have left is removed from a journal; what is damaged is left for people to look at. */
import { readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import type { CallScope } from '../../../core/sip/call-scope.js';
import { TimerWheel } from '../../../core/timers.js';
import { ByteReader, ByteWriter } from '../../../workers/journal/bytes.js';
import { CallJournal } from '../../../workers/journal/call-journal.js';
import { compactCalls } from '../../../workers/journal/compact-calls.js';
import { basePath, logPath } from '../../../workers/journal/files.js';
import { NameSet } from '../../../workers/journal/name-set.js';
import { writeCallBase } from '../../../workers/journal/recover-calls.js';

const NAME = 'worker-0';
const SOCKETS = ['192.0.2.1 5060'];
const PATH = { socket: 0, host: '198.51.100.7', port: 5062 };

/** A journal of one file: two calls that are over, with one between them that is not. */
async function journal(folder: string): Promise<string> {
  writeCallBase(folder, NAME, 0, SOCKETS, []);
  const links = { last_seq: () => 0, applied_seq: () => 0 };
  const timers = new TimerWheel(1_000_000);
  const journal = new CallJournal(
    { folder, name: NAME, base: 0, sockets: SOCKETS, sync: 'none', log() {} },
    timers,
    links,
  );
  for (const id of ['over-1', 'live', 'over-2']) {
    journal.datagram({ id } as CallScope, `INFO of ${id}`, PATH);
    journal.commit(true);
    timers.advance(timers.now_ms + 1);
  }
  await journal.close();
  return logPath(folder, NAME, 1);
}

const DEAD = new Set(['over-1', 'over-2']);

/** Changes a byte of the text that is about the call. */
function damage(path: string, call: string): void {
  const bytes = readFileSync(path);
  const at = bytes.indexOf(`INFO of ${call}`);
  bytes[at] = 0x58;
  writeFileSync(path, bytes);
}

t.test('a base holds what is left of the calls that are not over', async (t) => {
  const folder = t.testdir();
  await journal(folder);
  const size = await compactCalls(folder, NAME, 1, SOCKETS, DEAD);
  const bytes = readFileSync(basePath(folder, NAME, 1));
  t.equal(bytes.length, size);
  t.ok(bytes.includes('INFO of live'));
  t.notOk(bytes.includes('INFO of over'));
});

t.test('a file that is damaged where a call goes on stays, and says where', async (t) => {
  const folder = t.testdir();
  const path = await journal(folder);
  damage(path, 'live');
  const before = readFileSync(path);
  await t.rejects(compactCalls(folder, NAME, 1, SOCKETS, DEAD), { message: /is damaged at byte \d+$/ });
  t.same(readFileSync(path), before);
});

t.test('damage among what goes does no harm', async (t) => {
  const folder = t.testdir();
  damage(await journal(folder), 'over-1');
  t.ok((await compactCalls(folder, NAME, 1, SOCKETS, DEAD)) > 0);
});

t.test('a set of names knows its own and no other', async (t) => {
  const names = Array.from({ length: 3000 }, (_, n) => `run-${n % 3}-${n.toString(36)}`);
  const [own, others] = [names.filter((_, n) => n % 2 === 0), names.filter((_, n) => n % 2 === 1)];
  const set = new NameSet(new Set([...own, '', 'x'.repeat(255)]));
  const known = (name: string): boolean => {
    const out = new ByteWriter(0);
    out.name(name);
    return set.has(new ByteReader(out.buffer.subarray(0, out.length)), 0);
  };
  t.same(own.filter(known), own);
  t.same([...others, 'run', 'y'.repeat(255)].filter(known), []);
  t.ok(known('') && known('x'.repeat(255)));
  t.notOk(new NameSet(new Set()).has(new ByteReader(Buffer.from([1, 65])), 0));
});

/** What the dispatcher's journal says after a crash. */
import t from 'tap';
import { callMemory, type Memory } from '../../../core/acd/memory.js';
import { type AcdEntry, writeAcdEntry } from '../../../workers/journal/acd-entries.js';
import { ByteWriter } from '../../../workers/journal/bytes.js';
import { FRAME_HEADER_BYTES, sealFrame } from '../../../workers/journal/frames.js';
import { recoverAcd } from '../../../workers/journal/recover-acd.js';
import { agentConfig, Centre, flowConfig } from '../../acd/centre.js';

/** A file with a frame for each turn. */
function file(...turns: AcdEntry[][]): Buffer {
  const frames = turns.map((entries) => {
    const out = new ByteWriter(FRAME_HEADER_BYTES);
    for (const entry of entries) writeAcdEntry(out, entry);
    sealFrame(out.buffer, out.length - FRAME_HEADER_BYTES);
    return Buffer.from(out.buffer.subarray(0, out.length));
  });
  return Buffer.concat(frames);
}

/** A centre with two calls, and what a journal begins with. */
function centre() {
  const centre = new Centre([flowConfig()], [agentConfig({ id: 'ann' })]);
  centre.arrive('run-0-1');
  centre.arrive('run-0-2');
  const { provisioning, engine } = centre.dispatcher.memory();
  const call = (id: string) => callMemory(centre.dispatcher.acd.calls.get(id)!);
  const begin: AcdEntry[] = [
    { kind: 'provisioning', value: provisioning },
    { kind: 'engine', value: engine },
  ];
  return { begin, first: call('run-0-1'), second: call('run-0-2') };
}

const memoryOf = (bytes: Buffer): Memory | undefined => recoverAcd([bytes]).memory;

t.test('of each call the last that was said counts, and one that has ended is no more', async (t) => {
  const { begin, first, second } = centre();
  const later = { ...first, rejections: 3 };
  const memory = memoryOf(
    file(
      begin,
      [{ kind: 'call', value: first }],
      [{ kind: 'call', value: second }],
      [
        { kind: 'call', value: later },
        { kind: 'ended', value: second.id },
      ],
    ),
  );
  t.strictSame(memory?.calls, [later]);
  t.strictSame(memory?.ended, [second.id]);
});

t.test('no number of a CDR is given out twice, whichever call was spoken of last', async (t) => {
  const { begin, first, second } = centre();
  const memory = memoryOf(
    file(
      begin,
      [{ kind: 'call', value: { ...second, cid: 900 } }],
      [{ kind: 'ended', value: second.id }],
      [{ kind: 'call', value: { ...first, cid: 7 } }],
    ),
  );
  t.equal(memory?.engine.next_cid, 901);
});

t.test('numbers of CDRs that have begun anew go on from there', async (t) => {
  const { begin, first, second } = centre();
  const engine: AcdEntry[] = begin.map((entry) =>
    entry.kind === 'engine' ? { kind: 'engine', value: { ...entry.value, next_cid: 2 ** 31 - 1 } } : entry,
  );
  const calls: AcdEntry[][] = [
    [{ kind: 'call', value: { ...first, cid: 2 ** 31 - 1 } }],
    [{ kind: 'call', value: { ...second, cid: 1 } }],
    [{ kind: 'call', value: { ...first, cid: 2 ** 31 - 1 } }],
  ];
  t.equal(memoryOf(file(engine, ...calls.slice(0, 1)))?.engine.next_cid, 1);
  t.equal(memoryOf(file(engine, ...calls))?.engine.next_cid, 2);
});

t.test('without provisioning there was nothing yet', async (t) => {
  const { first } = centre();
  t.equal(memoryOf(file([{ kind: 'call', value: first }])), undefined);
});

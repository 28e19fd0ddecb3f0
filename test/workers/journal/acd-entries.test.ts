/** What the dispatcher remembers, as bytes: it reads back as it was. */
import t from 'tap';
import { agentMemory, callMemory, flowMemory } from '../../../core/acd/memory.js';
import {
  type AcdEntry,
  appliedIn,
  memoryIn,
  nextMemory,
  writeAcdEntry,
} from '../../../workers/journal/acd-entries.js';
import { ByteReader, ByteWriter } from '../../../workers/journal/bytes.js';
import { agentConfig, Centre, flowConfig } from '../../acd/centre.js';

function written(...entries: AcdEntry[]): ByteReader {
  const out = new ByteWriter(0);
  for (const entry of entries) writeAcdEntry(out, entry);
  return new ByteReader(out.buffer.subarray(0, out.length));
}

function read(from: ByteReader): AcdEntry[] {
  const none = (): void => {
    t.fail('no row of the store is there');
  };
  const all: AcdEntry[] = [];
  for (let entry = nextMemory(from, none); entry !== undefined; entry = nextMemory(from, none))
    all.push({ kind: entry.kind, value: memoryIn(entry.kind, entry.bytes) } as AcdEntry);
  return all;
}

/** A call that an agent has refused and another has answered. */
function talking() {
  const centre = new Centre([flowConfig()], [agentConfig({ id: 'ann' }), agentConfig({ id: 'bob' })]);
  centre.arrive('run-0-1');
  centre.report({ kind: 'leg_failed', call: 'run-0-1', leg: 1, status: 486, refused_by: 'peer' });
  centre.connected('run-0-1', 2);
  const { acd } = centre.dispatcher;
  return { acd, call: callMemory(acd.calls.get('run-0-1')!) };
}

t.test('calls, agents and flows read back as they were', async (t) => {
  const { acd, call } = talking();
  t.equal(call.connected, true);
  t.same(call.refusers.length, 1);
  const entries: AcdEntry[] = [
    { kind: 'call', value: call },
    ...[...acd.agents.values()].map((agent): AcdEntry => ({ kind: 'agent', value: agentMemory(agent) })),
    ...[...acd.flows.values()].map((flow): AcdEntry => ({ kind: 'flow', value: flowMemory(flow) })),
    { kind: 'ended', value: 'run-0-7' },
    { kind: 'record_seq', value: 2 ** 50 },
  ];
  t.strictSame(read(written(...entries)), entries);
});

t.test('numbers of every size and sign, and text of any length and script', async (t) => {
  const { call } = talking();
  const numbers = [0, 1, 254, 255, 256, -1, 2 ** 31, 2 ** 53 - 1, 1_764_000_000_000.125, -0, 1e-9];
  const texts = [
    '',
    'x',
    'ü',
    'Zoë 東京 🙂',
    'a'.repeat(64),
    'a'.repeat(65),
    'é'.repeat(300),
    'b'.repeat(70_000),
  ];
  for (const number of numbers) {
    const [entry] = read(written({ kind: 'call', value: { ...call, arrival_ms: number } }));
    t.ok(Object.is((entry as Extract<AcdEntry, { kind: 'call' }>).value.arrival_ms, number), `${number}`);
  }
  for (const text of texts) {
    const value = { ...call, caller_display: text, refusers: [text, text] };
    t.strictSame(
      read(written({ kind: 'call', value })),
      [{ kind: 'call', value }],
      `${text.length} characters`,
    );
  }
});

t.test('the last that a frame says of the reports heard counts', async (t) => {
  const early: [string, number][] = [['sip-0-1', 7]];
  const late: [string, number][] = [
    ['sip-0-1', 300],
    ['sip-1-1', 2 ** 40],
  ];
  const frame = written(
    { kind: 'applied', value: early },
    { kind: 'ended', value: 'run-0-1' },
    { kind: 'applied', value: late },
  );
  t.strictSame(appliedIn(frame), late);
  t.equal(appliedIn(written({ kind: 'ended', value: 'run-0-1' })), undefined);
});

t.test('an entry of no known kind is not passed over', async (t) => {
  const out = new ByteWriter(0);
  out.u8(250);
  out.bytes(Buffer.from('from another version'));
  t.throws(() => read(new ByteReader(out.buffer.subarray(0, out.length))), {
    message: 'no journal entry is of kind 250',
  });
});

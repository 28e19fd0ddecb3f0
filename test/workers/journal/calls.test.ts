import { appendFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import type { CallScope } from '../../../core/sip/call-scope.js';
import { shardOf } from '../../../core/sip/shard.js';
import { TimerWheel } from '../../../core/timers.js';
import { CallJournal } from '../../../workers/journal/call-journal.js';
import { allFilesOf, filesOf } from '../../../workers/journal/files.js';
import {
  CallRecovery,
  callSources,
  portsInUse,
  writeCallBase,
} from '../../../workers/journal/recover-calls.js';
import { eventually } from '../../support/settle.js';

const NAME = 'worker-0';
const SOCKETS = ['192.0.2.1 5060', '192.0.2.1 5160'];
const PATH = { socket: 1, host: '198.51.100.7', port: 5062 };

/** A worker's journal and the calls in it, without the calls themselves. */
class Rig {
  readonly timers = new TimerWheel(1_000_000);
  readonly journal: CallJournal;
  reported = 0;
  applied = 0;

  constructor(
    readonly folder: string,
    limits: { file_bytes?: number; compact_bytes?: number } = {},
  ) {
    writeCallBase(folder, NAME, 0, SOCKETS, []);
    this.journal = new CallJournal(
      { folder, name: NAME, base: 0, sockets: SOCKETS, sync: 'none', log() {}, ...limits },
      this.timers,
      { last_seq: () => this.reported, applied_seq: () => this.applied },
    );
  }

  scope(id: string): CallScope {
    return { id } as CallScope;
  }

  begin(id: string, port = 5160): void {
    const text = `INVITE sip:a@b SIP/2.0\r\nCall-ID: ${id}@caller\r\n\r\n`;
    const routed = { flow: 'support', param: '', media: undefined };
    this.journal.started(this.scope(id), { id, seed: [1, 2, 3, 4], port, routed, text, path: PATH });
    this.turn();
  }

  turn(): void {
    this.journal.commit(true);
    this.timers.advance(this.timers.now_ms + 10);
  }

  over(id: string): void {
    this.reported++;
    this.journal.over(this.scope(id));
    this.turn();
  }

  recover(mine: (shard: number) => boolean = () => true, socket = (name: string) => SOCKETS.indexOf(name)) {
    const { folder, applied } = this;
    return new CallRecovery([{ folder, name: NAME }], mine, () => {}).read(
      new Map([[NAME, applied]]),
      socket,
    );
  }
}

t.test('what nobody is told of becomes safe with what somebody is, or when it has waited', async (t) => {
  const rig = new Rig(t.testdir());
  rig.begin('a-0-1');
  const inputs = (): number => rig.recover().inputs.length;
  const ack = (): void =>
    rig.journal.datagram(rig.scope('a-0-1'), 'ACK sip:acd@192.0.2.1 SIP/2.0\r\n\r\n', PATH);

  ack();
  const due_ms = rig.journal.commit(false);
  t.ok(due_ms > rig.timers.now_ms && due_ms < rig.timers.now_ms + 1000);
  t.equal(inputs(), 1);
  ack();
  t.equal(rig.journal.commit(true), Number.POSITIVE_INFINITY);
  t.equal(inputs(), 3);

  ack();
  const next_ms = rig.journal.commit(false);
  rig.timers.advance(next_ms - 1);
  t.equal(rig.journal.commit(false), next_ms);
  t.equal(inputs(), 3);
  rig.timers.advance(next_ms);
  t.equal(rig.journal.commit(false), Number.POSITIVE_INFINITY);
  t.equal(inputs(), 4);
});

t.test('every input of a live call is read back as it was, in order, with its time', async (t) => {
  const rig = new Rig(t.testdir());
  rig.begin('a-0-1');
  const decision = {
    kind: 'connect',
    call: 'a-0-1',
    leg: 1,
    role: 'agent',
    uri: 'sip:ü@x',
    display: 'Zoë',
  } as const;
  rig.journal.decision(rig.scope('a-0-1'), decision);
  rig.turn();
  const text = `SIP/2.0 200 OK\r\nX: ${String.fromCharCode(0, 128, 255)}\r\n\r\n`;
  rig.journal.datagram(rig.scope('a-0-1'), text, PATH);
  rig.journal.answered(rig.scope('a-0-1'), 7, [{ host: '10.0.0.1', port: 5060 }]);
  rig.journal.unreachable(PATH);
  rig.turn();
  await rig.journal.close();
  const { inputs, calls } = rig.recover();
  t.same([...calls], ['a-0-1']);
  t.match(inputs, [
    { kind: 'started', at_ms: 1_000_000, start: { id: 'a-0-1', seed: [1, 2, 3, 4], port: 5160, path: PATH } },
    { kind: 'decision', at_ms: 1_000_010, call: 'a-0-1', decision },
    { kind: 'datagram', at_ms: 1_000_020, call: 'a-0-1', text, path: PATH },
    { kind: 'answered', at_ms: 1_000_020, question: 7, answer: [{ host: '10.0.0.1', port: 5060 }] },
    { kind: 'unreachable', path: PATH },
  ]);
});

t.test('a call that is over comes back only while the dispatcher has not heard of its end', async (t) => {
  const rig = new Rig(t.testdir());
  rig.begin('a-0-1');
  rig.begin('a-0-2');
  rig.over('a-0-1');
  rig.over('a-0-2');
  rig.applied = 1;
  await rig.journal.close();
  t.same([...rig.recover().calls], ['a-0-2']);
});

t.test(
  'a worker takes the calls of its own shards, from the journals of any number of workers',
  async (t) => {
    const rig = new Rig(t.testdir());
    for (let n = 0; n < 20; n++) rig.begin(`a-0-${n}`);
    await rig.journal.close();
    const odd = rig.recover((shard) => shard % 2 === 1).calls;
    const even = rig.recover((shard) => shard % 2 === 0).calls;
    t.equal(odd.size + even.size, 20);
    for (const id of odd) t.equal(shardOf(`${id}@caller`) % 2, 1);
  },
);

t.test('an INVITE that routing decides about comes back until it has decided', async (t) => {
  const rig = new Rig(t.testdir());
  const text = 'INVITE sip:a@b SIP/2.0\r\nCall-ID: 1@caller\r\n\r\n';
  rig.journal.undecided('a-0-1', text, PATH);
  rig.turn();
  t.match(rig.recover().inputs, [{ kind: 'undecided', call: 'a-0-1', at_ms: 1_000_000, text, path: PATH }]);
  t.equal(rig.recover((shard) => shard !== shardOf('1@caller')).calls.size, 0, 'with whoever has its shard');
  rig.journal.decided('a-0-1');
  rig.turn();
  await rig.journal.close();
  t.same(rig.recover(), { inputs: [], calls: new Set() });
});

t.test('sockets keep their meaning when their numbers change', async (t) => {
  const rig = new Rig(t.testdir());
  rig.begin('a-0-1');
  await rig.journal.close();
  const { inputs } = rig.recover(undefined, (name) => (name === '192.0.2.1 5160' ? 5 : 0));
  t.match(inputs, [{ start: { path: { socket: 5 } } }]);
});

t.test('the ports of former workers are in use while calls go by them', async (t) => {
  const rig = new Rig(t.testdir());
  rig.begin('a-0-1');
  rig.begin('a-1-1', 5161);
  rig.begin('a-2-1', 5162);
  rig.over('a-2-1');
  await rig.journal.close();
  const sources = callSources(rig.folder);
  t.same(portsInUse(sources, new Set([5060])), new Set([5160, 5161]));
  t.same(portsInUse(sources, new Set([5060, 5161])), new Set([5160]));
  t.same(
    portsInUse(sources, new Set([5060, 5160])),
    new Set(),
    'the journal was of a worker that had no other',
  );
});

t.test('what calls that are over have left goes when enough of it has gathered', async (t: Test) => {
  const folder = t.testdir();
  const rig = new Rig(folder, { file_bytes: 4_000, compact_bytes: 20_000 });
  rig.begin('a-0-long');
  for (let n = 0; n < 400; n++) {
    rig.begin(`a-0-${n}`);
    rig.journal.datagram(rig.scope('a-0-long'), `INFO ${n}`, PATH);
    rig.over(`a-0-${n}`);
    rig.applied = rig.reported;
    if (n % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await eventually(
    async () => filesOf(folder, NAME)[0]!.number,
    (number) => number > 0,
    'a new base is there',
  );
  await rig.journal.close();
  const { inputs, calls } = rig.recover();
  t.same([...calls], ['a-0-long'], 'the live call is whole');
  const infos = inputs.filter(({ kind }) => kind === 'datagram');
  t.same(
    infos.map((input) => (input.kind === 'datagram' ? input.text : '')),
    Array.from({ length: 400 }, (_, n) => `INFO ${n}`),
  );
  t.ok(allFilesOf(folder, NAME).length < 30, 'old files are removed');
});

t.test('a call that was over when the journal began is not read again', async (t) => {
  const rig = new Rig(t.testdir());
  rig.begin('a-0-1');
  rig.begin('a-0-2');
  rig.reported = 7;
  rig.journal.overBefore(['a-0-1']);
  rig.turn();
  t.same([...rig.recover().calls], ['a-0-1', 'a-0-2'], 'the dispatcher has not heard of its end yet');
  rig.applied = 7;
  t.same([...rig.recover().calls], ['a-0-2']);
  await rig.journal.close();
});

t.test('a torn tail costs the torn record, with one line', async (t) => {
  const rig = new Rig(t.testdir());
  rig.begin('a-0-1');
  await rig.journal.close();
  appendFileSync(filesOf(rig.folder, NAME).at(-1)!.path, Buffer.from([100, 0, 0, 0, 1, 2, 3, 4, 5]));
  const lines: string[] = [];
  const recovery = new CallRecovery(
    [{ folder: rig.folder, name: NAME }],
    () => true,
    (_level, message) => lines.push(message),
  );
  const { calls } = recovery.read(new Map(), () => 0);
  t.same([...calls], ['a-0-1']);
  t.equal(lines.length, 1);
  t.match(lines[0], /ends in the middle of a record/);
});

import t from 'tap';
import { createGate, Gate } from '../../workers/gate.js';
import { inviteNumber } from '../../workers/invite-memory.js';
import { SourceLimit } from '../../workers/source-limit.js';
import { asRequest, options } from '../sip/messages.js';

const SOURCE = '192.0.2.1';

/** A worker and the doorman at one gate. */
function both(source_limit = 0) {
  const gate = createGate();
  const sources = () => new SourceLimit(source_limit);
  return {
    worker: new Gate(gate, 'worker', sources()),
    doorman: new Gate(structuredClone(gate), 'doorman', sources()),
  };
}

/** How many of so many new calls within a second are let in. */
function offer(gate: Gate, calls: number, from_ms: number): number {
  let admitted = 0;
  for (let i = 0; i < calls; i++)
    if (gate.admits(from_ms * 1000 + i, SOURCE, from_ms + (i * 1000) / calls)) admitted++;
  return admitted;
}

t.test('an open gate lets every call in', async (t) => {
  const { worker, doorman } = both();
  t.equal(offer(worker, 100, 1_000), 100);
  t.equal(offer(doorman, 100, 2_000), 100);
  t.equal(worker.state.away, 0);
});

t.test('a narrow one lets in as many as the worker says, whoever stands there', async (t) => {
  const { worker, doorman } = both();
  worker.state.narrow(50);
  const first = offer(doorman, 1_000, 1_000);
  const admitted = offer(doorman, 1_000, 2_000);
  t.ok(admitted >= 49 && admitted <= 51, `${admitted} of 50`);
  t.equal(worker.state.away, 2_000 - first - admitted, 'the worker sees how many were turned away');
  worker.state.open();
  t.equal(offer(doorman, 100, 3_000), 100);
});

t.test('while what is there waits too long none is let in', async (t) => {
  const { worker, doorman } = both();
  worker.state.narrow(1_000);
  worker.state.wait_ms = 25;
  t.equal(offer(doorman, 100, 1_000), 0);
  worker.state.wait_ms = 5;
  t.ok(offer(doorman, 100, 2_000) > 90);
});

t.test('what was decided about a call stands when its INVITE comes again, to whomever', async (t) => {
  const { worker, doorman } = both();
  t.ok(worker.admits(1, SOURCE, 1_000), 'let in while there was room');
  worker.state.narrow(10);
  worker.state.wait_ms = 100;
  t.notOk(doorman.admits(2, SOURCE, 1_001));
  t.ok(doorman.admits(1, SOURCE, 1_500), 'and so it is by the doorman');
  worker.state.open();
  t.notOk(worker.admits(2, SOURCE, 1_501), 'turned away by the doorman, it is so by the worker');
  t.ok(worker.admits(3, SOURCE, 1_501));
});

t.test('who takes the place of a worker knows what was decided', async (t) => {
  const gate = createGate();
  const before = new Gate(gate, 'worker', new SourceLimit(0));
  before.state.narrow(10);
  before.state.wait_ms = 100;
  t.notOk(before.admits(1, SOURCE, 1_000));
  const after = new Gate(gate, 'worker', new SourceLimit(0));
  t.notOk(after.admits(2, SOURCE, 1_300), 'and goes on with it');
  after.state.open();
  for (const number of [1, 2]) t.notOk(after.admits(number, SOURCE, 1_400));
  t.ok(after.admits(3, SOURCE, 1_400));
});

t.test('a source may be limited by itself', async (t) => {
  const { worker } = both(10);
  let admitted = 0;
  for (let now_ms = 1_000; now_ms < 2_000; now_ms++) if (worker.admits(now_ms, SOURCE, now_ms)) admitted++;
  t.equal(admitted, 19, 'ten at once and ten a second');
  t.ok(worker.admits(3_000, '192.0.2.2', 2_000), 'another source is not concerned');
});

t.test('an INVITE is known again by its Call-ID, CSeq and branch', async (t) => {
  const number = (over: Record<string, string>): number =>
    inviteNumber(asRequest(options({ Via: 'SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1', ...over })));
  t.equal(number({}), number({ 'Max-Forwards': '60' }));
  t.not(number({}), number({ 'Call-ID': 'another' }));
  t.not(number({}), number({ CSeq: '8 OPTIONS' }));
  t.not(number({}), number({ Via: 'SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK2' }), 'a new try, or another call');
});

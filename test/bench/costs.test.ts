/**
 * What a message and a decision cost, counted where a busy machine cannot blur it: bytes allocated, and how often the
 * pieces of the dispatcher's code run.
 */
import { Session } from 'node:inspector/promises';
import t from 'tap';
import { parseMessage } from '../../core/sip/parser.js';
import { Floor } from '../../tools/bench/dispatcher.js';
import { heapBytes } from '../../tools/bench/measure.js';
import { SAMPLES } from '../../tools/bench/samples.js';

/** Many, so that what else the heap gains or loses meanwhile does not count. */
const MESSAGES = 5_000;

/** Bytes of heap that reading one message takes, its text and all that is asked of it included. */
function bytesPerMessage(sample: (n: number) => string): number {
  const datagrams = Array.from({ length: MESSAGES }, (_, n) => Buffer.from(sample(n), 'latin1'));
  const kept: unknown[] = new Array(MESSAGES).fill(undefined);
  const read = (): void => {
    for (let n = 0; n < MESSAGES; n++) {
      const datagram = datagrams[n] as Buffer;
      const message = parseMessage(datagram.toString('latin1'), datagram);
      if (message.kind === 'failure') throw new Error(message.reason);
      kept[n] = [message, message.callId, message.from.uri, message.toTag, message.contact?.uri];
    }
  };
  // Until the code is compiled, which decides what is allocated at all.
  for (let round = 0; round < 10; round++) read();
  kept.fill(undefined);
  const before = heapBytes();
  read();
  // What is kept of each message is what was allocated for it, but for what is thrown away at once.
  const bytes = (heapBytes() - before) / MESSAGES;
  if (kept.includes(undefined)) throw new Error('every message is kept until the heap was measured');
  return bytes;
}

t.test('a message that was read takes little more memory than its text', async (t) => {
  for (const [kind, sample] of Object.entries(SAMPLES)) {
    const bytes = bytesPerMessage(sample);
    const more = bytes - sample(0).length;
    t.comment(`${kind}: ${Math.round(bytes)} bytes, ${Math.round(more)} more than its text`);
    t.ok(more > 300 && more < 1_200, `${kind}: ${Math.round(more)} bytes beside its text`);
  }
});

/** How many pieces of code of core/acd run for a decision: each branch and loop body as often as it is passed. */
async function stepsPerDecision(waiting: number): Promise<number> {
  const floor = new Floor(waiting, { agents: 2_000, flows: 200, decisions: 0, rounds: 0 });
  floor.fill();
  const decisions = 500;
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  await session.post('Profiler.takePreciseCoverage');
  floor.work(decisions);
  const { result } = await session.post('Profiler.takePreciseCoverage');
  await session.post('Profiler.stopPreciseCoverage');
  session.disconnect();
  let steps = 0;
  for (const script of result) {
    if (!script.url.includes('/core/acd/')) continue;
    for (const { ranges } of script.functions) for (const { count } of ranges) steps += count;
  }
  return steps / decisions;
}

t.test('a decision takes hardly more steps with 100,000 calls waiting than with 100', async (t) => {
  const few = await stepsPerDecision(100);
  const some = await stepsPerDecision(10_000);
  const many = await stepsPerDecision(100_000);
  t.comment(`steps per decision: ${[few, some, many].map(Math.round).join(', ')}`);
  t.ok(few > 100, 'they are counted');
  t.ok(many < 2 * few, `100,000 against 100: ${(many / few).toFixed(2)}`);
  // Ten times as many calls are three more levels of a tree, at each of few places.
  t.ok(many < 2 * some, `100,000 against 10,000: ${(many / some).toFixed(2)}`);
});

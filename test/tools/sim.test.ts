/** The simulator itself: seeds that pass and repeat themselves, and checks that can fail. */
import t from 'tap';
import type { StoreRecord } from '../../core/acd/records.js';
import type { Decision, Report } from '../../core/messages.js';
import { type Plant, simulate } from '../../tools/sim/world.js';

/** Time is virtual; how long it took is nobody's business here. */
const NO_CLOCK = (): number => 0;

for (const seed of [1, 2, 3, 4]) {
  t.test(`seed ${seed} finds nothing wrong, and happens twice the same`, async (t) => {
    const first = simulate({ seed, calls: 200, faults: 'all' }, NO_CLOCK);
    t.equal(first.failure, undefined);
    t.ok(first.result.steps > 4_000, 'a lot happened');
    t.same(simulate({ seed, calls: 200, faults: 'all' }, NO_CLOCK), first);
  });
}

t.test('another seed is another day', async (t) => {
  const [one, other] = [5, 6].map((seed) => simulate({ seed, calls: 50, faults: 'none' }, NO_CLOCK).result);
  t.equal(one?.violations, 0);
  t.equal(other?.violations, 0);
  t.not(one?.trace_hash, other?.trace_hash);
});

/** Lets the first `skip` of those that fit pass, and does something to the next one. */
function nth<T>(skip: number, fits: (message: T) => boolean, then: (message: T) => T[]): (message: T) => T[] {
  let seen = 0;
  return (message) => (fits(message) && seen++ === skip ? then(message) : [message]);
}

const bugs: { name: string; plant: () => Plant; check: RegExp }[] = [
  {
    name: 'a final CDR is lost',
    plant: () => ({
      record: nth<StoreRecord>(
        40,
        (r) => r.kind === 'cdr' && r.call_type !== -2,
        () => [],
      ),
    }),
    check: /final CDR/,
  },
  {
    name: "a rejection's CDR is lost",
    plant: () => ({
      record: nth<StoreRecord>(
        4,
        (r) => r.kind === 'cdr' && r.call_type === -2,
        () => [],
      ),
    }),
    check: /counts the rejections before it/,
  },
  {
    name: 'a CDR is written twice',
    plant: () => ({
      record: nth<StoreRecord>(
        40,
        (r) => r.kind === 'cdr' && r.call_type !== -2,
        (r) => [r, r],
      ),
    }),
    check: /no CDR follows/,
  },
  {
    name: "a caller's leaving is never told",
    plant: () => ({
      report: nth<Report>(
        20,
        (r) => r.kind === 'caller_gone',
        () => [],
      ),
    }),
    check: /have the same calls/,
  },
  {
    name: 'the end of a call is never carried out',
    plant: () => ({
      decision: nth<Decision>(
        5,
        (d) => d.kind === 'end' && d.status === 480,
        () => [],
      ),
    }),
    check: /have the same calls/,
  },
  {
    name: 'no ACK is ever sent',
    plant: () => ({ sent: (text) => (text.startsWith('ACK ') ? [] : [text]) }),
    check: /is acknowledged/,
  },
  {
    name: 'a message that nobody can read is sent',
    plant: () => ({
      sent: nth(
        100,
        () => true,
        (text) => [text.replace('CSeq:', 'CSeqs:')],
      ),
    }),
    check: /its own parser takes/,
  },
];

for (const { name, plant, check } of bugs) {
  t.test(`it is noticed when ${name}`, async (t) => {
    const { failure, result } = simulate({ seed: 1, calls: 200, faults: 'all', plant: plant() }, NO_CLOCK);
    t.equal(result.violations, 1);
    t.match(failure?.check, check);
    t.ok((failure?.last.length ?? 0) > 10, 'the last events are shown');
  });
}

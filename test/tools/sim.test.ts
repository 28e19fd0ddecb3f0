/** The simulator itself: seeds that pass and repeat themselves. */
import t from 'tap';
import { simulate } from '../../tools/sim/simulate.js';

/** Time is virtual; how long it took is nobody's business here. */
const NO_CLOCK = (): number => 0;

for (let seed = 1; seed <= 10; seed++) {
  t.test(`seed ${seed} finds nothing wrong`, async (t) => {
    const { failure, result } = await simulate({ seed, calls: 300, faults: 'all' }, NO_CLOCK);
    t.equal(failure, undefined);
    t.ok(result.steps > 6_000, 'a lot happened');
  });
}

t.test('workers die in it and come back, and so does the whole process', async (t) => {
  const told = { died: 0, replaced: 0, restarted: 0 };
  const write = (line: string): void => {
    if (/ worker \d+ +has died/.test(line)) told.died++;
    else if (/ worker \d+ +is replaced/.test(line)) told.replaced++;
    else if (/ process +is back/.test(line)) told.restarted++;
  };
  const { failure } = await simulate({ seed: 16, calls: 600, faults: 'all', write }, NO_CLOCK);
  t.equal(failure, undefined);
  t.ok(told.died > 1 && told.replaced > told.died && told.restarted > 0, JSON.stringify(told));
});

t.test('a seed happens twice the same', async (t) => {
  const [one, again] = await Promise.all(
    [7, 7].map((seed) => simulate({ seed, calls: 200, faults: 'all' }, NO_CLOCK)),
  );
  t.same(again, one);
});

t.test('another seed is another day', async (t) => {
  const [one, other] = await Promise.all(
    [5, 6].map((seed) => simulate({ seed, calls: 50, faults: 'none' }, NO_CLOCK)),
  );
  t.equal(one?.result.violations, 0);
  t.equal(other?.result.violations, 0);
  t.not(one?.result.trace_hash, other?.result.trace_hash);
});

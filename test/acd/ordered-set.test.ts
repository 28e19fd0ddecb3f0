/** The sorted set against a plain sorted array. */
import t from 'tap';
import { OrderedSet } from '../../core/acd/ordered-set.js';

t.test('a set of numbers agrees with a sorted array through inserts and deletes', async (t) => {
  const set = new OrderedSet<number>((a, b) => a - b);
  const model: number[] = [];
  let seed = 7;
  for (let step = 0; step < 3000; step++) {
    seed = (seed * 48271) % 2147483647;
    const value = seed % 500;
    const index = model.indexOf(value);
    if (index < 0) {
      set.insert(value);
      model.push(value);
      model.sort((a, b) => a - b);
    } else {
      set.delete(value);
      model.splice(index, 1);
    }
    const probe = (seed >> 8) % 500;
    const rank = model.filter((item) => item < probe).length;
    const place = seed % (model.length + 1);
    if (
      set.size !== model.length ||
      set.first() !== model[0] ||
      set.rank(probe) !== rank ||
      set.has(probe) !== model.includes(probe) ||
      set.at(place) !== model[place]
    ) {
      t.fail(`step ${step} differs`);
      return;
    }
  }
  t.same([...set], model);
});

t.test('an item inserted twice, or deleted without being there, breaks an invariant', async (t) => {
  const set = new OrderedSet<number>((a, b) => a - b);
  for (let value = 0; value < 50; value++) set.insert(value);
  for (let value = 0; value < 50; value++) t.throws(() => set.insert(value));
  t.throws(() => set.delete(50));
});

t.test('ascending inserts stay cheap: a hundred thousand do not exhaust the stack', async (t) => {
  const set = new OrderedSet<number>((a, b) => a - b);
  for (let value = 0; value < 100_000; value++) set.insert(value);
  t.equal(set.rank(99_999), 99_999);
  t.equal(set.at(50_000), 50_000);
});

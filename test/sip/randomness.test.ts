import t from 'tap';
import { Randomness } from '../../core/sip/randomness.js';

t.test('the same seed gives the same tokens and fractions, another one others', async (t) => {
  const draw = (random: Randomness) => [random.token(), random.fraction(), random.token()];
  t.same(draw(new Randomness([1, 2, 3, 4])), draw(new Randomness([1, 2, 3, 4])));
  t.notSame(draw(new Randomness([1, 2, 3, 4])), draw(new Randomness([1, 2, 3, 5])));
});

t.test('tokens are 24 hexadecimal characters and do not repeat, fractions fill their range', async (t) => {
  const random = new Randomness([0, 0, 0, 0]);
  const tokens = Array.from({ length: 10_000 }, () => random.token());
  t.equal(new Set(tokens).size, tokens.length);
  t.ok(tokens.every((token) => /^[0-9a-f]{24}$/.test(token)));
  const tenths = new Array<number>(10).fill(0);
  for (let i = 0; i < 10_000; i++) tenths[Math.floor(random.fraction() * 10)]!++;
  t.ok(
    tenths.every((count) => count > 850 && count < 1150),
    tenths.join(' '),
  );
});

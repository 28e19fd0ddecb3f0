import t from 'tap';
import { TimerWheel } from '../core/timers.js';

/** The time of day: beyond what 32 bits hold. */
const EPOCH_MS = 1_790_000_000_123;

t.test('a timer fires once, at its millisecond and not before', async (t) => {
  for (const start_ms of [0, 255, EPOCH_MS]) {
    for (const delay_ms of [1, 255, 256, 257, 65_535, 65_536, 70_000]) {
      const wheel = new TimerWheel(start_ms);
      let fired = 0;
      const timer = wheel.set(delay_ms, () => fired++);
      wheel.advance(start_ms + delay_ms - 1);
      t.equal(fired, 0, `${delay_ms} ms from ${start_ms}: not early`);
      t.equal(timer.pending, true);
      wheel.advance(start_ms + delay_ms);
      t.equal(fired, 1, `${delay_ms} ms from ${start_ms}: in time`);
      t.equal(timer.pending, false);
      wheel.advance(start_ms + 2 * delay_ms + 300_000);
      t.equal(fired, 1);
    }
  }
});

t.test('a deadline of hours is kept', async (t) => {
  const wheel = new TimerWheel(EPOCH_MS);
  const delay_ms = 5 * 3_600_000;
  let fired_ms = 0;
  wheel.set(delay_ms, () => (fired_ms = wheel.now_ms));
  wheel.advance(EPOCH_MS + delay_ms + 1_000);
  t.equal(fired_ms, EPOCH_MS + delay_ms);
});

t.test('timers fire in the order of their deadlines, however they were set', async (t) => {
  const wheel = new TimerWheel(EPOCH_MS);
  const fired: number[] = [];
  const delays = Array.from({ length: 2_000 }, (_, n) => 1 + ((n * 7_919) % 100_003));
  for (const delay_ms of delays) wheel.set(delay_ms, () => fired.push(delay_ms));
  t.equal(wheel.size, delays.length);
  wheel.advance(EPOCH_MS + 100_003);
  t.same(
    fired,
    delays.toSorted((a, b) => a - b),
  );
  t.equal(wheel.size, 0);
});

t.test('a cancelled timer never fires, and cancelling again is harmless', async (t) => {
  const wheel = new TimerWheel(EPOCH_MS);
  const fired: string[] = [];
  const first = wheel.set(10, () => fired.push('first'));
  const second = wheel.set(10, () => fired.push('second'));
  const third = wheel.set(10, () => fired.push('third'));
  wheel.cancel(second);
  wheel.cancel(second);
  wheel.cancel(undefined);
  wheel.cancel(null);
  t.equal(wheel.size, 2);
  wheel.advance(EPOCH_MS + 10);
  t.same(fired, ['first', 'third']);
  wheel.cancel(first);
  wheel.cancel(third);
  t.equal(wheel.size, 0);
});

t.test('a timer may cancel another that is due in the same millisecond', async (t) => {
  const wheel = new TimerWheel(EPOCH_MS);
  const fired: string[] = [];
  wheel.set(5, () => {
    fired.push('first');
    wheel.cancel(second);
  });
  const second = wheel.set(5, () => fired.push('second'));
  wheel.advance(EPOCH_MS + 1_000);
  t.same(fired, ['first']);
  t.equal(wheel.size, 0);
});

t.test('a timer set while another fires counts from that moment, within the same advance', async (t) => {
  const wheel = new TimerWheel(EPOCH_MS);
  const fired_ms: number[] = [];
  const again = (): void => {
    fired_ms.push(wheel.now_ms - EPOCH_MS);
    if (fired_ms.length < 4) wheel.set(300, again);
  };
  wheel.set(300, again);
  wheel.advance(EPOCH_MS + 1_000);
  t.same(fired_ms, [300, 600, 900]);
  wheel.advance(EPOCH_MS + 1_200);
  t.same(fired_ms, [300, 600, 900, 1_200]);
});

t.test('no delay, a negative one and a fraction are rounded up to a millisecond ahead', async (t) => {
  const wheel = new TimerWheel(EPOCH_MS);
  const fired: string[] = [];
  wheel.set(0, () => fired.push('none'));
  wheel.set(-5, () => fired.push('negative'));
  wheel.set(0.2, () => fired.push('fraction'));
  wheel.set(1.5, () => fired.push('later'));
  wheel.advance(EPOCH_MS);
  t.same(fired, []);
  wheel.advance(EPOCH_MS + 1);
  t.same(fired, ['none', 'negative', 'fraction']);
  wheel.advance(EPOCH_MS + 2);
  t.same(fired, ['none', 'negative', 'fraction', 'later']);
});

t.test('whoever sleeps until next_ms misses no deadline and wakes rarely', async (t) => {
  for (const delay_ms of [1, 100, 255, 256, 1_000, 32_000]) {
    const wheel = new TimerWheel(EPOCH_MS);
    t.equal(wheel.next_ms(), undefined, 'nothing to wake for');
    let fired_ms = 0;
    wheel.set(delay_ms, () => (fired_ms = wheel.now_ms));
    let wakes = 0;
    for (let next_ms = wheel.next_ms(); next_ms !== undefined; next_ms = wheel.next_ms()) {
      t.ok(next_ms > wheel.now_ms && next_ms <= EPOCH_MS + delay_ms, 'ahead, not too late');
      wheel.advance(next_ms);
      if (++wakes > 200) break;
    }
    t.equal(fired_ms, EPOCH_MS + delay_ms);
    t.ok(wakes <= 2 + delay_ms / 256, `${wakes} wake-ups for ${delay_ms} ms`);
  }
});

t.test('time that goes backwards is ignored', async (t) => {
  const wheel = new TimerWheel(EPOCH_MS);
  wheel.advance(EPOCH_MS + 100);
  wheel.advance(EPOCH_MS);
  t.equal(wheel.now_ms, EPOCH_MS + 100);
});

t.test('a deadline beyond the wheel is a bug of the caller', async (t) => {
  const wheel = new TimerWheel(EPOCH_MS);
  t.throws(() => wheel.set(2 ** 32, () => {}), /invariant/);
});

import t from 'tap';
import { DeadlineQueue, Expiring } from '../../core/sip/deadline-queue.js';
import { TimerWheel } from '../../core/timers.js';

const EPOCH_MS = 1_790_000_000_123;

class Entry extends Expiring {
  constructor(private readonly onExpire: () => void) {
    super();
  }
  override expire(): void {
    this.onExpire();
  }
}

function queueOf(duration_ms: number) {
  const timers = new TimerWheel(EPOCH_MS);
  const queue = new DeadlineQueue(timers, duration_ms);
  const expired: string[] = [];
  const entry = (name: string) => new Entry(() => expired.push(`${name} ${timers.now_ms - EPOCH_MS}`));
  const advance = (to_ms: number) => timers.advance(EPOCH_MS + to_ms);
  return { timers, queue, expired, entry, advance };
}

t.test('each entry expires once, at its own millisecond', async (t) => {
  const { timers, queue, expired, entry, advance } = queueOf(1_000);
  queue.add(entry('a'));
  advance(1);
  queue.add(entry('b'));
  queue.add(entry('c'));
  advance(400);
  queue.add(entry('d'));
  t.equal(timers.size, 1, 'one timer for all');
  advance(999);
  t.same(expired, []);
  advance(5_000);
  t.same(expired, ['a 1000', 'b 1001', 'c 1001', 'd 1400']);
  t.equal(timers.size, 0);
});

t.test(
  'entries that leave, at either end or in between, do not expire and do not delay others',
  async (t) => {
    const { queue, expired, entry, advance } = queueOf(1_000);
    const entries = ['a', 'b', 'c', 'd', 'e'].map((name, n) => {
      advance(n * 10);
      const one = entry(name);
      queue.add(one);
      return one;
    });
    for (const n of [0, 2, 4]) queue.remove(entries[n] as Expiring);
    advance(5_000);
    t.same(expired, ['b 1010', 'd 1030']);
  },
);

t.test('an entry that enters again, or another queue, has only its new deadline', async (t) => {
  const { timers, queue, expired, entry, advance } = queueOf(1_000);
  const other = new DeadlineQueue(timers, 300);
  const a = entry('a');
  const b = entry('b');
  queue.add(a);
  queue.add(b);
  advance(500);
  queue.add(a);
  other.add(b);
  advance(5_000);
  t.same(expired, ['b 800', 'a 1500']);
});

t.test('an entry may enter again when it expires', async (t) => {
  const { timers, queue, advance } = queueOf(100);
  let times = 0;
  const again = new Entry(() => {
    if (++times < 3) queue.add(again);
  });
  queue.add(again);
  advance(1_000);
  t.equal(times, 3);
  t.equal(timers.size, 0);
});

t.test('an entry that fails does not keep the others from expiring', async (t) => {
  const { queue, expired, entry, advance } = queueOf(100);
  queue.add(
    new Entry(() => {
      throw new Error('broken');
    }),
  );
  advance(1);
  queue.add(entry('b'));
  t.throws(() => advance(200), /broken/);
  advance(300);
  t.same(expired, ['b 101']);
});

t.test('an entry that enters while others expire does not delay those that are due before it', async (t) => {
  const { timers, queue, expired, entry, advance } = queueOf(1_000);
  queue.add(new Entry(() => queue.add(entry('late'))));
  advance(10);
  queue.add(entry('b'));
  advance(5_000);
  t.same(expired, ['b 1010', 'late 2000']);
  t.equal(timers.size, 0);
});

import t from 'tap';
import { createGate, Gate } from '../../workers/gate.js';
import { Overload } from '../../workers/overload.js';
import { SourceLimit } from '../../workers/source-limit.js';

const TURNING_AWAY_COST = 0.05;

/**
 * A worker before which datagrams queue, ms by ms. It can do so many calls a second; to turn one away costs a
 * twentieth. Each call that is let in comes again with its BYE 1 s later, which is half of its cost.
 */
class Worker {
  readonly gate: Gate;
  readonly overload: Overload;
  now_ms = 1_000;
  private calls = 0;
  /** When each datagram that waits arrived. */
  private readonly queue: { at_ms: number; bye: boolean }[] = [];
  private readonly byes = new Map<number, number>();
  /** Work done ahead, in calls. */
  private owed = 0;
  longest_ms = 0;

  constructor(public capacity_per_s: number) {
    this.gate = new Gate(createGate(), 'worker', new SourceLimit(0));
    this.overload = new Overload(this.gate.state);
  }

  /** @returns how many of the calls that came were let in */
  run(ms: number, calls_per_s: number): number {
    let admitted = 0;
    this.longest_ms = 0;
    for (let n = 0; n < ms; n++) {
      this.arrive(n, calls_per_s);
      this.owed = Math.max(0, this.owed - this.capacity_per_s / 1000);
      while (this.owed < this.capacity_per_s / 1000 && this.queue.length > 0) admitted += this.serve();
      this.look();
    }
    return admitted;
  }

  /** Calls come while the worker stands still. */
  pause(ms: number, calls_per_s: number): void {
    for (let n = 0; n < ms; n++) this.arrive(n, calls_per_s);
  }

  /** In a ms what comes in it. */
  private arrive(nth_ms: number, calls_per_s: number): void {
    this.now_ms++;
    const calls = Math.floor(((nth_ms + 1) * calls_per_s) / 1000) - Math.floor((nth_ms * calls_per_s) / 1000);
    const byes = this.byes.get(this.now_ms) ?? 0;
    this.byes.delete(this.now_ms);
    for (let i = 0; i < calls + byes; i++) this.queue.push({ at_ms: this.now_ms, bye: i >= calls });
  }

  private serve(): number {
    const { at_ms, bye } = this.queue.shift() as { at_ms: number; bye: boolean };
    this.longest_ms = Math.max(this.longest_ms, this.now_ms - at_ms);
    if (bye) this.owed += 0.5;
    else if (this.gate.admits(++this.calls, '192.0.2.1', this.now_ms)) {
      this.overload.letIn(this.now_ms);
      this.owed += 0.5;
      this.byes.set(this.now_ms + 1000, (this.byes.get(this.now_ms + 1000) ?? 0) + 1);
      return 1;
    } else this.owed += TURNING_AWAY_COST;
    return 0;
  }

  /** What a sounding says, every 20 ms. */
  private look(): void {
    const oldest = this.queue[0];
    if (this.now_ms % 20 === 0)
      this.overload.waited(0, oldest === undefined ? 0 : this.now_ms - oldest.at_ms);
    this.overload.turned(this.now_ms);
  }
}

t.test('every call is let in while datagrams do not wait', async (t) => {
  const worker = new Worker(1_000);
  t.equal(worker.run(10_000, 900), 9_000);
  t.notOk(worker.overload.overloaded);
});

t.test(
  'few calls are never turned away: a machine too slow for them is busy with something else',
  async (t) => {
    const worker = new Worker(1_000);
    worker.run(3_000, 8);
    worker.capacity_per_s = 4;
    worker.run(5_000, 8);
    t.ok(worker.longest_ms > 1_000, 'they wait');
    t.equal(worker.gate.state.away, 0);
  },
);

t.test('what a pause has left turns nobody away', async (t) => {
  const worker = new Worker(1_000);
  worker.run(5_000, 600);
  worker.pause(300, 600);
  t.equal(worker.run(5_000, 600), 3_180);
});

t.test('a start, cold and behind as it is, turns nobody away', async (t) => {
  const worker = new Worker(400);
  const cold = worker.run(1_500, 600);
  worker.capacity_per_s = 1_000;
  t.equal(cold + worker.run(4_000, 600), 3_300);
});

for (const factor of [2, 10]) {
  t.test(`offered ${factor} times what it can do, a worker does nearly that`, async (t) => {
    const worker = new Worker(1_000);
    worker.run(3_000, 500);
    worker.run(3_000, 1_000 * factor);
    t.ok(worker.overload.overloaded);
    const admitted = worker.run(20_000, 1_000 * factor) / 20;
    const possible = (1_000 - 1_000 * factor * TURNING_AWAY_COST) / (1 - TURNING_AWAY_COST);
    t.ok(admitted > possible * 0.8 && admitted < possible * 1.1, `${admitted} of ${Math.round(possible)}`);
    t.ok(worker.longest_ms < 150, `nothing waits longer than ${worker.longest_ms} ms`);
    t.ok(worker.overload.takeAway() > 20_000 * (factor - 1.1), 'those turned away are counted');
  });
}

t.test('it recovers by itself', async (t) => {
  const worker = new Worker(1_000);
  worker.run(10_000, 5_000);
  worker.run(5_000, 500);
  t.notOk(worker.overload.overloaded);
  t.equal(worker.run(2_000, 500), 1_000);
});

t.test('it recovers in silence', async (t) => {
  const worker = new Worker(1_000);
  worker.run(10_000, 5_000);
  worker.run(2_000, 0);
  t.notOk(worker.overload.overloaded);
});

t.test('it asks for turns until it is over, for nothing else may come to the worker', async (t) => {
  const worker = new Worker(1_000);
  worker.run(10_000, 5_000);
  const { overload } = worker;
  let turns = 0;
  for (let now_ms = worker.now_ms; now_ms !== Number.POSITIVE_INFINITY; turns++)
    now_ms = overload.turned(now_ms);
  t.ok(turns > 5 && turns < 50, `${turns} turns`);
  t.notOk(overload.overloaded);
});

import t from 'tap';
import { Overload } from '../../workers/overload.js';

/** A worker's turns of 1 ms, each with so many datagrams of which some begin calls. */
class Load {
  readonly overload: Overload;
  now_ms = 1_000;

  constructor(source_limit = 0) {
    this.overload = new Overload(source_limit);
  }

  /** @returns how many of the calls were let in */
  run(ms: number, datagrams: number, calls: number): number {
    let admitted = 0;
    for (let turn = 0; turn < ms; turn++) {
      this.now_ms++;
      for (let n = 0; n < datagrams; n++) this.overload.received();
      for (let n = 0; n < calls; n++) if (this.overload.admits('192.0.2.1', this.now_ms)) admitted++;
      this.overload.turned(this.now_ms);
    }
    return admitted;
  }
}

t.test('every call is let in while nothing piles up', async (t) => {
  const load = new Load();
  t.equal(load.run(5_000, 20, 1), 5_000);
  t.notOk(load.overload.overloaded);
});

t.test('a short pile, as a pause leaves it, turns nobody away', async (t) => {
  const load = new Load();
  t.equal(load.run(500, 40, 1), 500);
  t.equal(load.run(1_000, 5, 1), 1_000);
});

t.test('while datagrams pile up fewer and fewer new calls are let in', async (t) => {
  const load = new Load();
  const first = load.run(2_000, 40, 2);
  const second = load.run(2_000, 40, 2);
  t.ok(load.overload.overloaded);
  t.ok(first < 4_000 && second < first / 2, `${first}, then ${second} of 4,000`);
  t.ok(second > 0, 'some are always let in');
  t.equal(load.overload.takeAway(), 8_000 - first - second, 'those turned away are counted');
});

t.test('it recovers by itself', async (t) => {
  const load = new Load();
  load.run(3_000, 40, 2);
  load.run(3_000, 5, 2);
  t.notOk(load.overload.overloaded);
  t.equal(load.run(1_000, 5, 2), 2_000);
});

t.test('it recovers at once after silence', async (t) => {
  const load = new Load();
  load.run(3_000, 40, 2);
  load.now_ms += 60_000;
  load.run(1, 1, 0);
  load.run(200, 1, 0);
  t.notOk(load.overload.overloaded);
});

t.test('a source may be limited by itself', async (t) => {
  const load = new Load(10);
  t.equal(load.run(1_000, 1, 1), 19, 'ten at once and ten a second');
  t.ok(load.overload.admits('192.0.2.2', load.now_ms), 'another source is not concerned');
});

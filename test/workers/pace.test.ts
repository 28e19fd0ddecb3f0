import t from 'tap';
import { Pace } from '../../workers/pace.js';

/** So many messages a second for so long, a turn a millisecond. @returns in how many turns a pause was due */
function flow(pace: Pace, from_ms: number, lasts_ms: number, per_ms: number): number {
  let pauses = 0;
  for (let at_ms = from_ms; at_ms < from_ms + lasts_ms; at_ms++) {
    pace.tookIn(per_ms);
    if (pace.due(at_ms)) pauses++;
  }
  return pauses;
}

t.test('a thread pauses while much comes in, and sleeps again when it is less than half', (t) => {
  const pace = new Pace(1000);
  t.equal(flow(pace, 0, 200, 0), 0, 'nothing to do');
  t.ok(flow(pace, 200, 200, 2) >= 100, 'twice as much');
  t.equal(flow(pace, 400, 200, 0.75), 200, 'three quarters is still much to who has begun');
  t.ok(flow(pace, 600, 200, 0.25) <= 60, 'a quarter is not');
  t.equal(flow(pace, 800, 200, 0.75), 0, 'and three quarters are not enough to begin');
  t.end();
});

t.test('a turn so large that more must be waiting is followed by the next at once', (t) => {
  const pace = new Pace(1000);
  flow(pace, 0, 200, 2);
  pace.tookIn(40);
  t.notOk(pace.due(200));
  pace.tookIn(3);
  t.ok(pace.due(200));
  t.end();
});

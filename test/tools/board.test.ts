import t from 'tap';
import { renderBoard, renderSummary } from '../../tools/board.js';
import { percentile } from '../../tools/demo-callers.js';

t.test('the board shows who waits, who talks and where to dial', async (t) => {
  const text = renderBoard({
    elapsed_s: 75.2,
    agents: [
      { id: 'alice', 'Loged in': 'YES', State: 'incall' },
      { id: 'bela', 'Loged in': 'YES', State: 'free' },
      { id: 'dan', 'Loged in': 'NO' },
    ],
    flows: [
      {
        id: 'support',
        'Avg Call Duration': 2.5,
        'Processed Calls': 7,
        'Logged Agents': 2,
        'Ongoing Calls': 3,
      },
    ],
    queue: [
      { 'Waiting for': 2, Flow: 'support' },
      { 'Waiting for': 9, Flow: 'support' },
    ],
    onhold: 3,
    started: 12,
    answered: 7,
    abandoned: 2,
    failed: 0,
    dial: ['sip:support@127.0.0.1:5060'],
  });
  t.match(text, '01:15');
  t.match(text, 'waiting 3   queued 2   longest wait 9 s   talking 1');
  t.match(text, /^support +2 +3 +7 +2\.5 s +2$/m);
  t.match(text, /^incall +1 {2}alice$/m);
  t.match(text, /^offline +1 {2}dan$/m);
  t.match(text, 'sip:support@127.0.0.1:5060');
});

t.test('the table at the end gives each figure with its unit', async (t) => {
  const text = renderSummary({
    calls: 50,
    answered: 42,
    abandoned: 8,
    failed: 0,
    rejected: 3,
    cdrs: 50,
    wait_p50_ms: 700,
    wait_p99_ms: 2900,
    wait_max_ms: 3000,
    setup_p50_ms: 4,
    setup_p99_ms: 20,
    talk_mean_ms: 2400,
    violations: 0,
    duration_s: 21,
  });
  t.match(text, /^calls +50$/m);
  t.match(text, /^wait p99 +2900 ms$/m);
  t.match(text, /^duration +21 s$/m);
});

t.test('percentiles are values that occurred', async (t) => {
  t.equal(percentile([], 0.5), 0);
  t.equal(percentile([30, 10, 20], 0.5), 20);
  t.equal(percentile([1, 2, 3, 4, 5, 6, 7, 8, 9, 100], 0.99), 100);
});

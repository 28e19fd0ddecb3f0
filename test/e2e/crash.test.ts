/** The process is killed amid calls and started again: nobody who talks or waits is to notice, and no CDR is lost. */
import t from 'tap';
import { benchKill } from '../../tools/bench/loss/kill.js';

t.setTimeout(300_000);

t.test(
  'calls in every state survive kill -9, with their CDRs and their agents',
  { timeout: 280_000 },
  async (t) => {
    const options = { kills: 2, rate: 8, agents: 60, talk: 4, db: 'embedded' };
    const figures = await benchKill(options, (line) => t.comment(line));
    const { calls_lost, cdrs_missing, cdrs_wrong, cdrs_double, agents_stuck, violations } = figures;
    t.same(
      { calls_lost, cdrs_missing, cdrs_wrong, cdrs_double, agents_stuck, violations },
      { calls_lost: 0, cdrs_missing: 0, cdrs_wrong: 0, cdrs_double: 0, agents_stuck: 0, violations: 0 },
    );
    t.ok(figures.calls > 30 && figures.calls_at_once > 5, 'there were calls to lose');
  },
);

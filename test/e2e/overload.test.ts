/** Far more calls than the engine can serve: each caller is answered, or turned away with 503 and Retry-After. */
import t from 'tap';
import { benchOverload } from '../../tools/bench/sip/overload.js';
import { sippInstalled } from '../support/sipp.js';

t.setTimeout(300_000);

if (!sippInstalled()) t.comment('sipp is not installed here: nobody to offer so many calls');
else {
  t.test(
    'whoever cannot be served gets 503 with Retry-After, twice over, and nothing is left of it',
    { timeout: 280_000 },
    async (t) => {
      const lines: string[] = [];
      const options = { capacity: 500, factor: 10, duration: 5, warm: 0, db: 'embedded' };
      const figures = await benchOverload(options, (line) => lines.push(line));
      t.comment(lines.join('\n'));
      const { failed, unfit, left } = figures;
      t.same({ failed, unfit, left }, { failed: 0, unfit: 0, left: 0 });
      t.ok(figures.refused > 0, 'there were more than could be served');
      t.ok(figures.calls > figures.refused, 'and some were');
    },
  );
}

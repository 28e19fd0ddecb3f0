/** `sip-acd bench outage`: the database goes away amid calls and comes back; nobody is to notice. */

import { rounded } from '../measure.js';
import { BenchError } from '../sip/children.js';
import type { Visit } from './crowd.js';
import { CuttableWire } from './cuttable-wire.js';
import { Scene, type SceneOptions } from './scene.js';

export interface OutageOptions extends SceneOptions {
  /** How long the database is away, s; callers come before and after too, for 20 s at most. */
  outage: number;
}

export interface OutageFigures {
  outage_s: number;
  calls: number;
  calls_refused: number;
  calls_lost: number;
  cdrs_missing: number;
  cdrs_wrong: number;
  cdrs_double: number;
  agents_stuck: number;
  /** From INVITE to 200, while the database was there and while it was away. */
  setup_p50_ms: number;
  setup_p99_ms: number;
  setup_away_p50_ms: number;
  setup_away_p99_ms: number;
}

const MOST_AROUND_MS = 20_000;

/** Needs a PostgreSQL server, which stays up: the way to it is cut. */
export async function benchOutage(
  options: OutageOptions,
  say: (text: string) => void,
): Promise<OutageFigures> {
  if (options.db === 'embedded') throw new BenchError('--db: a PostgreSQL server is needed');
  return Scene.play(options, say, async (scene) => {
    const { children, crowd, database } = scene;
    const url = new URL(database.url);
    const wire = await CuttableWire.to({ host: url.hostname, port: Number(url.port || 5432) });
    url.hostname = '127.0.0.1';
    url.port = String(wire.local_port);
    try {
      const engine = await scene.open({ db_url: url.href });
      const outage_ms = options.outage * 1000;
      const around_ms = Math.min(outage_ms, MOST_AROUND_MS);
      const there: Visit[] = [];
      let away: Visit[] = [];
      await scene.withCallers(engine.sip_port, async () => {
        await children.pause(around_ms);
        const before = crowd.visits.length;
        there.push(...crowd.visits);
        wire.cut();
        say(`the database is away; ${crowd.present} callers there`);
        await children.pause(outage_ms);
        away = crowd.visits.slice(before);
        wire.mend();
        say('the database is back');
        await children.pause(around_ms);
      });
      const { agents_stuck, reckoning } = await scene.close(engine);
      const [p50, p99] = setups(there);
      const [away_p50, away_p99] = setups(away);
      return {
        outage_s: options.outage,
        calls: crowd.calls,
        calls_refused: reckoning.refused,
        calls_lost: reckoning.lost,
        cdrs_missing: reckoning.missing,
        cdrs_wrong: reckoning.wrong,
        cdrs_double: reckoning.double,
        agents_stuck,
        setup_p50_ms: p50,
        setup_p99_ms: p99,
        setup_away_p50_ms: away_p50,
        setup_away_p99_ms: away_p99,
      };
    } finally {
      wire.close();
    }
  });
}

/** Median and 99th percentile of the times to the answer. */
function setups(visits: readonly Visit[]): [number, number] {
  const times = visits.flatMap(({ setup_ms }) => setup_ms ?? []).sort((a, b) => a - b);
  const at = (share: number): number => rounded(times[Math.floor(times.length * share)] ?? 0);
  return [at(0.5), at(0.99)];
}

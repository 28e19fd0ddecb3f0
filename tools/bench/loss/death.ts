/** `sip-acd bench death`: a SIP worker dies amid calls; the callers of the others are not to notice, nor are its own. */
import { fileURLToPath } from 'node:url';
import { shardOf } from '../../../core/sip/shard.js';
import type { Visit } from './crowd.js';
import { type CdrSeen, reckon } from './reckon.js';
import { Scene, type SceneOptions } from './scene.js';

export interface DeathOptions extends SceneOptions {
  workers: number;
  /** Number of the worker that dies; the first one receives for all. */
  victim: number;
  /** How often: at most twice a minute, or it is not replaced any more. */
  kills: number;
}

export interface DeathFigures {
  workers: number;
  /** Deaths after which another worker had taken over. */
  kills: number;
  calls: number;
  /** Of them, calls of the worker that died. */
  calls_own: number;
  /** Calls lost or refused, or with a CDR missing, wrong or double: of the other workers, and of the one that died. */
  failed_others: number;
  failed_own: number;
  agents_stuck: number;
  violations: number;
  /** Most callers there at a death. */
  calls_at_once: number;
}

const ENGINE = fileURLToPath(new URL('./drilled-engine.js', import.meta.url));
const REPLACED = 'the SIP worker is replaced';
const REPLACED_LIMIT_MS = 20_000;
/** Before, between and after deaths. */
const PAUSE_MS = 10_000;

/** Runs it. */
export function benchDeath(options: DeathOptions, say: (text: string) => void): Promise<DeathFigures> {
  const { workers, victim } = options;
  return Scene.play(options, say, async (scene) => {
    const { children, crowd } = scene;
    const engine = await scene.open({
      workers,
      program: ENGINE,
      env: { BENCH_DRILL_WORKER: String(victim) },
    });
    const replaced = async (): Promise<number> => (await engine.log()).split(REPLACED).length - 1;
    let calls_at_once = 0;
    await scene.withCallers(engine.sip_port, async () => {
      for (let kill = 1; kill <= options.kills; kill++) {
        await children.pause(PAUSE_MS);
        calls_at_once = Math.max(calls_at_once, crowd.present);
        process.kill(engine.pid, 'SIGUSR2');
        const came = await children.until(async () => (await replaced()) >= kill, REPLACED_LIMIT_MS);
        say(`worker ${victim} died amid ${crowd.present} callers and was ${came ? '' : 'not '}replaced`);
      }
      await children.pause(PAUSE_MS);
    });
    const kills = await replaced();
    const { agents_stuck, cdrs } = await scene.close(engine);
    const own = crowd.visits.filter(({ call_id }) => shardOf(call_id) % workers === victim);
    const others = crowd.visits.filter((visit) => !own.includes(visit));
    return {
      workers,
      kills,
      calls: crowd.calls,
      calls_own: own.length,
      failed_others: failures(others, cdrs),
      failed_own: failures(own, cdrs),
      agents_stuck,
      violations: crowd.violations.length,
      calls_at_once,
    };
  });
}

function failures(visits: readonly Visit[], cdrs: readonly CdrSeen[]): number {
  const { lost, refused, missing, wrong, double } = reckon(visits, cdrs);
  return lost + refused + missing + wrong + double;
}

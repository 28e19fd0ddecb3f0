/** `sip-acd bench kill`: the engine is killed again and again amid calls, and nothing is to be lost by it. */
import { rounded } from '../measure.js';
import { Scene, type SceneOptions } from './scene.js';

export interface KillOptions extends SceneOptions {
  kills: number;
}

export interface KillFigures {
  kills: number;
  calls: number;
  /** Answered calls that ended though nobody had hung up. */
  calls_lost: number;
  /** Callers who were answered, or left, without exactly the last CDR that their visit deserves. */
  cdrs_missing: number;
  cdrs_wrong: number;
  cdrs_double: number;
  /** Agents other than free or in wrapup when all is over. */
  agents_stuck: number;
  /** Callers who were not answered at all and did not leave. */
  calls_refused: number;
  violations: number;
  /** From the start of the process to its first answer, ms. */
  serving_p50_ms: number;
  serving_max_ms: number;
  /** Most callers there at a kill. */
  calls_at_once: number;
  duration_s: number;
}

const PAUSE_MIN_MS = 1_500;
const PAUSE_MAX_MS = 5_000;

/** Runs it. @throws BenchError when the engine does not come back */
export function benchKill(options: KillOptions, say: (text: string) => void): Promise<KillFigures> {
  return Scene.play(options, say, async (scene) => {
    const { children, crowd } = scene;
    let engine = await scene.open();
    const ports = { sip: engine.sip_port, mi: engine.mi_port };
    const began_ms = performance.now();
    const serving: number[] = [];
    let calls_at_once = 0;
    await scene.withCallers(ports.sip, async () => {
      for (let kill = 1; kill <= options.kills; kill++) {
        await children.pause(PAUSE_MIN_MS + Math.random() * (PAUSE_MAX_MS - PAUSE_MIN_MS));
        calls_at_once = Math.max(calls_at_once, crowd.present);
        await engine.kill();
        const killed_ms = performance.now();
        engine = await scene.start({ ports, log: `engine.${kill}.log` });
        const back_ms = performance.now() - killed_ms;
        serving.push(back_ms);
        say(
          `kill ${kill} of ${options.kills}: ${crowd.present} callers there, back after ${Math.round(back_ms)} ms`,
        );
      }
      await children.pause(PAUSE_MAX_MS);
    });
    const { agents_stuck, reckoning } = await scene.close(engine);
    serving.sort((a, b) => a - b);
    return {
      kills: options.kills,
      calls: crowd.calls,
      calls_lost: reckoning.lost,
      cdrs_missing: reckoning.missing,
      cdrs_wrong: reckoning.wrong,
      cdrs_double: reckoning.double,
      agents_stuck,
      calls_refused: reckoning.refused,
      violations: crowd.violations.length,
      serving_p50_ms: rounded(serving[serving.length >> 1] ?? 0),
      serving_max_ms: rounded(serving.at(-1) ?? 0),
      calls_at_once,
      duration_s: Math.round((performance.now() - began_ms) / 1000),
    };
  });
}

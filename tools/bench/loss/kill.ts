/** `sip-acd bench kill`: the engine is killed again and again amid calls, and nothing is to be lost by it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rounded } from '../measure.js';
import { BenchError, Children } from '../sip/children.js';
import { type BenchDatabase, prepareDatabase } from '../sip/database.js';
import { type EngineOptions, EngineProcess } from '../sip/engine.js';
import { Crowd } from './crowd.js';
import { reckon } from './reckon.js';

export interface KillOptions {
  kills: number;
  /** New calls a second. */
  rate: number;
  agents: number;
  /** Longest talk, s. */
  talk: number;
  db: string;
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
  /** Most calls that came back at once. */
  calls_at_once: number;
  duration_s: number;
}

const PAUSE_MIN_MS = 1_500;
const PAUSE_MAX_MS = 5_000;
const SETTLE_MS = 90_000;

/** Runs it. @throws {@link BenchError} when the engine does not come back */
export async function benchKill(options: KillOptions, say: (text: string) => void): Promise<KillFigures> {
  const folder = await mkdtemp(join(tmpdir(), 'sip-acd-kill-'));
  const children = new Children();
  const crowd = await Crowd.gather({
    agents: options.agents,
    talk_ms: options.talk * 1000,
    random: Math.random,
  });
  let database: BenchDatabase | undefined;
  try {
    database = await prepareDatabase(options.db, join(folder, 'data'));
    return await run(options, { folder, children, crowd, database, say });
  } finally {
    await children.close();
    await crowd.close();
    await database?.drop();
    if (process.env.BENCH_KEEP) say(folder);
    else await rm(folder, { recursive: true, force: true });
  }
}

interface Scene {
  folder: string;
  children: Children;
  crowd: Crowd;
  database: BenchDatabase;
  say: (text: string) => void;
}

async function run(options: KillOptions, scene: Scene): Promise<KillFigures> {
  const { crowd, children, database, folder, say } = scene;
  const { flow, agents } = crowd.provisioning();
  await database.seedBefore(flow, agents);
  const engineOptions: EngineOptions = {
    folder,
    data_dir: join(folder, 'data'),
    db_url: database.url,
    wrapup_s: 1,
    reject_on_no_agents: false,
  };
  let engine = await EngineProcess.start(children, engineOptions);
  if (await database.seedAfter(flow, agents)) await engine.mi('cc_reload');
  const ports = { sip: engine.sip_port, mi: engine.mi_port };
  const began_ms = performance.now();
  const serving: number[] = [];
  let calls_at_once = 0;

  const dialling = setInterval(() => crowd.dial(ports.sip), 1000 / options.rate);
  try {
    for (let kill = 1; kill <= options.kills; kill++) {
      await children.pause(PAUSE_MIN_MS + Math.random() * (PAUSE_MAX_MS - PAUSE_MIN_MS));
      calls_at_once = Math.max(calls_at_once, crowd.present);
      await engine.kill();
      const killed_ms = performance.now();
      engine = await EngineProcess.start(children, { ...engineOptions, ports, log: `engine.${kill}.log` });
      serving.push(performance.now() - killed_ms);
      say(
        `killed ${kill} of ${options.kills} with ${crowd.present} callers there, back after ${rounded(serving.at(-1) as number)} ms`,
      );
    }
    await children.pause(PAUSE_MAX_MS);
  } finally {
    clearInterval(dialling);
  }
  const gone = await children.until(() => crowd.present === 0, SETTLE_MS);
  if (!gone) for (const line of crowd.stragglers.slice(0, 10)) say(line);
  let agents_stuck = options.agents;
  await children.until(async () => {
    const free = await engine.census('free');
    const wrapup = await engine.census('wrapup');
    agents_stuck = options.agents - free.agents - wrapup.agents;
    return agents_stuck === 0 && free.calls === 0;
  }, SETTLE_MS);
  const code = await engine.stop();
  if (code !== 0) throw new BenchError(`the engine ended with code ${code}: ${engine.child.tail()}`);
  const reckoning = reckon(crowd.visits, await database.cdrs());
  for (const line of [
    ...reckoning.remarks.slice(0, 10),
    ...crowd.violations.slice(0, 5),
    ...crowd.remarks.slice(0, 5),
  ])
    say(line);
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
}

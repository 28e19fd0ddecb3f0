/** What the measurements of loss have in common: a folder, a database, a crowd, and an engine amid them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BenchError, Children } from '../sip/children.js';
import { type BenchDatabase, prepareDatabase } from '../sip/database.js';
import { type EngineOptions, EngineProcess } from '../sip/engine.js';
import { Crowd } from './crowd.js';
import { type CdrSeen, type Reckoning, reckon } from './reckon.js';

export interface SceneOptions {
  /** New calls a second. */
  rate: number;
  agents: number;
  /** Longest talk, s. */
  talk: number;
  /** `embedded`, or the URL of a PostgreSQL server. */
  db: string;
}

/** Beyond the longest talk. */
const SETTLE_MS = 50_000;
const REMARKS = 10;

export class Scene {
  private constructor(
    private readonly options: SceneOptions,
    private readonly folder: string,
    readonly children: Children,
    readonly crowd: Crowd,
    readonly database: BenchDatabase,
    readonly say: (text: string) => void,
  ) {}

  /** Sets the scene, plays `act` on it, and clears it whatever happens. */
  static async play<T>(
    options: SceneOptions,
    say: (text: string) => void,
    act: (scene: Scene) => Promise<T>,
  ): Promise<T> {
    const folder = await mkdtemp(join(tmpdir(), 'sip-acd-loss-'));
    const children = new Children();
    const { agents, talk } = options;
    const crowd = await Crowd.gather({ agents, talk_ms: talk * 1000, random: Math.random });
    let database: BenchDatabase | undefined;
    try {
      database = await prepareDatabase(options.db, join(folder, 'data'));
      return await act(new Scene(options, folder, children, crowd, database, say));
    } finally {
      await children.close();
      await crowd.close();
      await database?.drop();
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** Starts the engine for the first time, with its flow and agents. */
  async open(changes: Partial<EngineOptions> = {}): Promise<EngineProcess> {
    const { flow, agents } = this.crowd.provisioning();
    await this.database.seedBefore(flow, agents);
    const engine = await this.start(changes);
    if (await this.database.seedAfter(flow, agents)) await engine.mi('cc_reload');
    return engine;
  }

  start(changes: Partial<EngineOptions> = {}): Promise<EngineProcess> {
    const { children, folder, database } = this;
    return EngineProcess.start(children, {
      folder,
      data_dir: join(folder, 'data'),
      db_url: database.url,
      wrapup_s: 1,
      reject_on_no_agents: false,
      ...changes,
    });
  }

  /** Callers come at the rate while `work` is done. */
  async withCallers<T>(port: number, work: () => Promise<T>): Promise<T> {
    const dialling = setInterval(() => this.crowd.dial(port), 1000 / this.options.rate);
    try {
      return await work();
    } finally {
      clearInterval(dialling);
    }
  }

  /**
   * Waits until all is over, stops the engine, and holds what callers saw against the CDRs.
   * @returns with the CDRs, for who wants to look closer
   */
  async close(
    engine: EngineProcess,
  ): Promise<{ agents_stuck: number; reckoning: Reckoning; cdrs: CdrSeen[] }> {
    const { children, crowd, options, say } = this;
    const settle_ms = options.talk * 1000 + SETTLE_MS;
    if (!(await children.until(() => crowd.present === 0, settle_ms))) {
      for (const line of crowd.stragglers.slice(0, REMARKS)) say(line);
      say(`calls in the engine: ${JSON.stringify(await engine.mi('cc_list_calls'))}`);
    }
    let agents_stuck = options.agents;
    await children.until(async () => {
      const free = await engine.census('free');
      const wrapup = await engine.census('wrapup');
      agents_stuck = options.agents - free.agents - wrapup.agents;
      return agents_stuck === 0 && free.calls === 0;
    }, settle_ms);
    const code = await engine.stop();
    if (code !== 0) throw new BenchError(`the engine ended with code ${code}: ${engine.child.tail()}`);
    const cdrs = await this.database.cdrs();
    const reckoning = reckon(crowd.visits, cdrs);
    for (const lines of [reckoning.remarks, crowd.violations, crowd.remarks])
      for (const line of lines.slice(0, REMARKS)) say(line);
    return { agents_stuck, reckoning, cdrs };
  }
}

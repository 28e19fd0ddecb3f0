/** Starts the engine in this process, for the demo and the tests. */
import type { Config } from '../workers/config.js';

export interface Engine {
  /** Drains and ends the engine; what it has to write is in the database then. */
  stop(): Promise<void>;
  /** Resolves when the engine has ended, rejects when it ended by a failure. */
  readonly finished: Promise<void>;
  readonly mi_address: { host: string; port: number };
}

const SUPERVISOR: string = '../workers/supervisor.js';

/** Rejects with an error of one line when the engine cannot start. */
export async function startEngine(config: Config): Promise<Engine> {
  const supervisor = (await import(SUPERVISOR)) as { startEngine(config: Config): Promise<Engine> };
  return supervisor.startEngine(config);
}

/** Runs a simulation and says what came of it. */
import type { SimOptions } from './options.js';
import { World } from './world.js';

export interface SimResult {
  seed: number;
  calls: number;
  steps: number;
  violations: number;
  virtual_seconds: number;
  wall_seconds: number;
  trace_hash: string;
}

export interface SimFailure {
  step: number;
  check: string;
  last: string[];
}

/** Runs one seed. A check that fails is a result, with what led to it. */
export async function simulate(
  options: SimOptions,
  clock_ms: () => number,
): Promise<{ result: SimResult; failure: SimFailure | undefined }> {
  const began_ms = clock_ms();
  const world = new World(options);
  let failure: SimFailure | undefined;
  try {
    await world.run();
  } catch (error) {
    // Whatever is thrown in here, by a check or by the engine, is what the simulation is to find.
    const check = error instanceof Error ? (error.stack ?? error.message) : String(error);
    failure = { step: world.steps, check, last: world.trace.last() };
  }
  const result = {
    seed: options.seed,
    calls: options.calls,
    steps: world.steps,
    violations: failure === undefined ? 0 : 1,
    virtual_seconds: Math.round(world.virtual_seconds * 1000) / 1000,
    wall_seconds: Math.round((clock_ms() - began_ms) / 10) / 100,
    trace_hash: world.trace.digest(),
  };
  return { result, failure };
}

/** The highest rate without a failed call: doubling until one fails, then halving the gap. */
import { BenchError } from './children.js';
import { benchLoad, type LoadFigures, type LoadOptions } from './load.js';

const STEP_S = 10;
const STEP_WARMUP_S = 10;
const MAX_STEPS = 16;
const MAX_RATE = 20_000;
/** The answer is no nearer than this. */
const PRECISION = 1.08;
/** A generator or an engine that falls behind the rate has not carried it. */
const ACHIEVED = 0.9;

/**
 * Searches from `options.rate` on.
 * @returns the figures of the highest rate that went well; of the lowest one tried when none did
 */
export async function searchRate(options: LoadOptions, say: (text: string) => void): Promise<LoadFigures> {
  let best: LoadFigures | undefined;
  let lowest: LoadFigures | undefined;
  let good = 0;
  let bad = Number.POSITIVE_INFINITY;
  let rate = options.rate;
  for (let step = 0; step < MAX_STEPS && rate <= MAX_RATE; step++) {
    const figures = await oneStep({ ...options, rate, duration: STEP_S, warmup: STEP_WARMUP_S }, say);
    if (figures !== undefined && carried(figures)) {
      best = figures;
      good = rate;
    } else {
      lowest = figures ?? lowest;
      bad = rate;
    }
    rate = next(good, bad);
    if (rate < 1 || bad / Math.max(good, 1) < PRECISION || rate === good) break;
  }
  const found = best ?? lowest;
  if (found === undefined) throw new BenchError('no rate could be carried');
  return found;
}

async function oneStep(options: LoadOptions, say: (text: string) => void): Promise<LoadFigures | undefined> {
  try {
    const figures = await benchLoad(options, say);
    say(
      `${options.rate} calls/s: ${figures.failed} of ${figures.calls} failed, ${figures.calls_per_second} calls/s achieved`,
    );
    return figures;
  } catch (error) {
    if (!(error instanceof BenchError) || error.message.startsWith('interrupted')) throw error;
    say(`${options.rate} calls/s: ${error.message}`);
    return undefined;
  }
}

function carried(figures: LoadFigures): boolean {
  return figures.failed === 0 && figures.calls_per_second >= figures.rate * ACHIEVED;
}

function next(good: number, bad: number): number {
  if (bad === Number.POSITIVE_INFINITY) return good * 2;
  return Math.floor((good + bad) / 2);
}

/** Plays recovered calls until they are back; one that fails twice is left out. */
import type { B2bua } from '../../core/sip/b2bua.js';
import { type ReplayEnvironment, ReplayError, replay } from '../../core/sip/replay.js';
import { TimerWheel } from '../../core/timers.js';
import { now_ms } from '../turn.js';
import type { RecoveredCalls } from './recover-calls.js';
import type { JournalOptions } from './writer.js';

const TRIES = 2;

interface Stage {
  env: ReplayEnvironment;
  b2bua: B2bua;
}

/** The stage after all was played, the calls that were, and those of them that are over by now. */
export type PlayedCalls = Stage & { calls: Set<string>; over: string[] };

/**
 * @param make sets up an empty stage on that timer wheel, as often as it takes
 * @returns the stage, its time that of the last input
 */
export function playAgain(
  { inputs, calls }: RecoveredCalls,
  make: (timers: TimerWheel) => Stage,
  log: JournalOptions['log'],
): PlayedCalls {
  const failures = new Map<string, number>();
  const good = new Set(calls);
  for (;;) {
    const stage = make(new TimerWheel(inputs[0]?.at_ms ?? now_ms()));
    try {
      const wanted = inputs.filter((input) => {
        if (input.kind === 'unreachable') return true;
        return good.has(input.kind === 'started' ? input.start.id : input.call);
      });
      replay(stage.b2bua, stage.env, wanted);
      return { ...stage, calls: good, over: [...good].filter((call) => !stage.b2bua.remembers(call)) };
    } catch (error) {
      if (!(error instanceof ReplayError) || !good.has(error.call)) throw error;
      const count = (failures.get(error.call) ?? 0) + 1;
      failures.set(error.call, count);
      if (count < TRIES) continue;
      good.delete(error.call);
      log('error', `a call cannot be brought back and ends: ${error.message}`, { call: error.call });
    }
  }
}

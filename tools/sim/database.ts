/**
 * A simulated database: the tables that the store writes, each batch with its sequence in one transaction. It takes
 * its time, goes away for a while, and may die after it has written and before anybody has heard.
 */
import type { CdrRecord } from '../../core/acd/records.js';
import type { TimerWheel } from '../../core/timers.js';
import type { LaneDatabase } from '../../sql/lane.js';
import type { Dice } from './dice.js';

const SLOWEST_MS = 40;
/** A statement that meets a lock, in per cent of them, waits up to so long. */
const LOCKED = 0.5;
const LONGEST_LOCK_MS = 4_000;
/** Per cent of statements that were carried out of whose success nobody hears. */
const UNHEARD = 1;
const SHORTEST_AWAY_MS = 500;
const LONGEST_AWAY_MS = 40_000;
const LONGEST_THERE_MS = 120_000;

export const WRITERS = ['cc_cdrs', 'cc_calls', 'cc_agents'] as const;
export type WriterName = (typeof WRITERS)[number];

/** The handle: what can be done in a transaction. */
export class Tables {
  readonly applied: Record<WriterName, number> = { cc_cdrs: 0, cc_calls: 0, cc_agents: 0 };
  /** Rows with the numbers of their records, in the order in which they were written. */
  readonly cdrs: { sequence: number; record: CdrRecord }[] = [];
  /** By call, the number of the record that its row has last been made from. */
  readonly calls = new Map<string, number>();
  /** Ends of the agents' wrapups, ms. */
  readonly wrapups = new Map<string, number>();

  /** Nothing is done where the last sequence is not `after`. @returns the last sequence then */
  write(writer: WriterName, after: number, sequence: number, rows: () => void): number {
    const { applied } = this;
    // Before its first row a writer has none in acd_applied, and any is inserted.
    if (applied[writer] === after || applied[writer] === 0) {
      applied[writer] = sequence;
      rows();
    }
    return applied[writer];
  }
}

/** As the client's: it has a code. */
class Unreachable extends Error {
  readonly code = 'ECONNREFUSED';
}

export class SimDatabase {
  readonly tables = new Tables();
  private away = false;

  constructor(
    private readonly timers: TimerWheel,
    private readonly dice: Dice,
    private readonly note: (text: string) => void,
    /** Whether more is to happen in the simulation. */
    private readonly goesOn: () => boolean,
    fails: boolean,
  ) {
    if (fails) this.goAwayLater();
  }

  private goAwayLater(): void {
    const { dice, timers } = this;
    timers.set(dice.between(SHORTEST_AWAY_MS, LONGEST_THERE_MS), () => {
      if (!this.goesOn()) return;
      this.away = true;
      this.note('is away');
      timers.set(dice.between(SHORTEST_AWAY_MS, LONGEST_AWAY_MS), () => {
        this.away = false;
        this.note('is back');
        this.goAwayLater();
      });
    });
  }

  /**
   * What a client of it, a process, has.
   * @param hears whether the process lives
   * @param stirred told after an answer has come
   * @param broken told of what goes wrong in a statement of which nobody hears
   */
  client(hears: () => boolean, stirred: () => void, broken: (error: unknown) => void): LaneDatabase<Tables> {
    return {
      key: 'db_url',
      place: 'the simulation',
      run: (work) =>
        new Promise((resolve, reject) => {
          const answer = (act: () => void): void => {
            if (!hears()) return;
            act();
            stirred();
          };
          const failed = (): void => answer(() => reject(new Unreachable('the database is away')));
          this.timers.set(this.takes_ms(), () => {
            if (this.away) return failed();
            if (this.dice.chance(UNHEARD)) {
              // Carried out before the connection broke, or after that.
              if (this.dice.chance(50)) work(this.tables).catch(broken);
              else this.timers.set(this.takes_ms(), () => work(this.tables).catch(broken));
              return failed();
            }
            const done = work(this.tables);
            answer(() => resolve(done));
          });
        }),
    };
  }

  private takes_ms(): number {
    const { dice } = this;
    return dice.between(1, dice.chance(LOCKED) ? LONGEST_LOCK_MS : SLOWEST_MS);
  }
}

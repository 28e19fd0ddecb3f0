/** What a simulation can be told to do differently. */
import type { StoreRecord } from '../../core/acd/records.js';
import type { Decision, Report } from '../../core/messages.js';
import type { Dice } from './dice.js';

/** What becomes of a message on its way: itself, nothing, twice, another. */
export interface Plant {
  record?: (record: StoreRecord) => StoreRecord[];
  report?: (report: Report) => Report[];
  decision?: (decision: Decision) => Decision[];
  /** Of the engine's datagrams. */
  sent?: (text: string) => string[];
}

export interface SimOptions {
  seed: number;
  calls: number;
  faults: 'all' | 'none';
  /** Gets the trace, line by line. */
  write?: (line: string) => void;
  /** Gets every message as it is sent. */
  datagram?: (text: string) => void;
  /** Makes a damaged copy of a datagram, which the engine gets besides: of one of five. `other` is another one. */
  damage?: (text: string, other: string, dice: Dice) => string;
  /** A bug, to see the checks fail. */
  plant?: Plant;
}

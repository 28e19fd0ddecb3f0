/** What a turn of the dispatcher produced: the shell drains it after each turn and clears it. */
import type { Decision } from '../messages.js';
import type { AgentEvent, CallEvent } from './commands.js';
import type { StoreRecord } from './records.js';

/** A decision and the worker that owns its call. */
export interface AddressedDecision {
  worker: number;
  decision: Decision;
}

export class Outbox {
  /** For the workers, in order. */
  readonly decisions: AddressedDecision[] = [];
  /** For the store, in order. */
  readonly records: StoreRecord[] = [];
  /** For subscribers, in order within each list: what agents do, and what calls do. */
  readonly events: AgentEvent[] = [];
  readonly call_events: CallEvent[] = [];
  /** Numbers of rows whose view has changed; a row that is empty now has no view any more. */
  readonly agents = new Set<number>();
  readonly flows = new Set<number>();
  readonly skills = new Set<number>();
  readonly calls = new Set<number>();
  /** Whether the engine's row has changed. */
  engineChanged = false;

  /** Whether there is anything to drain. */
  get empty(): boolean {
    return (
      this.decisions.length === 0 &&
      this.records.length === 0 &&
      this.events.length === 0 &&
      this.call_events.length === 0 &&
      this.agents.size === 0 &&
      this.flows.size === 0 &&
      this.skills.size === 0 &&
      this.calls.size === 0 &&
      !this.engineChanged
    );
  }

  clear(): void {
    this.decisions.length = 0;
    this.records.length = 0;
    this.events.length = 0;
    this.call_events.length = 0;
    // A set that is cleared gets a new table, also where it was empty.
    for (const rows of [this.agents, this.flows, this.skills, this.calls]) if (rows.size > 0) rows.clear();
    this.engineChanged = false;
  }
}

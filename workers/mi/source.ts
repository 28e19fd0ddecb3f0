/**
 * What management needs of the engine: a view to read rows from, and someone to ask for changes.
 *
 * The view is a copy taken row by row while the dispatcher goes on, so rows read one after the other
 * need not fit each other: a flow that a call names may be unknown by the time it is looked up.
 */
import type { Command, CommandResult } from '../../core/acd/commands.js';
import type { AgentRow, CallRow, EngineRow, FlowRow, SkillRow } from '../../core/acd/view.js';

export interface EngineView {
  agents(): Iterable<AgentRow>;
  flows(): Iterable<FlowRow>;
  calls(): Iterable<CallRow>;
  /** By row number, as in FlowRow.skill. */
  skill(row: number): SkillRow | undefined;
  /** By row number, as in CallRow.flow. */
  flow(row: number): FlowRow | undefined;
  /** By row number, as in CallRow.agent. */
  agent(row: number): AgentRow | undefined;
  engine(): EngineRow;
  /** Ms since the epoch, the clock that the rows' times are of. */
  now_ms(): number;
}

/** Both settle when the dispatcher has answered and its rows show the change; they reject when it cannot. */
export interface EngineControl {
  /** Loads flows and agents from the database again. */
  reload(): Promise<CommandResult>;
  command(command: Command): Promise<CommandResult>;
}

/** Management: logs agents in and out, reloads, dispatches by hand, ends calls, and serves who still waits at the end. */
import type { Command } from '../../core/acd/commands.js';
import type { Provisioning } from '../../core/acd/provisioning.js';
import type { TimerWheel } from '../../core/timers.js';
import { drawProvisioning } from './centre.js';
import type { Dice } from './dice.js';

export interface DeskWorld {
  readonly timers: TimerWheel;
  command(command: Command): void;
  /** Whether there is an engine that could be told. */
  alive(): boolean;
  /** Whether more callers are to come. */
  goesOn(): boolean;
  /** Ids of the calls that there are. */
  calls(): Iterable<string>;
}

export class Desk {
  private provisioning: Provisioning;

  constructor(
    private readonly around: DeskWorld,
    private readonly desk: Dice,
    /** How many agents there are. */
    private readonly agents: number,
  ) {
    this.provisioning = drawProvisioning(desk, agents, undefined);
  }

  /** The first thing that the engine is told. */
  load(): void {
    this.command({ kind: 'load', provisioning: this.provisioning });
  }

  manageLater(): void {
    this.around.timers.set(this.desk.between(100, 4_000), () => {
      if (this.around.alive()) {
        if (!this.around.goesOn()) return this.closeDesk();
        this.manage();
      }
      this.manageLater();
    });
  }

  private manage(): void {
    const { desk } = this;
    const roll = desk.between(1, 100);
    const agent_id = `a${desk.between(1, this.agents)}`;
    if (roll <= 70) this.command({ kind: 'agent_login', agent_id, logged_in: desk.chance(75) });
    else if (roll <= 80) {
      this.provisioning = drawProvisioning(desk, this.agents, this.provisioning);
      this.command({ kind: 'load', provisioning: this.provisioning });
    } else if (roll <= 82) this.command({ kind: 'release_agent', agent_id });
    else if (roll <= 84) {
      const calls = [...this.around.calls()];
      if (calls.length > 0) this.command({ kind: 'end_call', call: desk.pick(calls) });
    } else if (roll <= 87) this.command({ kind: 'internal_dispatching', on: desk.chance(40) });
    else if (roll <= 95) this.command({ kind: 'internal_dispatching', on: true });
    else if (roll <= 99) {
      const [call] = this.around.calls();
      if (call !== undefined) this.command({ kind: 'dispatch', call, agent_id });
    } else this.command({ kind: 'reset_stats' });
  }

  /** So that whoever still waits is served: calls are dispatched, and everybody is there. */
  private closeDesk(): void {
    this.command({ kind: 'internal_dispatching', on: true });
    this.command({ kind: 'load', provisioning: drawProvisioning(this.desk, this.agents, undefined) });
    for (let n = 1; n <= this.agents; n++)
      this.command({ kind: 'agent_login', agent_id: `a${n}`, logged_in: true });
  }

  private command(command: Command): void {
    this.around.command(command);
  }
}

/** Agents in this process, each at a socket of his own, who note how long they waited for their next call. */

import { Agent } from '../../endpoints/agent.js';
import { Endpoint } from '../../endpoints/endpoint.js';
import { EventLog, type LogEntry } from '../../endpoints/log.js';
import type { AgentSeed } from '../../provision.js';

/** From the answer to the agent's BYE; one who hangs up within a second has refused the call. */
export const TALK_MS = 1_100;

/** Notes each pair of a BYE sent and the INVITE that follows at the same socket; keeps nothing else. */
class GapLog extends EventLog {
  private bye_ms: number | undefined;

  constructor(private readonly gaps_ms: number[]) {
    super();
  }

  override add(entry: LogEntry): void {
    if (entry.status !== 0 || entry.again) return;
    if (entry.what === 'sent' && entry.method === 'BYE') this.bye_ms = entry.at_ms;
    else if (entry.what === 'received' && entry.method === 'INVITE' && this.bye_ms !== undefined) {
      this.gaps_ms.push(entry.at_ms - this.bye_ms);
      this.bye_ms = undefined;
    }
  }
}

export class Desks {
  private constructor(
    private readonly endpoints: readonly Endpoint[],
    private readonly agents: readonly Agent[],
    private readonly gaps_ms: number[],
  ) {}

  /** Opens so many, each on a free port. */
  static async open(count: number): Promise<Desks> {
    const gaps_ms: number[] = [];
    const endpoints: Endpoint[] = [];
    try {
      for (let index = 0; index < count; index++)
        endpoints.push(await Endpoint.open({ name: `desk${index}`, log: new GapLog(gaps_ms) }));
    } catch (error) {
      for (const endpoint of endpoints) await endpoint.close();
      throw error;
    }
    const temper = { answer_after_ms: 0, hangup_after_ms: TALK_MS };
    const agents = endpoints.map((endpoint, index) => new Agent(endpoint, `agent${index}`, temper));
    return new Desks(endpoints, agents, gaps_ms);
  }

  /** Their rows: logged in. */
  seeds(skill: string): AgentSeed[] {
    return this.agents.map((agent) => ({
      agentid: agent.name,
      location: agent.uri,
      skills: skill,
      logstate: 1,
    }));
  }

  /** Forgets what was measured so far. */
  forget(): void {
    this.gaps_ms.length = 0;
  }

  /** From each BYE to the next INVITE, ms, in order of size. */
  sortedGaps_ms(): number[] {
    return [...this.gaps_ms].sort((a, b) => a - b);
  }

  async close(): Promise<void> {
    for (const endpoint of this.endpoints) await endpoint.close();
  }
}

/** The dispatcher's journal in memory: what workers/journal/acd-journal.ts writes of each turn, the latest value counting. */
import type { Dispatcher } from '../../core/acd/dispatcher.js';
import {
  type AgentMemory,
  agentMemory,
  type CallMemory,
  callMemory,
  flowMemory,
  type Memory,
  provisioningMemory,
} from '../../core/acd/memory.js';

export class SimAcdJournal {
  private readonly agents = new Map<string, AgentMemory>();
  private readonly calls = new Map<string, CallMemory>();
  private provisioning: Memory['provisioning'] = { flows: [], agents: [] };

  /** Management has loaded flows and agents. */
  loaded({ acd }: Dispatcher): void {
    this.provisioning = provisioningMemory(acd);
  }

  /** What a turn has changed, as the outbox says. */
  turned({ acd, out }: Dispatcher): void {
    for (const row of out.calls) {
      const call = acd.call_rows.get(row);
      if (call !== undefined) this.calls.set(call.id, callMemory(call));
    }
    for (const row of out.agents) {
      const agent = acd.agent_rows.get(row);
      if (agent !== undefined) this.agents.set(agent.config.id, agentMemory(agent));
    }
    for (const record of out.records) if (record.kind === 'call_gone') this.calls.delete(record.call);
  }

  /** What another dispatcher recovers. Counters, which the engine journals once a second, are those of the last turn. */
  recover(died: Dispatcher): Memory {
    const memory: Memory = {
      provisioning: this.provisioning,
      engine: died.engineMemory(),
      agents: [...this.agents.values()],
      flows: [...died.acd.flows.values()].map(flowMemory),
      calls: [...this.calls.values()],
      ended: [],
    };
    return JSON.parse(JSON.stringify(memory)) as Memory;
  }
}

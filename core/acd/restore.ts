/**
 * The dispatcher's state from what it remembers, after a restart; and the calls that come back, one by one, as
 * the workers that have them say so.
 */
import { assert } from '../assert.js';
import { Agent } from './agent.js';
import type { AgentDesk } from './agent-desk.js';
import { Call } from './call.js';
import { Flow } from './flow.js';
import type { CallMemory, Memory } from './memory.js';
import type { AcdState } from './state.js';
import { locationHosts } from './transfers.js';

/** Fills an empty state. The calls are dormant: counted and known, but not in the queue before they are resumed. */
export function restore(acd: AcdState, desk: AgentDesk, memory: Memory): void {
  assert(acd.flows.size === 0 && acd.agents.size === 0, 'what is restored starts empty');
  const { engine, provisioning } = memory;
  acd.internal_dispatching = engine.internal_dispatching;
  Object.assign(acd.statistics.engine, engine.counters);
  acd.out.engineChanged = true;
  const flows_in_use = new Set(memory.calls.map(({ flow }) => flow));
  // One whom a call remembers only for having refused it may have left long ago.
  const agents_in_use = new Set(memory.calls.map(({ agent }) => agent));
  for (const { config, removed } of provisioning.flows) {
    if (removed && !flows_in_use.has(config.id)) continue;
    const skill = acd.useSkill(config.skill);
    const flow = acd.flow_rows.add((row) => new Flow(row, config, skill));
    flow.removed = removed;
    acd.flows.set(config.id, flow);
    acd.out.flows.add(flow.row);
  }
  for (const { id, ...values } of memory.flows) {
    const flow = acd.flows.get(id);
    if (flow !== undefined) Object.assign(flow, values);
  }
  acd.location_hosts = locationHosts(provisioning.agents.map(({ config }) => config));
  const agent_values = new Map(memory.agents.map(({ id, ...values }) => [id, values]));
  for (const { config, removed } of provisioning.agents) {
    if (removed && !agents_in_use.has(config.id)) continue;
    const agent = acd.agent_rows.add((row) => new Agent(row, config));
    agent.removed = removed;
    agent.skills = config.skills.map((name) => acd.useSkill(name));
    acd.agents.set(config.id, agent);
    Object.assign(agent, agent_values.get(config.id));
    desk.recalled(agent);
    acd.sequenceUsed(Math.max(agent.idle_since, agent.last_chat));
  }
  for (const call of memory.calls) restoreCall(acd, call);
}

function restoreCall(acd: AcdState, memory: CallMemory): void {
  const { flow: flow_id, agent: agent_id, refusers: refuser_ids, ...values } = memory;
  const flow = acd.flows.get(flow_id);
  assert(flow !== undefined, 'a flow lives as long as its calls');
  const call = acd.call_rows.add((row) => new Call(row, { ...values, flow }));
  Object.assign(call, values);
  call.agent = acd.agents.get(agent_id) ?? null;
  assert(call.agent !== null || agent_id === '', 'an agent lives as long as his calls');
  const refusers = refuser_ids.flatMap((id) => acd.agents.get(id) ?? []);
  call.refusers = refusers.length > 0 ? refusers : null;
  acd.calls.set(call.id, call);
  acd.statistics.callMoves(call, 'ended', call.state);
  acd.sequenceUsed(call.order_sequence);
  acd.dormant.add(call);
  acd.out.calls.add(call.row);
  acd.recordLater(call);
}

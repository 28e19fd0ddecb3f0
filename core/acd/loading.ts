/**
 * Flows and agents from provisioning: the first load and every reload. What is new comes, what is gone
 * leaves with its last call, what stays keeps its counters, and its login unless logstate changed.
 */
import { Agent } from './agent.js';
import type { AgentDesk } from './agent-desk.js';
import type { Call } from './call.js';
import type { Calls } from './calls.js';
import { Flow } from './flow.js';
import type { AgentConfig, FlowConfig, Provisioning } from './provisioning.js';
import { dequeue, enqueue } from './queue.js';
import type { AcdState } from './state.js';
import { locationHosts } from './transfers.js';

/** Makes the state follow what is provisioned. Matching is due afterwards: anything may fit anything. */
export function load(acd: AcdState, calls: Calls, desk: AgentDesk, provisioning: Provisioning): void {
  loadFlows(acd, calls, provisioning.flows);
  loadAgents(acd, desk, provisioning.agents);
  acd.location_hosts = locationHosts(provisioning.agents);
}

function loadFlows(acd: AcdState, calls: Calls, configs: FlowConfig[]): void {
  const wanted = new Map(configs.map((config) => [config.id, config]));
  for (const flow of acd.flows.values()) {
    if (wanted.has(flow.config.id)) continue;
    flow.removed = true;
    acd.out.flows.add(flow.row);
    acd.forgetFlowWhenIdle(flow);
  }
  const { moving, rearmed } = waitingCallsConcerned(acd, wanted);
  // Calls leave the queues that their flows' old skills and priorities put them in ...
  for (const call of moving) dequeue(call);
  for (const config of wanted.values()) {
    const flow = acd.flows.get(config.id);
    if (flow === undefined) addFlow(acd, config);
    else changeFlow(acd, flow, config);
  }
  // ... and enter those of the new ones.
  for (const call of moving) {
    enqueue(call);
    acd.out.calls.add(call.row);
  }
  for (const call of rearmed) calls.armOnhold(call);
}

/** Waiting calls whose place in the queue, and those whose deadline in it, follow from what changes in their flows. */
function waitingCallsConcerned(
  acd: AcdState,
  wanted: ReadonlyMap<string, FlowConfig>,
): { moving: Call[]; rearmed: Call[] } {
  const reordered = new Set<Flow>();
  const redated = new Set<Flow>();
  for (const flow of acd.flows.values()) {
    const before = flow.config;
    const after = wanted.get(before.id);
    if (after === undefined) continue;
    if (after.skill !== before.skill || after.priority !== before.priority) reordered.add(flow);
    if (
      after.dissuading_onhold_s !== before.dissuading_onhold_s ||
      (after.message_dissuading === '') !== (before.message_dissuading === '')
    )
      redated.add(flow);
  }
  const moving: Call[] = [];
  const rearmed: Call[] = [];
  if (reordered.size + redated.size > 0) {
    for (const call of acd.calls.values()) {
      // What is dormant is in no queue yet, and enters it as its flow is then.
      if (call.state !== 'queued' || acd.dormant.has(call)) continue;
      if (reordered.has(call.flow)) moving.push(call);
      if (redated.has(call.flow)) rearmed.push(call);
    }
  }
  return { moving, rearmed };
}

function addFlow(acd: AcdState, config: FlowConfig): void {
  const skill = acd.useSkill(config.skill);
  const flow = acd.flow_rows.add((row) => new Flow(row, config, skill));
  acd.flows.set(config.id, flow);
  acd.out.flows.add(flow.row);
}

function changeFlow(acd: AcdState, flow: Flow, config: FlowConfig): void {
  if (!flow.removed && sameFlow(flow.config, config)) return;
  const skill = acd.useSkill(config.skill);
  acd.leaveSkill(flow.skill);
  flow.skill = skill;
  flow.config = config;
  flow.removed = false;
  acd.out.flows.add(flow.row);
}

function loadAgents(acd: AcdState, desk: AgentDesk, configs: AgentConfig[]): void {
  const wanted = new Map(configs.map((config) => [config.id, config]));
  for (const agent of acd.agents.values()) {
    if (wanted.has(agent.config.id)) continue;
    desk.setLogin(agent, false);
    agent.removed = true;
    desk.forgetWhenIdle(agent);
  }
  for (const config of wanted.values()) {
    const agent = acd.agents.get(config.id);
    if (agent === undefined) addAgent(acd, desk, config);
    else changeAgent(acd, desk, agent, config);
  }
}

function addAgent(acd: AcdState, desk: AgentDesk, config: AgentConfig): void {
  const agent = acd.agent_rows.add((row) => new Agent(row, config));
  acd.agents.set(config.id, agent);
  acd.out.agents.add(agent.row);
  agent.skills = config.skills.map((name) => acd.useSkill(name));
  desk.resumeWrapup(agent);
  desk.setLogin(agent, config.logged_in);
}

function changeAgent(acd: AcdState, desk: AgentDesk, agent: Agent, config: AgentConfig): void {
  const before = agent.config;
  const returned = agent.removed;
  if (returned || !sameAgent(before, config)) reviseAgent(acd, desk, agent, config);
  agent.config = config;
  if (returned || config.logged_in !== before.logged_in) desk.setLogin(agent, config.logged_in);
}

/** What he is listed for and counted in may depend on all that has changed. */
function reviseAgent(acd: AcdState, desk: AgentDesk, agent: Agent, config: AgentConfig): void {
  desk.unlist(agent);
  acd.statistics.agentCounts(agent, -1);
  const left = agent.skills;
  agent.skills = config.skills.map((name) => acd.useSkill(name));
  for (const skill of left) acd.leaveSkill(skill);
  agent.config = config;
  agent.removed = false;
  acd.statistics.agentCounts(agent, 1);
  desk.list(agent);
  acd.out.agents.add(agent.row);
}

/** Reloads mostly find what they know: that costs a comparison, and holds up no call. */
function sameFlow(a: FlowConfig, b: FlowConfig): boolean {
  return (Object.keys(a) as (keyof FlowConfig)[]).every((key) => a[key] === b[key]);
}

/** Whether nothing has changed but what only a login looks at. */
function sameAgent(a: AgentConfig, b: AgentConfig): boolean {
  return (
    a.location === b.location &&
    a.msrp_location === b.msrp_location &&
    a.msrp_max_sessions === b.msrp_max_sessions &&
    a.wrapup_s === b.wrapup_s &&
    a.skills.length === b.skills.length &&
    a.skills.every((skill, index) => skill === b.skills[index])
  );
}

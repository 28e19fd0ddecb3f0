/** Agents, media servers and their flow, as a scenario of the load needs them. */
import type { AgentSeed, FlowSeed } from '../../provision.js';
import type { Children } from './children.js';
import { Desks, TALK_MS } from './desks.js';
import { Sipp } from './sipp.js';

export const SCENARIOS = ['direct', 'bridged', 'queue', 'reject'] as const;
export type Scenario = (typeof SCENARIOS)[number];

/** What the scenario's calls need. */
export interface CalleesOptions {
  scenario: Scenario;
  /** New calls a second. */
  rate: number;
  /** Left out, as many as the scenario needs. */
  agents?: number;
}

export const FLOW = 'bench';
export const WRAPUP_S = 1;
/** An agent is busy for 2 s a call, and there shall always be one free. */
const AGENTS_PER_RATE = 4;
const MIN_AGENTS = 100;
/** In scenario queue: of the agents that the load would need. */
const SHORT_OF_AGENTS = 0.8;
/** In scenario reject one agent of so many refuses. */
const REFUSING = 10;
/** Agents of a PostgreSQL insert: it takes at most 65,534 parameters. */
const MAX_AGENTS = 16_000;
/** What takes the calls, and counts what it refused. */
export interface Callees {
  flow: FlowSeed;
  agents: AgentSeed[];
  sipps: Sipp[];
  refusing: Sipp | undefined;
  desks: Desks | undefined;
}

/** Starts them, and waits until they can be called. */
export async function startCallees(
  children: Children,
  folder: string,
  options: CalleesOptions,
): Promise<Callees> {
  const { scenario } = options;
  const count = options.agents ?? agentsFor(options);
  const queue = await Sipp.callees(children, folder, 'agent', 'queue');
  const flow: FlowSeed = { flowid: FLOW, skill: FLOW, message_queue: queue.uri('queue') };
  if (scenario === 'queue') {
    const desks = await Desks.open(children, folder, count);
    return { flow, agents: desks.seeds(FLOW), sipps: [queue], refusing: undefined, desks };
  }
  const answering = await Sipp.callees(children, folder, 'agent');
  const sipps = [queue, answering];
  if (scenario === 'bridged') {
    const welcome = await Sipp.callees(children, folder, 'welcome');
    sipps.push(welcome);
    flow.message_welcome = welcome.uri('welcome');
  }
  const refusing = scenario === 'reject' ? await Sipp.callees(children, folder, 'agent-busy') : undefined;
  if (refusing) sipps.push(refusing);
  const agents = Array.from({ length: count }, (_, index): AgentSeed => {
    const at = refusing && index % REFUSING === REFUSING - 1 ? refusing : answering;
    const agentid = `agent${index}`;
    return { agentid, location: at.uri(agentid), skills: FLOW, logstate: 1 };
  });
  return { flow, agents, sipps, refusing, desks: undefined };
}

function agentsFor({ scenario, rate }: CalleesOptions): number {
  if (scenario === 'queue') return Math.max(1, Math.floor((rate * TALK_MS * SHORT_OF_AGENTS) / 1000));
  return Math.min(MAX_AGENTS, Math.max(MIN_AGENTS, rate * AGENTS_PER_RATE));
}

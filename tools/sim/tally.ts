/** Every statistic counted anew: from reports, events and CDRs, apart from the dispatcher's own books. */
import type { AgentEvent, CallEvent } from '../../core/acd/commands.js';
import type { Dispatcher } from '../../core/acd/dispatcher.js';
import type { AgentConfig, FlowConfig, Provisioning } from '../../core/acd/provisioning.js';
import type { CdrRecord } from '../../core/acd/records.js';
import type { CallState } from '../../core/acd/view.js';
import { Statistics } from '../../workers/mi/statistics.js';
import { must } from './violation.js';

/** Of the engine, of a flow or of an agent. */
class Counters {
  incalls = 0;
  dist_incalls = 0;
  answ_incalls = 0;
  answ_inchats = 0;
  aban_incalls = 0;
  rej_incalls = 0;
  wait_sum_s = 0;
  wait_count = 0;
  talk_sum_s = 0;
  talk_count = 0;
}

class Levels {
  onhold_calls = 0;
  onhold_chats = 0;
  queued_calls = 0;
  ongoing = 0;
}

const OF_ENGINE = [
  'incalls',
  'dist_incalls',
  'answ_incalls',
  'answ_inchats',
  'aban_incalls',
  'wait_sum_s',
  'wait_count',
] as const;
const OF_FLOW = [...OF_ENGINE, 'talk_sum_s', 'talk_count'] as const;
const OF_AGENT = [
  'dist_incalls',
  'answ_incalls',
  'answ_inchats',
  'aban_incalls',
  'rej_incalls',
  'talk_sum_s',
  'talk_count',
] as const;
const LEVELS = ['onhold_calls', 'onhold_chats', 'queued_calls', 'ongoing'] as const;

/** What the tally wants to know of a call. */
export interface Counted {
  readonly flow: string;
  readonly chat: boolean;
}

export class Tally {
  readonly flow_configs = new Map<string, FlowConfig>();
  readonly agent_configs = new Map<string, AgentConfig>();
  private engine = new Counters();
  private readonly flows = new Map<string, Counters>();
  private readonly agents = new Map<string, Counters>();
  private readonly levels = new Levels();
  private readonly flow_levels = new Map<string, Levels>();
  private readonly states = new Map<string, AgentEvent['state']>();
  private readonly statistics: Statistics;

  constructor(private dispatcher: Dispatcher) {
    this.statistics = new Statistics({
      agents: () => [...this.dispatcher.acd.agents.values()].map((agent) => agent.view()),
      flows: () => [...this.dispatcher.acd.flows.values()].map((flow) => flow.view()),
      calls: () => [],
      skill: (row) => this.dispatcher.skillRow(row),
      flow: (row) => this.dispatcher.flowRow(row),
      agent: (row) => this.dispatcher.agentRow(row),
      engine: () => this.dispatcher.engineRow(),
      now_ms: () => 0,
    });
  }

  goesOnWith(dispatcher: Dispatcher): void {
    this.dispatcher = dispatcher;
  }

  load({ flows, agents }: Provisioning): void {
    for (const flow of flows) this.flow_configs.set(flow.id, flow);
    for (const agent of agents) this.agent_configs.set(agent.id, agent);
  }

  reset(): void {
    this.engine = new Counters();
    this.flows.clear();
    this.agents.clear();
  }

  // What happens.

  arrived(flow: string): void {
    this.engine.incalls++;
    this.flow(flow).incalls++;
  }

  delivered(flow: string, agent: string): void {
    this.engine.dist_incalls++;
    this.flow(flow).dist_incalls++;
    this.agent(agent).dist_incalls++;
  }

  /** `again`: the call had been answered before, by one who hung up at once. */
  answered({ flow, chat }: Counted, agent: string, again: boolean): void {
    for (const counters of again ? [this.agent(agent)] : [this.agent(agent), this.flow(flow), this.engine]) {
      counters.answ_incalls++;
      if (chat) counters.answ_inchats++;
    }
  }

  abandoned(flow: string, agent: string): void {
    this.engine.aban_incalls++;
    this.flow(flow).aban_incalls++;
    if (agent !== '') this.agent(agent).aban_incalls++;
  }

  refused(agent: string): void {
    this.agent(agent).rej_incalls++;
  }

  /** A call's last CDR. */
  ended(cdr: CdrRecord): void {
    for (const counters of [this.engine, this.flow(cdr.flow_id)]) {
      counters.wait_sum_s += cdr.wait_s;
      counters.wait_count++;
    }
    if (cdr.call_type !== 0) return;
    for (const counters of [this.flow(cdr.flow_id), this.agent(cdr.agent_id)]) {
      counters.talk_sum_s += cdr.talk_s;
      counters.talk_count++;
    }
  }

  moved({ flow, chat }: Counted, from: CallState | '', to: CallState): void {
    let levels = this.flow_levels.get(flow);
    if (levels === undefined) this.flow_levels.set(flow, (levels = new Levels()));
    for (const counted of [this.levels, levels]) {
      counted.onhold_calls += onhold(to) - onhold(from);
      if (chat) counted.onhold_chats += onhold(to) - onhold(from);
      counted.queued_calls += Number(to === 'queued') - Number(from === 'queued');
      counted.ongoing += Number(to !== 'ended') - Number(from !== '');
    }
  }

  agentIs({ agent_id, state }: AgentEvent): void {
    this.states.set(agent_id, state);
  }

  /** A flow or an agent that is no longer there starts from 0 when it returns. */
  forgetGone(): void {
    const { acd } = this.dispatcher;
    for (const id of this.flows.keys()) if (!acd.flows.has(id)) this.flows.delete(id);
    for (const id of this.agents.keys()) if (!acd.agents.has(id)) this.agents.delete(id);
  }

  // Held against the dispatcher's books.

  checkEngine(): void {
    const { engine } = this.dispatcher.acd.statistics;
    for (const name of OF_ENGINE) must(engine[name] === this.engine[name], `${name}, counted over the trace`);
    must(engine.onhold_calls === this.levels.onhold_calls, 'calls on hold, counted over the trace');
    must(engine.onhold_chats === this.levels.onhold_chats, 'chats on hold, counted over the trace');
  }

  /** Flows and agents too, and every statistic by the name that it has on the wire. */
  checkEverything(): void {
    const { acd } = this.dispatcher;
    const wire = new Map<string, number>();
    for (const { name, value } of this.statistics.find(['all'])) wire.set(name, value);
    const shown = (name: string, value: number): void => {
      must(wire.get(name) === value, `${name} is ${value}, counted over the trace`);
      wire.delete(name);
    };
    for (const flow of acd.flows.values()) this.checkFlow(flow.config.id, flow, shown);
    for (const agent of acd.agents.values()) this.checkAgent(agent.config.id, agent, shown);
    this.checkWire(shown);
    must(wire.size === 0, `every statistic is counted: ${[...wire.keys()].join(' ')}`);
  }

  private checkFlow(
    id: string,
    flow: Counters | Record<(typeof OF_FLOW)[number] | (typeof LEVELS)[number], number>,
    shown: (name: string, value: number) => void,
  ): void {
    const own = this.flows.get(id) ?? new Counters();
    const levels = this.flow_levels.get(id) ?? new Levels();
    const row = flow as Record<string, number>;
    for (const name of OF_FLOW)
      must(row[name] === own[name], `${name} of flow ${id}, counted over the trace`);
    for (const name of LEVELS)
      must(row[name] === levels[name], `${name} of flow ${id}, counted over the trace`);
    const { online, free } = this.staff(this.flow_configs.get(id)?.skill);
    const talk_s = own.talk_count === 0 ? 0 : own.talk_sum_s / own.talk_count;
    shown(`ccf_incalls-${id}`, own.incalls);
    shown(`ccf_dist_incalls-${id}`, own.dist_incalls);
    shown(`ccf_answ_incalls-${id}`, own.answ_incalls);
    shown(`ccf_answ_inchats-${id}`, own.answ_inchats);
    shown(`ccf_aban_incalls-${id}`, own.aban_incalls);
    shown(`ccf_onhold_calls-${id}`, levels.onhold_calls);
    shown(`ccf_onhold_chats-${id}`, levels.onhold_chats);
    shown(`ccf_queued_calls-${id}`, levels.queued_calls);
    shown(`ccf_etw-${id}`, online === 0 ? 0 : Math.floor((talk_s * levels.queued_calls) / online));
    shown(`ccf_awt-${id}`, mean(own.wait_sum_s, own.wait_count));
    shown(`ccf_load-${id}`, load(levels.onhold_calls, online, free));
    shown(`ccf_free_agents-${id}`, free);
  }

  private checkAgent(
    id: string,
    agent: Record<(typeof OF_AGENT)[number], number>,
    shown: (name: string, value: number) => void,
  ): void {
    const own = this.agents.get(id) ?? new Counters();
    for (const name of OF_AGENT)
      must(agent[name] === own[name], `${name} of agent ${id}, counted over the trace`);
    shown(`cca_dist_incalls-${id}`, own.dist_incalls);
    shown(`cca_answ_incalls-${id}`, own.answ_incalls);
    shown(`cca_answ_inchats-${id}`, own.answ_inchats);
    shown(`cca_aban_incalls-${id}`, own.aban_incalls);
    shown(`cca_rej_incalls-${id}`, own.rej_incalls);
    shown(`cca_att-${id}`, mean(own.talk_sum_s, own.talk_count));
  }

  private checkWire(shown: (name: string, value: number) => void): void {
    const { engine, levels } = this;
    const { online, free } = this.staff(undefined);
    shown('ccg_incalls', engine.incalls);
    shown('ccg_awt', mean(engine.wait_sum_s, engine.wait_count));
    shown('ccg_load', load(levels.onhold_calls, online, free));
    shown('ccg_distributed_incalls', engine.dist_incalls);
    shown('ccg_answered_incalls', engine.answ_incalls);
    shown('ccg_answered_inchats', engine.answ_inchats);
    shown('ccg_abandonned_incalls', engine.aban_incalls);
    shown('ccg_onhold_calls', levels.onhold_calls);
    shown('ccg_onhold_chats', levels.onhold_chats);
    shown('ccg_free_agents', free);
  }

  /** How many agents are logged in and how many of them free, with the skill or in all. */
  private staff(skill: string | undefined): { online: number; free: number } {
    let online = 0;
    let free = 0;
    for (const [id, state] of this.states) {
      if (state === 'offline') continue;
      if (skill !== undefined && !this.agent_configs.get(id)?.skills.includes(skill)) continue;
      online++;
      if (state === 'free') free++;
    }
    return { online, free };
  }

  private flow(id: string): Counters {
    return counters(this.flows, id);
  }

  private agent(id: string): Counters {
    return counters(this.agents, id);
  }
}

/** On hold is who has not been delivered: `moved` also tells of the last call event. */
function onhold(state: CallEvent['state'] | ''): number {
  return state === '' || state === 'ended' || state === 'toagent' ? 0 : 1;
}

function mean(sum: number, count: number): number {
  return count === 0 ? 0 : Math.floor(sum / count);
}

function load(onhold_calls: number, online: number, free: number): number {
  return online === 0 ? 0 : Math.floor((100 * (onhold_calls + online - free)) / online);
}

function counters(of: Map<string, Counters>, id: string): Counters {
  let found = of.get(id);
  if (found === undefined) of.set(id, (found = new Counters()));
  return found;
}

/**
 * The one place where statistics change: levels as calls and agents change state, counters as things
 * happen. Each change marks the rows it shows in.
 */
import type { Agent } from './agent.js';
import type { Call } from './call.js';
import type { Flow } from './flow.js';
import type { Outbox } from './outbox.js';
import type { CallState, EngineRow } from './view.js';

/** Levels and counters of the whole engine. */
export type EngineCounters = Omit<EngineRow, 'internal_dispatching' | 'bridges'>;

/** Which levels a call in this state counts in. */
const LEVELS: Record<CallState, { onhold: number; queued: number; ongoing: number }> = {
  welcome: { onhold: 1, queued: 0, ongoing: 1 },
  dissuading1: { onhold: 1, queued: 0, ongoing: 1 },
  dissuading2: { onhold: 1, queued: 0, ongoing: 1 },
  queued: { onhold: 1, queued: 1, ongoing: 1 },
  preagent: { onhold: 1, queued: 0, ongoing: 1 },
  toagent: { onhold: 0, queued: 0, ongoing: 1 },
  ended: { onhold: 0, queued: 0, ongoing: 0 },
};

export class Statistics {
  readonly engine: EngineCounters = {
    onhold_calls: 0,
    onhold_chats: 0,
    logged_in_agents: 0,
    free_agents: 0,
    incalls: 0,
    dist_incalls: 0,
    answ_incalls: 0,
    answ_inchats: 0,
    aban_incalls: 0,
    wait_sum_s: 0,
    wait_count: 0,
  };

  constructor(private readonly out: Outbox) {}

  /** A call moves between states: the levels follow. */
  callMoves(call: Call, from: CallState, to: CallState): void {
    const { flow } = call;
    const onhold = LEVELS[to].onhold - LEVELS[from].onhold;
    const queued = LEVELS[to].queued - LEVELS[from].queued;
    const ongoing = LEVELS[to].ongoing - LEVELS[from].ongoing;
    if (onhold !== 0) {
      this.engine.onhold_calls += onhold;
      flow.onhold_calls += onhold;
      if (call.media === 'msrp') {
        this.engine.onhold_chats += onhold;
        flow.onhold_chats += onhold;
      }
      this.out.engineChanged = true;
    }
    flow.queued_calls += queued;
    flow.ongoing += ongoing;
    this.out.flows.add(flow.row);
  }

  /** An agent begins (`by` 1) or ceases (-1) to be what he is now: the levels follow. */
  agentCounts(agent: Agent, by: 1 | -1): void {
    if (!agent.logged_in) return;
    const free = agent.state === 'free' ? by : 0;
    this.engine.logged_in_agents += by;
    this.engine.free_agents += free;
    this.out.engineChanged = true;
    for (const skill of agent.skills) {
      skill.logged_in += by;
      skill.free += free;
      this.out.skills.add(skill.row);
    }
  }

  /** An INVITE found an open flow. */
  arrived(flow: Flow): void {
    this.engine.incalls++;
    flow.incalls++;
    this.flowChanged(flow);
  }

  delivered(flow: Flow, agent: Agent): void {
    this.engine.dist_incalls++;
    flow.dist_incalls++;
    agent.dist_incalls++;
    this.flowChanged(flow);
    this.out.agents.add(agent.row);
  }

  /** An agent answered; a call that is answered again, after a hang-up at once, is counted once. */
  answered(call: Call, agent: Agent): void {
    const { flow } = call;
    const chat = call.media === 'msrp' ? 1 : 0;
    agent.answ_incalls++;
    agent.answ_inchats += chat;
    this.out.agents.add(agent.row);
    if (call.answer_counted) return;
    call.answer_counted = true;
    this.engine.answ_incalls++;
    this.engine.answ_inchats += chat;
    flow.answ_incalls++;
    flow.answ_inchats += chat;
    this.flowChanged(flow);
  }

  /** The caller left before an agent had answered; `agent` was ringing. */
  abandoned(flow: Flow, agent: Agent | null): void {
    this.engine.aban_incalls++;
    flow.aban_incalls++;
    this.flowChanged(flow);
    if (agent === null) return;
    agent.aban_incalls++;
    this.out.agents.add(agent.row);
  }

  /** The agent himself refused a delivery. */
  refused(agent: Agent): void {
    agent.rej_incalls++;
    this.out.agents.add(agent.row);
  }

  /** An agent has handled a call. */
  talked(flow: Flow, agent: Agent, talk_s: number): void {
    flow.talk_sum_s += talk_s;
    flow.talk_count++;
    agent.talk_sum_s += talk_s;
    agent.talk_count++;
    this.out.flows.add(flow.row);
    this.out.agents.add(agent.row);
  }

  /** A call ended, after this wait for an answer or for its end. */
  waited(flow: Flow, wait_s: number): void {
    this.engine.wait_sum_s += wait_s;
    this.engine.wait_count++;
    flow.wait_sum_s += wait_s;
    flow.wait_count++;
    this.flowChanged(flow);
  }

  /** Counters and means back to 0, levels stay. */
  reset(flows: Iterable<Flow>, agents: Iterable<Agent>): void {
    this.clear(this.engine);
    this.engine.incalls = 0;
    this.engine.wait_sum_s = 0;
    this.engine.wait_count = 0;
    this.out.engineChanged = true;
    for (const flow of flows) {
      this.clear(flow);
      flow.incalls = 0;
      flow.wait_sum_s = 0;
      flow.wait_count = 0;
      flow.talk_sum_s = 0;
      flow.talk_count = 0;
      this.out.flows.add(flow.row);
    }
    for (const agent of agents) {
      this.clear(agent);
      agent.rej_incalls = 0;
      agent.talk_sum_s = 0;
      agent.talk_count = 0;
      this.out.agents.add(agent.row);
    }
  }

  /** The counters that all three levels have. */
  private clear(of: EngineCounters | Flow | Agent): void {
    of.dist_incalls = 0;
    of.answ_incalls = 0;
    of.answ_inchats = 0;
    of.aban_incalls = 0;
  }

  private flowChanged(flow: Flow): void {
    this.out.flows.add(flow.row);
    this.out.engineChanged = true;
  }
}

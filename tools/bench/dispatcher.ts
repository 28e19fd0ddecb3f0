/**
 * `sip-acd bench dispatcher`: the dispatcher alone, without threads or sockets. Every agent talks and a
 * number of calls waits; agents' calls end, and each such report makes the dispatcher release the agent,
 * find his next call and connect it. That turn is the decision. Afterwards, untimed unless said otherwise,
 * the agents answer and as many new calls arrive as left the queue.
 */
import { Dispatcher } from '../../core/acd/dispatcher.js';
import type { AgentConfig, FlowConfig } from '../../core/acd/provisioning.js';
import { TimerWheel } from '../../core/timers.js';
import { bestOfRounds, heapBytes, now_ns, rounded, table } from './measure.js';

const SKILLS = 20;
const MAX_SKILLS_OF_AGENT = 5;
const PRIORITIES = 8;
/** Agents whose calls end between two ticks of the clock. */
const BATCH = 50;
/** From one batch to the next, so that even a call of few agents lasts longer than a refusal does. */
const TICK_MS = 1_100;
const START_MS = 1_700_000_000_000;

export const WAITING = [100, 10_000, 100_000] as const;

export interface DispatcherBenchOptions {
  agents: number;
  flows: number;
  /** Decisions in a round. */
  decisions: number;
  rounds: number;
}

/** With so many calls waiting. */
export interface WaitingFigures {
  waiting: number;
  ns_per_decision: number;
  /** All that a call asks of the dispatcher: arrival, queue, decision, answer and end. */
  ns_per_call: number;
}

export interface DispatcherFigures {
  agents: number;
  flows: number;
  skills: number;
  rounds: number;
  ns_per_decision_100: number;
  ns_per_decision_10000: number;
  ns_per_decision_100000: number;
  /** How many times as long as with 100. */
  ratio_100000_to_100: number;
  /** With 100,000 waiting. */
  decisions_per_second: number;
  calls_per_second: number;
  bytes_per_waiting_call: number;
  sizes: WaitingFigures[];
}

export function benchDispatcher(options: DispatcherBenchOptions): DispatcherFigures {
  const floors = WAITING.map((waiting) => new Floor(waiting, options));
  const most = floors.at(-1)!;
  for (const floor of floors) if (floor !== most) floor.fill();
  const before = heapBytes();
  most.fill();
  const bytes = (heapBytes() - before) / most.waiting;
  const calls_ns = floors.map(() => Number.POSITIVE_INFINITY);
  const best = bestOfRounds(
    options.rounds,
    floors.map((floor, index) => () => {
      const start = now_ns();
      const { decision_ns, calls } = floor.work(options.decisions);
      calls_ns[index] = Math.min(calls_ns[index]!, (now_ns() - start) / calls);
      return decision_ns;
    }),
  );
  const sizes = floors.map(({ waiting }, index) => ({
    waiting,
    ns_per_decision: Math.round(best[index]!),
    ns_per_call: Math.round(calls_ns[index]!),
  }));
  const [few, some, many] = sizes as [WaitingFigures, WaitingFigures, WaitingFigures];
  return {
    agents: options.agents,
    flows: options.flows,
    skills: SKILLS,
    rounds: options.rounds,
    ns_per_decision_100: few.ns_per_decision,
    ns_per_decision_10000: some.ns_per_decision,
    ns_per_decision_100000: many.ns_per_decision,
    ratio_100000_to_100: rounded(many.ns_per_decision / few.ns_per_decision),
    decisions_per_second: Math.round(1e9 / many.ns_per_decision),
    calls_per_second: Math.round(1e9 / many.ns_per_call),
    bytes_per_waiting_call: Math.round(bytes),
    sizes,
  };
}

export function dispatcherTable(figures: DispatcherFigures): string {
  const rows = figures.sizes.map((of) => [of.waiting, of.ns_per_decision, of.ns_per_call]);
  return (
    table([['waiting', 'ns per decision', 'ns per call'], ...rows]) +
    `${figures.decisions_per_second} decisions/s, ${figures.calls_per_second} calls/s with ${WAITING.at(-1)} waiting, ` +
    `${figures.bytes_per_waiting_call} bytes per waiting call\n`
  );
}

/** A call that an agent talks to. */
interface Talk {
  call: string;
  leg: number;
}

/** A dispatcher with all its agents busy, and what plays its workers and its clock. */
export class Floor {
  private readonly timers = new TimerWheel(START_MS);
  private readonly dispatcher: Dispatcher;
  /** In the order in which they were answered: the oldest ends first. */
  private talks: Talk[] = [];
  private ended = 0;
  private arrived = 0;
  private seed = 1;
  private readonly flow_ids: string[];

  constructor(
    readonly waiting: number,
    options: DispatcherBenchOptions,
  ) {
    this.dispatcher = new Dispatcher(
      {
        wrapup_s: 0,
        reject_on_no_agents: true,
        chat_dispatch_policy: 'balancing',
        internal_call_dispatching: true,
        max_rejections: 10,
        message_timeout_s: 600,
        transfer: { allow: [], to_locations: true, callers: false },
        max_calls: 1_000_000,
        queue_pos_param: '',
        tell_states: false,
      },
      this.timers,
      1,
    );
    const flows = Array.from({ length: options.flows }, (_, n) => this.flow(n));
    const agents = Array.from({ length: options.agents }, (_, n) => this.agent(n));
    this.flow_ids = flows.map(({ id }) => id);
    this.dispatcher.command({ kind: 'load', provisioning: { flows, agents } });
    this.dispatcher.out.clear();
    // Everybody gets a call before anybody has to wait: the flow of number n has the skill in row n.
    for (let n = 0; n < SKILLS; n++) while (this.dispatcher.skillRow(n)!.free > 0) this.arrive(n);
  }

  /** Lets calls arrive until as many wait as should; agents who are free may take some. */
  fill(): void {
    while (this.queued < this.waiting) this.arrive();
  }

  /** Ends calls until so many were delivered by it; returns the mean time of a delivery. */
  work(decisions: number): { decision_ns: number; calls: number } {
    const { dispatcher } = this;
    let delivered = 0;
    let spent_ns = 0;
    const arrived = this.arrived;
    while (delivered < decisions) {
      this.timers.advance(this.timers.now_ms + TICK_MS);
      const at_ms = this.timers.now_ms;
      const batch = this.talks.slice(this.ended, this.ended + BATCH);
      this.ended += BATCH;
      const next: Talk[] = [];
      const start = now_ns();
      for (const { call, leg } of batch) {
        dispatcher.report({ kind: 'leg_ended', call, leg, at_ms }, 0);
        this.takeConnects(next);
        dispatcher.out.clear();
      }
      spent_ns += now_ns() - start;
      delivered += next.length;
      for (const talk of next) this.answer(talk);
      this.fill();
      if (this.ended > this.talks.length / 2) {
        this.talks = this.talks.slice(this.ended);
        this.ended = 0;
      }
    }
    return { decision_ns: spent_ns / delivered, calls: this.arrived - arrived };
  }

  private get queued(): number {
    return this.dispatcher.engineRow().onhold_calls;
  }

  /** What the dispatcher wants agents to be called for. */
  private takeConnects(into: Talk[]): void {
    for (const { decision } of this.dispatcher.out.decisions) {
      if (decision.kind === 'connect' && decision.role === 'agent') {
        into.push({ call: decision.call, leg: decision.leg });
      }
    }
  }

  private arrive(flow = this.random(this.flow_ids.length)): void {
    const n = ++this.arrived;
    const call = `${n.toString(16).padStart(12, '0')}-${this.random(2 ** 30)}`;
    const { dispatcher } = this;
    const at_ms = this.timers.now_ms;
    dispatcher.report(
      {
        kind: 'arrived',
        call: ownText(call),
        at_ms,
        flow: this.flow_ids[flow]!,
        param: '',
        media: 'rtp',
        caller_user: ownText(`+4930${1_000_000 + n}`),
        caller_display: ownText(`Caller ${n}`),
      },
      0,
    );
    const next: Talk[] = [];
    this.takeConnects(next);
    const connect = dispatcher.out.decisions[0]?.decision;
    dispatcher.out.clear();
    if (next.length > 0) for (const talk of next) this.answer(talk);
    else if (connect?.kind === 'connect') {
      dispatcher.report(
        { kind: 'leg_connected', call, leg: connect.leg, role: connect.role, answered_ms: at_ms },
        0,
      );
      dispatcher.out.clear();
    }
  }

  private answer(talk: Talk): void {
    const answered_ms = this.timers.now_ms;
    this.dispatcher.report({ kind: 'leg_connected', ...talk, role: 'agent', answered_ms }, 0);
    this.dispatcher.out.clear();
    this.talks.push(talk);
  }

  private flow(n: number): FlowConfig {
    return {
      id: `flow${n}`,
      priority: this.random(PRIORITIES),
      skill: `skill${n % SKILLS}`,
      prependcid: '',
      max_wrapup_s: 0,
      dissuading_hangup: false,
      dissuading_refer: false,
      dissuading_onhold_s: 0,
      dissuading_ewt_s: 0,
      dissuading_qsize: 0,
      message_welcome: '',
      message_queue: 'sip:queue@media.example.com',
      message_dissuading: '',
      message_flow_id: '',
    };
  }

  private agent(n: number): AgentConfig {
    const count = 1 + (n % MAX_SKILLS_OF_AGENT);
    const skills = new Set<string>();
    while (skills.size < count) skills.add(`skill${this.random(SKILLS)}`);
    return {
      id: `agent${n}`,
      location: `sip:agent${n}@desk.example.com`,
      msrp_location: '',
      msrp_max_sessions: 4,
      skills: [...skills],
      logged_in: true,
      wrapup_end_time_s: 0,
      wrapup_s: 0,
    };
  }

  /** Below `limit`; the same sequence in every run. */
  private random(limit: number): number {
    this.seed = (Math.imul(this.seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.seed / 2 ** 32) * limit);
  }
}

/** A string of its own memory, as the codec gives it, not a tree of the parts it was made of. */
function ownText(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}

/**
 * Counts over the trace: what the dispatcher was told and what came out of it, kept apart from its own books, and
 * held against them turn by turn.
 */
import type { CallEvent } from '../../core/acd/commands.js';
import type { Dispatcher } from '../../core/acd/dispatcher.js';
import { compareWaiting } from '../../core/acd/queue.js';
import type { CdrRecord, StoreRecord } from '../../core/acd/records.js';
import type { Decision, Report } from '../../core/messages.js';
import { checkAgent, checkCall, checkInvariants } from './invariants.js';

/** Something that must hold does not. */
export class Violation extends Error {}

export function must(holds: boolean, check: string): asserts holds {
  if (!holds) throw new Violation(check);
}

interface Visit {
  readonly cid: number;
  readonly flow: string;
  state: string;
  agent: string;
  agent_leg: number;
  connected: boolean;
  answer_counted: boolean;
  refusals: number;
  final: boolean;
  refusal_cdrs: number;
  chat: boolean;
}

/** Counters of the engine, of a flow or of an agent. */
class Counters {
  incalls = 0;
  dist_incalls = 0;
  answ_incalls = 0;
  aban_incalls = 0;
  wait_count = 0;
  talk_count = 0;
}

export class Audit {
  /** Calls that the dispatcher took. */
  taken = 0;
  /** CDRs by call_type + 2. */
  readonly cdrs = [0, 0, 0, 0];
  private readonly visits = new Map<string, Visit>();
  private readonly by_cid = new Map<number, Visit>();
  /** Agents and the calls that hold them, by the events. */
  private readonly held = new Map<string, Set<string>>();
  private engine = new Counters();
  private readonly flows = new Map<string, Counters>();
  private readonly agents = new Map<string, Counters>();
  private onhold = 0;

  constructor(private readonly dispatcher: Dispatcher) {}

  /** Before the dispatcher hears it. `cid` is the next one. */
  arrives(report: Report, accepted: boolean, cid: number): void {
    if (report.kind !== 'arrived') return;
    const flow = this.dispatcher.acd.flows.get(report.flow);
    if (accepted) {
      this.taken++;
      must(!this.visits.has(report.call), 'a call arrives once');
      const visit: Visit = {
        cid,
        flow: report.flow,
        state: '',
        agent: '',
        agent_leg: 0,
        connected: false,
        answer_counted: false,
        refusals: 0,
        refusal_cdrs: 0,
        final: false,
        chat: report.media === 'msrp',
      };
      this.visits.set(report.call, visit);
      this.by_cid.set(cid, visit);
    }
    // Counted too: what found a flow and had no usable media.
    if (accepted || (flow !== undefined && report.media === 'none')) {
      const open = accepted || (!flow!.removed && flow!.skill.logged_in > 0);
      if (!open) return;
      this.engine.incalls++;
      this.flow(report.flow).incalls++;
    }
  }

  /** A report about a call that goes on, before the dispatcher hears it. */
  hears(report: Report): void {
    if (report.kind === 'all_resumed') return;
    const visit = this.visits.get(report.call);
    if (visit === undefined || visit.final) return;
    if (report.kind === 'leg_connected' && report.leg === visit.agent_leg && !visit.connected) {
      visit.connected = true;
      this.agent(visit.agent).answ_incalls++;
      if (visit.answer_counted) return;
      visit.answer_counted = true;
      this.engine.answ_incalls++;
      this.flow(visit.flow).answ_incalls++;
    } else if (report.kind === 'caller_gone' && !visit.connected) {
      this.engine.aban_incalls++;
      this.flow(visit.flow).aban_incalls++;
      if (visit.agent !== '') this.agent(visit.agent).aban_incalls++;
    }
  }

  reset(): void {
    this.engine = new Counters();
    this.flows.clear();
    this.agents.clear();
  }

  /** A call's state changed. `commanded`: somebody else chose who gets which call. */
  moved(event: CallEvent, commanded: boolean): void {
    const visit = this.visits.get(event.call_id);
    must(visit !== undefined, 'an event is about a call that was taken');
    const from = visit.state;
    must(from !== 'ended', 'nothing happens to a call that has ended');
    this.onhold += level(event.state) - level(from);
    if (from === 'preagent' && event.state === 'toagent') {
      must(visit.agent === event.agent_id, 'the agent who heard the message gets the call');
      visit.state = event.state;
      return;
    }
    if (withAgent(from)) {
      this.held.get(visit.agent)?.delete(event.call_id);
      // An end after a refusal has no agent any more.
      if (event.state !== 'ended' || event.agent_id === '') visit.refusals++;
      visit.connected = false;
      visit.agent_leg = 0;
    }
    visit.state = event.state;
    if (withAgent(event.state)) {
      visit.agent = event.agent_id;
      this.delivered(event, from, commanded);
    } else visit.agent = '';
  }

  private delivered(event: CallEvent, from: string, commanded: boolean): void {
    const { acd } = this.dispatcher;
    const agent = acd.agents.get(event.agent_id);
    must(agent !== undefined, 'a call is delivered to an agent who exists');
    let held = this.held.get(event.agent_id);
    if (held === undefined) this.held.set(event.agent_id, (held = new Set()));
    held.add(event.call_id);
    const calls = [...held].map((id) => this.visits.get(id)?.chat);
    must(calls.length === 1 || calls.every((chat) => chat === true), 'an agent has one audio call at a time');
    this.engine.dist_incalls++;
    this.flow(event.flow_id).dist_incalls++;
    this.agent(event.agent_id).dist_incalls++;
    const call = acd.calls.get(event.call_id);
    if (call === undefined || !withAgent(call.state)) return;
    must(agent.skills.includes(call.flow.skill), 'a call is delivered to an agent with its skill');
    if (from !== 'queued' || commanded || !acd.internal_dispatching) return;
    const first = call.flow.skill.waiting[call.media].first();
    must(first === undefined || compareWaiting(call, first) < 0, 'calls leave the queue in its order');
  }

  decided(decision: Decision): void {
    if (decision.kind !== 'connect' && decision.kind !== 'connect_announced') return;
    if (decision.role !== 'agent') return;
    const visit = this.visits.get(decision.call);
    must(visit !== undefined && withAgent(visit.state), 'an agent is called for a call that was delivered');
    visit.agent_leg = decision.leg;
  }

  /** A record has come to the store. */
  stored(record: StoreRecord): void {
    if (record.kind === 'call') {
      const visit = this.visits.get(record.call);
      must(visit !== undefined && !visit.final, 'a row of cc_calls is a call that goes on');
    } else if (record.kind === 'cdr') this.cdr(record);
  }

  private cdr(cdr: CdrRecord): void {
    this.cdrs[cdr.call_type + 2]!++;
    const visit = this.by_cid.get(cdr.cid);
    must(visit !== undefined && !visit.final, 'no CDR follows the final one of its call');
    must(cdr.rejected === visit.refusal_cdrs, 'a CDR counts the rejections before it');
    must(cdr.flow_id === visit.flow, "a CDR names the call's flow");
    if (cdr.call_type === -2) {
      visit.refusal_cdrs++;
      return;
    }
    visit.final = true;
    this.engine.wait_count++;
    this.flow(visit.flow).wait_count++;
    if (cdr.call_type !== 0) return;
    this.flow(visit.flow).talk_count++;
    this.agent(cdr.agent_id).talk_count++;
  }

  /** After a turn: everything that it touched. */
  turned(calls: Iterable<number>, agents: Iterable<number>, ended: readonly CallEvent[]): void {
    const { acd } = this.dispatcher;
    for (const row of calls) {
      const call = acd.call_rows.get(row);
      if (call !== undefined) checkCall(this.dispatcher, call);
    }
    for (const row of agents) {
      const agent = acd.agent_rows.get(row);
      if (agent === undefined) continue;
      const held = [...(this.held.get(agent.config.id) ?? [])].map((id) => acd.calls.get(id));
      must(
        held.every((call) => call !== undefined && call.agent === agent),
        `agent ${agent.config.id} is held by the calls that the events name`,
      );
      checkAgent(agent, held as NonNullable<(typeof held)[number]>[]);
    }
    for (const event of ended) this.ended(event);
    if (acd.internal_dispatching) {
      for (const { waiting, available } of acd.skills.values()) {
        must(waiting.rtp.size === 0 || available.rtp.size === 0, 'a waiting call and a free agent have met');
        must(waiting.msrp.size === 0 || available.msrp.size === 0, 'a waiting chat and its agent have met');
      }
    }
    const row = acd.statistics.engine;
    must(row.onhold_calls === this.onhold, 'calls on hold, counted by the events');
    must(row.incalls === this.engine.incalls, 'incalls, counted over the trace');
    must(row.dist_incalls === this.engine.dist_incalls, 'deliveries, counted over the trace');
    must(row.answ_incalls === this.engine.answ_incalls, 'answers, counted over the trace');
    must(row.aban_incalls === this.engine.aban_incalls, 'abandoned calls, counted over the trace');
    must(row.wait_count === this.engine.wait_count, 'ended calls, counted by their CDRs');
  }

  private ended(event: CallEvent): void {
    if (event.state !== 'ended') return;
    const visit = this.visits.get(event.call_id);
    must(visit?.final === true, 'a call that ended has its final CDR');
    must(visit.refusal_cdrs === visit.refusals, 'a call has one CDR -2 for each rejection');
    this.visits.delete(event.call_id);
    this.by_cid.delete(visit.cid);
  }

  /** Everything, counted from scratch. */
  everything(): void {
    checkInvariants(this.dispatcher);
    const { acd } = this.dispatcher;
    must(acd.calls.size === this.visits.size, 'the calls that there are, counted by the events');
    for (const flow of acd.flows.values()) {
      const own = this.flows.get(flow.config.id) ?? new Counters();
      for (const name of [
        'incalls',
        'dist_incalls',
        'answ_incalls',
        'aban_incalls',
        'wait_count',
        'talk_count',
      ] as const)
        must(flow[name] === own[name], `${name} of flow ${flow.config.id}, counted over the trace`);
    }
    for (const agent of acd.agents.values()) {
      const own = this.agents.get(agent.config.id) ?? new Counters();
      for (const name of ['dist_incalls', 'answ_incalls', 'aban_incalls', 'talk_count'] as const)
        must(agent[name] === own[name], `${name} of agent ${agent.config.id}, counted over the trace`);
    }
  }

  /** A flow or an agent that is no longer there starts from 0 when it returns. */
  forgetGone(): void {
    const { acd } = this.dispatcher;
    for (const id of this.flows.keys()) if (!acd.flows.has(id)) this.flows.delete(id);
    for (const id of this.agents.keys()) if (!acd.agents.has(id)) this.agents.delete(id);
  }

  private flow(id: string): Counters {
    return counters(this.flows, id);
  }

  private agent(id: string): Counters {
    return counters(this.agents, id);
  }
}

function withAgent(state: string): boolean {
  return state === 'toagent' || state === 'preagent';
}

function level(state: string): number {
  return state === '' || state === 'ended' || state === 'toagent' ? 0 : 1;
}

function counters(of: Map<string, Counters>, id: string): Counters {
  let found = of.get(id);
  if (found === undefined) of.set(id, (found = new Counters()));
  return found;
}

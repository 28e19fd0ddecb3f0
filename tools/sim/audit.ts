/**
 * What must hold for every call and agent, told from the trace: what the dispatcher heard and what came out of it,
 * kept apart from its own books and held against them turn by turn.
 */
import type { AgentEvent, CallEvent, Command } from '../../core/acd/commands.js';
import type { Dispatcher } from '../../core/acd/dispatcher.js';
import type { CdrRecord, StoreRecord } from '../../core/acd/records.js';
import type { CallState } from '../../core/acd/view.js';
import type { Decision, Report } from '../../core/messages.js';
import { checkAgent, checkCall, checkInvariants } from './invariants.js';
import { Tally } from './tally.js';
import { must } from './violation.js';

/** Refusals that the call is to blame for, not the agent (ladders and design: why an agent's leg fails). */
const CALLS_OWN = new Set([400, 415, 420, 488, 606]);

interface Visit {
  readonly call: string;
  readonly cid: number;
  readonly flow: string;
  readonly chat: boolean;
  /** Grows with each arrival. */
  readonly order: number;
  state: CallState | '';
  agent: string;
  agent_leg: number;
  /** When the agent's 200 came; 0 while he is not joined to the caller. */
  answered_ms: number;
  answer_counted: boolean;
  /** The caller has been asked to call the message himself: if he goes now, he has not given up. */
  referring: boolean;
  /** The agent's leg failed by his own doing. */
  own_doing: boolean;
  refusals: number;
  refusal_cdrs: number;
  final: boolean;
}

export class Audit {
  /** Calls that the dispatcher took. */
  taken = 0;
  private readonly tally: Tally;
  /** Ids of all calls that have ever arrived: a worker that comes back tells of its own again. */
  private readonly arrivals = new Set<string>();
  private readonly visits = new Map<string, Visit>();
  private readonly by_cid = new Map<number, Visit>();
  private readonly waiting = new Set<Visit>();
  /** Agents and the calls that hold them, by the events. */
  private readonly held = new Map<string, Set<string>>();
  /** Ends of the wrapups begun, by agent, and those that this turn has still to begin. */
  private readonly wrapup_ends = new Map<string, number>();
  /** Whom management is freeing: no wrapup follows. */
  private released = '';
  private readonly wrapups_due: { agent: string; ends_ms: number }[] = [];
  /** Agents and flows that were there last time; -1 when some may have come as well as gone. */
  private there = -1;

  constructor(
    private dispatcher: Dispatcher,
    private readonly global_wrapup_s: number,
  ) {
    this.tally = new Tally(dispatcher);
  }

  /** Another dispatcher has taken the place of one that died. */
  goesOnWith(dispatcher: Dispatcher): void {
    this.dispatcher = dispatcher;
    this.tally.goesOnWith(dispatcher);
    this.there = -1;
  }

  /** A command that the dispatcher is about to obey. */
  commanded(command: Command): void {
    if (command.kind === 'load') {
      this.tally.load(command.provisioning);
      this.there = -1;
    } else if (command.kind === 'reset_stats') this.tally.reset();
    else if (command.kind === 'release_agent') {
      this.released = command.agent_id;
      this.wrapup_ends.delete(this.released);
    }
  }

  /** It has obeyed. */
  obeyed(): void {
    this.released = '';
  }

  /** After the dispatcher has heard it. `cid` is the one that the call got if it was taken. */
  arrives(report: Report, accepted: boolean, cid: number): void {
    if (report.kind !== 'arrived') return;
    if (this.arrivals.has(report.call)) return must(!accepted, 'a call arrives once');
    this.arrivals.add(report.call);
    if (accepted) {
      const visit: Visit = {
        call: report.call,
        cid,
        flow: report.flow,
        chat: report.media === 'msrp',
        order: ++this.taken,
        state: '',
        agent: '',
        agent_leg: 0,
        answered_ms: 0,
        answer_counted: false,
        referring: false,
        own_doing: false,
        refusals: 0,
        refusal_cdrs: 0,
        final: false,
      };
      this.visits.set(report.call, visit);
      this.by_cid.set(cid, visit);
      this.tally.arrived(report.flow);
      return;
    }
    // Counted too: what found an open flow and had no usable media, or no room.
    const flow = this.dispatcher.acd.flows.get(report.flow);
    if (flow === undefined || flow.removed || flow.skill.logged_in === 0) return;
    if (report.caller_user !== undefined) this.tally.arrived(report.flow);
  }

  /** A report about a call that goes on, before the dispatcher hears it. */
  hears(report: Report): void {
    if (report.kind === 'all_resumed') return;
    const visit = this.visits.get(report.call);
    if (visit === undefined || visit.final) return;
    const agents = 'leg' in report && report.leg === visit.agent_leg;
    if (report.kind === 'leg_connected' && agents && visit.answered_ms === 0) {
      visit.answered_ms = report.answered_ms;
      this.tally.answered(visit, visit.agent, visit.answer_counted);
      visit.answer_counted = true;
    } else if (report.kind === 'leg_failed' && agents) {
      visit.own_doing = report.refused_by === 'peer' && !CALLS_OWN.has(report.status);
    } else if (report.kind === 'leg_ended' && agents) visit.own_doing = true;
    else if (report.kind === 'referred') visit.referring = false;
    else if (report.kind === 'caller_gone' && visit.answered_ms === 0 && !visit.referring)
      this.tally.abandoned(visit.flow, visit.agent);
  }

  /** An agent's state changed. */
  agentIs(event: AgentEvent): void {
    this.tally.agentIs(event);
  }

  /** A call's state changed. `by_hand`: somebody else chose who gets which call. */
  moved(event: CallEvent, by_hand: boolean): void {
    const visit = this.visits.get(event.call_id);
    must(visit !== undefined, 'an event is about a call that was taken');
    const from = visit.state;
    must(from !== 'ended', 'nothing happens to a call that has ended');
    this.tally.moved(visit, from, event.state);
    this.waiting.delete(visit);
    if (from === 'preagent' && event.state === 'toagent') {
      must(visit.agent === event.agent_id, 'the agent who heard the message gets the call');
      visit.state = event.state;
      return;
    }
    if (hasAgent(from)) this.leftAgent(visit, event);
    visit.state = event.state;
    visit.agent = hasAgent(event.state) ? event.agent_id : '';
    if (event.state === 'queued') this.waiting.add(visit);
    if (hasAgent(event.state)) this.delivered(visit, event, from === 'queued' && !by_hand);
  }

  private leftAgent(visit: Visit, event: CallEvent): void {
    const { agent } = visit;
    this.held.get(agent)?.delete(event.call_id);
    // An end after a refusal has no agent any more.
    const refused = event.state !== 'ended' || event.agent_id === '';
    if (refused) {
      visit.refusals++;
      if (visit.own_doing) this.tally.refused(agent);
    }
    const pays = refused ? visit.own_doing : visit.answered_ms > 0;
    if (pays && agent !== this.released) this.wrapupIsDue(agent, visit.flow);
    visit.answered_ms = 0;
    visit.agent_leg = 0;
    visit.own_doing = false;
  }

  /** The agent's own time if not 0, else the global one, at most the flow's if that is not 0; added to what still runs. */
  private wrapupIsDue(agent: string, flow: string): void {
    const own_s = this.tally.agent_configs.get(agent)?.wrapup_s || this.global_wrapup_s;
    const ceiling_s = this.tally.flow_configs.get(flow)?.max_wrapup_s || own_s;
    const length_ms = Math.min(own_s, ceiling_s) * 1000;
    if (length_ms === 0) return;
    const { now_ms } = this.dispatcher.acd;
    const ends_ms = Math.max(now_ms, this.wrapup_ends.get(agent) ?? 0) + length_ms;
    this.wrapup_ends.set(agent, ends_ms);
    this.wrapups_due.push({ agent, ends_ms });
  }

  private delivered(visit: Visit, event: CallEvent, in_order: boolean): void {
    const { acd } = this.dispatcher;
    const id = event.agent_id;
    const agent = acd.agents.get(id);
    must(agent !== undefined, 'a call is delivered to an agent who exists');
    let held = this.held.get(id);
    if (held === undefined) this.held.set(id, (held = new Set()));
    held.add(event.call_id);
    const calls = [...held].map((call) => this.visits.get(call)?.chat);
    must(calls.length === 1 || calls.every((chat) => chat === true), 'an agent has one audio call at a time');
    must(calls.length <= Math.max(1, agent.config.msrp_max_sessions), 'an agent has his chats, no more');
    this.tally.delivered(event.flow_id, id);
    const { agent_configs, flow_configs } = this.tally;
    const config = agent_configs.get(id);
    const skill = flow_configs.get(visit.flow)?.skill ?? '';
    must(config?.skills.includes(skill) ?? false, 'a call is delivered to an agent with its skill');
    const location = visit.chat ? config?.msrp_location : config?.location;
    must(location !== '', 'a call is delivered to an agent with its medium');
    if (!in_order) return;
    for (const other of this.waiting) {
      if (other.chat !== visit.chat || flow_configs.get(other.flow)?.skill !== skill) continue;
      // Whose worker has not yet said that it has him waits outside the queue.
      const call = acd.calls.get(other.call);
      if (call !== undefined && acd.dormant.has(call)) continue;
      must(this.goesBefore(visit, other), 'calls leave the queue in its order');
    }
  }

  /** Put back by a rejection first, then by the flow's priority, then by arrival. */
  private goesBefore(a: Visit, b: Visit): boolean {
    const put_back = Number(b.refusals > 0) - Number(a.refusals > 0);
    const { flow_configs } = this.tally;
    const priority = (flow_configs.get(a.flow)?.priority ?? 0) - (flow_configs.get(b.flow)?.priority ?? 0);
    return (put_back || priority || a.order - b.order) < 0;
  }

  decided(decision: Decision): void {
    if (decision.kind === 'refer') {
      const visit = this.visits.get(decision.call);
      must(visit !== undefined, 'who is sent away is there');
      visit.referring = true;
    }
    if (decision.kind !== 'connect' && decision.kind !== 'connect_announced') return;
    if (decision.role !== 'agent') return;
    const visit = this.visits.get(decision.call);
    must(visit !== undefined && hasAgent(visit.state), 'an agent is called for a call that was delivered');
    visit.agent_leg = decision.leg;
  }

  /** A record has come to the store. */
  stored(record: StoreRecord): void {
    if (record.kind === 'call') {
      const visit = this.visits.get(record.call);
      must(visit !== undefined && !visit.final, 'a row of cc_calls is a call that goes on');
    } else if (record.kind === 'cdr') this.cdr(record);
    // Whom management frees is told to be past his wrapup.
    else if (record.kind === 'wrapup' && record.agent_id !== this.released) {
      const due = this.wrapups_due.shift();
      must(
        due?.agent === record.agent_id && due.ends_ms === record.ends_ms,
        'a wrapup begins when it is due, and lasts as long as it should',
      );
    }
  }

  private cdr(cdr: CdrRecord): void {
    const visit = this.by_cid.get(cdr.cid);
    must(visit !== undefined && !visit.final, 'no CDR follows the final one of its call');
    must(cdr.rejected === visit.refusal_cdrs, 'a CDR counts the rejections before it');
    must(cdr.flow_id === visit.flow, "a CDR names the call's flow");
    if (cdr.call_type === -2) {
      visit.refusal_cdrs++;
      return;
    }
    visit.final = true;
    this.tally.ended(cdr);
  }

  /** After a turn: everything that it touched. */
  turned(calls: Iterable<number>, agents: Iterable<number>, events: readonly CallEvent[]): void {
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
    for (const event of events) this.ended(event);
    must(this.wrapups_due.length === 0, 'a wrapup follows a call');
    if (acd.internal_dispatching) {
      for (const { waiting, available } of acd.skills.values()) {
        must(waiting.rtp.size === 0 || available.rtp.size === 0, 'a waiting call and a free agent have met');
        must(waiting.msrp.size === 0 || available.msrp.size === 0, 'a waiting chat and its agent have met');
      }
    }
    this.tally.checkEngine();
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
    must(
      this.dispatcher.acd.calls.size === this.visits.size,
      'the calls that there are, counted by the events',
    );
    this.tally.checkEverything();
  }

  /** Who is no longer provisioned and has left is as new when he returns. */
  forgetGone(): void {
    const { agents, flows } = this.dispatcher.acd;
    if (agents.size + flows.size === this.there) return;
    this.there = agents.size + flows.size;
    this.tally.forgetGone();
    for (const id of this.wrapup_ends.keys()) if (!agents.has(id)) this.wrapup_ends.delete(id);
  }
}

/** Whether a call in that state has been delivered. */
function hasAgent(state: CallState | ''): boolean {
  return state === 'toagent' || state === 'preagent';
}

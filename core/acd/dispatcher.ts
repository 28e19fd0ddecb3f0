/**
 * The dispatcher: a pure state machine that owns flows, agents, calls and the queue. Reports and
 * commands go in, deadlines come from the timer wheel, and what each turn produced stands in `out`
 * until the shell has drained and cleared it. Equal inputs at equal times make equal outputs.
 */
import { unreachable } from '../assert.js';
import { partsOfCallId } from '../call-id.js';
import type { AllResumed, BridgeEnded, CallArrived, LegFailed, Report } from '../messages.js';
import type { TimerWheel } from '../timers.js';
import type { Agent } from './agent.js';
import { AgentDesk } from './agent-desk.js';
import type { Call } from './call.js';
import { Calls } from './calls.js';
import { cidAfter } from './cid.js';
import type { Command, CommandResult } from './commands.js';
import { agentSees } from './display.js';
import { estimatedWait } from './estimate.js';
import { load } from './loading.js';
import { matchEverything } from './matching.js';
import {
  agentMemory,
  callMemory,
  type EngineMemory,
  flowMemory,
  type Memory,
  provisioningMemory,
} from './memory.js';
import type { Outbox } from './outbox.js';
import { restore } from './restore.js';
import { AcdState, type DispatcherOptions } from './state.js';
import type { AgentRow, CallRow, EngineRow, FlowRow, SkillRow } from './view.js';

export { Outbox } from './outbox.js';
export type { DispatcherOptions } from './state.js';

/** Failures for which the call is to blame, or the engine, and not the agent who got it. */
const CALLS_OWN = new Set([400, 415, 420, 488, 606]);

/** Workers of this many starts are remembered: no call lasts longer. */
const MAX_ORIGINS = 1000;

const OK: CommandResult = { ok: true };

export class Dispatcher {
  /** What the last turns produced. */
  readonly out: Outbox;
  /** @internal For tests that check what must hold between its parts. */
  readonly acd: AcdState;
  private readonly desk: AgentDesk;
  private readonly calls: Calls;
  /** The workers that have not yet told of all that they have: for each restart or loss of a worker. */
  private awaited: Set<number>[] = [];
  /** The latest call of each origin that has arrived; those before it have, or never will. */
  private readonly heard = new Map<string, number>();
  /** What has arrived while workers tell of what they have: calls of one origin, of several workers, in no order. */
  private readonly heard_lately = new Set<string>();

  /**
   * @param timers the clock too: its time is ms since the epoch, and whoever advances it drains `out`
   * @param first_cid the cid of the next call
   */
  constructor(
    options: DispatcherOptions,
    timers: TimerWheel,
    private next_cid: number,
  ) {
    this.acd = new AcdState(options, timers);
    this.acd.endTurn = () => this.endTurn();
    this.out = this.acd.out;
    this.desk = new AgentDesk(this.acd);
    this.calls = new Calls(this.acd, this.desk);
  }

  /** The cid that the next call gets. */
  get nextCid(): number {
    return this.next_cid;
  }

  /** The next calls get cids from this one on. */
  cidsFrom(next_cid: number): void {
    this.next_cid = next_cid;
  }

  /**
   * Something has happened to a call. A report about a leg no longer wanted changes nothing, nor does one that
   * was heard before.
   */
  report(report: Report, worker: number): void {
    if (report.kind === 'all_resumed') this.allResumed(worker);
    else if (report.kind === 'bridge_ended') this.calls.bridgeEnded(report.call);
    else if (report.kind !== 'arrived') this.happened(report, worker);
    else if (!this.heardBefore(report, worker)) this.arrived(report, worker);
    this.endTurn();
  }

  /** All there is to remember, to begin a journal with. */
  memory(): Memory {
    const { acd } = this;
    return {
      provisioning: provisioningMemory(acd),
      engine: this.engineMemory(),
      agents: [...acd.agents.values()].map(agentMemory),
      flows: [...acd.flows.values()].map(flowMemory),
      calls: [...acd.calls.values()].map(callMemory),
      ended: [],
    };
  }

  /** What changes in small parts all the time and is told for that from time to time only. */
  engineMemory(): EngineMemory {
    const { acd, next_cid } = this;
    const heard = new Map(this.heard);
    for (const id of this.heard_lately) raise(heard, id);
    const { incalls, dist_incalls, answ_incalls, answ_inchats, aban_incalls, wait_sum_s, wait_count } =
      acd.statistics.engine;
    return {
      next_cid,
      internal_dispatching: acd.internal_dispatching,
      heard: [...heard],
      counters: { incalls, dist_incalls, answ_incalls, answ_inchats, aban_incalls, wait_sum_s, wait_count },
    };
  }

  /**
   * Goes on from what was remembered; nothing has happened yet. The calls wait for `workers` workers (numbered
   * from 0) to say which of them they have: the others end with CDR -1.
   */
  restore(memory: Memory, workers: number): void {
    const { acd } = this;
    restore(acd, this.desk, memory);
    this.next_cid = memory.engine.next_cid;
    for (const [origin, serial] of memory.engine.heard) this.heard.set(origin, serial);
    for (const id of [...acd.calls.keys(), ...memory.ended]) raise(this.heard, id);
    // Who does not know a call ignores what is decided about it.
    for (const call of acd.calls.values()) if (call.worker >= workers) call.worker = 0;
    this.await(
      Array.from({ length: workers }, (_, worker) => worker),
      () => true,
    );
    this.endTurn();
  }

  /** The worker has died. The one that takes its place will say which of its calls it has. */
  workerDied(worker: number): void {
    this.await([worker], (call) => call.worker === worker);
  }

  /** Nobody takes its place: its calls end with CDR -1. */
  workerGone(worker: number): void {
    this.allResumed(worker);
    this.endTurn();
  }

  /** Those calls are away until one of the workers says that it has them. */
  private await(workers: readonly number[], which: (call: Call) => boolean): void {
    const { away, calls } = this.acd;
    const awaited = new Set(workers);
    // After a restart another may have a call by now: while nobody has said so, it stays awaited from them all.
    for (const call of calls.values()) if (which(call) && !away.has(call)) away.set(call, awaited);
    this.awaited.push(awaited);
  }

  private allResumed(worker: number): void {
    for (const awaited of this.awaited) awaited.delete(worker);
    for (const [call, awaited] of this.acd.away)
      if (awaited.size === 0) this.calls.lost(call, this.acd.now_ms);
    this.awaited = this.awaited.filter((awaited) => awaited.size > 0);
    if (this.awaited.length > 0) return;
    for (const id of this.heard_lately) raise(this.heard, id);
    this.heard_lately.clear();
  }

  /** Whether the arrival is of a call that we have, or had: a worker that has lost that end hears of it again. */
  private heardBefore(report: CallArrived, worker: number): boolean {
    const known = this.acd.calls.get(report.call);
    if (known !== undefined) {
      known.worker = worker;
      return true;
    }
    const { origin, serial } = partsOfCallId(report.call);
    const new_to_us = !(serial <= (this.heard.get(origin) ?? -1)) && !this.heard_lately.has(report.call);
    if (new_to_us) return false;
    this.refuse(report.call, worker, 481, 'the call has ended');
    return true;
  }

  private note(id: string): void {
    if (this.awaited.length > 0) this.heard_lately.add(id);
    else raise(this.heard, id);
  }

  /** Management asks for something; refusals carry the code and words of MI. */
  command(command: Command): CommandResult {
    const result = this.obey(command);
    this.endTurn();
    return result;
  }

  /** The view of a row of the shared tables; undefined when it is empty now. */
  agentRow(row: number): AgentRow | undefined {
    return this.acd.agent_rows.get(row)?.view();
  }

  flowRow(row: number): FlowRow | undefined {
    return this.acd.flow_rows.get(row)?.view();
  }

  skillRow(row: number): SkillRow | undefined {
    return this.acd.skill_rows.get(row)?.view();
  }

  callRow(row: number): CallRow | undefined {
    return this.acd.call_rows.get(row)?.view();
  }

  engineRow(): EngineRow {
    const { internal_dispatching, bridges, statistics } = this.acd;
    const { engine } = statistics;
    // Written out: an object that is spread first and then added to is built the slow way, in every turn.
    return {
      onhold_calls: engine.onhold_calls,
      onhold_chats: engine.onhold_chats,
      logged_in_agents: engine.logged_in_agents,
      free_agents: engine.free_agents,
      incalls: engine.incalls,
      dist_incalls: engine.dist_incalls,
      answ_incalls: engine.answ_incalls,
      answ_inchats: engine.answ_inchats,
      aban_incalls: engine.aban_incalls,
      wait_sum_s: engine.wait_sum_s,
      wait_count: engine.wait_count,
      internal_dispatching,
      bridges: bridges.size,
    };
  }

  private endTurn(): void {
    this.calls.match();
    this.acd.recordCalls();
  }

  /** A new call is refused, in the order of cc_handle_call's codes, or lives from here on. */
  private arrived(report: CallArrived, worker: number): void {
    const { acd } = this;
    const { caller_user, media } = report;
    // Also of one that is refused: told of it again, the dispatcher must not take what has ended.
    this.note(report.call);
    if (report.flow === '') {
      this.refuse(report.call, worker, 404, 'no flow id given');
      return;
    }
    if (caller_user === undefined) {
      this.refuse(report.call, worker, 400, 'unusable From URI');
      return;
    }
    const flow = acd.flows.get(report.flow);
    if (flow === undefined || flow.removed) {
      this.refuse(report.call, worker, 404, 'no such flow');
      return;
    }
    if (flow.skill.logged_in === 0 && acd.options.reject_on_no_agents) {
      this.refuse(report.call, worker, 480, 'no agent logged in');
      return;
    }
    acd.statistics.arrived(flow);
    if (media === 'none') {
      this.refuse(report.call, worker, 488, 'no usable media');
      return;
    }
    if (acd.calls.size + acd.bridges.size >= acd.options.max_calls) {
      this.refuse(report.call, worker, 503, 'too many calls');
      return;
    }
    const { param, caller_display } = report;
    this.calls.arrive({
      id: report.call,
      worker,
      cid: this.takeCid(),
      flow,
      media,
      param,
      caller_user,
      caller_display,
      display: agentSees(flow.config.prependcid, caller_display, caller_user),
      arrival_ms: report.at_ms,
      eta_s: estimatedWait(flow),
      order_sequence: acd.nextSequence(),
    });
  }

  /** Ends a call that the dispatcher does not have. */
  private refuse(call: string, worker: number, status: number, reason: string): void {
    this.out.decisions.push({ worker, decision: { kind: 'end', call, status, reason } });
  }

  private takeCid(): number {
    const cid = this.next_cid;
    this.next_cid = cidAfter(cid);
    return cid;
  }

  private happened(report: Exclude<Report, CallArrived | AllResumed | BridgeEnded>, worker: number): void {
    const call = this.acd.calls.get(report.call);
    if (call === undefined) {
      // It has just ended.
      if (report.kind === 'resumed') return;
      if (report.kind === 'transferred') {
        this.calls.bridged(report.call);
        return;
      }
      this.refuse(report.call, worker, 481, 'unknown call');
      return;
    }
    call.worker = worker;
    switch (report.kind) {
      case 'resumed':
        this.calls.resume(call);
        break;
      case 'leg_answered':
        this.calls.agentListens(call, report.leg, report.answered_ms);
        break;
      case 'leg_announced':
        this.calls.announced(call, report.leg);
        break;
      case 'leg_connected':
        this.calls.legConnected(call, report);
        break;
      case 'leg_failed':
        this.calls.legFailed(call, report.leg, isAgentsOwn(report));
        break;
      case 'leg_ended':
        this.calls.legEnded(call, report.leg, report.at_ms);
        break;
      case 'transfer_asked':
        this.calls.transferAsked(call, report);
        break;
      case 'referred':
        this.calls.referred(call, report.status);
        break;
      case 'transferred':
        this.calls.transferred(call, report.leg, report.at_ms);
        break;
      case 'caller_gone':
        this.calls.callerGone(call, report.at_ms);
        break;
      case 'call_lost':
        this.calls.lost(call, report.at_ms);
        break;
      default:
        unreachable(report);
    }
    if (this.acd.calls.has(call.id)) this.out.calls.add(call.row);
  }

  private obey(command: Command): CommandResult {
    switch (command.kind) {
      case 'load':
        load(this.acd, this.calls, this.desk, command.provisioning);
        this.matchEverything();
        return OK;
      case 'agent_login': {
        const agent = this.knownAgent(command.agent_id);
        if (agent === undefined) return refusal(404, 'Agent not found');
        this.desk.setLogin(agent, command.logged_in);
        return OK;
      }
      case 'dispatch':
        return this.dispatch(command.call, command.agent_id);
      case 'end_call': {
        const call = this.acd.calls.get(command.call);
        if (call === undefined) return refusal(404, 'Call not found');
        this.calls.endByCommand(call);
        return OK;
      }
      case 'release_agent': {
        // One provisioned no longer, whom a call keeps, too: he is who hangs most visibly.
        const agent = this.acd.agents.get(command.agent_id);
        if (agent === undefined) return refusal(404, 'Agent not found');
        this.calls.releaseAgent(agent);
        return OK;
      }
      case 'internal_dispatching':
        return this.setInternalDispatching(command.on);
      case 'reset_stats':
        this.acd.statistics.reset(this.acd.flows.values(), this.acd.agents.values());
        return OK;
      default:
        return unreachable(command);
    }
  }

  /** cc_dispatch_call_to_agent: a waiting call to an agent of somebody's choice. */
  private dispatch(call_id: string, agent_id: string): CommandResult {
    if (this.acd.internal_dispatching) return refusal(403, 'Internal dispatching is enabled');
    const agent = this.knownAgent(agent_id);
    if (agent === undefined) return refusal(404, 'Agent not found');
    if (!agent.logged_in) return refusal(404, 'Agent not logged in');
    const call = this.acd.calls.get(call_id);
    if (call === undefined) return refusal(404, 'Call not found');
    if (!agent.skills.includes(call.flow.skill)) return refusal(488, 'Agent has no skill for the call');
    if (!agent.canTake(call.media)) {
      return refusal(488, `Agent is not free/${call.media === 'rtp' ? 'audio' : 'chat'} enabled`);
    }
    if (call.state !== 'queued' || this.acd.dormant.has(call))
      return refusal(404, 'Call not in queue any more');
    this.calls.deliver(call, agent);
    return OK;
  }

  private setInternalDispatching(on: boolean | undefined): CommandResult {
    if (on !== undefined && on !== this.acd.internal_dispatching) {
      this.acd.internal_dispatching = on;
      this.out.engineChanged = true;
      this.matchEverything();
    }
    return { ok: true, dispatching: this.acd.internal_dispatching };
  }

  private matchEverything(): void {
    if (!this.acd.internal_dispatching) return;
    matchEverything(this.acd.skills.values(), (call, agent) => this.calls.deliver(call, agent));
  }

  private knownAgent(id: string): Agent | undefined {
    const agent = this.acd.agents.get(id);
    return agent === undefined || agent.removed ? undefined : agent;
  }
}

/** That call has arrived. */
function raise(heard: Map<string, number>, id: string): void {
  const { origin, serial } = partsOfCallId(id);
  if (serial > (heard.get(origin) ?? -1)) heard.set(origin, serial);
  if (heard.size <= MAX_ORIGINS) return;
  const [oldest] = heard.keys();
  if (oldest !== undefined) heard.delete(oldest);
}

function isAgentsOwn(report: LegFailed): boolean {
  return report.refused_by === 'peer' && !CALLS_OWN.has(report.status);
}

function refusal(code: number, message: string): CommandResult {
  return { ok: false, code, message };
}

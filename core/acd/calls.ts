/**
 * A call's life: the transitions of the design's table. A call's state changes in one function, from
 * which levels, queue, rows, events and records follow.
 */
import { assert } from '../assert.js';
import type { LegConnected, TransferAsked } from '../messages.js';
import type { Agent } from './agent.js';
import type { AgentDesk } from './agent-desk.js';
import { type Arrival, Call, FSTAT_ABANDONED, FSTAT_ANSWERED, FSTAT_DISTRIBUTED, seconds } from './call.js';
import { dissuadesArrival } from './estimate.js';
import { Legs } from './legs.js';
import { chooseAgent, firstCallFor } from './matching.js';
import { compareWaiting, dequeue, enqueue } from './queue.js';
import type { AcdState } from './state.js';
import { mayTransferTo } from './transfers.js';
import type { CallState } from './view.js';

/** An agent who hangs up sooner after his answer has not handled the call. */
const HANGUP_AT_ONCE_MS = 1000;

/** What a caller gets who is not answered when the engine ends his call, and why. */
const DISSUADED = { status: 480, reason: 'dissuaded from waiting' };
const AGENT_HUNG_UP = { status: 480, reason: '' };
const ENDED_BY_COMMAND = { status: 480, reason: 'ended by management' };
const REFUSED_TOO_OFTEN = { status: 480, reason: 'refused by too many agents' };

export class Calls {
  private readonly legs: Legs;

  constructor(
    private readonly acd: AcdState,
    private readonly agents: AgentDesk,
  ) {
    this.legs = new Legs(acd);
  }

  /** A new call that its flow takes. */
  arrive(arrival: Arrival): void {
    const { acd } = this;
    assert(!acd.calls.has(arrival.id), 'a call arrives once');
    const call = acd.call_rows.add((row) => new Call(row, arrival));
    acd.calls.set(call.id, call);
    const welcome = call.flow.config.message_welcome;
    if (welcome === '') this.afterWelcome(call);
    else {
      this.setState(call, 'welcome');
      this.legs.connectMedia(call, welcome);
    }
  }

  /** A worker still has the call: after a restart it goes on from here, with what the worker may not have been told. */
  resume(call: Call): void {
    this.acd.away.delete(call);
    if (this.acd.dormant.delete(call) && call.state === 'queued') {
      enqueue(call);
      this.armOnhold(call);
      this.acd.calls_to_match.push(call);
    }
    this.tellState(call);
    if (call.message_timer === null) this.armMessage(call);
    this.legs.sayAgain(call);
  }

  /** A leg was joined to the caller. */
  legConnected(call: Call, { leg, role, answered_ms }: LegConnected): void {
    if (call.connected) return;
    if (role === 'media') {
      if (leg <= call.media_joined) return;
      this.legs.mediaJoined(call, leg);
      this.armMessage(call);
    } else if (leg > call.agent_joined) {
      call.agent_joined = leg;
      if (leg === call.agent_leg) this.agentAnswered(call, answered_ms);
      else this.joinedToDropped(call);
    }
  }

  /** He was joined to an agent's leg that is being dropped: what he heard before is gone, and that goes too. */
  private joinedToDropped(call: Call): void {
    call.caller_answered = true;
    this.legs.mediaEnded(call);
    this.mediaOver(call);
  }

  /** An agent who gets a message first has answered. */
  agentListens(call: Call, leg: number, answered_ms: number): void {
    if (partOf(call, leg) !== 'agent') return;
    call.picked_up_ms = Math.max(answered_ms, call.delivered_ms);
    call.setup_s = seconds(call.delivered_ms, call.picked_up_ms);
    this.acd.recordLater(call);
  }

  /** His message is over: he gets the caller. */
  announced(call: Call, leg: number): void {
    if (partOf(call, leg) !== 'agent' || call.state !== 'preagent') return;
    call.announcement_leg = 0;
    this.setState(call, 'toagent');
  }

  /** @param own whether the agent, if the leg is his, failed by himself and not for the call's sake */
  legFailed(call: Call, leg: number, own: boolean): void {
    const part = partOf(call, leg);
    if (part === 'media_setup') {
      call.media_setup = 0;
      this.mediaOver(call);
    } else if (part === 'agent') this.agentOver(call, own, this.acd.now_ms);
  }

  /** A leg that was joined to the caller hung up. */
  legEnded(call: Call, leg: number, at_ms: number): void {
    const part = partOf(call, leg);
    if (part === 'media') {
      this.legs.mediaEnded(call);
      this.mediaOver(call);
    } else if (part === 'agent') this.agentOver(call, true, at_ms);
  }

  /** What became of asking the caller to call the message himself: one who does not is bridged to it. */
  referred(call: Call, status: number): void {
    if (!call.referring) return;
    call.referring = false;
    this.acd.recordLater(call);
    if (status < 300) this.end(call, 1, this.acd.now_ms, DISSUADED);
    else this.legs.connectMedia(call, call.flow.config.message_dissuading);
  }

  /** The agent of the leg wants the caller sent elsewhere, or the caller, leg 0, his agent. */
  transferAsked(call: Call, { leg, transfer, host, port }: TransferAsked): void {
    const may = leg === 0 ? this.acd.options.transfer.callers : partOf(call, leg) === 'agent';
    const status = may && call.connected && mayTransferTo(this.acd, host, port) ? 202 : 403;
    this.legs.answer(call, { kind: 'transfer', call: call.id, transfer, status });
  }

  /** He has sent him there: the worker keeps what is left of the call. */
  transferred(call: Call, leg: number, at_ms: number): void {
    const handled = partOf(call, leg) === 'agent' && call.connected;
    this.end(call, handled ? 0 : -1, at_ms);
    this.bridged(call.id);
  }

  /** A worker has a bridge for itself: what is left of a call, or one that never was ours. */
  bridged(call: string): void {
    this.acd.bridges.add(call);
    this.acd.out.engineChanged = true;
  }

  bridgeEnded(call: string): void {
    this.acd.bridges.delete(call);
    this.acd.out.engineChanged = true;
  }

  /** The caller left, the worker has released every leg. */
  callerGone(call: Call, at_ms: number): void {
    if (call.connected) {
      this.end(call, 0, at_ms);
      return;
    }
    // Who has been sent away and goes has not given up.
    if (call.referring) {
      this.end(call, 1, at_ms);
      return;
    }
    call.fstats |= FSTAT_ABANDONED;
    this.acd.statistics.abandoned(call.flow, call.agent);
    this.end(call, 1, at_ms);
  }

  /** The worker could not go on with the call. */
  lost(call: Call, at_ms: number): void {
    this.end(call, -1, at_ms);
  }

  /** Management ends the call: handled when caller and agent have talked, else ended without; not abandoned. */
  endByCommand(call: Call): void {
    this.end(call, call.connected ? 0 : 1, this.acd.now_ms, ENDED_BY_COMMAND);
  }

  /**
   * Management frees an agent at once: a talk ends, what rings goes back to the top of the queue and is not
   * counted against him, his wrapup is over. A command of people: it may look at every call.
   */
  releaseAgent(agent: Agent): void {
    this.agents.endWrapup(agent);
    for (const call of [...this.acd.calls.values()].filter((each) => each.agent === agent)) {
      if (call.connected) this.end(call, 0, this.acd.now_ms, ENDED_BY_COMMAND, 'free');
      else {
        this.legs.send(call, { kind: 'drop', call: call.id, leg: call.agent_leg });
        this.agentRefused(call, false, this.acd.now_ms);
      }
    }
  }

  /** Delivers a call to an agent who has room for it. */
  deliver(call: Call, agent: Agent): void {
    call.agent = agent;
    call.delivered_ms = this.acd.now_ms;
    call.fstats |= FSTAT_DISTRIBUTED;
    this.agents.take(agent, call.media, call.flow);
    this.setState(call, call.flow.config.message_flow_id === '' ? 'toagent' : 'preagent');
    this.legs.connectAgent(call, agent);
  }

  /** The deadline after which a waiting call is dissuaded, as its flow has it now. */
  armOnhold(call: Call): void {
    call.onhold_timer = this.acd.cancel(call.onhold_timer);
    const { dissuading_onhold_s, message_dissuading } = call.flow.config;
    if (dissuading_onhold_s === 0 || message_dissuading === '') return;
    const due_ms = call.queued_ms + dissuading_onhold_s * 1000;
    call.onhold_timer = this.acd.at(due_ms, () => {
      call.onhold_timer = null;
      if (due_ms > this.acd.now_ms) this.armOnhold(call);
      else this.dissuade(call);
    });
  }

  /** Matches whom this turn has made to fit: no free agent and waiting call are left that do. */
  match(): void {
    const { agents_to_match, calls_to_match } = this.acd;
    let agent: Agent | undefined;
    let call: Call | undefined;
    // An agent with room for several chats gains from a delivery a new place in line.
    while (agents_to_match.length > 0 || calls_to_match.length > 0) {
      while ((agent = agents_to_match.pop()) !== undefined) {
        agent.match_due = false;
        if (this.acd.internal_dispatching) this.matchAgent(agent);
      }
      // Of several that came into the queue in one turn the first in its order is served first.
      if (calls_to_match.length > 1) calls_to_match.sort((a, b) => compareWaiting(b, a));
      while ((call = calls_to_match.pop()) !== undefined) {
        if (call.state === 'queued') this.matchCall(call);
      }
    }
  }

  private matchAgent(agent: Agent): void {
    let call: Call | undefined;
    while ((call = firstCallFor(agent)) !== undefined) {
      const chosen = chooseAgent(call);
      assert(chosen !== undefined, 'a call that fits an agent has one to choose');
      this.deliver(call, chosen);
    }
  }

  private matchCall(call: Call): void {
    const agent = this.acd.internal_dispatching ? chooseAgent(call) : undefined;
    if (agent === undefined) this.legs.keepQueueMedia(call);
    else this.deliver(call, agent);
  }

  /** Where a call goes that has not been in the queue: dissuaded, to an agent or into it. */
  private afterWelcome(call: Call): void {
    if (dissuadesArrival(call.flow, call.eta_s)) this.dissuade(call);
    else this.toAgentOrQueue(call);
  }

  private toAgentOrQueue(call: Call): void {
    // An agent who gets a message first takes the call from the queue, whose message the caller hears meanwhile.
    const direct = this.acd.internal_dispatching && call.flow.config.message_flow_id === '';
    const agent = direct ? chooseAgent(call) : undefined;
    if (agent === undefined) this.toQueue(call);
    else this.deliver(call, agent);
  }

  /** Into the queue; an agent who fits takes it from there at the end of the turn. */
  private toQueue(call: Call): void {
    this.setState(call, 'queued');
    this.acd.calls_to_match.push(call);
  }

  private dissuade(call: Call): void {
    const { dissuading_hangup, dissuading_refer, message_dissuading } = call.flow.config;
    this.setState(call, dissuading_hangup ? 'dissuading2' : 'dissuading1');
    // Who is to be hung up need not come back, and may hear the message without us.
    if (dissuading_hangup && dissuading_refer && call.caller_answered) this.legs.refer(call);
    else this.legs.connectMedia(call, message_dissuading);
  }

  /** A media server refused or hung up. */
  private mediaOver(call: Call): void {
    switch (call.state) {
      case 'welcome':
        this.afterWelcome(call);
        return;
      case 'dissuading1':
        // What ended may be the queue's media, with the message still being set up.
        if (call.media_setup === 0) this.toAgentOrQueue(call);
        return;
      case 'dissuading2':
        if (call.media_setup === 0 && !call.referring) this.end(call, 1, this.acd.now_ms, DISSUADED);
        return;
      case 'queued':
      case 'preagent':
        if (!call.caller_answered) this.legs.answer(call, { kind: 'progress', call: call.id });
        this.legs.retryQueue(call);
        return;
      case 'toagent':
        if (!call.connected) this.legs.retryQueue(call);
        return;
      case 'ended':
        assert(false, 'a call that has ended is not known any more');
    }
  }

  private agentAnswered(call: Call, answered_ms: number): void {
    const agent = call.agent;
    assert(agent !== null, 'an agent leg has an agent');
    call.connected = true;
    call.answered_ms = Math.max(answered_ms, call.delivered_ms);
    call.setup_s = seconds(call.delivered_ms, call.picked_up_ms || call.answered_ms);
    call.fstats |= FSTAT_ANSWERED;
    this.acd.statistics.answered(call, agent);
    this.legs.agentJoined(call);
    this.acd.recordLater(call);
    this.acd.out.calls.add(call.row);
  }

  /** The agent's leg is over, the caller is still there. */
  private agentOver(call: Call, own: boolean, at_ms: number): void {
    const handled = call.connected && at_ms - call.answered_ms > HANGUP_AT_ONCE_MS;
    if (handled) this.end(call, 0, at_ms, AGENT_HUNG_UP);
    else this.agentRefused(call, own, at_ms);
  }

  /** Back to the queue, at its top, or ended when too many have refused; the agent pays for his own. */
  private agentRefused(call: Call, own: boolean, at_ms: number): void {
    const { agent } = call;
    assert(agent !== null, 'an agent leg has an agent');
    if (own) this.acd.statistics.refused(agent);
    this.acd.out.records.push(call.cdr(-2, at_ms));
    // The answer of one who hung up at once stands in the CDR of that delivery, and in no later one.
    call.fstats &= ~FSTAT_ANSWERED;
    call.rejections++;
    call.put_back = true;
    call.refusers ??= [];
    if (!call.refusedBy(agent)) call.refusers.push(agent);
    this.clearAgent(call);
    this.agents.release(agent, call.media, call.flow, own ? 'wrapup' : 'free');
    if (call.rejections < this.acd.options.max_rejections) this.toQueue(call);
    else this.end(call, -1, at_ms, REFUSED_TOO_OFTEN);
  }

  private clearAgent(call: Call): void {
    call.agent = null;
    call.agent_leg = 0;
    call.announcement_leg = 0;
    call.picked_up_ms = 0;
    call.connected = false;
    call.answered_ms = 0;
    call.setup_s = -1;
  }

  /** The call's last CDR and its end; with `answer` the worker is told to end it. `then` is what its agent does. */
  private end(
    call: Call,
    call_type: -1 | 0 | 1,
    at_ms: number,
    answer?: { status: number; reason: string },
    then: 'wrapup' | 'free' = call.connected ? 'wrapup' : 'free',
  ): void {
    const { acd } = this;
    const { agent, flow } = call;
    const cdr = call.cdr(call_type, at_ms);
    acd.out.records.push(cdr);
    acd.statistics.waited(flow, cdr.wait_s);
    if (call_type === 0) {
      assert(agent !== null, 'a call that was handled was handled by an agent');
      acd.statistics.talked(flow, agent, cdr.talk_s);
    }
    this.setState(call, 'ended');
    if (agent !== null) this.agents.release(agent, call.media, flow, then);
    if (answer !== undefined) this.legs.answer(call, { kind: 'end', call: call.id, ...answer });
    acd.forgetFlowWhenIdle(flow);
  }

  /** The one place where a call's state changes. */
  private setState(call: Call, to: CallState): void {
    const { acd } = this;
    const from = call.state;
    // What was dormant is in no queue, and whatever moves it wakes it.
    const was_dormant = acd.dormant.delete(call);
    if (from === 'queued' && !was_dormant) {
      dequeue(call);
      call.onhold_timer = acd.cancel(call.onhold_timer);
    }
    call.message_timer = acd.cancel(call.message_timer);
    call.state = to;
    acd.statistics.callMoves(call, from, to);
    if (to === 'queued') {
      enqueue(call);
      call.queued_ms = acd.now_ms;
      this.armOnhold(call);
    }
    acd.out.calls.add(call.row);
    this.tellState(call);
    acd.out.call_events.push({
      kind: 'call_report',
      call_id: call.id,
      flow_id: call.flow.config.id,
      state: to,
      media: call.media,
      caller: call.caller_user,
      agent_id: call.agent === null ? '' : call.agent.config.id,
    });
    if (to === 'ended') this.forget(call);
    else acd.recordLater(call);
  }

  private tellState(call: Call): void {
    const { id, state } = call;
    if (this.acd.options.tell_states && state !== 'ended')
      this.legs.send(call, { kind: 'entered', call: id, state });
  }

  private forget(call: Call): void {
    this.legs.stopTimers(call);
    this.acd.dormant.delete(call);
    this.acd.away.delete(call);
    this.acd.calls.delete(call.id);
    this.acd.call_rows.remove(call.row);
    this.acd.out.records.push({ kind: 'call_gone', call: call.id });
  }

  /** The latest end of the message that the caller hears now; the queue's has none. */
  private armMessage(call: Call): void {
    call.message_timer = this.acd.cancel(call.message_timer);
    // Who has been asked to call the message himself hears the one before it, as all do while it is set up.
    if (call.referring || call.media_leg === 0 || call.media_setup !== 0) return;
    if (call.state !== 'welcome' && call.state !== 'dissuading1' && call.state !== 'dissuading2') return;
    const due_ms = call.media_since_ms + this.acd.options.message_timeout_s * 1000;
    call.message_timer = this.acd.at(due_ms, () => {
      call.message_timer = null;
      this.legs.dropMedia(call);
      this.mediaOver(call);
    });
  }
}

/** What a leg that a report tells of is to the call; undefined when it is not wanted any more. */
function partOf(call: Call, leg: number): 'media_setup' | 'media' | 'agent' | undefined {
  // Leg 0 is the caller, and stands for none in the call's fields.
  if (leg === 0) return undefined;
  if (leg === call.media_setup) return 'media_setup';
  if (leg === call.media_leg) return 'media';
  return leg === call.agent_leg ? 'agent' : undefined;
}

/**
 * What happens to agents: login, deliveries, the end of calls, wrapup. An agent's state changes in one
 * function, from which levels, rows, events and availability follow.
 */
import { assert } from '../assert.js';
import type { Media } from '../messages.js';
import type { Agent, AgentActivity } from './agent.js';
import type { Flow } from './flow.js';
import type { AcdState } from './state.js';

const MEDIA: readonly Media[] = ['rtp', 'msrp'];

export class AgentDesk {
  constructor(private readonly acd: AcdState) {}

  /** Logs in or out. What is going on goes on; nothing happens when he is already as told. */
  setLogin(agent: Agent, logged_in: boolean): void {
    if (agent.logged_in !== logged_in) this.change(agent, agent.state, logged_in, null);
  }

  /** A call is delivered to an agent who has room for it. */
  take(agent: Agent, media: Media, flow: Flow): void {
    assert(agent.canTake(media), 'a call is delivered to an agent who has room for it');
    agent.refs++;
    if (media === 'msrp') {
      agent.ongoing_chats++;
      agent.last_chat = this.acd.nextSequence();
    }
    this.acd.statistics.delivered(flow, agent);
    this.change(agent, media === 'rtp' ? 'incall' : 'inchat', true, flow);
  }

  /** A delivered call has left the agent, to a wrapup or at once free for the next. */
  release(agent: Agent, media: Media, flow: Flow, then: 'wrapup' | 'free'): void {
    agent.refs--;
    const wrapup_s = then === 'wrapup' ? agent.wrapupAfter(flow, this.acd.options.wrapup_s) : 0;
    if (media === 'msrp') {
      assert(agent.state === 'inchat', 'an agent with chats is in state inchat');
      agent.ongoing_chats--;
    } else assert(agent.state === 'incall', 'an agent with a call is in state incall');
    if (wrapup_s > 0) this.startWrapup(agent, wrapup_s);
    this.settle(agent);
    this.forgetWhenIdle(agent);
  }

  /** A wrapup that runs is over before its time, for a restart too. */
  endWrapup(agent: Agent): void {
    if (agent.wrapup_end_ms === 0) return;
    agent.wrapup_timer = this.acd.cancel(agent.wrapup_timer);
    agent.wrapup_end_ms = 0;
    this.acd.out.records.push({ kind: 'wrapup', agent_id: agent.config.id, ends_ms: this.acd.now_ms });
    this.settle(agent);
  }

  /** At an agent's first load: a wrapup that a former run began goes on. */
  resumeWrapup(agent: Agent): void {
    const end_ms = agent.config.wrapup_end_time_s * 1000;
    if (end_ms <= this.acd.now_ms) return;
    agent.wrapup_end_ms = end_ms;
    this.armWrapup(agent);
    this.change(agent, 'wrapup', agent.logged_in, null);
  }

  /** After a restart he is what he was: levels, lists and the rest of his wrapup follow. */
  recalled(agent: Agent): void {
    this.acd.statistics.agentCounts(agent, 1);
    if (agent.wrapup_end_ms > 0) this.armWrapup(agent);
    this.list(agent);
    this.acd.out.agents.add(agent.row);
  }

  /** An agent provisioned no longer goes with his last call. */
  forgetWhenIdle(agent: Agent): void {
    if (!agent.removed || agent.refs > 0) return;
    assert(!agent.logged_in, 'who is removed is logged out first');
    agent.wrapup_timer = this.acd.cancel(agent.wrapup_timer);
    this.acd.agents.delete(agent.config.id);
    this.acd.agent_rows.remove(agent.row);
    this.acd.out.agents.add(agent.row);
    for (const skill of agent.skills) this.acd.leaveSkill(skill);
  }

  /** Takes him off every list of available agents, before what the lists depend on changes. */
  unlist(agent: Agent): void {
    for (const media of MEDIA) {
      if (!agent.listed[media]) continue;
      agent.listed[media] = false;
      for (const skill of agent.skills) skill.available[media].delete(agent);
    }
  }

  /** Lists him as available for what he has room for; matching then looks at him. */
  list(agent: Agent): void {
    if (agent.canTake('rtp') && !agent.listed.rtp) this.listFor(agent, 'rtp');
    if (agent.canTake('msrp') && !agent.listed.msrp) {
      const full_load = this.acd.options.chat_dispatch_policy === 'full-load';
      agent.chat_rank = full_load ? agent.sessionsLeft : 0;
      agent.chat_since = agent.last_chat;
      this.listFor(agent, 'msrp');
    }
  }

  private listFor(agent: Agent, media: Media): void {
    agent.listed[media] = true;
    for (const skill of agent.skills) skill.available[media].insert(agent);
    if (agent.match_due) return;
    agent.match_due = true;
    this.acd.agents_to_match.push(agent);
  }

  private startWrapup(agent: Agent, wrapup_s: number): void {
    agent.wrapup_end_ms = Math.max(this.acd.now_ms, agent.wrapup_end_ms) + wrapup_s * 1000;
    this.acd.out.records.push({
      kind: 'wrapup',
      agent_id: agent.config.id,
      ends_ms: agent.wrapup_end_ms,
    });
    this.armWrapup(agent);
  }

  private armWrapup(agent: Agent): void {
    this.acd.cancel(agent.wrapup_timer);
    agent.wrapup_timer = this.acd.at(agent.wrapup_end_ms, () => this.wrapupDue(agent));
  }

  private wrapupDue(agent: Agent): void {
    agent.wrapup_timer = null;
    if (agent.wrapup_end_ms > this.acd.now_ms) {
      this.armWrapup(agent);
      return;
    }
    agent.wrapup_end_ms = 0;
    this.settle(agent);
  }

  /** The state that follows from his calls and his wrapup, after one of them ended. */
  private settle(agent: Agent): void {
    const wrapup = agent.wrapup_end_ms > 0;
    let next: AgentActivity;
    if (agent.state === 'inchat') next = agent.ongoing_chats > 0 || wrapup ? 'inchat' : 'free';
    else next = wrapup ? 'wrapup' : 'free';
    this.change(agent, next, agent.logged_in, null);
  }

  /** The one place where an agent's state changes; `delivered` is the flow of a call delivered by it. */
  private change(agent: Agent, state: AgentActivity, logged_in: boolean, delivered: Flow | null): void {
    const { acd } = this;
    const before = agent.visible;
    this.unlist(agent);
    acd.statistics.agentCounts(agent, -1);
    agent.state = state;
    agent.logged_in = logged_in;
    acd.statistics.agentCounts(agent, 1);
    if (before !== 'free' && agent.visible === 'free') agent.idle_since = acd.nextSequence();
    this.list(agent);
    acd.out.agents.add(agent.row);
    if (before === agent.visible && delivered === null) return;
    acd.out.events.push({
      kind: 'agent_report',
      agent_id: agent.config.id,
      state: agent.visible,
      wrapup_ends_ms: agent.wrapup_end_ms,
      flow_id: delivered === null ? '' : delivered.config.id,
      ongoing_sessions: delivered !== null && state === 'inchat' ? agent.ongoing_chats : 0,
    });
  }
}

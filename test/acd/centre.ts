/** A small call centre for tests: plays the workers, the clock and management, and keeps what came out. */

import type { AgentEvent, CallEvent, Command, CommandResult } from '../../core/acd/commands.js';
import { Dispatcher, type DispatcherOptions } from '../../core/acd/dispatcher.js';
import type { AgentConfig, FlowConfig } from '../../core/acd/provisioning.js';
import type { CallRecord, CdrRecord, StoreRecord } from '../../core/acd/records.js';
import type { AgentRow, CallRow, FlowRow } from '../../core/acd/view.js';
import type { Connect, ConnectAnnounced, Decision, LegFailed, Media, Report } from '../../core/messages.js';
import { TimerWheel } from '../../core/timers.js';
import { checkInvariants } from '../../tools/sim/invariants.js';

export const START_MS = 1_700_000_000_000;

export function flowConfig(config: Partial<FlowConfig> = {}): FlowConfig {
  return {
    id: 'sales',
    priority: 256,
    skill: 'sales',
    prependcid: '',
    max_wrapup_s: 0,
    dissuading_hangup: false,
    dissuading_refer: false,
    dissuading_onhold_s: 0,
    dissuading_ewt_s: 0,
    dissuading_qsize: 0,
    message_welcome: '',
    message_queue: 'sip:queue@media',
    message_dissuading: '',
    message_flow_id: '',
    ...config,
  };
}

export function agentConfig(config: Partial<AgentConfig> & { id: string }): AgentConfig {
  return {
    location: `sip:${config.id}@desk`,
    msrp_location: '',
    msrp_max_sessions: 4,
    skills: ['sales'],
    logged_in: true,
    wrapup_end_time_s: 0,
    wrapup_s: 0,
    ...config,
  };
}

export const OPTIONS: DispatcherOptions = {
  wrapup_s: 30,
  reject_on_no_agents: true,
  chat_dispatch_policy: 'balancing',
  internal_call_dispatching: true,
  max_rejections: 10,
  message_timeout_s: 600,
  transfer: { allow: ['acd.example:5060'], to_locations: true, callers: false },
  max_calls: 1000,
  queue_pos_param: '',
  tell_states: false,
};

export class Centre {
  readonly timers = new TimerWheel(START_MS);
  readonly dispatcher: Dispatcher;
  /** Since they were last taken. */
  decisions: Decision[] = [];
  private readonly mediaLegs = new Set<string>();
  records: StoreRecord[] = [];
  agent_events: AgentEvent[] = [];
  call_events: CallEvent[] = [];

  constructor(flows: FlowConfig[], agents: AgentConfig[], options: Partial<DispatcherOptions> = {}) {
    this.dispatcher = new Dispatcher({ ...OPTIONS, ...options }, this.timers, 1);
    this.load(flows, agents);
    this.forgetOutput();
  }

  get now_ms(): number {
    return this.timers.now_ms;
  }

  report(report: Report): void {
    this.dispatcher.report(report, 0);
    this.turned();
  }

  command(command: Command): CommandResult {
    const result = this.dispatcher.command(command);
    this.turned();
    return result;
  }

  load(flows: FlowConfig[], agents: AgentConfig[]): void {
    this.command({ kind: 'load', provisioning: { flows, agents } });
  }

  login(agent_id: string, logged_in: boolean): CommandResult {
    return this.command({ kind: 'agent_login', agent_id, logged_in });
  }

  /** Time passes. */
  pass(seconds: number): void {
    this.timers.advance(this.now_ms + seconds * 1000);
    this.turned();
  }

  arrive(
    call: string,
    flow = 'sales',
    media: Media | 'none' = 'rtp',
    caller_user: string | undefined = 'bob',
  ): void {
    const about = { call, flow, media, caller_user, at_ms: this.now_ms, param: 'p', caller_display: 'Bob' };
    this.report({ kind: 'arrived', ...about });
  }

  connected(call: string, leg: number): void {
    const role = this.mediaLegs.has(`${call} ${leg}`) ? 'media' : 'agent';
    this.report({ kind: 'leg_connected', call, leg, role, answered_ms: this.now_ms });
  }

  failed(call: string, leg: number, status = 486, refused_by: LegFailed['refused_by'] = 'peer'): void {
    this.report({ kind: 'leg_failed', call, leg, status, refused_by });
  }

  ended(call: string, leg: number): void {
    this.report({ kind: 'leg_ended', call, leg, at_ms: this.now_ms });
  }

  gone(call: string): void {
    this.report({ kind: 'caller_gone', call, at_ms: this.now_ms, how: 'bye' });
  }

  /** A call that an agent answers at once and holds for so long, after which the caller leaves. */
  talk(call: string, seconds: number, flow = 'sales', media: Media = 'rtp'): void {
    this.arrive(call, flow, media);
    this.connected(call, this.connect(call).leg);
    this.pass(seconds);
    this.gone(call);
  }

  /** The last leg that was to be made for the call. */
  connect(call: string): Connect | ConnectAnnounced {
    const connects = this.decisions.filter(isConnect).filter((d) => d.call === call);
    const last = connects.at(-1);
    if (last === undefined) throw new Error(`no leg was made for ${call}`);
    return last;
  }

  /** The URIs of the legs made for the call, in order. */
  uris(call: string): string[] {
    return this.decisions.filter(isConnect).flatMap((d) => (d.call === call ? [d.uri] : []));
  }

  get cdrs(): CdrRecord[] {
    return this.records.filter((record): record is CdrRecord => record.kind === 'cdr');
  }

  get callRecords(): CallRecord[] {
    return this.records.filter((record): record is CallRecord => record.kind === 'call');
  }

  call(id: string): CallRow | undefined {
    const call = this.dispatcher.acd.calls.get(id);
    return call === undefined ? undefined : this.dispatcher.callRow(call.row);
  }

  /** Where the call is: its state and, when there is one, its agent. */
  where(id: string): string {
    const row = this.call(id);
    if (row === undefined) return 'ended';
    return row.agent < 0 ? row.state : `${row.state} ${this.dispatcher.agentRow(row.agent)?.id}`;
  }

  agent(id: string): AgentRow {
    const agent = this.dispatcher.acd.agents.get(id);
    const row = agent === undefined ? undefined : this.dispatcher.agentRow(agent.row);
    if (row === undefined) throw new Error(`no agent ${id}`);
    return row;
  }

  flow(id = 'sales'): FlowRow {
    const flow = this.dispatcher.acd.flows.get(id);
    const row = flow === undefined ? undefined : this.dispatcher.flowRow(flow.row);
    if (row === undefined) throw new Error(`no flow ${id}`);
    return row;
  }

  forgetOutput(): void {
    this.decisions = [];
    this.records = [];
    this.agent_events = [];
    this.call_events = [];
  }

  /** After a turn: what came out is kept, and what must hold does. */
  private turned(): void {
    const { out } = this.dispatcher;
    for (const { decision } of out.decisions) {
      this.decisions.push(decision);
      if (isConnect(decision) && decision.role === 'media')
        this.mediaLegs.add(`${decision.call} ${decision.leg}`);
    }
    this.records.push(...out.records);
    this.agent_events.push(...out.events);
    this.call_events.push(...out.call_events);
    out.clear();
    checkInvariants(this.dispatcher);
  }
}

function isConnect(decision: Decision): decision is Connect | ConnectAnnounced {
  return decision.kind === 'connect' || decision.kind === 'connect_announced';
}

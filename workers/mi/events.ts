/**
 * Events and who has asked for them. An event goes to every subscriber as a JSON-RPC notification; a
 * subscriber who does not read is cut off rather than kept in memory.
 */
import type { AgentEvent, CallEvent, EngineEvent } from '../../core/acd/commands.js';
import type { EventKind } from '../../ipc/event-interest.js';
import { type Json, notificationText, RpcError } from './json-rpc.js';
import { MEDIA } from './lists.js';

/** Their names on the wire. */
const NAMES: Readonly<Record<EventKind, string>> = {
  agent_report: 'E_CALLCENTER_AGENT_REPORT',
  call_report: 'E_CALLCENTER_CALL_REPORT',
};
const KINDS = Object.keys(NAMES) as EventKind[];

/** A connection that can be told something at any time. */
export interface Subscriber {
  /** False once the peer is gone. */
  readonly open: boolean;
  /** Sends a text; cuts the connection when the peer has let too much pile up. */
  notify(text: string): void;
}

export class Events {
  private readonly subscribers: Readonly<Record<EventKind, Set<Subscriber>>> = {
    agent_report: new Set(),
    call_report: new Set(),
  };

  /** @param interest told when an event gets its first subscriber, and when it has lost its last */
  constructor(private readonly interest: (kind: EventKind, wanted: boolean) => void) {}

  /** events_list. */
  list(): Json {
    return { Events: KINDS.map((kind, id) => ({ name: NAMES[kind], id })) };
  }

  /** From now on the subscriber gets the event, once however often it asks. Unknown events are a 404. */
  subscribe(event: string, subscriber: Subscriber): void {
    const kind = KINDS.find((each) => NAMES[each] === event);
    if (kind === undefined) throw new RpcError(404, 'Event not found');
    // Gone while an earlier request of its batch was under way: nobody would take it off the list again.
    if (!subscriber.open) return;
    this.subscribers[kind].add(subscriber);
    this.interest(kind, true);
  }

  /** The subscriber is gone. */
  forget(subscriber: Subscriber): void {
    for (const kind of KINDS) {
      const subscribers = this.subscribers[kind];
      if (subscribers.delete(subscriber) && subscribers.size === 0) this.interest(kind, false);
    }
  }

  /** Tells the subscribers; without any it costs nothing. */
  raise(event: EngineEvent): void {
    const subscribers = this.subscribers[event.kind];
    if (subscribers.size === 0) return;
    const params = event.kind === 'agent_report' ? agentReport(event) : callReport(event);
    const text = notificationText(NAMES[event.kind], params);
    for (const subscriber of subscribers) subscriber.notify(text);
  }
}

function agentReport(event: AgentEvent): Json {
  const { agent_id, state, wrapup_ends_ms, flow_id, ongoing_sessions } = event;
  return {
    agent_id,
    state,
    status: state,
    ...(wrapup_ends_ms > 0 ? { wrapup_ends: Math.floor(wrapup_ends_ms / 1000) } : {}),
    ...(flow_id === '' ? {} : { flow_id, ...(state === 'inchat' ? { ongoing_sessions } : {}) }),
  };
}

function callReport(event: CallEvent): Json {
  const { call_id, flow_id, state, media, caller, agent_id } = event;
  return {
    call_id,
    flow_id,
    state,
    media: MEDIA[media],
    caller,
    ...(agent_id === '' ? {} : { agent_id }),
  };
}

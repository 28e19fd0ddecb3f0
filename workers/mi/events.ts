/**
 * Events and who has asked for them. An event goes to every subscriber as a JSON-RPC notification; a
 * subscriber who does not read is cut off rather than kept in memory.
 */
import type { AgentEvent } from '../../core/acd/commands.js';
import { type Json, notificationText, RpcError } from './json-rpc.js';

export const AGENT_REPORT = 'E_CALLCENTER_AGENT_REPORT';

const EVENTS: readonly string[] = [AGENT_REPORT];

/** A connection that can be told something at any time. */
export interface Subscriber {
  /** False once the peer is gone. */
  readonly open: boolean;
  /** Sends a text; cuts the connection when the peer has let too much pile up. */
  notify(text: string): void;
}

export class Events {
  private readonly subscribers = new Map<string, Set<Subscriber>>(EVENTS.map((name) => [name, new Set()]));

  /** events_list. */
  list(): Json {
    return { Events: EVENTS.map((name, id) => ({ name, id })) };
  }

  /** From now on the subscriber gets the event, once however often it asks. Unknown events are a 404. */
  subscribe(event: string, subscriber: Subscriber): void {
    const subscribers = this.subscribers.get(event);
    if (subscribers === undefined) throw new RpcError(404, 'Event not found');
    // Gone while an earlier request of its batch was under way: nobody would take it off the list again.
    if (subscriber.open) subscribers.add(subscriber);
  }

  /** The subscriber is gone. */
  forget(subscriber: Subscriber): void {
    for (const subscribers of this.subscribers.values()) subscribers.delete(subscriber);
  }

  /** Tells the subscribers; without any it costs nothing. */
  raise(event: AgentEvent): void {
    const subscribers = this.subscribers.get(AGENT_REPORT);
    if (subscribers === undefined || subscribers.size === 0) return;
    const text = notificationText(AGENT_REPORT, agentReport(event));
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

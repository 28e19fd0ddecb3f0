/** The order of waiting calls, and a call's position in it. */
import type { Call } from './call.js';

/**
 * Put back by a rejection before all others: their priorities are moved below every configured one
 * and still fit 32 bits.
 */
const PUT_BACK = -(2 ** 31);
const HIGHEST_PRIORITY = 2 ** 31 - 1;

/** Queue order: put back by a rejection first, then flow priority (0 first), then arrival. */
export function compareWaiting(a: Call, b: Call): number {
  return a.order_priority - b.order_priority || a.order_sequence - b.order_sequence;
}

/** Into the queue of its flow's skill, at the place that its flow and its past give it. */
export function enqueue(call: Call): void {
  const priority = Math.min(Math.max(0, call.flow.config.priority), HIGHEST_PRIORITY);
  call.order_priority = call.put_back ? priority + PUT_BACK : priority;
  call.flow.skill.waiting[call.media].insert(call);
}

export function dequeue(call: Call): void {
  call.flow.skill.waiting[call.media].delete(call);
}

/**
 * The number of calls waiting for the same skill, of either medium, that go before this one; none once
 * an agent rings for it.
 */
export function position(call: Call): number {
  if (call.state !== 'queued') return 0;
  const { waiting } = call.flow.skill;
  return waiting.rtp.rank(call) + waiting.msrp.rank(call);
}

/** The URI with `;name=position` among its parameters, which stand before any headers (RFC 3261, 19.1.1). */
export function withPosition(uri: string, name: string, place: number): string {
  const headers = uri.indexOf('?', uri.lastIndexOf('@') + 1);
  const end = headers < 0 ? uri.length : headers;
  return `${uri.slice(0, end)};${name}=${place}${uri.slice(end)}`;
}

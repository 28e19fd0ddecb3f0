/** How long a call that enters a flow now will probably wait, and whether that dissuades it. */
import type { Flow } from './flow.js';

/** What the wire says when nobody is logged in. */
export const NOBODY_LOGGED_IN_S = 2147483647;

/** Mean talk time x queued calls / logged-in agents, whole seconds. */
export function estimatedWait(flow: Flow): number {
  const { logged_in } = flow.skill;
  if (logged_in === 0) return NOBODY_LOGGED_IN_S;
  if (flow.talk_count === 0) return 0;
  const wait_s = ((flow.talk_sum_s / flow.talk_count) * flow.queued_calls) / logged_in;
  return Math.min(Math.floor(wait_s), NOBODY_LOGGED_IN_S);
}

/** Whether a call of this flow that is about to enter the queue is dissuaded instead. */
export function dissuadesArrival(flow: Flow, eta_s: number): boolean {
  const { message_dissuading, dissuading_ewt_s, dissuading_qsize } = flow.config;
  if (message_dissuading === '') return false;
  return (
    (dissuading_ewt_s > 0 && eta_s > dissuading_ewt_s) ||
    (dissuading_qsize > 0 && flow.queued_calls >= dissuading_qsize)
  );
}

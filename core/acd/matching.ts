/** Who goes to whom: the choices between waiting calls and available agents. They change nothing. */
import type { Media } from '../messages.js';
import type { Agent } from './agent.js';
import type { Call } from './call.js';
import { OrderedSet } from './ordered-set.js';
import { compareWaiting } from './queue.js';
import type { Skill } from './skill.js';

/**
 * The agent for a call: the first in the order of choice who has not refused it, and where all who are
 * available have, the first of them. No more are passed over than have refused the call.
 */
export function chooseAgent(call: Call): Agent | undefined {
  const available = call.flow.skill.available[call.media];
  const first = available.first();
  if (first === undefined || !call.refusedBy(first)) return first;
  for (let index = 1; index < available.size; index++) {
    const agent = available.at(index);
    if (agent !== undefined && !call.refusedBy(agent)) return agent;
  }
  return first;
}

/** The first waiting call, in queue order, that the agent has skill, medium and room for. */
export function firstCallFor(agent: Agent): Call | undefined {
  let first: Call | undefined;
  if (agent.listed.rtp) first = firstWaiting(agent, 'rtp', first);
  if (agent.listed.msrp) first = firstWaiting(agent, 'msrp', first);
  return first;
}

function firstWaiting(agent: Agent, media: Media, best: Call | undefined): Call | undefined {
  let first = best;
  for (const skill of agent.skills) {
    const call = skill.waiting[media].first();
    if (call !== undefined && (first === undefined || compareWaiting(call, first) < 0)) first = call;
  }
  return first;
}

/**
 * Matches everything that waits, in queue order over all skills: `deliver` takes its call out of the
 * queue. For when all may fit at once: dispatching switched on, agents and flows loaded anew.
 */
export function matchEverything(skills: Iterable<Skill>, deliver: (call: Call, agent: Agent) => void): void {
  const heads = new OrderedSet<Call>(compareWaiting);
  for (const skill of skills) {
    for (const media of ['rtp', 'msrp'] as const) {
      const head = skill.waiting[media].first();
      if (head !== undefined) heads.insert(head);
    }
  }
  let call: Call | undefined;
  while ((call = heads.first()) !== undefined) {
    heads.delete(call);
    const agent = chooseAgent(call);
    // Nobody available for its head, nobody for the rest of its queue.
    if (agent === undefined) continue;
    const queue = call.flow.skill.waiting[call.media];
    deliver(call, agent);
    const next = queue.first();
    if (next !== undefined) heads.insert(next);
  }
}

/** A skill joins flows and agents: the calls that wait for it, and the agents who could take one now. */
import type { Media } from '../messages.js';
import { type Agent, compareForAudio, compareForChat } from './agent.js';
import type { Call } from './call.js';
import { OrderedSet } from './ordered-set.js';
import { compareWaiting } from './queue.js';
import type { SkillRow } from './view.js';

export class Skill {
  /** Flows and agents that name it; at 0 it is forgotten. */
  users = 0;
  /** Agents with the skill who are logged in, and those of them in state free. */
  logged_in = 0;
  free = 0;
  /** Calls in state queued, in queue order. */
  readonly waiting: Record<Media, OrderedSet<Call>> = {
    rtp: new OrderedSet(compareWaiting),
    msrp: new OrderedSet(compareWaiting),
  };
  /** Agents with room for a call of the medium, the one to be chosen first in front. */
  readonly available: Record<Media, OrderedSet<Agent>> = {
    rtp: new OrderedSet(compareForAudio),
    msrp: new OrderedSet(compareForChat),
  };

  constructor(
    readonly name: string,
    readonly row: number,
  ) {}

  view(): SkillRow {
    return { name: this.name, logged_in: this.logged_in, free: this.free };
  }
}

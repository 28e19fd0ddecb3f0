/** What workers and dispatcher both know, each from its own books: which calls there are, and which legs they have. */
import type { SimDispatcher } from './dispatching.js';
import { must } from './violation.js';
import type { SimWorker } from './worker.js';

/** Legs are looked at so often. */
const LEGS_STEPS = 50;

export class BothSides {
  private next_legs = LEGS_STEPS;

  constructor(
    /** Those there are. */
    private readonly workers: readonly SimWorker[],
    private readonly dispatching: SimDispatcher,
  ) {}

  /** What one side has and the other has not is what a message under way is about. @param steps so many were done */
  check(steps: number): void {
    if (this.workers.some(({ alive }) => !alive)) return;
    const { bridges, calls } = this.dispatching.dispatcher.acd;
    let apart = -calls.size - bridges.size;
    let under_way = 0;
    for (const { b2bua, decisions, reports } of this.workers) {
      apart += b2bua.size;
      under_way += reports.underWay + decisions.underWay;
    }
    must(Math.abs(apart) <= under_way, 'B2BUA and dispatcher have the same calls, but for what is under way');
    if (under_way > 0 || steps < this.next_legs) return;
    this.next_legs = steps + LEGS_STEPS;
    this.checkLegs();
  }

  private checkLegs(): void {
    for (const call of this.dispatching.dispatcher.acd.calls.values()) {
      const wanted = [call.agent_leg, call.media_leg, call.media_setup].filter((leg) => leg !== 0).sort();
      const there = this.workers[call.worker]?.b2bua.legsOf(call.id).sort();
      must(
        `${there}` === `${wanted}`,
        `call ${call.id} has legs ${there}, the dispatcher knows of ${wanted}`,
      );
    }
  }
}

/**
 * Which events somebody listens to: control says so, the dispatcher asks before it sends one. An event that
 * nobody wants costs a look at one word.
 */
import type { EngineEvent } from '../core/acd/commands.js';

export type EventKind = EngineEvent['kind'];

const WORD: Readonly<Record<EventKind, number>> = { agent_report: 0, call_report: 1 };

/** May be cloned to any thread. */
export type EventInterestDescriptor = SharedArrayBuffer;

/** Nobody listens to anything yet. */
export function createEventInterest(): EventInterestDescriptor {
  return new SharedArrayBuffer(Object.keys(WORD).length * Int32Array.BYTES_PER_ELEMENT);
}

export class EventInterest {
  private readonly words: Int32Array;

  constructor(descriptor: EventInterestDescriptor) {
    this.words = new Int32Array(descriptor);
  }

  /** From now on events of this kind are wanted, or not. */
  set(kind: EventKind, wanted: boolean): void {
    Atomics.store(this.words, WORD[kind], wanted ? 1 : 0);
  }

  wants(kind: EventKind): boolean {
    return Atomics.load(this.words, WORD[kind]) === 1;
  }
}

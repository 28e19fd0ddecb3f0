/** A worker's journal in memory: the inputs of its calls, turn by turn, which workers/journal keeps in files. */
import type { CallScope } from '../../core/sip/call-scope.js';
import type { CallStart, Recorder } from '../../core/sip/recorder.js';
import type { Recorded } from '../../core/sip/replay.js';
import { callIdOf } from '../../core/sip/shard.js';
import { must } from './violation.js';

type Untimed = Recorded extends infer R ? (R extends Recorded ? Omit<R, 'at_ms'> : never) : never;

/** Calls that are over are looked through when there are so many. */
const OVER_AT_ONCE = 100;

interface Numbered {
  /** Place among all inputs of the worker. */
  readonly number: number;
  readonly input: Recorded;
}

/** A call on its way from one worker's journal to another's. */
export interface MovedCall {
  readonly call: string;
  /** Of the caller's leg. */
  readonly callId: string;
  readonly inputs: readonly Numbered[];
  /** Its end has not been heard of. */
  readonly over: boolean;
}

export class SimJournal implements Recorder {
  private inputs = 0;
  private readonly calls = new Map<string, Numbered[]>();
  /** Calls that are over, and the number of the last report sent by then. */
  private readonly over_calls = new Map<string, number>();
  private turn: { call: string; input: Recorded }[] = [];
  private turn_over: string[] = [];
  private turn_decided: string[] = [];

  constructor(
    private readonly now_ms: () => number,
    /** Number of the last of the worker's reports that the dispatcher has applied. */
    private readonly applied_seq: () => number,
    /** A call begins, with that Call-ID. */
    private readonly begins: (call: string, callId: string) => void,
  ) {}

  undecided(id: string, text: string, path: CallStart['path']): void {
    this.turn.push({ call: id, input: { at_ms: this.now_ms(), kind: 'undecided', call: id, text, path } });
  }

  decided(id: string): void {
    this.turn_decided.push(id);
  }

  started(scope: CallScope, start: CallStart): void {
    this.begins(scope.id, scope.callerCallId);
    this.note(scope, { kind: 'started', start });
  }

  datagram(scope: CallScope, text: string, path: CallStart['path']): void {
    this.note(scope, { kind: 'datagram', call: scope.id, text, path });
  }

  decision(scope: CallScope, decision: Extract<Recorded, { kind: 'decision' }>['decision']): void {
    this.note(scope, { kind: 'decision', call: scope.id, decision });
  }

  answered(scope: CallScope, question: number, answer: unknown): void {
    this.note(scope, { kind: 'answered', call: scope.id, question, answer });
  }

  /** The simulated network takes everything. */
  unreachable(): never {
    throw new Error('nothing is unreachable here');
  }

  over(scope: CallScope): void {
    this.turn_over.push(scope.id);
  }

  private note(scope: CallScope, input: Untimed): void {
    this.turn.push({ call: scope.id, input: { at_ms: this.now_ms(), ...input } });
  }

  /** Something was taken in that is not safe. */
  get waits(): boolean {
    return this.turn.length + this.turn_over.length + this.turn_decided.length > 0;
  }

  /** What has been taken in is safe. `last_seq` is the number of the last report sent. */
  commit(last_seq: number): void {
    for (const { call, input } of this.turn) {
      const numbered = { number: this.inputs++, input };
      const known = this.calls.get(call);
      if (known === undefined) this.calls.set(call, [numbered]);
      else known.push(numbered);
    }
    for (const call of this.turn_over) this.over_calls.set(call, last_seq);
    for (const call of this.turn_decided) this.over_calls.set(call, 0);
    this.forgetTurn();
    if (this.over_calls.size >= OVER_AT_ONCE) this.forgetOver();
  }

  /** What is not safe has never been. */
  forgetTurn(): void {
    this.turn.length = 0;
    this.turn_over.length = 0;
    this.turn_decided.length = 0;
  }

  /** Calls whose end the dispatcher has heard of go. */
  private forgetOver(): void {
    const applied_seq = this.applied_seq();
    for (const [call, report_seq] of this.over_calls) {
      if (report_seq > applied_seq) continue;
      this.over_calls.delete(call);
      this.calls.delete(call);
    }
  }

  /** Whether the call can be brought back. */
  has(call: string): boolean {
    return this.calls.has(call);
  }

  /** Call-IDs of INVITEs that routing had not decided about. */
  callIdsUndecided(): Set<string> {
    const callIds = new Set<string>();
    for (const [call, [first]] of this.calls)
      if (first?.input.kind === 'undecided' && !this.over_calls.has(call))
        callIds.add(callIdOf(first.input.text) ?? '');
    return callIds;
  }

  /** The inputs of all calls that matter still, oldest first, and the ids of these calls. */
  recover(): { inputs: Recorded[]; calls: string[] } {
    this.forgetOver();
    const inputs = [...this.calls.values()].flat();
    inputs.sort((a, b) => a.input.at_ms - b.input.at_ms || a.number - b.number);
    return { inputs: inputs.map(({ input }) => input), calls: [...this.calls.keys()] };
  }

  /** Gives all calls that matter still away. */
  handOver(): MovedCall[] {
    this.forgetOver();
    const moved = [...this.calls].map(([call, inputs]) => {
      const first = inputs[0]?.input;
      must(first?.kind === 'started' || first?.kind === 'undecided', 'a call is recorded from its beginning');
      const invite = first.kind === 'started' ? first.start.text : first.text;
      return { call, callId: callIdOf(invite) ?? '', inputs, over: this.over_calls.has(call) };
    });
    this.calls.clear();
    this.over_calls.clear();
    return moved;
  }

  takeOver({ call, inputs, over }: MovedCall): void {
    this.calls.set(call, [...inputs]);
    // Reports of the worker before had numbers of their own.
    if (over) this.over_calls.set(call, Number.POSITIVE_INFINITY);
    this.inputs = Math.max(this.inputs, ...inputs.map(({ number }) => number + 1));
  }

  /** Of these nothing is left, once they were played again. */
  overBefore(calls: readonly string[]): void {
    for (const call of calls) this.turn_over.push(call);
  }

  /** All calls have reported again, up to that number: only now what was over before may go. */
  toldAgain(last_seq: number): void {
    for (const call of this.over_calls.keys()) this.over_calls.set(call, last_seq);
  }
}

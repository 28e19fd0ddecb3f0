/**
 * The gate of a worker: how many new calls a second it lets in, in memory that it shares with the doorman, and what
 * each of the two has let in and turned away. The worker sets it; both keep to it, for what comes by way of each.
 */
import { createInviteMemory, InviteMemory, type InviteMemoryDescriptor } from './invite-memory.js';
import type { SourceLimit } from './source-limit.js';
import { TokenBucket } from './token-bucket.js';

/** Above this none is let in: they would be answered too late. */
const STOP_MS = 20;
/** How much of its rate may come in at once, s. */
const BURST_S = 0.02;

/** Places of Float64s, then of Int32s. */
const PER_S = 0;
const WAIT_MS = 1;
const AWAY = 4;
const BOUND = 5;
const STATE_BYTES = 24;

/** INVITEs that were let in and turned away. */
interface Decided<Memory> {
  let_in: Memory;
  turned_away: Memory;
}

/** Of one worker's gate; may be cloned to any thread. */
export interface GateDescriptor {
  state: SharedArrayBuffer;
  worker: Decided<InviteMemoryDescriptor>;
  doorman: Decided<InviteMemoryDescriptor>;
}

/** Makes a gate that is open. */
export function createGate(): GateDescriptor {
  const memories = (): GateDescriptor['worker'] => ({
    let_in: createInviteMemory(),
    turned_away: createInviteMemory(),
  });
  const gate = { state: new SharedArrayBuffer(STATE_BYTES), worker: memories(), doorman: memories() };
  new GateState(gate).open();
  return gate;
}

/** What the worker says of itself; the doorman only looks. */
export class GateState {
  private readonly numbers: Float64Array;
  private readonly counts: Int32Array;

  constructor({ state }: GateDescriptor) {
    this.numbers = new Float64Array(state);
    this.counts = new Int32Array(state);
  }

  /** New calls a second that are let in; Infinity while there is no overload. */
  get per_s(): number {
    return this.numbers[PER_S] as number;
  }

  get isOpen(): boolean {
    return this.per_s === Number.POSITIVE_INFINITY;
  }

  /** All are let in. */
  open(): void {
    this.numbers[PER_S] = Number.POSITIVE_INFINITY;
  }

  /** So many are. */
  narrow(per_s: number): void {
    this.numbers[PER_S] = per_s;
  }

  /** How long what comes has to wait at present. */
  get wait_ms(): number {
    return this.numbers[WAIT_MS] as number;
  }

  set wait_ms(wait_ms: number) {
    this.numbers[WAIT_MS] = wait_ms;
  }

  /** How many calls were turned away, by both, since the engine started; wraps at 2^32. */
  get away(): number {
    return Atomics.load(this.counts, AWAY);
  }

  countAway(): void {
    Atomics.add(this.counts, AWAY, 1);
  }

  /** How often the worker, or one before it, has bound the public ports. */
  get bound(): number {
    return Atomics.load(this.counts, BOUND);
  }

  countBound(): void {
    Atomics.add(this.counts, BOUND, 1);
  }
}

/** One who stands at a gate. */
export class Gate {
  readonly state: GateState;
  private readonly mine: Decided<InviteMemory>;
  private readonly others: Decided<InviteMemory>;
  private readonly bucket = new TokenBucket();

  constructor(
    gate: GateDescriptor,
    who: 'worker' | 'doorman',
    private readonly sources: SourceLimit,
  ) {
    this.state = new GateState(gate);
    const open = ({ let_in, turned_away }: GateDescriptor['worker']): Decided<InviteMemory> => ({
      let_in: new InviteMemory(let_in),
      turned_away: new InviteMemory(turned_away),
    });
    this.mine = open(gate[who]);
    this.others = open(who === 'worker' ? gate.doorman : gate.worker);
  }

  /**
   * Whether a new call may come in now. What has been decided about its INVITE, by either, stands for as long as it
   * may be repeated.
   * @param number of its INVITE, from inviteNumber
   * @param source address that it came from
   */
  admits(number: number, source: string, now_ms: number): boolean {
    const { mine, others, state } = this;
    if (mine.let_in.has(number) || others.let_in.has(number)) return true;
    const before = mine.turned_away.has(number) || others.turned_away.has(number);
    if (!before && this.sources.admits(source, now_ms) && this.hasRoom(now_ms)) {
      mine.let_in.add(number, now_ms);
      return true;
    }
    if (!before) {
      mine.turned_away.add(number, now_ms);
      state.countAway();
    }
    return false;
  }

  private hasRoom(now_ms: number): boolean {
    const { state } = this;
    // Read once: the worker may open it meanwhile.
    const { per_s } = state;
    if (per_s === Number.POSITIVE_INFINITY) return true;
    if (!this.bucket.fill(per_s, 1 + per_s * BURST_S, now_ms) || state.wait_ms > STOP_MS) return false;
    this.bucket.take();
    return true;
  }
}

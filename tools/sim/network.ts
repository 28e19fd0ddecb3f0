/** The virtual network: takes a datagram's time and chance to arrive, unharmed or not. */
import type { TimerWheel } from '../../core/timers.js';
import type { Dice } from './dice.js';

/** Per cent of datagrams that suffer each, and per cent of a thread's wake-ups at which it stalls. */
export interface Faults {
  lost: number;
  doubled: number;
  late: number;
  cut: number;
  /** Largest difference between the times that two datagrams take, ms: more than their distance reorders them. */
  jitter_ms: number;
  stalled: number;
  /** Per cent of a worker's turns that are its last. */
  died: number;
  /** Whether the whole process dies now and then. */
  restarted: boolean;
}

export const ALL_FAULTS: Faults = {
  lost: 4,
  doubled: 3,
  late: 3,
  cut: 0.5,
  jitter_ms: 60,
  stalled: 0.05,
  died: 0.02,
  restarted: true,
};
export const NO_FAULTS: Faults = {
  lost: 0,
  doubled: 0,
  late: 0,
  cut: 0,
  jitter_ms: 0,
  stalled: 0,
  died: 0,
  restarted: false,
};

const LATEST_MS = 4_000;

export class Network {
  constructor(
    private readonly timers: TimerWheel,
    private readonly dice: Dice,
    private readonly faults: Faults,
    /** Told of every datagram that did not go as it should. */
    private readonly harmed: (how: string, text: string) => void,
  ) {}

  /** `arrive` gets the datagram: never, once or twice, sooner or later, whole or cut short. */
  send(text: string, arrive: (text: string) => void): void {
    const { dice, faults } = this;
    if (dice.chance(faults.lost)) return this.harmed('lost', text);
    let sent = text;
    if (dice.chance(faults.cut)) {
      sent = text.slice(0, dice.between(1, text.length - 1));
      this.harmed('cut', sent);
    }
    this.deliver(sent, arrive);
    if (dice.chance(faults.doubled)) this.deliver(sent, arrive);
  }

  private deliver(text: string, arrive: (text: string) => void): void {
    const { dice, faults } = this;
    let delay_ms = 2 + dice.between(0, faults.jitter_ms);
    if (dice.chance(faults.late)) delay_ms += dice.between(100, LATEST_MS);
    this.timers.set(delay_ms, () => arrive(text));
  }
}

/** One of the engine's threads in the simulation: a clock and deadlines of its own, and turns of its event loop. */
import { TimerWheel } from '../../core/timers.js';
import type { Clock } from './clock.js';

export abstract class SimThread {
  timers: TimerWheel;
  /** One that has died has no turns. */
  alive = true;
  private wake_due = false;
  /** Its next deadline, on its own clock; deadlines change in turns only. */
  private next_ms: number | undefined;

  constructor(
    private readonly world: TimerWheel,
    protected readonly clock: Clock,
    /** How long it takes to wake it up, ms. */
    private readonly wakeDelay_ms: () => number,
  ) {
    this.timers = new TimerWheel(clock.shows_ms(world.now_ms));
  }

  /** When, by the world's clock, it next wants a turn; undefined when it waits for others only. */
  due_ms(): number | undefined {
    if (this.next_ms === undefined) return undefined;
    const { now_ms } = this.world;
    return now_ms + Math.max(1, this.next_ms - this.clock.shows_ms(now_ms));
  }

  /** A turn if one of its deadlines is over. */
  tick(): void {
    if (this.next_ms !== undefined && this.next_ms <= this.clock.shows_ms(this.world.now_ms)) this.turn();
  }

  /** A turn: its deadlines, then `act`, then what all that produced leaves. */
  turn(act?: () => void): void {
    if (!this.alive) return;
    this.timers.advance(this.clock.shows_ms(this.world.now_ms));
    this.expired();
    act?.();
    this.flush();
    this.next_ms = this.alive ? this.timers.next_ms() : undefined;
  }

  /** It has no turns from now on, until it is alive again. */
  protected stop(): void {
    this.alive = false;
    this.next_ms = undefined;
  }

  /** Its doorbell: a turn in which it reads its links, a little later. */
  ring(): void {
    if (this.wake_due) return;
    this.wake_due = true;
    this.world.set(this.wakeDelay_ms(), () => {
      this.wake_due = false;
      this.turn(() => {
        if (this.readLinks()) this.ring();
      });
    });
  }

  /** Its deadlines of this turn are over. */
  protected expired(): void {}

  /** Reads what has come by its links; true when more is left. */
  protected abstract readLinks(): boolean;

  protected abstract flush(): void;
}

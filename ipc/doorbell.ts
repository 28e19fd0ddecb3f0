/**
 * The doorbell: how writers of rings wake the thread that reads them, and wake it only when it sleeps.
 *
 * One doorbell a consumer thread, shared by every ring it reads. Two words: a count of rings and a flag
 * "asleep". A writer first makes its records visible, then counts, then looks at the flag. The consumer
 * notes the count before it looks at its rings and waits only if the count is still the one noted, after
 * setting the flag. So either it sees the records, or the count has moved and it does not sleep, or the
 * writer sees the flag and wakes it: no wake-up is lost, and one who is awake costs no system call.
 */
import { assert } from '../core/assert.js';

const COUNT = 0;
/** On a cache line of its own: the consumer writes it, the writers only look. */
const ASLEEP = 16;
const WORDS = 32;

/** Shared memory of a doorbell; may be cloned to any thread. */
export type DoorbellDescriptor = SharedArrayBuffer;

/** Makes a doorbell, to be handed to one consumer and any number of writers. */
export function createDoorbell(): DoorbellDescriptor {
  return new SharedArrayBuffer(WORDS * 4);
}

/** The writers' side. */
export class Doorbell {
  private readonly words: Int32Array;

  constructor(descriptor: DoorbellDescriptor) {
    assert(descriptor.byteLength === WORDS * 4, 'a doorbell is opened from its own descriptor');
    this.words = new Int32Array(descriptor);
  }

  /** Wakes the consumer if it sleeps. Call after what it is to find has been made visible. */
  ring(): void {
    Atomics.add(this.words, COUNT, 1);
    // Of several writers the one that takes the flag down pays for the wake-up.
    if (Atomics.load(this.words, ASLEEP) === 1 && Atomics.exchange(this.words, ASLEEP, 0) === 1) {
      Atomics.notify(this.words, COUNT);
    }
  }
}

export interface DoorbellListenerOptions {
  /** The longest time in ms that what was published without a wake-up lies unread; none by default. */
  max_sleep_ms?: number;
  /** How it rests while there is much to do; it sleeps until it is rung, always, when left out. */
  pause?: Pause;
}

/**
 * A short blocking wait between two looks at the rings, in place of sleep. A ring ends it, for a fraction of what
 * waking a sleeper costs; sockets and timers do not, so what comes by them meanwhile is handled together. The event
 * loop is served between two pauses.
 */
export interface Pause {
  /** How long it lasts at the most, ms. */
  readonly ms: number;
  /** Whether there is so much to do that the thread pauses rather than sleeps; asked before each rest. */
  due(): boolean;
}

/**
 * The consumer's side: runs `onRing` now, at every ring, and as long as it says that work is left.
 *
 * A listener does not keep its thread alive: neither a pending `Atomics.waitAsync` nor the timer behind
 * `max_sleep_ms` holds the event loop, so the thread ends when its sockets, ports and timers are gone.
 */
export class DoorbellListener {
  private readonly words: Int32Array;
  private readonly timer: NodeJS.Timeout | undefined;
  private closed = false;
  private waiting = false;
  /** The count of rings before the last look. */
  private seen = 0;
  private readonly turn = (): void => this.run();
  private readonly afterPause = (): void => {
    this.rest();
    this.run();
  };
  private readonly woken = (): void => {
    this.waiting = false;
    Atomics.store(this.words, ASLEEP, 0);
    this.run();
  };

  /**
   * @param onRing reads the rings, a bounded amount; true when there is more, then it is called again
   * after the event loop has had its turn. What it throws ends the thread as an uncaught error.
   */
  constructor(
    descriptor: DoorbellDescriptor,
    private readonly onRing: () => boolean,
    private readonly options: DoorbellListenerOptions = {},
  ) {
    assert(descriptor.byteLength === WORDS * 4, 'a doorbell is opened from its own descriptor');
    this.words = new Int32Array(descriptor);
    if (options.max_sleep_ms !== undefined) {
      // A timeout given to waitAsync would cost a timer at each sleep and doubles the price of a wake-up.
      this.timer = setInterval(() => {
        if (this.waiting) Atomics.notify(this.words, COUNT);
      }, options.max_sleep_ms).unref();
    }
    setImmediate(this.turn);
  }

  /** No more calls of `onRing` from now on. */
  close(): void {
    this.closed = true;
    clearInterval(this.timer);
    if (this.waiting) Atomics.notify(this.words, COUNT);
  }

  /** Blocks the thread until it is rung, for the length of a pause at the most. */
  private rest(): void {
    const { pause } = this.options;
    if (pause === undefined || this.closed) return;
    Atomics.store(this.words, ASLEEP, 1);
    Atomics.wait(this.words, COUNT, this.seen, pause.ms);
    Atomics.store(this.words, ASLEEP, 0);
  }

  private run(): void {
    if (this.closed) return;
    const seen = Atomics.load(this.words, COUNT);
    this.seen = seen;
    if (this.onRing()) {
      setImmediate(this.turn);
      return;
    }
    if (this.closed) return;
    if (this.options.pause?.due()) {
      setImmediate(this.afterPause);
      return;
    }
    Atomics.store(this.words, ASLEEP, 1);
    const wait = Atomics.waitAsync(this.words, COUNT, seen);
    if (wait.async) {
      this.waiting = true;
      void wait.value.then(this.woken);
      return;
    }
    Atomics.store(this.words, ASLEEP, 0);
    setImmediate(this.turn);
  }
}

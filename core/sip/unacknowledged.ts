/** A 2xx to an INVITE until its ACK: sent again at T1, 2 T1, ... up to T2, given up after 64 T1 (RFC 3261 13.3.1.4). */
import type { Timer, TimerWheel } from '../timers.js';
import type { ServerTx } from './session-user.js';
import type { SipTimes } from './transport.js';

export class Unacknowledged {
  /** CSeq that the ACK will have. */
  readonly cseq: number;
  private readonly since_ms: number;
  private interval_ms: number;
  private resend: Timer;

  constructor(
    private readonly timers: TimerWheel,
    private readonly times: SipTimes,
    private readonly tx: ServerTx,
    private readonly text: string,
    /** Gets the SDP of the ACK, '' when it has none or never comes. */
    readonly then: ((sdp: string) => void) | undefined,
    private readonly givenUp: () => void,
  ) {
    this.cseq = tx.request.cseq;
    this.since_ms = timers.now_ms;
    this.interval_ms = times.t1_ms;
    this.resend = timers.set(this.interval_ms, () => this.again());
  }

  /** The ACK has come, or nobody waits for it any more. */
  stop(): void {
    this.timers.cancel(this.resend);
  }

  private again(): void {
    const left_ms = this.since_ms + 64 * this.times.t1_ms - this.timers.now_ms;
    if (left_ms <= 0) return this.givenUp();
    this.tx.retransmit(this.text);
    this.interval_ms = Math.min(2 * this.interval_ms, this.times.t2_ms);
    this.resend = this.timers.set(Math.min(this.interval_ms, left_ms), () => this.again());
  }
}

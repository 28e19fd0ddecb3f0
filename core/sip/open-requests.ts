/**
 * Requests of a peer's inside a dialog that wait for the other side's answer: none is left without one, whether the
 * other side is silent or the dialog ends first (RFC 3261 15.1.2).
 */
import type { Timer, TimerWheel } from '../timers.js';
import type { ServerTx } from './session-user.js';
import type { SipTimes } from './transport.js';

/** In T1: a little before the peer's Timer F, which would end his dialog for the other side's fault (12.2.1.2). */
const PATIENCE_T1 = 60;

export class OpenRequests {
  private pending: Map<ServerTx, Timer> | undefined = undefined;

  constructor(
    private readonly timers: TimerWheel,
    private readonly times: SipTimes,
    /** Answers with that status; `done` follows. */
    private readonly refuse: (tx: ServerTx, status: number) => void,
  ) {}

  /** The request is on its way to the other side. */
  add(tx: ServerTx): void {
    this.pending ??= new Map();
    this.pending.set(
      tx,
      this.timers.set(PATIENCE_T1 * this.times.t1_ms, () => this.refuse(tx, 500)),
    );
  }

  /** It has been answered. */
  done(tx: ServerTx): void {
    this.timers.cancel(this.pending?.get(tx));
    this.pending?.delete(tx);
  }

  /** The dialog ends. */
  close(): void {
    if (this.pending === undefined) return;
    for (const tx of [...this.pending.keys()]) this.refuse(tx, 487);
  }
}

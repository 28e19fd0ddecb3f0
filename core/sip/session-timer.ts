/**
 * The session timer of one dialog (RFC 4028): negotiated with each peer by itself, refreshed by whoever is
 * to, and the end of a session whose peer has gone without a word. A peer who knows no such timer is asked from
 * time to time whether he is there.
 */
import type { Timer, TimerWheel } from '../timers.js';
import { findParam } from './lex.js';
import type { SipMessage, SipRequest, SipResponse } from './message.js';
import type { HeaderFields } from './transaction.js';

/** What we ask for, and the shortest interval that we take (RFC 4028 4, 5). */
const INTERVAL_S = 1_800;
export const MIN_SE_S = 90;
/** A refresh that could not be sent or was refused is tried again after this. */
const AGAIN_MS = 5_000;
/** How often a peer without a timer is asked whether he is there. */
export const PROBE_MS = 120_000;

interface SessionExpires {
  interval_s: number;
  refresher: 'uac' | 'uas' | undefined;
}

export class SessionTimer {
  /** 0 while no timer has been agreed on. */
  private interval_s = 0;
  private weRefresh = false;
  private minimum_s = MIN_SE_S;
  private due: Timer | undefined = undefined;
  private stopped = false;

  constructor(
    private readonly timers: TimerWheel,
    /** Sends a refresh; false when the dialog is busy and it is to be tried again. */
    private readonly refresh: () => boolean,
    /** The peer has not refreshed in time. */
    private readonly expired: () => void,
    /** Asks the peer, who has no timer, whether he is there. */
    private readonly probe: () => void,
  ) {}

  /** Headers of an INVITE or UPDATE of ours. In a dialog with a timer the roles stay as they are (7.4). */
  requestHeaders(): HeaderFields {
    const interval_s = Math.max(this.interval_s || INTERVAL_S, this.minimum_s);
    const refresher = this.interval_s === 0 ? '' : `;refresher=${this.weRefresh ? 'uac' : 'uas'}`;
    return [
      ['Session-Expires', `${interval_s}${refresher}`],
      ['Min-SE', String(this.minimum_s)],
    ];
  }

  /** The peer's 2xx to a request of ours that could set the timer (7.2). */
  accepted(response: SipResponse): void {
    const agreed = sessionExpires(response);
    if (agreed === undefined) return this.none();
    this.start(agreed.interval_s, agreed.refresher !== 'uas');
  }

  /** The peer's 422: true when the request is worth another try with his minimum (7.3). */
  tooBrief(response: SipResponse): boolean {
    const minimum_s = Number.parseInt(response.header('min-se') ?? '', 10);
    if (!(minimum_s > this.minimum_s) || minimum_s > 86_400) return false;
    this.minimum_s = minimum_s;
    return true;
  }

  /** Whether a request of the peer asks for an interval that we do not take: 422 with {@link MIN_SE_S} (8.1). */
  static refuses(request: SipRequest): boolean {
    const asked = sessionExpires(request);
    return asked !== undefined && asked.interval_s < MIN_SE_S;
  }

  /**
   * Agrees to what a request of the peer asks for: the headers of our 2xx (9). A peer who does not say who
   * refreshes does so himself if he can; one who asks for no timer has none.
   */
  agree(request: SipRequest): HeaderFields {
    const asked = sessionExpires(request);
    const peerCan = request.list('supported').some((option) => option.toLowerCase() === 'timer');
    if (asked === undefined) {
      // A refresh without the header ends the agreement (7.4).
      this.none();
      return [];
    }
    const refresher = peerCan ? (asked.refresher ?? 'uac') : 'uas';
    this.start(asked.interval_s, refresher === 'uas');
    const header = ['Session-Expires', `${asked.interval_s};refresher=${refresher}`] as const;
    return refresher === 'uac' ? [['Require', 'timer'], header] : [header];
  }

  /** No timer is agreed on. */
  private none(): void {
    this.timers.cancel(this.due);
    this.interval_s = 0;
    if (this.stopped) return;
    this.due = this.timers.set(PROBE_MS, () => {
      this.probe();
      this.none();
    });
  }

  /** The dialog is over. */
  stop(): void {
    this.stopped = true;
    this.timers.cancel(this.due);
  }

  private start(interval_s: number, weRefresh: boolean): void {
    this.timers.cancel(this.due);
    this.interval_s = interval_s;
    this.weRefresh = weRefresh;
    if (this.stopped) return;
    // Half-way for a refresh (7.2); a little early for the end, so that both sides agree on it (10).
    const delay_s = weRefresh ? interval_s / 2 : interval_s - Math.min(32, interval_s / 3);
    this.due = this.timers.set(delay_s * 1000, () =>
      weRefresh ? this.refreshDue(interval_s) : this.expired(),
    );
  }

  /** Until an answer has set the timer anew, tries again; half an interval later the session has expired. */
  private refreshDue(interval_s: number, tried_ms = 0): void {
    const left_ms = (interval_s / 2) * 1000 - tried_ms;
    if (left_ms <= 0) return this.expired();
    const sent = this.refresh();
    const wait_ms = Math.min(sent ? 8 * AGAIN_MS : AGAIN_MS, left_ms);
    this.due = this.timers.set(wait_ms, () => this.refreshDue(interval_s, tried_ms + wait_ms));
  }
}

function sessionExpires(message: SipMessage): SessionExpires | undefined {
  const value = message.header('session-expires');
  if (value === undefined) return undefined;
  const interval_s = Number.parseInt(value, 10);
  if (!(interval_s > 0) || interval_s > 2 ** 20) return undefined;
  const semicolon = value.indexOf(';');
  const refresher =
    semicolon < 0 ? undefined : findParam(value, semicolon, value.length, 'refresher')?.toLowerCase();
  return { interval_s, refresher: refresher === 'uac' || refresher === 'uas' ? refresher : undefined };
}

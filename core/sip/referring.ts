/**
 * The engine's own REFER: a caller is asked to call somebody else himself, who then needs no bridge here (RFC 3515).
 * How that goes he tells by NOTIFY; until then he stays with what he hears.
 */
import type { Timer } from '../timers.js';
import type { CallScope } from './call-scope.js';
import type { SipRequest } from './message.js';
import type { Session } from './session.js';

/** One who has taken the REFER and does not say how it went has gone there. */
const SILENT_MS = 32_000;

export class Referring {
  private deadline: Timer | undefined = undefined;
  private over = false;

  /** @param done told once: 200 when he has gone there, else why not */
  constructor(
    private readonly scope: CallScope,
    caller: Session,
    uri: string,
    private readonly done: (status: number) => void,
  ) {
    const from = `<${caller.contactUri}>`;
    const headers = [
      ['Refer-To', `<${uri}>`],
      ['Referred-By', from],
    ] as const;
    caller.send('REFER', '', '', headers, {
      response: (_tx, { status }) => {
        if (status >= 300) this.finish(status);
        else if (status >= 200) this.deadline ??= scope.timers.set(SILENT_MS, () => this.finish(200));
      },
      noResponse: () => this.finish(408),
      cancelled() {},
    });
  }

  /** A NOTIFY of his. @returns whether it belongs here */
  notified(notify: SipRequest): boolean {
    if (this.over || !/^refer\b/i.test(notify.header('event') ?? '')) return false;
    const status = Number(/^SIP\/2\.0 (\d{3})/.exec(notify.body)?.[1] ?? 0);
    const ended = /^terminated\b/i.test(notify.header('subscription-state') ?? '');
    if (status >= 200) this.finish(status < 300 ? 200 : status);
    // He has ended the subscription without a word of how it went: he has taken it, no more is known.
    else if (ended) this.finish(200);
    return true;
  }

  stop(): void {
    this.over = true;
    this.scope.timers.cancel(this.deadline);
  }

  private finish(status: number): void {
    if (this.over) return;
    this.stop();
    this.done(status);
  }
}

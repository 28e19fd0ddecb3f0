/** What the engine tells by NOTIFY those who have sent it a REFER in one conversation (RFC 3515 2.4). */
import type { SipRequest } from '../../core/sip/message.js';
import { must } from './violation.js';

export class Referrals {
  /** CSeq of the REFERs that were accepted, and whether their outcome has been told. */
  private readonly accepted = new Map<number, boolean>();

  /** The engine has answered a REFER. */
  answered(cseq: number, status: number): void {
    if (status >= 200 && status < 300) this.accepted.set(cseq, false);
  }

  /** The engine sends a NOTIFY, not one again. */
  notify(request: SipRequest): void {
    const id = Number(/^refer;id=(\d+)$/.exec(request.header('event') ?? '')?.[1]);
    must(this.accepted.has(id), 'a NOTIFY follows a REFER that was accepted (RFC 3515 2.4.4)');
    must(this.accepted.get(id) === false, 'nothing is told after the outcome (RFC 3515 2.4.7)');
    this.accepted.set(id, request.header('subscription-state')?.startsWith('terminated') ?? false);
  }
}

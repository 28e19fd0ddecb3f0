/** Who asks the engine by REFER to send his peer elsewhere, and what he must be told of it by NOTIFY (RFC 3515 2.4). */
import type { SipRequest } from '../../core/sip/message.js';
import type { Phone } from './phone.js';
import { must } from './violation.js';

/** The answer to what was cut short. */
const CUT = 400;

interface Referral {
  /** Status of the engine's answer to the REFER; 0 before. */
  answer: number;
  /** What the NOTIFYs said, by their CSeq: datagrams overtake one another. */
  readonly told: Map<number, number>;
}

export class Referrer {
  /** By CSeq of the REFER. */
  private readonly referrals = new Map<number, Referral>();

  constructor(private readonly phone: Phone) {}

  /** @param to value of Refer-To, '' for none */
  refer(to: string): void {
    const headers = to === '' ? '' : `Refer-To: ${to}\r\nReferred-By: <sip:${this.phone.user}@here>\r\n`;
    const cseq = this.phone.say('REFER', '', { headers });
    this.referrals.set(cseq, { answer: 0, told: new Map() });
  }

  /** A REFER has its final response. */
  answered(cseq: number, status: number): void {
    const referral = this.referrals.get(cseq);
    if (referral !== undefined) referral.answer = status;
  }

  notified(notify: SipRequest): void {
    const id = /^refer;id=(\d+)$/.exec(notify.header('event') ?? '')?.[1];
    const referral = this.referrals.get(Number(id));
    must(referral !== undefined, 'a NOTIFY is about a REFER that was sent (RFC 3515 2.4.6)');
    // A copy that came cut short has had an answer of its own, before the whole one came.
    const refused = referral.answer >= 300 && referral.answer !== CUT;
    must(!refused, 'nothing is told of a REFER that was refused');
    const status = Number(/^SIP\/2\.0 (\d{3}) [^\r]+\r\n$/.exec(notify.body)?.[1]);
    must(status >= 100 && status < 700, 'a NOTIFY has a status line (RFC 3515 2.4.5)');
    must(notify.header('content-type')?.startsWith('message/sipfrag') === true, 'it says that it has one');
    const state = notify.header('subscription-state') ?? '';
    must(
      status < 200 ? /^active;expires=\d+$/.test(state) : state.startsWith('terminated;'),
      'the subscription ends with the final status, not before (RFC 3515 2.4.7)',
    );
    referral.told.set(notify.cseq, status);
  }

  /** Nothing more can come. `hung_up`: the engine has, and could have told everything before. */
  over(hung_up: boolean): void {
    for (const { answer, told } of this.referrals.values()) {
      if (answer < 200 || answer >= 300) continue;
      const order = [...told.entries()].sort(([a], [b]) => a - b).map(([, status]) => status);
      const finals = order.filter((status) => status >= 200).length;
      must(finals <= 1, 'a REFER has one outcome');
      must(finals === 0 || (order.at(-1) ?? 0) >= 200, 'nothing is told after the outcome');
      must(!hung_up || finals === 1, 'who has referred is told how it went');
    }
  }
}

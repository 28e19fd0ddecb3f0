/** The subscription that a REFER implies: who sent it is told by NOTIFY how it goes (RFC 3515 2.4). */
import { reasonPhrase } from './build.js';
import type { Session } from './session.js';
import type { RequestOwner } from './session-user.js';

/** The longest that a referral is under way: what its NOTIFYs promise. */
export const REFERRAL_S = 120;

export class Referral {
  private told = 0;

  constructor(
    private readonly session: Session,
    /** CSeq of the REFER: tells this subscription from others in the same dialog. */
    private readonly cseq: number,
  ) {}

  /**
   * Tells the status of the INVITE that the REFER caused; a final one ends the subscription. The same one twice
   * is told once. `heard` is called when the NOTIFY has been answered, or will not be.
   */
  tell(status: number, heard: () => void = () => {}): void {
    const { session } = this;
    if (status === this.told) return;
    this.told = status;
    if (session.ended) return heard();
    const owner: RequestOwner = {
      response(_tx, response) {
        if (response.status >= 200) heard();
      },
      noResponse: heard,
      cancelled() {},
    };
    const state = status < 200 ? `active;expires=${REFERRAL_S}` : 'terminated;reason=noresource';
    session.send(
      'NOTIFY',
      `SIP/2.0 ${status} ${reasonPhrase(status)}\r\n`,
      'message/sipfrag;version=2.0',
      [
        ['Event', `refer;id=${this.cseq}`],
        ['Subscription-State', state],
      ],
      owner,
    );
  }
}

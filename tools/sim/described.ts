/** The SDP that the engine has sent in one conversation, and the rules of RFC 3264 for what comes next. */
import type { SipMessage } from '../../core/sip/message.js';
import { sdpMedia } from '../../core/sip/sdp.js';
import { found, must } from './violation.js';

const ORIGIN = /^o=(\S+ \S+) (\d+) [^\r\n]*\r?\n/m;

export class Described {
  private id = '';
  private version = 0;
  private rest = '';

  /** A message with an SDP of the engine's, not one sent again; without one nothing is said. */
  sent({ body, contentType, method }: SipMessage, is_offer: boolean): void {
    if (body === '' || contentType !== 'application/sdp') return;
    const [line = '', id = '', digits] = found(ORIGIN.exec(body) ?? undefined, 'an SDP has an o= line');
    const version = Number(digits);
    const rest = body.replace(line, '');
    if (this.id !== '') {
      must(id === this.id, 'the o= line names one session (RFC 3264 8)');
      const due = this.version + (rest === this.rest ? 0 : 1);
      must(
        // In the ACK that ends a dialog it may grow without one: what was sent before has been forgotten.
        version === due || (method === 'ACK' && version === due + 1 && rest === this.rest),
        "the o= line's version is one more with each change (RFC 3264 8)",
      );
      const kept = !is_offer || sdpMedia(body).length >= sdpMedia(this.rest).length;
      must(kept, 'no m= line goes (RFC 3264 8)');
    }
    this.id = id;
    this.version = version;
    this.rest = rest;
  }

  /** An answer to `offer` has its streams, in number and order (RFC 3264 6). */
  answers(offer: string, { body }: SipMessage): void {
    if (body === '') return;
    const offered = mediaOf(offer);
    const answered = mediaOf(body);
    must(offered === answered, `an answer (${answered}) has the offer's m= lines (${offered}) (RFC 3264 6)`);
  }
}

function mediaOf(sdp: string): string {
  return sdpMedia(sdp)
    .map((line) => line.media)
    .join(' ');
}

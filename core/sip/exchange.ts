/**
 * Carrying a request inside a dialog from one side of a call to the other and its answer back (ladders:
 * inside a dialog).
 */
import type { SipRequest, SipResponse } from './message.js';
import { sdpOf } from './message-facts.js';
import { sameSession } from './sdp.js';
import type { Session } from './session.js';
import type { ClientTx, Header, RequestOwner, ServerTx } from './session-user.js';

/** A re-INVITE on its way across. */
export interface Exchange {
  /** The side that sent it took it back. */
  cancel(): void;
}

/** Headers of INFO and MESSAGE that are meant for the far end. */
const CARRIED = ['info-package', 'content-disposition', 'content-language', 'content-encoding'];

/**
 * Carries the open re-INVITE of `from` to `to`. `done` gets the status of `to`'s answer, after `from` has been
 * answered. 408 and 481 would end the dialog of `from`, which is not at fault: he gets 500.
 */
export function carryInvite(from: Session, to: Session, done: (status: number) => void): Exchange {
  const before = from.remoteSdp;
  const offer = from.peerOffer;
  const unchanged = offer !== '' && sameSession(before, offer);
  to.invite(offer, {
    answered(sdp) {
      if (from.invited) {
        // A 2xx without SDP where there should be some changes nothing.
        const theirs = sdp || from.localSdp;
        if (to.acknowledgeDue) {
          // Without an ACK, or with an empty one, what was in force stays so.
          from.acceptInvite(theirs, undefined, (answer) => {
            if (to.acknowledgeDue) to.acknowledge(answer || before);
          });
        } else from.acceptInvite(theirs);
        return done(200);
      }
      // Taken back while the answer was on its way: the far end returns to what was in force.
      if (to.acknowledgeDue) to.acknowledge(before);
      else if (!unchanged && before !== '' && !from.ended && !to.ended && !to.busy) {
        to.invite(before, { answered: () => done(200), refused: () => done(200) });
        return;
      }
      done(200);
    },
    refused(status) {
      const fatal = status === 408 || status === 481;
      from.refuseInvite(fatal ? 500 : status, fatal ? [['Retry-After', '2']] : []);
      done(status);
    },
  });
  return { cancel: () => to.cancel([]) };
}

/**
 * Has the offer of `newcomer`, whose first INVITE is open, answered by `partner`, who has been with `place` so far
 * and stays so where nothing comes of it. `done` finds the newcomer established, or forgotten.
 */
export function takePlace(
  newcomer: Session,
  place: Session,
  partner: Session,
  done: (status: number) => void,
): Exchange {
  newcomer.takeRemote(place.remoteSdp);
  return carryInvite(newcomer, partner, (status) => {
    if (!newcomer.established) newcomer.forget();
    done(status);
  });
}

/**
 * Carries UPDATE, INFO or MESSAGE of `from` to `to`, or answers it where there is nothing to carry: an UPDATE
 * without SDP or with the SDP unchanged, or one before there is a far end (`to` undefined).
 */
export function carryRequest(
  tx: ServerTx,
  request: SipRequest,
  from: Session,
  to: Session | undefined,
  done: (status: number) => void,
): void {
  const offer = request.method === 'UPDATE' ? request.body : '';
  if (request.method === 'UPDATE') {
    if (offer === '') return from.respond(tx, 200);
    if (from.inviting) return from.respond(tx, 491);
    if (from.busy) return from.respond(tx, 500, [['Retry-After', '1']]);
    if (sameSession(from.remoteSdp, offer) && from.localSdp !== '') {
      return from.respond(tx, 200, [], from.ownAnswer(from.localSdp), 'application/sdp');
    }
    if (to?.busy) return from.respond(tx, 500, [['Retry-After', '1']]);
  }
  if (to === undefined || to.ended) return from.respond(tx, 500, [['Retry-After', '2']]);
  const owner: RequestOwner = {
    response(_tx: ClientTx, response: SipResponse) {
      if (response.status < 200) return;
      const fatal = response.status === 408 || response.status === 481;
      if (fatal) from.respond(tx, 500, [['Retry-After', '2']]);
      else if (offer !== '' && response.status < 300) {
        const answer = sdpOf(response);
        from.takeRemote(offer);
        to.updated(response);
        from.respond(tx, response.status, [], from.ownAnswer(answer || from.localSdp), 'application/sdp');
      } else {
        const headers: Header = response.status === 405 ? [['Allow', response.header('allow') ?? '']] : [];
        from.respond(tx, response.status, headers, response.body, response.contentType);
      }
      done(response.status);
    },
    noResponse() {
      from.respond(tx, 500, [['Retry-After', '2']]);
      done(408);
    },
    cancelled() {},
  };
  const headers: [string, string][] = [];
  for (const name of CARRIED) {
    const value = request.header(name);
    if (value !== undefined) headers.push([name, value]);
  }
  to.send(request.method, request.body, request.header('content-type') ?? '', headers, owner);
}

/** How a session shows its peer that it is there, and asks whether he is. */
import type { Session } from './session.js';

/** Statuses that say that the peer, or his dialog, is gone; the first stands for no answer at all. */
const GONE = new Set([408, 481]);

/** Refreshes the session timer (RFC 4028 section 7.4). @returns false while an INVITE is under way */
export function refreshSession(session: Session): boolean {
  if (session.busy) return false;
  if (!session.takes('UPDATE')) {
    session.invite(session.localSdp, {
      answered: () => session.user.onAck(session),
      refused(status) {
        if (GONE.has(status)) session.user.onLost(session);
        // Whatever came of it, what had to wait for it can go on.
        if (!session.ended) session.user.onAck(session);
      },
    });
    return true;
  }
  session.send('UPDATE', '', '', [], {
    response(_tx, response) {
      if (GONE.has(response.status)) session.user.onLost(session);
      else if (response.status >= 200 && response.status < 300) session.updated(response);
    },
    noResponse: () => session.user.onLost(session),
    cancelled() {},
  });
  return true;
}

/** Asks a peer without a session timer whether he is there: any answer but that he knows no such dialog will do. */
export function probe(session: Session): void {
  session.send('OPTIONS', '', '', [], {
    response(_tx, { status }) {
      if (GONE.has(status)) session.user.onLost(session);
    },
    noResponse: () => session.user.onLost(session),
    cancelled() {},
  });
}

/** Who has had his part in a call, between the news of that and his BYE: nothing that he asks for is done any more. */
import type { Session } from './session.js';
import type { ServerTx, SessionUser } from './session-user.js';

export const DEPARTING: SessionUser = {
  onInvite: (session) => session.refuseInvite(491),
  onInviteCancelled() {},
  onAck() {},
  onLost: (session) => session.bye(),
  onRequest: refuse,
  onRefer: refuse,
  onNotify: refuse,
  onReplace: refuse,
  onBye() {},
};

function refuse(session: Session, tx: ServerTx): void {
  session.respond(tx, 481);
}

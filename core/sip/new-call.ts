/** Which requests begin a call. */
import type { SipRequest, SipResponse } from './message.js';

/** Whether it is an INVITE outside a dialog: new, and recorded as a beginning, or one that is absorbed. */
export function beginsCall(message: SipRequest | SipResponse): message is SipRequest {
  return message.kind === 'request' && message.method === 'INVITE' && message.toTag === '';
}

/** Whether such an INVITE is more than a newcomer to a call that there is (RFC 3891). */
export function isNewCall(invite: SipRequest): boolean {
  return invite.header('replaces') === undefined;
}

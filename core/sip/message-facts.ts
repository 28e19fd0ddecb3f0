/** What a session wants to know of a message. */
import type { SipMessage } from './message.js';

/** Whether the body, if there is one, is SDP. */
export function bodyIsSdp(message: SipMessage): boolean {
  return message.body === '' || message.contentType === 'application/sdp';
}

/** The SDP of a message, '' where it has none. */
export function sdpOf(message: SipMessage): string {
  return bodyIsSdp(message) ? message.body : '';
}

/** Whether the sender takes UPDATE (RFC 3311 4). */
export function takesUpdate(message: SipMessage): boolean {
  return message.list('allow').includes('UPDATE');
}

/**
 * Which server transaction a request belongs to: RFC 3261 section 17.2.3, and its Call-ID. All of a transaction's
 * requests have that; where a client uses a branch twice or a message comes damaged, what belongs together then does
 * not depend on which calls have the same worker.
 */
import { flatten } from './bytes.js';
import type { SipRequest } from './message.js';

const MAGIC_COOKIE = 'z9hG4bK';

/**
 * The name of the server transaction that `request` starts or belongs to.
 * @param method the transaction's method: INVITE to find what an ACK or a CANCEL refers to
 */
export function serverKey(request: SipRequest, method: string): string {
  const via = request.via;
  if (hasCookie(via.branch)) return `${via.branch} ${method} ${via.port} ${via.host} ${request.callId}`;
  // RFC 2543. The To tag is left out: an ACK carries that of the response, and whoever repeats all of these
  // means the same transaction.
  const top = `${via.transport} ${via.port} ${via.host} ${via.branch}`;
  return `${request.cseq} ${method} ${request.uri} ${request.fromTag} ${request.callId} ${top}`;
}

/** A key to be kept in a table; otherwise it would keep the whole datagram that it was cut from. */
export function keptKey(key: string): string {
  return flatten(key);
}

function hasCookie(branch: string): boolean {
  return branch.startsWith(MAGIC_COOKIE) || branch.slice(0, MAGIC_COOKIE.length).toLowerCase() === 'z9hg4bk';
}

/** Ends the branch of an INVITE without an offer. */
const ASKS = '-asks';

/**
 * A branch parameter of our own, made of a token of enough randomness.
 * @param asks whether it is of an INVITE without an offer: who answers it when it has long been forgotten says so
 */
export function branchOf(token: string, asks = false): string {
  return flatten(MAGIC_COOKIE + token + (asks ? ASKS : ''));
}

/** Whether the SDP of a 2xx with that branch of ours is an offer. */
export function asksForOffer(branch: string): boolean {
  return branch.endsWith(ASKS);
}

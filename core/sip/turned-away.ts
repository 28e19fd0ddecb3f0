/** New calls that are turned away because there is too much to do: it is to cost as little as can be. */
import { buildResponse, responseTarget } from './build.js';
import type { SipRequest } from './message.js';
import { type Path, pathTo } from './transport.js';

/** To tag of such a refusal: there is no dialog to tell from another. */
const TURNED_AWAY = 'turned-away';

/**
 * Whether a datagram is the ACK to such a refusal. Nothing is left of what it acknowledges, and thousands may
 * come a second: it is told by the tag alone and not read.
 */
export function acknowledgesTurnedAway(text: string): boolean {
  return text.startsWith('ACK ') && text.includes(`;tag=${TURNED_AWAY}`);
}

/**
 * The refusal of a new call: 503 without a transaction (RFC 3261 section 8.2.7).
 * @param random a fraction, 0 <= n < 1
 */
export function turnedAway(invite: SipRequest, path: Path, random: number): { target: Path; text: string } {
  const { host, port } = responseTarget(invite, path);
  return {
    target: pathTo(path, host, port),
    text: buildResponse(invite, path, 503, { toTag: TURNED_AWAY, headers: retryAfter(random) }),
  };
}

/** 1 to 3 s, so that a carrier's calls do not all come back at once. @param random a fraction, 0 <= n < 1 */
export function retryAfter(random: number): [string, string][] {
  return [['Retry-After', String(1 + Math.floor(random * 3))]];
}

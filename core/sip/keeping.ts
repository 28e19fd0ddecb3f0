/** After its worker was gone: which of a call's legs the dispatcher does not want any more. */
import type { Keep } from '../messages.js';
import type { PeerLeg } from './peer-leg.js';

/**
 * @param legs those that decisions have made and that are joined or being set up
 * @returns those to be dropped; a media leg that was joined and of which the dispatcher does not know yet is not
 */
export function unwanted(legs: readonly PeerLeg[], { agent_leg, media_leg, media_setup }: Keep): PeerLeg[] {
  return legs.filter(({ number, role, state }) => {
    if (number === agent_leg || number === media_setup) return false;
    return role !== 'media' || state !== 'joined' || number < media_leg;
  });
}

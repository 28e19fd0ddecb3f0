/** After its worker was gone: which of a call's legs the dispatcher does not want any more. */
import type { Keep } from '../messages.js';
import type { PeerLeg } from './peer-leg.js';

export function unwanted(legs: readonly PeerLeg[], { agent_leg, media_leg, media_setup }: Keep): PeerLeg[] {
  return legs.filter(({ number, role, state }) => {
    if (number === agent_leg || number === media_setup) return false;
    return role !== 'media' || state !== 'joined' || number < media_leg;
  });
}

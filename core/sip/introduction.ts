/**
 * Joining two sides whose offer and answer cannot change roles, as MSRP's cannot: who offers connects (RFC 4975).
 * The caller is asked for an offer, the leg gets it, and the leg's answer goes into the caller's ACK.
 */
import { allPortsZero } from './sdp.js';
import type { Session } from './session.js';

export interface Introduction {
  /** The caller has offered; now it is the leg's turn. */
  callerOffered(): void;
  /** Each has the other's description. */
  met(): void;
  /** The caller refused to be moved: nothing has changed for him. */
  callerRefused(status: number): void;
  /** The leg did not take the offer. The caller has been acknowledged with every stream refused. */
  legRefused(status: number): void;
}

/** Neither session may have an INVITE under way. */
export function introduce(caller: Session, leg: Session, outcome: Introduction): void {
  const legRefused = (status: number): void => {
    if (caller.acknowledgeDue) caller.acknowledge('');
    outcome.legRefused(status);
  };
  caller.invite('', {
    answered(offer) {
      outcome.callerOffered();
      if (leg.ended || leg.busy) return legRefused(480);
      if (offer === '' || allPortsZero(offer)) return legRefused(488);
      leg.invite(offer, {
        answered(answer) {
          if (answer === '' || allPortsZero(answer)) return legRefused(488);
          if (caller.acknowledgeDue) caller.acknowledge(answer);
          outcome.met();
        },
        refused: legRefused,
      });
    },
    refused: (status) => outcome.callerRefused(status),
  });
}

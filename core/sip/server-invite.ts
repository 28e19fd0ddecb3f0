/** INVITE server transaction (RFC 3261 17.2.1 and figure 7, RFC 6026 7.1). */
import { unreachable } from '../assert.js';

export type ServerInviteState = 'proceeding' | 'completed' | 'confirmed' | 'accepted' | 'terminated';

export type ServerInviteInput =
  | 'INVITE'
  | 'ACK'
  | 'send 1xx'
  | 'send 2xx'
  | 'send 300-699'
  | 'timer G'
  | 'timer H'
  | 'timer I'
  | 'timer L';

export interface ServerInviteStep {
  state: ServerInviteState;
  /** The response given by the user goes out. */
  send?: boolean;
  /** The last response goes out again. */
  retransmit?: boolean;
}

export function serverInvite(state: ServerInviteState, input: ServerInviteInput): ServerInviteStep {
  switch (state) {
    case 'proceeding':
      switch (input) {
        case 'INVITE':
          return { state, retransmit: true };
        case 'send 1xx':
          return { state, send: true };
        case 'send 2xx':
          return { state: 'accepted', send: true };
        case 'send 300-699':
          return { state: 'completed', send: true };
        default:
          return { state };
      }
    case 'completed':
      if (input === 'INVITE' || input === 'timer G') return { state, retransmit: true };
      if (input === 'ACK') return { state: 'confirmed' };
      if (input === 'timer H') return { state: 'terminated' };
      return { state };
    case 'accepted':
      // INVITEs are absorbed: the 2xx is the user's to send again.
      return input === 'timer L' ? { state: 'terminated' } : { state };
    case 'confirmed':
      return input === 'timer I' ? { state: 'terminated' } : { state };
    case 'terminated':
      return { state };
    default:
      return unreachable(state);
  }
}

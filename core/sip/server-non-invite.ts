/** Non-INVITE server transaction (RFC 3261 17.2.2 and figure 8). */
import { unreachable } from '../assert.js';

export type ServerNonInviteState = 'trying' | 'proceeding' | 'completed' | 'terminated';

export type ServerNonInviteInput = 'request' | 'send 1xx' | 'send 200-699' | 'timer J';

export interface ServerNonInviteStep {
  state: ServerNonInviteState;
  send?: boolean;
  retransmit?: boolean;
}

export function serverNonInvite(
  state: ServerNonInviteState,
  input: ServerNonInviteInput,
): ServerNonInviteStep {
  switch (state) {
    case 'trying':
    case 'proceeding':
      if (input === 'send 1xx') return { state: 'proceeding', send: true };
      if (input === 'send 200-699') return { state: 'completed', send: true };
      return { state, retransmit: input === 'request' && state === 'proceeding' };
    case 'completed':
      if (input === 'request') return { state, retransmit: true };
      return input === 'timer J' ? { state: 'terminated' } : { state };
    case 'terminated':
      return { state };
    default:
      return unreachable(state);
  }
}

/** Non-INVITE client transaction (RFC 3261 17.1.2 and figure 6). */
import { unreachable } from '../assert.js';

export type ClientNonInviteState = 'trying' | 'proceeding' | 'completed' | 'terminated';

export type ClientNonInviteInput = '1xx' | '200-699' | 'timer E' | 'timer F' | 'timer K' | 'transport error';

export interface ClientNonInviteStep {
  state: ClientNonInviteState;
  pass?: boolean;
  retransmit?: boolean;
  fail?: 'timeout' | 'transport';
}

export function clientNonInvite(
  state: ClientNonInviteState,
  input: ClientNonInviteInput,
): ClientNonInviteStep {
  switch (state) {
    case 'trying':
    case 'proceeding':
      switch (input) {
        case '1xx':
          return { state: 'proceeding', pass: true };
        case '200-699':
          return { state: 'completed', pass: true };
        case 'timer E':
          return { state, retransmit: true };
        case 'timer F':
          return { state: 'terminated', fail: 'timeout' };
        case 'transport error':
          return { state: 'terminated', fail: 'transport' };
        case 'timer K':
          return { state };
        default:
          return unreachable(input);
      }
    case 'completed':
      return input === 'timer K' ? { state: 'terminated' } : { state };
    case 'terminated':
      return { state };
    default:
      return unreachable(state);
  }
}

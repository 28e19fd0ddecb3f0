/** INVITE client transaction (RFC 3261 17.1.1 and figure 5, RFC 6026 7.2). */
import { unreachable } from '../assert.js';

export type ClientInviteState = 'calling' | 'proceeding' | 'completed' | 'accepted' | 'terminated';

export type ClientInviteInput =
  | '1xx'
  | '2xx'
  | '300-699'
  | 'timer A'
  | 'timer B'
  | 'timer D'
  | 'timer M'
  | 'transport error';

/** What the machine wants done, in this order. */
export interface ClientInviteStep {
  state: ClientInviteState;
  /** The response goes to the user. */
  pass?: boolean;
  /** An ACK goes to the peer. */
  ack?: boolean;
  retransmit?: boolean;
  /** The user is told that there is no final response. */
  fail?: 'timeout' | 'transport';
}

export function clientInvite(state: ClientInviteState, input: ClientInviteInput): ClientInviteStep {
  switch (state) {
    case 'calling':
      if (input === 'timer A') return { state, retransmit: true };
      if (input === 'timer B') return { state: 'terminated', fail: 'timeout' };
      return answered(state, input);
    case 'proceeding':
      // Timer B guards a transaction that is being cancelled (RFC 3261 9.1); otherwise it has been stopped.
      if (input === 'timer B') return { state: 'terminated', fail: 'timeout' };
      return answered(state, input);
    case 'completed':
      if (input === '300-699') return { state, ack: true };
      if (input === 'timer D') return { state: 'terminated' };
      if (input === 'transport error') return { state: 'terminated' };
      return { state };
    case 'accepted':
      // Retransmitted 2xx and those of other forks are the user's to acknowledge.
      if (input === '2xx') return { state, pass: true };
      if (input === 'timer M') return { state: 'terminated' };
      return { state };
    case 'terminated':
      return { state };
    default:
      return unreachable(state);
  }
}

function answered(state: ClientInviteState, input: ClientInviteInput): ClientInviteStep {
  switch (input) {
    case '1xx':
      return { state: 'proceeding', pass: true };
    case '2xx':
      return { state: 'accepted', pass: true };
    case '300-699':
      return { state: 'completed', pass: true, ack: true };
    case 'transport error':
      return { state: 'terminated', fail: 'transport' };
    default:
      return { state };
  }
}

/** A server transaction: the machine of its method with timers and the response that it repeats. */
import { assert } from '../assert.js';
import type { Timer } from '../timers.js';
import { buildResponse, responseTarget } from './build.js';
import type { SipRequest } from './message.js';
import { type ServerInviteInput, type ServerInviteState, serverInvite } from './server-invite.js';
import {
  type ServerNonInviteInput,
  type ServerNonInviteState,
  serverNonInvite,
} from './server-non-invite.js';
import type { Path, SipEnvironment, SipTimes } from './transport.js';

export interface ServerHost<Owner> {
  readonly env: SipEnvironment;
  readonly times: SipTimes;
  terminated(tx: ServerTransaction<Owner>): void;
}

export class ServerTransaction<Owner> {
  owner: Owner | undefined;
  state: ServerInviteState | ServerNonInviteState;
  readonly isInvite: boolean;
  private received: SipRequest | undefined;
  private lastResponse = '';
  private readonly responsePath: Path;
  private retransmission: Timer | undefined;
  private deadline: Timer | undefined;
  private interval_ms: number;

  constructor(
    private readonly host: ServerHost<Owner>,
    /** By which the layer knows it. */
    readonly key: string,
    request: SipRequest,
    /** Where the request came from. */
    readonly path: Path,
  ) {
    this.received = request;
    this.isInvite = request.method === 'INVITE';
    this.state = this.isInvite ? 'proceeding' : 'trying';
    this.interval_ms = host.times.t1_ms;
    // A response leaves by the socket of its request (RFC 3581 4).
    this.responsePath = { ...path, ...responseTarget(request, path) };
    // Whatever is asked of us asks others first, so 100 goes out at once rather than after 200 ms (17.2.1).
    if (this.isInvite) this.respond(100, buildResponse(request, path, 100));
  }

  /** The request; gone once it has been answered, when nobody may need it any more. */
  get request(): SipRequest {
    assert(this.received !== undefined, 'an answered request is not read again');
    return this.received;
  }

  /** Whether a final response has been given. */
  get answered(): boolean {
    return this.state !== 'proceeding' && this.state !== 'trying';
  }

  /** Answers with a text made by buildResponse. What comes after a final response is dropped. */
  respond(status: number, text: string): void {
    if (this.isInvite)
      this.input(status < 200 ? 'send 1xx' : status < 300 ? 'send 2xx' : 'send 300-699', text);
    else this.input(status < 200 ? 'send 1xx' : 'send 200-699', text);
  }

  /** Sends a 2xx to an INVITE again: when is for the user to say (13.3.1.4). */
  retransmit(text: string): void {
    this.host.env.send(this.responsePath, text);
  }

  /** The request once more. */
  again(): void {
    this.input(this.isInvite ? 'INVITE' : 'request');
  }

  /** The ACK of a refusal. */
  acknowledged(): void {
    if (this.isInvite) this.input('ACK');
  }

  private input(input: ServerInviteInput | ServerNonInviteInput, response?: string): void {
    const before = this.state;
    const step = this.isInvite
      ? serverInvite(before as ServerInviteState, input as ServerInviteInput)
      : serverNonInvite(before as ServerNonInviteState, input as ServerNonInviteInput);
    this.state = step.state;
    if (step.send && response !== undefined) {
      this.lastResponse = response;
      this.host.env.send(this.responsePath, response);
    }
    if (step.retransmit && this.lastResponse !== '') this.host.env.send(this.responsePath, this.lastResponse);
    if (before !== step.state) this.entered(step.state);
  }

  private entered(state: ServerInviteState | ServerNonInviteState): void {
    const { timers } = this.host.env;
    const { t1_ms, t4_ms } = this.host.times;
    const unreliable = !this.path.reliable;
    timers.cancel(this.retransmission);
    timers.cancel(this.deadline);
    switch (state) {
      case 'completed':
        this.received = undefined;
        if (!this.isInvite) {
          this.deadline = timers.set(unreliable ? 64 * t1_ms : 1, () => this.input('timer J'));
          return;
        }
        if (unreliable) this.retransmission = timers.set(this.interval_ms, () => this.retransmissionDue());
        this.deadline = timers.set(64 * t1_ms, () => this.input('timer H'));
        return;
      case 'confirmed':
        this.lastResponse = '';
        this.deadline = timers.set(unreliable ? t4_ms : 1, () => this.input('timer I'));
        return;
      case 'accepted':
        this.received = undefined;
        this.lastResponse = '';
        this.deadline = timers.set(64 * t1_ms, () => this.input('timer L'));
        return;
      case 'terminated':
        this.host.terminated(this);
        return;
      default:
        return;
    }
  }

  private retransmissionDue(): void {
    this.input('timer G');
    if (this.state !== 'completed') return;
    this.interval_ms = Math.min(2 * this.interval_ms, this.host.times.t2_ms);
    this.retransmission = this.host.env.timers.set(this.interval_ms, () => this.retransmissionDue());
  }
}

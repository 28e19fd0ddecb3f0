/** A client transaction: the machine of its method with timers, retransmission and the ACK of a refusal. */
import type { Timer } from '../timers.js';
import { buildRequest } from './build.js';
import { type ClientInviteInput, type ClientInviteState, clientInvite } from './client-invite.js';
import {
  type ClientNonInviteInput,
  type ClientNonInviteState,
  clientNonInvite,
} from './client-non-invite.js';
import { SipRequest, type SipResponse } from './message.js';
import { parseMessage } from './parser.js';
import type { Path, SipEnvironment, SipTimes } from './transport.js';

/** What a transaction asks of the layer that holds it. */
export interface ClientHost<Owner> {
  readonly env: SipEnvironment;
  readonly times: SipTimes;
  passResponse(tx: ClientTransaction<Owner>, response: SipResponse): void;
  failed(tx: ClientTransaction<Owner>, why: 'timeout' | 'transport'): void;
  terminated(tx: ClientTransaction<Owner>): void;
  cancelFor(tx: ClientTransaction<Owner>, text: string): void;
}

export class ClientTransaction<Owner> {
  state: ClientInviteState | ClientNonInviteState;
  /** The request as sent; dropped when it can no longer be needed. */
  text: string;
  private readonly isInvite: boolean;
  private retransmission: Timer | undefined;
  private deadline: Timer | undefined;
  private interval_ms: number;
  private ackText = '';
  /** Headers of a CANCEL that waits for the first 1xx. */
  private cancelHeaders: readonly (readonly [string, string])[] | undefined;
  private cancelled = false;

  constructor(
    private readonly host: ClientHost<Owner>,
    readonly method: string,
    readonly branch: string,
    text: string,
    readonly path: Path,
    public owner: Owner | undefined,
  ) {
    this.text = text;
    this.isInvite = method === 'INVITE';
    this.state = this.isInvite ? 'calling' : 'trying';
    this.interval_ms = host.times.t1_ms;
  }

  /** Sends the request for the first time. */
  start(): void {
    const { env, times } = this.host;
    env.send(this.path, this.text);
    if (!this.path.reliable)
      this.retransmission = env.timers.set(this.interval_ms, () => this.retransmissionDue());
    this.deadline = env.timers.set(64 * times.t1_ms, () => this.input(this.isInvite ? 'timer B' : 'timer F'));
  }

  /** A response that belongs to this transaction. */
  receive(response: SipResponse): void {
    const { status } = response;
    if (this.isInvite) this.input(status < 200 ? '1xx' : status < 300 ? '2xx' : '300-699', response);
    else this.input(status < 200 ? '1xx' : '200-699', response);
  }

  /** The request could not be sent. */
  transportFailed(): void {
    this.input('transport error');
  }

  /**
   * Cancels an INVITE (RFC 3261 9.1): now when there has been a provisional response, after the first one
   * otherwise. False when a final response has come: there is nothing left to cancel.
   */
  cancel(headers: readonly (readonly [string, string])[] = []): boolean {
    if (this.state !== 'calling' && this.state !== 'proceeding') return false;
    if (this.cancelled) return true;
    this.cancelled = true;
    if (this.state === 'proceeding') this.sendCancel(headers);
    else this.cancelHeaders = headers;
    return true;
  }

  private input(input: ClientInviteInput | ClientNonInviteInput, response?: SipResponse): void {
    const before = this.state;
    const step = this.isInvite
      ? clientInvite(before as ClientInviteState, input as ClientInviteInput)
      : clientNonInvite(before as ClientNonInviteState, input as ClientNonInviteInput);
    this.state = step.state;
    if (before !== step.state) this.entered(step.state, response);
    if (step.retransmit) this.host.env.send(this.path, this.text);
    if ('ack' in step && step.ack && response !== undefined) this.acknowledge(response);
    if (step.state === 'terminated' && before !== 'terminated') this.host.terminated(this);
    if (step.pass && response !== undefined) this.host.passResponse(this, response);
    if (step.fail !== undefined) this.host.failed(this, step.fail);
  }

  private entered(state: ClientInviteState | ClientNonInviteState, response: SipResponse | undefined): void {
    const { env, times } = this.host;
    const { timers } = env;
    const unreliable = !this.path.reliable;
    switch (state) {
      case 'proceeding':
        if (!this.isInvite) return;
        timers.cancel(this.retransmission);
        timers.cancel(this.deadline);
        if (this.cancelHeaders !== undefined) this.sendCancel(this.cancelHeaders);
        return;
      case 'completed':
        this.stop();
        if (this.isInvite && response !== undefined) this.ackText = this.ackFor(response);
        this.text = '';
        this.deadline = this.isInvite
          ? timers.set(unreliable ? 32_000 : 1, () => this.input('timer D'))
          : timers.set(unreliable ? times.t4_ms : 1, () => this.input('timer K'));
        return;
      case 'accepted':
        this.stop();
        this.text = '';
        this.deadline = timers.set(64 * times.t1_ms, () => this.input('timer M'));
        return;
      default:
        this.stop();
    }
  }

  private retransmissionDue(): void {
    const { env, times } = this.host;
    const slow = this.state === 'proceeding';
    this.input(this.isInvite ? 'timer A' : 'timer E');
    if (this.state !== 'calling' && this.state !== 'trying' && this.state !== 'proceeding') return;
    // Timer A doubles without end, timer E up to T2, and is T2 once there has been a provisional response.
    this.interval_ms = this.isInvite
      ? this.interval_ms * 2
      : slow
        ? times.t2_ms
        : Math.min(this.interval_ms * 2, times.t2_ms);
    this.retransmission = env.timers.set(this.interval_ms, () => this.retransmissionDue());
  }

  private stop(): void {
    this.host.env.timers.cancel(this.retransmission);
    this.host.env.timers.cancel(this.deadline);
  }

  private acknowledge(response: SipResponse): void {
    if (this.ackText === '') this.ackText = this.ackFor(response);
    this.host.env.send(this.path, this.ackText);
  }

  /** The ACK of a refusal goes the INVITE's way under its branch (17.1.1.3). */
  private ackFor(response: SipResponse): string {
    return this.sibling('ACK', response.header('to') ?? '', []);
  }

  private sendCancel(headers: readonly (readonly [string, string])[]): void {
    this.cancelHeaders = undefined;
    const to = this.request().header('to') ?? '';
    this.host.cancelFor(this, this.sibling('CANCEL', to, headers));
    // A peer that never ends the cancelled INVITE does not keep it for ever (9.1).
    this.host.env.timers.cancel(this.deadline);
    this.deadline = this.host.env.timers.set(64 * this.host.times.t1_ms, () => this.input('timer B'));
  }

  /** ACK or CANCEL: Request-URI, top Via, From, Call-ID, CSeq number and Route are the INVITE's. */
  private sibling(method: string, to: string, headers: readonly (readonly [string, string])[]): string {
    const invite = this.request();
    return buildRequest({
      method,
      uri: invite.uri,
      via: invite.header('via') ?? '',
      routes: invite.headers('route'),
      from: invite.header('from') ?? '',
      to,
      callId: invite.callId,
      cseq: invite.cseq,
      headers,
    });
  }

  private request(): SipRequest {
    const request = parseMessage(this.text);
    if (!(request instanceof SipRequest)) throw new Error('a request of our own cannot be parsed');
    return request;
  }
}

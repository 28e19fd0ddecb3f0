/**
 * Transactions of the simulated endpoints (RFC 3261 section 17, with RFC 6026's handling of 2xx), kept
 * apart from the engine's own so that a mistake there is not answered by the same mistake here.
 */
import { buildResponse, responseTarget } from '../../core/sip/build.js';
import type { SipRequest, SipResponse } from '../../core/sip/message.js';

export interface Address {
  host: string;
  port: number;
}

/** Puts a message on the wire; `again` marks a retransmission. */
export type SendMessage = (text: string, to: Address, again: boolean) => void;

export interface TransactionTimes {
  t1_ms: number;
  t2_ms: number;
}

export interface ClientHandlers {
  /** Every response, also the retransmitted 2xx of an INVITE. */
  response(response: SipResponse): void;
  /** No final response within 64 T1. */
  timeout(): void;
}

/** A request of ours, sent again until it is answered. */
export class ClientTransaction {
  /** When it may be forgotten, ms of the monotonic clock; 0 while it is open. */
  done_ms = 0;
  private provisional = false;
  private interval_ms: number;
  private retransmit: NodeJS.Timeout | undefined;
  private deadline: NodeJS.Timeout | undefined;
  /** Acknowledgement of a failed INVITE, kept for its retransmissions. */
  private ack = '';

  constructor(
    readonly method: string,
    private readonly text: string,
    private readonly to: Address,
    private readonly times: TransactionTimes,
    private readonly send: SendMessage,
    private readonly handlers: ClientHandlers,
    /** Makes the ACK to a failure: it repeats the request's Via (section 17.1.1.3). */
    private readonly makeAck: (response: SipResponse) => string,
  ) {
    this.interval_ms = times.t1_ms;
    send(text, to, false);
    this.arm();
    this.deadline = setTimeout(() => this.expire(), 64 * times.t1_ms);
  }

  receive(response: SipResponse): void {
    if (this.done_ms > 0) {
      if (this.method !== 'INVITE') return;
      if (response.status >= 300 && this.ack !== '') this.send(this.ack, this.to, true);
      else if (response.status >= 200 && response.status < 300) this.handlers.response(response);
      return;
    }
    if (response.status < 200) {
      this.provisional = true;
      if (this.method === 'INVITE') this.stop();
    } else {
      this.stop();
      this.done_ms = performance.now();
      if (this.method === 'INVITE' && response.status >= 300) {
        this.ack = this.makeAck(response);
        this.send(this.ack, this.to, false);
      }
    }
    this.handlers.response(response);
  }

  /** Takes its timers away; it is answered no more. */
  stop(): void {
    clearTimeout(this.retransmit);
    clearTimeout(this.deadline);
  }

  private arm(): void {
    this.retransmit = setTimeout(() => {
      this.send(this.text, this.to, true);
      this.interval_ms *= 2;
      if (this.method !== 'INVITE') {
        const { t2_ms } = this.times;
        this.interval_ms = this.provisional ? t2_ms : Math.min(this.interval_ms, t2_ms);
      }
      this.arm();
    }, this.interval_ms);
  }

  private expire(): void {
    this.stop();
    this.done_ms = performance.now();
    this.handlers.timeout();
  }
}

export interface Reply {
  reason?: string;
  toTag?: string;
  contact?: string;
  headers?: readonly (readonly [string, string])[];
  contentType?: string;
  body?: string;
}

/** Whose call an INVITE of the far end's is about. */
export interface TransactionOwner {
  /** Its final response was not acknowledged within 64 T1. */
  onUnacknowledged(invite: ServerTransaction): void;
  onCancel(invite: ServerTransaction, cancel: SipRequest): void;
}

/** A request of the far end's and what it was answered with. */
export class ServerTransaction {
  /** Set for an INVITE that made, or belongs to, a call. */
  owner: TransactionOwner | undefined;
  /** Status of the last response; 0 before the first. */
  status = 0;
  readonly opened_ms = performance.now();
  private last = '';
  private retransmit: NodeJS.Timeout | undefined;
  private deadline: NodeJS.Timeout | undefined;

  constructor(
    readonly request: SipRequest,
    private readonly source: Address,
    private readonly times: TransactionTimes,
    private readonly send: SendMessage,
  ) {}

  /** Sends a response; the final one to an INVITE is repeated until {@link acknowledge}. */
  respond(status: number, reply: Reply = {}): void {
    if (this.status >= 200) return;
    this.status = status;
    this.last = buildResponse(this.request, this.source, status, reply);
    this.put(false);
    if (status < 200 || this.request.method !== 'INVITE') return;
    this.repeat(this.times.t1_ms);
    this.deadline = setTimeout(() => {
      this.stop();
      this.owner?.onUnacknowledged(this);
    }, 64 * this.times.t1_ms);
  }

  /** The request came again: so does the response, if there is one yet. */
  requestAgain(): void {
    if (this.last !== '') this.put(true);
  }

  acknowledge(): void {
    this.stop();
  }

  stop(): void {
    clearTimeout(this.retransmit);
    clearTimeout(this.deadline);
  }

  private repeat(after_ms: number): void {
    this.retransmit = setTimeout(() => {
      this.put(true);
      this.repeat(Math.min(after_ms * 2, this.times.t2_ms));
    }, after_ms);
  }

  private put(again: boolean): void {
    this.send(this.last, responseTarget(this.request, this.source), again);
  }
}

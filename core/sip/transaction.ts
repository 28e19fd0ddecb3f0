/**
 * What the four transaction machines have in common, and what they and the user above see of each other.
 */
import { assert } from '../assert.js';
import type { Timer } from '../timers.js';
import { type DeadlineQueue, Expiring } from './deadline-queue.js';
import type { SipRequest, SipResponse } from './message.js';
import type { Path, SipEnvironment, SipTimes } from './transport.js';

export type ClientState = 'calling' | 'trying' | 'proceeding' | 'accepted' | 'completed' | 'terminated';
export type ServerState = 'trying' | 'proceeding' | 'accepted' | 'completed' | 'confirmed' | 'terminated';

/** Additional header fields, name and value. */
export type HeaderFields = readonly (readonly [string, string])[];

/** The layer above the transactions. `Owner` is whatever it wants to find again at a transaction. */
export interface TransactionUser<Owner> {
  /** A new request; ACK and CANCEL come by their own ways. An INVITE has been answered 100 already. */
  request(tx: ServerTransaction<Owner>, request: SipRequest): void;
  /** An ACK that ends no INVITE transaction: it acknowledges a 2xx, or nothing at all. */
  ack(request: SipRequest, path: Path): void;
  /** CANCEL of an INVITE without a final response, itself answered 200; the user answers the INVITE 487. */
  cancel(tx: ServerTransaction<Owner>, cancel: SipRequest): void;
  /**
   * Provisional responses, the final response, and of an INVITE every further 2xx for 64*T1: retransmitted
   * ones and those of other forks. A final response that is no 2xx to an INVITE has been acknowledged.
   */
  response(tx: ClientTransaction<Owner>, response: SipResponse): void;
  /** No final response in time: Timer B or F, or 64*T1 after a CANCEL. */
  timeout(tx: ClientTransaction<Owner>): void;
  /** The request could not be sent; the transaction is over. */
  transportError(tx: ClientTransaction<Owner>): void;
  /** A 2xx to an INVITE for which no transaction is left that would report it. */
  stray(response: SipResponse, path: Path): void;
}

/** Counts since the layer was made. */
export interface TransactionCounters {
  /** Datagrams received. */
  received: number;
  /** Empty datagrams that keep a NAT binding open. */
  keepAlives: number;
  /** Datagrams that are no usable SIP message. */
  malformed: number;
  /** Retransmissions received and absorbed. */
  absorbed: number;
  /** Retransmissions sent. */
  resent: number;
  /** Responses dropped because they belong to no transaction. */
  strayResponses: number;
  /** Requests without a final response in time, and final responses without an ACK in time (Timer H). */
  timeouts: number;
  /** Requests that could not be sent. */
  transportErrors: number;
  /** Requests refused because there are too many transactions. */
  refused: number;
}

/** What a machine finds in the layer that it belongs to. */
export interface TransactionContext<Owner> {
  readonly env: SipEnvironment;
  readonly user: TransactionUser<Owner>;
  readonly times: SipTimes;
  readonly counters: TransactionCounters;
  /** 64*T1: timers B, F, H, J, L, M. */
  readonly longDeadlines: DeadlineQueue;
  /** Timer D: 32 s at least. */
  readonly timerD: DeadlineQueue;
  /** T4: timers I, K. */
  readonly t4Deadlines: DeadlineQueue;
  /** When a peer's Timer E has reached T2, counted from its first request (RFC 4320 section 4.1). */
  readonly quiet_ms: number;
  /** The request has got an answer, or needs none any more: no transport error can end it. */
  reached(tx: ClientTransaction<Owner>): void;
  /** Sends a CANCEL for the INVITE client transaction, in a transaction of its own. */
  sendCancel(tx: ClientTransaction<Owner>, headers: HeaderFields): void;
  /** The INVITE has its final response: its CANCEL is not repeated any more, it would have no effect (section 9.1). */
  endCancel(tx: ClientTransaction<Owner>): void;
  removeClient(tx: ClientTransaction<Owner>): void;
  removeServer(tx: ServerTransaction<Owner>): void;
}

/** A transaction has at most one deadline, its state's, and one retransmission timer. */
abstract class Transaction<Owner> extends Expiring {
  /** What the user wants to find again; it is let go of when no report about the transaction can follow. */
  owner: Owner | undefined = undefined;
  private resend: Timer | null = null;
  private interval_ms = 0;

  constructor(
    protected readonly context: TransactionContext<Owner>,
    /** @internal Its name in the layer's table. */
    readonly key: string,
  ) {
    super();
  }

  /** Starts timer A, E or G; `resendDue` is called after `interval_ms`. */
  protected startResending(interval_ms: number): void {
    this.interval_ms = interval_ms;
    this.resend = this.context.env.timers.set(interval_ms, () => this.resendDue());
  }

  /** Sets timer A, E or G to twice its last interval, at most `most_ms`. */
  protected resendLater(most_ms: number): void {
    this.startResending(Math.min(this.interval_ms * 2, most_ms));
  }

  protected stopResending(): void {
    this.context.env.timers.cancel(this.resend);
    this.resend = null;
  }

  protected clearTimers(): void {
    this.stopResending();
    this.queue?.remove(this);
  }

  /** Timer A, E or G fired. */
  protected abstract resendDue(): void;
}

/** An ACK to a 2xx, to be sent again. */
export interface Ack {
  text: string;
  path: Path;
}

/** A request of ours and what comes back. */
export abstract class ClientTransaction<Owner> extends Transaction<Owner> {
  abstract readonly state: ClientState;
  protected sent: string;

  constructor(
    context: TransactionContext<Owner>,
    key: string,
    readonly method: string,
    readonly branch: string,
    /** An answer has the same. */
    readonly callId: string,
    text: string,
    readonly path: Path,
  ) {
    super(context, key);
    this.sent = text;
  }

  /** The request as sent; empty after the final response, when nothing needs it any more. */
  get text(): string {
    return this.sent;
  }

  /**
   * Cancels an INVITE (RFC 3261 section 9.1): at once when a provisional response has come, else as soon as
   * one comes. The final response is reported as ever; without one the user gets `timeout` 64*T1 after the CANCEL.
   * @param headers added to the CANCEL, such as Reason
   * @returns false when there is nothing to cancel: a final response has come, or this is no INVITE
   */
  abstract cancel(headers?: HeaderFields): boolean;

  /**
   * The user takes no more part in an INVITE that was answered with a 2xx and acknowledged. The same answer, if it
   * comes again, gets the same ACK, or nothing where that is left out; of other forks' the user hears as of strays.
   * @param toTag the answer's
   */
  abstract leave(toTag: string, ack?: Ack): void;

  /** @internal */ abstract onResponse(response: SipResponse): void;
  /** @internal */ abstract onTransportError(): void;
}

/** A request from a peer and our answer. */
export abstract class ServerTransaction<Owner> extends Transaction<Owner> {
  abstract readonly state: ServerState;
  abstract readonly isInvite: boolean;
  protected original: SipRequest | undefined = undefined;
  /** The last response, as long as a retransmitted request is answered with it. */
  protected last = '';

  constructor(
    context: TransactionContext<Owner>,
    key: string,
    request: SipRequest,
    /** Where the request came from. */
    readonly path: Path,
    /** Where the responses go: RFC 3261 section 18.2.2, RFC 3581. */
    protected readonly target: Path,
  ) {
    super(context, key);
    this.original = request;
  }

  /** The request, until its final response: then it is let go of, and asking for it is an error. */
  get request(): SipRequest {
    assert(this.original !== undefined, 'the request is read before its final response is sent');
    return this.original;
  }

  /**
   * Answers the request. What the state does not allow is discarded, as in the RFC's figures: a second final
   * response (but further 2xx to an INVITE), any response after 64*T1 to a request that is no INVITE, and to such
   * a request 408 and provisional ones but a late 100 (RFC 4320).
   * @param status status of `text`
   * @param text the response, made with buildResponse
   */
  abstract respond(status: number, text: string): void;

  /** Sends a 2xx to an INVITE once more; the user does so until the ACK comes (RFC 3261 section 13.3.1.4). */
  abstract retransmit(text: string): void;

  /**
   * Calls `then` once the refusal of an INVITE is acknowledged, or will not be (RFC 3261 figure 7: Confirmed or
   * Terminated). To be asked before it is refused.
   */
  abstract whenConfirmed(then: () => void): void;

  /** @internal The last response sent, empty when there is none or it is no longer kept. */
  get lastResponse(): string {
    return this.last;
  }

  /** @internal The same request again. */ abstract onRequest(): void;
}

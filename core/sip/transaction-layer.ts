/**
 * Takes datagrams apart into transactions: what belongs to one goes to its machine, what is new becomes one.
 * Stands between the sockets and the B2BUA, which sees it through `TransactionUser`.
 */
import { assert, unreachable } from '../assert.js';
import { buildResponse, responseTarget } from './build.js';
import { flatten } from './bytes.js';
import { ClientInvite, cancelOf } from './client-invite.js';
import { ClientNonInvite } from './client-non-invite.js';
import { DeadlineQueue } from './deadline-queue.js';
import { KeyTable } from './key-table.js';
import type { SipRequest, SipResponse } from './message.js';
import { type ParseFailure, parseMessage } from './parser.js';
import { ServerInvite } from './server-invite.js';
import { ServerNonInvite } from './server-non-invite.js';
import type {
  ClientTransaction,
  HeaderFields,
  ServerTransaction,
  TransactionContext,
  TransactionCounters,
  TransactionUser,
} from './transaction.js';
import { keptKey, serverKey } from './transaction-key.js';
import {
  DEFAULT_TIMES,
  type Path,
  pathKey,
  pathTo,
  type SipEnvironment,
  type SipTimes,
} from './transport.js';

export {
  type ClientState,
  ClientTransaction,
  type HeaderFields,
  type ServerState,
  ServerTransaction,
  type TransactionCounters,
  type TransactionUser,
} from './transaction.js';

/** RFC 3261 section 17.1.1.2. */
const TIMER_D_LEAST_MS = 32_000;

/** Transactions at once, those that only absorb retransmissions included: a few hundred megabytes. */
export const MAX_TRANSACTIONS = 500_000;

export class TransactionLayer<Owner> {
  readonly counters: TransactionCounters = {
    received: 0,
    keepAlives: 0,
    malformed: 0,
    absorbed: 0,
    resent: 0,
    strayResponses: 0,
    timeouts: 0,
    transportErrors: 0,
    refused: 0,
  };
  private readonly clients = new KeyTable<ClientTransaction<Owner>>();
  private readonly servers = new KeyTable<ServerTransaction<Owner>>();
  /** Client transactions that a transport error would end, by path. */
  private readonly unanswered = new Map<string, Set<ClientTransaction<Owner>>>();
  private readonly context: TransactionContext<Owner>;
  /** The To tag of what is answered without a transaction; the same at a retransmission (section 8.2.7). */
  private readonly statelessTag: string;

  /**
   * @param maxTransactions above it new requests get 500 with Retry-After, those outside a dialog already above
   *   three quarters of it
   */
  constructor(
    private readonly env: SipEnvironment,
    private readonly user: TransactionUser<Owner>,
    readonly times: SipTimes = DEFAULT_TIMES,
    private readonly maxTransactions = MAX_TRANSACTIONS,
  ) {
    const long_ms = 64 * times.t1_ms;
    const longDeadlines = new DeadlineQueue(env.timers, long_ms);
    this.statelessTag = env.token();
    this.context = {
      env,
      user,
      times,
      counters: this.counters,
      longDeadlines,
      timerD: long_ms >= TIMER_D_LEAST_MS ? longDeadlines : new DeadlineQueue(env.timers, TIMER_D_LEAST_MS),
      t4Deadlines: new DeadlineQueue(env.timers, times.t4_ms),
      quiet_ms: untilTimerEIsT2_ms(times),
      reached: (tx) => this.reached(tx),
      sendCancel: (tx, headers) => this.sendCancel(tx, headers),
      endCancel: ({ branch }) => {
        const cancel = this.clients.get(cancelKey(branch));
        if (cancel instanceof ClientNonInvite) cancel.repeatNoMore();
      },
      removeClient: (tx) => this.clients.delete(tx.key),
      removeServer: (tx) => this.servers.delete(tx.key),
    };
  }

  /** Live transactions, those included that only absorb retransmissions. */
  get size(): number {
    return this.clients.size + this.servers.size;
  }

  /**
   * Sends a request in a new transaction.
   * @param method any but ACK and CANCEL
   * @param branch made with branchOf, used once
   * @param callId its Call-ID
   * @param text the request, made with buildRequest, whose only Via carries `branch`
   */
  request(
    method: string,
    branch: string,
    callId: string,
    text: string,
    path: Path,
    owner: Owner,
  ): ClientTransaction<Owner> {
    assert(method !== 'ACK' && method !== 'CANCEL', 'ACK and CANCEL have no transaction of their own');
    assert(this.clients.get(branch) === undefined, 'a branch is used once');
    const tx =
      method === 'INVITE'
        ? new ClientInvite<Owner>(this.context, branch, callId, text, path, owner)
        : new ClientNonInvite<Owner>(this.context, branch, method, branch, callId, text, path, owner);
    this.add(tx);
    return tx;
  }

  /** A datagram has come. @param text byte string, read as one message */
  receive(text: string, path: Path): void {
    this.take(parseMessage(text), path);
  }

  /** Whether there is a request of ours with that branch, waiting for its answer or answered a moment ago. */
  asks(branch: string): boolean {
    return this.clients.get(branch) !== undefined;
  }

  /** Whether the message belongs to a transaction that there is. */
  knows(message: SipRequest | SipResponse): boolean {
    if (message.kind === 'response') return this.awaiting(message) !== undefined;
    const method = message.method === 'ACK' ? 'INVITE' : message.method;
    return this.servers.get(serverKey(message, method)) !== undefined;
  }

  /**
   * The request of ours that waits for such a response (RFC 3261 section 17.1.3). One with another Call-ID is not to it
   * (8.2.6.2), but damaged, and what it did to the request's call would be journalled for another's.
   */
  private awaiting({ callId, method, via }: SipResponse): ClientTransaction<Owner> | undefined {
    const tx = this.clients.get(method === 'CANCEL' ? cancelKey(via.branch) : via.branch);
    return tx?.method === method && tx.callId === callId ? tx : undefined;
  }

  /** The same, read already. */
  take(message: SipRequest | SipResponse | ParseFailure, path: Path): void {
    this.counters.received++;
    switch (message.kind) {
      case 'request':
        this.receiveRequest(message, path);
        break;
      case 'response':
        this.receiveResponse(message, path);
        break;
      case 'failure':
        this.receiveGarbage(message, path);
        break;
      default:
        unreachable(message);
    }
  }

  /** The shell could not send there: the requests that wait for a first answer from there have failed. */
  transportFailed(path: Path): void {
    const key = pathKey(path);
    const waiting = this.unanswered.get(key);
    if (!waiting) return;
    // What the user sends there in answer to the failure has not failed yet.
    this.unanswered.delete(key);
    for (const tx of waiting) tx.onTransportError();
  }

  private receiveGarbage(failure: ParseFailure, path: Path): void {
    if (failure.reason === 'keep-alive') {
      this.counters.keepAlives++;
      return;
    }
    this.counters.malformed++;
    const { request, status, reason } = failure;
    if (request === undefined || request.method === 'ACK') return;
    // A retransmission that came damaged is one all the same: its transaction gives one final response (17.2).
    const known = this.servers.get(serverKey(request, request.method));
    if (known !== undefined) known.onRequest();
    else this.refuse(request, path, status, { reason });
  }

  private receiveRequest(request: SipRequest, path: Path): void {
    const method = request.method;
    if (method === 'ACK') {
      this.receiveAck(request, path);
      return;
    }
    const key = serverKey(request, method);
    const known = this.servers.get(key);
    if (known) {
      known.onRequest();
    } else if (this.overfull(request)) {
      this.counters.refused++;
      this.refuse(request, path, 500, { headers: [['Retry-After', '2']] });
    } else if (method === 'CANCEL') {
      this.receiveCancel(request, path, key);
    } else {
      this.user.request(this.serve(request, path, key), request);
    }
  }

  private receiveAck(ack: SipRequest, path: Path): void {
    const tx = this.servers.get(serverKey(ack, 'INVITE'));
    if (tx instanceof ServerInvite) tx.onAck(ack, path);
    else this.user.ack(ack, path);
  }

  /** RFC 3261 section 9.2. */
  private receiveCancel(cancel: SipRequest, path: Path, key: string): void {
    const invite = this.servers.get(serverKey(cancel, 'INVITE'));
    const tx = this.serve(cancel, path, key);
    if (!(invite instanceof ServerInvite)) {
      tx.respond(481, buildResponse(cancel, path, 481, { toTag: this.env.token() }));
      return;
    }
    tx.respond(
      200,
      buildResponse(cancel, path, 200, { toTag: toTagOf(invite.lastResponse) || this.env.token() }),
    );
    invite.onCancel(cancel);
  }

  private serve(request: SipRequest, path: Path, key: string): ServerTransaction<Owner> {
    const Machine = request.method === 'INVITE' ? ServerInvite<Owner> : ServerNonInvite<Owner>;
    const kept = keptKey(key);
    const tx = new Machine(this.context, kept, request, path, target(request, path));
    this.servers.add(kept, tx);
    return tx;
  }

  private receiveResponse(response: SipResponse, path: Path): void {
    const tx = this.awaiting(response);
    if (tx !== undefined) tx.onResponse(response);
    else if (response.method === 'INVITE' && response.status >= 200 && response.status < 300)
      this.user.stray(response, path);
    else this.counters.strayResponses++;
  }

  private overfull(request: SipRequest): boolean {
    const isNewCall = request.toTag === '' && request.method !== 'CANCEL';
    return this.size >= (isNewCall ? this.maxTransactions * 0.75 : this.maxTransactions);
  }

  private refuse(
    request: SipRequest,
    path: Path,
    status: number,
    more: { reason?: string; headers?: HeaderFields },
  ): void {
    const text = buildResponse(request, path, status, { ...more, toTag: this.statelessTag });
    this.env.send(target(request, path), text);
  }

  private add(tx: ClientTransaction<Owner>): void {
    this.clients.add(tx.key, tx);
    const key = pathKey(tx.path);
    const waiting = this.unanswered.get(key);
    if (waiting) waiting.add(tx);
    else this.unanswered.set(key, new Set([tx]));
  }

  private reached(tx: ClientTransaction<Owner>): void {
    const key = pathKey(tx.path);
    const waiting = this.unanswered.get(key);
    if (waiting?.delete(tx) && waiting.size === 0) this.unanswered.delete(key);
  }

  private sendCancel(invite: ClientTransaction<Owner>, headers: HeaderFields): void {
    const { branch, callId, path, text } = invite;
    const cancel = cancelOf(text, headers);
    const key = cancelKey(branch);
    this.add(
      new ClientNonInvite<Owner>(this.context, key, 'CANCEL', branch, callId, cancel, path, undefined),
    );
  }
}

/** Our CANCEL has the INVITE's branch. */
function cancelKey(branch: string): string {
  return `${branch} CANCEL`;
}

/** Where responses to `request` go; where that is where it came from, the same object. */
function target(request: SipRequest, path: Path): Path {
  const { host, port } = responseTarget(request, path);
  if (host === path.host && port === path.port) return path;
  return pathTo(path, flatten(host), port);
}

/** The CANCEL's 200 has the To tag of the INVITE's responses (RFC 3261 section 9.2), if it had any yet. */
function toTagOf(response: string): string {
  const message = response === '' ? undefined : parseMessage(response);
  return message?.kind === 'response' ? message.toTag : '';
}

/** After how long a client that gets no answer retransmits a request that is no INVITE every T2. */
function untilTimerEIsT2_ms(times: SipTimes): number {
  let passed_ms = 0;
  for (let interval_ms = times.t1_ms; interval_ms < times.t2_ms; interval_ms *= 2) passed_ms += interval_ms;
  return passed_ms;
}

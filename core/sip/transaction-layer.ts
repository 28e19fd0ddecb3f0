/**
 * The transaction layer: finds the transaction that a message belongs to (RFC 3261 17.1.3, 17.2.3), makes new
 * ones, and tells its user what is not retransmission.
 */
import { buildResponse, responseTarget } from './build.js';
import { type ClientHost, ClientTransaction } from './client-transaction.js';
import type { SipRequest, SipResponse } from './message.js';
import { parseMessage } from './parser.js';
import { type ServerHost, ServerTransaction } from './server-transaction.js';
import { DEFAULT_TIMES, type Path, type SipEnvironment, type SipTimes } from './transport.js';

export { ClientTransaction, ServerTransaction };

const MAGIC_COOKIE = 'z9hG4bK';

export interface TransactionUser<Owner> {
  /** Every new request but ACK and CANCEL. */
  request(tx: ServerTransaction<Owner>, request: SipRequest): void;
  /** An ACK that belongs to no INVITE transaction: to a 2xx. */
  ack(request: SipRequest, path: Path): void;
  /** CANCEL of an INVITE that has no final response; 200 has been sent, the INVITE is the user's to answer. */
  cancel(tx: ServerTransaction<Owner>, cancel: SipRequest): void;
  /** 1xx, the final response, and every 2xx of an INVITE, repeated or of another fork. */
  response(tx: ClientTransaction<Owner>, response: SipResponse): void;
  /** No final response in time. */
  timeout(tx: ClientTransaction<Owner>): void;
  transportError(tx: ClientTransaction<Owner>): void;
  /** A 2xx to an INVITE whose transaction is over. */
  stray(response: SipResponse): void;
}

export interface LayerCounters {
  received: number;
  malformed: number;
  keep_alives: number;
  retransmissions: number;
  stray_responses: number;
  timeouts: number;
}

export class TransactionLayer<Owner> implements ClientHost<Owner>, ServerHost<Owner> {
  readonly counters: LayerCounters = {
    received: 0,
    malformed: 0,
    keep_alives: 0,
    retransmissions: 0,
    stray_responses: 0,
    timeouts: 0,
  };
  private readonly clients = new Map<string, ClientTransaction<Owner>>();
  private readonly servers = new Map<string, ServerTransaction<Owner>>();

  constructor(
    readonly env: SipEnvironment,
    private readonly user: TransactionUser<Owner>,
    readonly times: SipTimes = DEFAULT_TIMES,
  ) {}

  /** How many transactions live, those that only absorb retransmissions too. */
  get size(): number {
    return this.clients.size + this.servers.size;
  }

  newBranch(): string {
    return MAGIC_COOKIE + this.env.token();
  }

  /** Sends a request of ours; `text` has `branch` in its top Via. */
  request(method: string, branch: string, text: string, path: Path, owner: Owner): ClientTransaction<Owner> {
    const tx = new ClientTransaction(this, method, branch, text, path, owner);
    this.clients.set(clientKey(branch, method), tx);
    tx.start();
    return tx;
  }

  /** A datagram, as a byte string. Nothing in it makes this throw. */
  receive(text: string, path: Path): void {
    this.counters.received++;
    const message = parseMessage(text);
    if (message.kind === 'failure') {
      if (message.reason === 'keep-alive') {
        this.counters.keep_alives++;
        return;
      }
      this.counters.malformed++;
      const { request, status, reason } = message;
      if (request !== undefined && request.method !== 'ACK')
        this.respondStatelessly(request, path, status, reason);
      return;
    }
    if (message.kind === 'response') this.receiveResponse(message);
    else this.receiveRequest(message, path);
  }

  /** Nothing can be sent there: what waits for an answer from there fails. */
  transportFailed(path: Path): void {
    for (const tx of [...this.clients.values()]) {
      if (tx.path.host === path.host && tx.path.port === path.port && tx.path.socket === path.socket)
        tx.transportFailed();
    }
  }

  private receiveResponse(response: SipResponse): void {
    const tx = this.clients.get(clientKey(response.via.branch, response.method));
    if (tx !== undefined) return tx.receive(response);
    this.counters.stray_responses++;
    if (response.method === 'INVITE' && response.status >= 200 && response.status < 300)
      this.user.stray(response);
  }

  private receiveRequest(request: SipRequest, path: Path): void {
    const key = serverKey(request, request.method === 'ACK' ? 'INVITE' : request.method);
    const known = this.servers.get(key);
    if (request.method === 'ACK') {
      // An ACK to a 2xx has a branch of its own, but not from every peer.
      if (known === undefined || known.state === 'accepted') this.user.ack(request, path);
      else known.acknowledged();
      return;
    }
    if (known !== undefined) {
      this.counters.retransmissions++;
      known.again();
      return;
    }
    if (request.method === 'CANCEL') return this.receiveCancel(request, path, key);
    const tx = new ServerTransaction<Owner>(this, key, request, path);
    this.servers.set(key, tx);
    this.user.request(tx, request);
  }

  private receiveCancel(cancel: SipRequest, path: Path, key: string): void {
    const tx = new ServerTransaction<Owner>(this, key, cancel, path);
    this.servers.set(key, tx);
    const invite = this.servers.get(serverKey(cancel, 'INVITE'));
    const status = invite === undefined ? 481 : 200;
    tx.respond(status, buildResponse(cancel, path, status, { toTag: this.env.token() }));
    if (invite !== undefined && !invite.answered) this.user.cancel(invite, cancel);
  }

  private respondStatelessly(request: SipRequest, path: Path, status: number, reason: string): void {
    const target = responseTarget(request, path);
    const text = buildResponse(request, path, status, { toTag: this.env.token(), reason: `${reason}` });
    this.env.send({ ...path, ...target }, text);
  }

  // What transactions tell.

  passResponse(tx: ClientTransaction<Owner>, response: SipResponse): void {
    this.user.response(tx, response);
  }

  failed(tx: ClientTransaction<Owner>, why: 'timeout' | 'transport'): void {
    if (why === 'timeout') {
      this.counters.timeouts++;
      this.user.timeout(tx);
    } else this.user.transportError(tx);
  }

  cancelFor(tx: ClientTransaction<Owner>, text: string): void {
    const cancel = new ClientTransaction<Owner>(this, 'CANCEL', tx.branch, text, tx.path, undefined);
    this.clients.set(clientKey(tx.branch, 'CANCEL'), cancel);
    cancel.start();
  }

  terminated(tx: ClientTransaction<Owner> | ServerTransaction<Owner>): void {
    if (tx instanceof ClientTransaction) this.clients.delete(clientKey(tx.branch, tx.method));
    else this.servers.delete(tx.key);
  }
}

/** Our branches are unique; only CANCEL shares one with its INVITE. */
function clientKey(branch: string, method: string): string {
  return method === 'CANCEL' ? `${branch} CANCEL` : branch;
}

/** Branch, sent-by and method; for peers of RFC 2543, whose branch says nothing, what 17.2.3 compares instead. */
function serverKey(request: SipRequest, method: string): string {
  const { via } = request;
  if (via.branch.startsWith(MAGIC_COOKIE)) return `${via.branch} ${via.host}:${via.port} ${method}`;
  const sequence = `${request.callId} ${request.fromTag} ${request.cseq}`;
  return `2543 ${sequence} ${via.host}:${via.port} ${via.branch} ${method === 'INVITE' ? '' : request.toTag} ${method}`;
}

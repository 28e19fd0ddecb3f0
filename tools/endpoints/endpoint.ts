/**
 * A simulated SIP endpoint: one UDP socket that serves many dialogs. It finds transaction and call of
 * every datagram; what a call does then is in call.ts.
 */
import { createSocket, type Socket } from 'node:dgram';
import { buildRequest } from '../../core/sip/build.js';
import type { SipRequest, SipResponse } from '../../core/sip/message.js';
import { parseMessage } from '../../core/sip/parser.js';
import { parseUri } from '../../core/sip/uri.js';
import { Call, type DialOptions } from './call.js';
import type { EventLog, LogEntry } from './log.js';
import type { SessionMedia } from './session.js';
import {
  type Address,
  type ClientHandlers,
  ClientTransaction,
  ServerTransaction,
  type TransactionTimes,
} from './transactions.js';

export interface EndpointOptions {
  /** Shown in logs, and the user part of its own URI. */
  name: string;
  /** Address to bind; 127.0.0.1 unless told. */
  host?: string;
  /** 0, the default, takes any free port. */
  port?: number;
  /** Port that its SDP names; nothing listens there unless somebody else sees to it. */
  media_port?: number;
  media?: SessionMedia;
  log?: EventLog;
  /** T1 of RFC 3261; 500 ms unless told. */
  t1_ms?: number;
  /** Told of every SIP message that comes in, and where from. */
  hears?: (message: SipRequest | SipResponse, source: Address) => void;
}

/** Who takes the calls to a user part. */
export type Answerer = (call: Call) => void;

export interface RequestParts {
  uri: string;
  routes: readonly string[];
  from: string;
  to: string;
  callId: string;
  cseq: number;
  contact?: string;
  headers?: readonly (readonly [string, string])[];
  contentType?: string;
  body?: string;
}

/** What a log entry says of a message. */
type About = Pick<LogEntry, 'method' | 'callId' | 'cseq'>;

/** How long an answered transaction is remembered for retransmissions: 64 T1. */
const REMEMBER_T1 = 64;
const MAX_VIOLATIONS = 100;
const SWEEP_MS = 1000;
const RECEIVE_BUFFER_BYTES = 4 << 20;

export class Endpoint {
  readonly times: TransactionTimes;
  readonly name: string;
  readonly host: string;
  readonly media: SessionMedia;
  readonly mediaPort: number;
  /** Datagrams that were no SIP message; keep-alives are not counted. */
  malformed = 0;
  /** What far ends did that their RFCs forbid: how often, and the first of them in words. */
  violationCount = 0;
  readonly violations: string[] = [];
  private readonly log: EventLog | undefined;
  private readonly hears: EndpointOptions['hears'];
  private readonly clients = new Map<string, ClientTransaction>();
  private readonly servers = new Map<string, ServerTransaction>();
  private readonly calls = new Map<string, Call>();
  private readonly answerers = new Map<string, Answerer>();
  private readonly sweeper: NodeJS.Timeout;
  private sequence = 0;
  private closed = false;

  private constructor(
    private readonly socket: Socket,
    options: EndpointOptions,
  ) {
    this.name = options.name;
    this.host = socket.address().address;
    this.media = options.media ?? 'rtp';
    this.mediaPort = options.media_port ?? 40_000;
    this.log = options.log;
    this.hears = options.hears;
    this.times = { t1_ms: options.t1_ms ?? 500, t2_ms: 4000 };
    socket.on('message', (data, from) => this.receive(data, { host: from.address, port: from.port }));
    this.sweeper = setInterval(() => this.sweep(), SWEEP_MS);
  }

  /** Binds the socket. Rejects when the address cannot be bound. */
  static async open(options: EndpointOptions): Promise<Endpoint> {
    const host = options.host ?? '127.0.0.1';
    const socket = createSocket({
      type: host.includes(':') ? 'udp6' : 'udp4',
      recvBufferSize: RECEIVE_BUFFER_BYTES,
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(options.port ?? 0, host, () => {
        socket.off('error', reject);
        resolve();
      });
    });
    return new Endpoint(socket, options);
  }

  get port(): number {
    return this.socket.address().port;
  }

  /** host:port as it stands in URIs. */
  get hostPort(): string {
    return `${this.host.includes(':') ? `[${this.host}]` : this.host}:${this.port}`;
  }

  /** The URI that reaches a user part here, the endpoint's own name unless told. */
  uri(user: string = this.name): string {
    return `sip:${user}@${this.hostPort}`;
  }

  /** How many calls have not ended. */
  get open(): number {
    return this.calls.size;
  }

  /** Calls to this user part go to `answerer`; '*' takes those nobody else does, which otherwise get 404. */
  serve(user: string, answerer: Answerer): void {
    this.answerers.set(user, answerer);
  }

  /** Sends an INVITE and returns its call at once. */
  dial(uri: string, options: DialOptions = {}): Call {
    return Call.dial(this, uri, options);
  }

  /** Sends these bytes as they are. */
  sendRaw(data: Uint8Array, to: Address): Promise<void> {
    return new Promise((resolve, reject) => {
      this.socket.send(data, to.port, to.host, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Forgets every call without a word to its far end, and gives the port back. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    clearInterval(this.sweeper);
    for (const transaction of this.clients.values()) transaction.stop();
    for (const transaction of this.servers.values()) transaction.stop();
    for (const call of [...this.calls.values()]) call.abandon();
    await new Promise<void>((resolve) => this.socket.close(() => resolve()));
  }

  /** @internal A value that no other call, dialog or transaction of this process has. */
  unique(prefix: string): string {
    return `${prefix}${this.name.replace(/[^A-Za-z0-9]/g, '')}-${this.port}-${++this.sequence}-${process.hrtime.bigint().toString(36)}`;
  }

  /** @internal Starts a client transaction; `branch` is given back for a CANCEL, which repeats it. */
  request(method: string, parts: RequestParts, handlers: ClientHandlers, branch?: string): string {
    const id = branch ?? this.unique('z9hG4bK');
    const to = destinationOf(parts);
    const ack = (response: SipResponse) =>
      this.build('ACK', withoutBody(parts, response.header('to') ?? parts.to), id);
    const text = this.build(method, parts, id);
    const { callId, cseq } = parts;
    const send = (message: string, address: Address, again: boolean) =>
      this.sent(message, address, { method: methodOf(message), callId, cseq }, 0, again);
    const transaction = new ClientTransaction(method, text, to, this.times, send, handlers, ack);
    this.clients.set(`${id} ${method}`, transaction);
    return id;
  }

  /** @internal Sends an ACK to a 2xx, which is a transaction of its own; returns what sends it again. */
  acknowledge(parts: RequestParts): () => void {
    const text = this.build('ACK', parts, this.unique('z9hG4bK'));
    const to = destinationOf(parts);
    const about = { method: 'ACK', callId: parts.callId, cseq: parts.cseq };
    this.sent(text, to, about, 0, false);
    return () => this.sent(text, to, about, 0, true);
  }

  /** @internal */
  violation(what: string): void {
    this.violationCount++;
    if (this.violations.length < MAX_VIOLATIONS) this.violations.push(what);
  }

  /** @internal */
  register(call: Call): void {
    this.calls.set(callKey(call.callId, call.localTag), call);
  }

  /** @internal */
  forget(call: Call): void {
    this.calls.delete(callKey(call.callId, call.localTag));
  }

  private build(method: string, parts: RequestParts, branch: string): string {
    const { headers = [], ...rest } = parts;
    return buildRequest({
      ...rest,
      method,
      via: `SIP/2.0/UDP ${this.hostPort};branch=${branch};rport`,
      headers: [...headers, ['User-Agent', 'sip-acd endpoint']],
    });
  }

  private sent(text: string, to: Address, about: About, status: number, again: boolean): void {
    if (this.closed) return;
    this.note('sent', about, status, again);
    this.socket.send(Buffer.from(text, 'latin1'), to.port, to.host);
  }

  private note(what: 'sent' | 'received', about: About, status: number, again: boolean): void {
    const { method, callId, cseq } = about;
    this.log?.add({ at_ms: performance.now(), who: this.name, what, method, status, callId, cseq, again });
  }

  private receive(data: Buffer, source: Address): void {
    const message = parseMessage(data.toString('latin1'));
    if (message.kind !== 'failure') this.hears?.(message, source);
    if (message.kind === 'failure') {
      if (message.reason !== 'keep-alive') this.malformed++;
    } else if (message.kind === 'response') this.receiveResponse(message);
    else this.receiveRequest(message, source);
  }

  private receiveResponse(response: SipResponse): void {
    const transaction = this.clients.get(`${response.via.branch} ${response.method}`);
    const again = transaction !== undefined && transaction.done_ms > 0;
    this.note('received', response, response.status, again);
    transaction?.receive(response);
  }

  private receiveRequest(request: SipRequest, source: Address): void {
    const { method, via } = request;
    const id = `${via.branch} ${via.host}:${via.port}`;
    const known = this.servers.get(`${id} ${method === 'ACK' ? 'INVITE' : method}`);
    this.note('received', request, 0, known !== undefined && method !== 'ACK');
    if (method === 'ACK') {
      if (known && known.status >= 300) known.acknowledge();
      else this.calls.get(callKey(request.callId, request.toTag))?.onAck(request);
      return;
    }
    if (known) {
      known.requestAgain();
      return;
    }
    const transaction = this.serverTransaction(request, source);
    this.servers.set(`${id} ${method}`, transaction);
    if (method === 'CANCEL') {
      const invite = this.servers.get(`${id} INVITE`);
      transaction.respond(invite ? 200 : 481);
      invite?.owner?.onCancel(invite, request);
    } else if (request.toTag !== '') {
      const call = this.calls.get(callKey(request.callId, request.toTag));
      transaction.owner = call;
      if (call) call.onRequest(request, transaction);
      else transaction.respond(481);
    } else if (method === 'INVITE') {
      this.arrive(transaction);
    } else {
      transaction.respond(method === 'OPTIONS' ? 200 : 481, { toTag: this.unique('o') });
    }
  }

  private serverTransaction(request: SipRequest, source: Address): ServerTransaction {
    const transaction: ServerTransaction = new ServerTransaction(
      request,
      source,
      this.times,
      (text, to, again) => this.sent(text, to, request, transaction.status, again),
    );
    return transaction;
  }

  private arrive(transaction: ServerTransaction): void {
    const user = parseUri(transaction.request.uri)?.user ?? '';
    const answerer = this.answerers.get(user) ?? this.answerers.get('*');
    if (!answerer) {
      transaction.respond(404, { toTag: this.unique('n') });
      return;
    }
    const call = Call.incoming(this, transaction, user);
    transaction.owner = call;
    answerer(call);
  }

  private sweep(): void {
    const before_ms = performance.now() - REMEMBER_T1 * this.times.t1_ms;
    for (const [key, transaction] of this.clients) {
      if (transaction.done_ms > 0 && transaction.done_ms < before_ms) this.clients.delete(key);
    }
    for (const [key, transaction] of this.servers) {
      // An INVITE that is still ringing keeps its transaction however old it is.
      if (transaction.status < 200 && transaction.request.method === 'INVITE') continue;
      if (transaction.opened_ms < before_ms) this.servers.delete(key);
    }
  }
}

function methodOf(request: string): string {
  return request.slice(0, request.indexOf(' '));
}

function callKey(callId: string, localTag: string): string {
  return `${callId} ${localTag}`;
}

/** The next hop: the first route, else the Request-URI (loose routing only). */
function destinationOf(parts: RequestParts): Address {
  const next = parts.routes[0]?.replace(/^[^<]*<([^>]*)>.*$/, '$1') ?? parts.uri;
  const uri = parseUri(next);
  if (!uri || uri.host === '') throw new Error(`no address to send to in ${next}`);
  return { host: uri.host, port: uri.port || 5060 };
}

function withoutBody(parts: RequestParts, to: string): RequestParts {
  const { uri, routes, from, callId, cseq } = parts;
  return { uri, routes, from, to, callId, cseq };
}

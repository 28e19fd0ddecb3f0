/** Helpers for tests of the transaction layer: a peer's messages, a shell that records, virtual time. */

import { buildRequest, buildResponse } from '../../core/sip/build.js';
import type { SipRequest, SipResponse } from '../../core/sip/message.js';
import { parseMessage } from '../../core/sip/parser.js';
import { branchOf } from '../../core/sip/transaction-key.js';
import {
  type ClientTransaction,
  type ServerTransaction,
  TransactionLayer,
  type TransactionUser,
} from '../../core/sip/transaction-layer.js';
import type { Path, SipEnvironment, SipTimes } from '../../core/sip/transport.js';
import { TimerWheel } from '../../core/timers.js';

export const PEER: Path = { socket: 1, host: '192.0.2.7', port: 5070 };

/** What the user was told, in words. */
export interface Told {
  what: 'request' | 'ack' | 'cancel' | 'response' | 'timeout' | 'transportError' | 'stray';
  status?: number;
  owner?: string | undefined;
}

/** Of our requests. */
export const CALL_ID = 'call-1';

/** A transaction layer with a user that writes down what it hears, and a network that is a list. */
export class Rig implements SipEnvironment, TransactionUser<string> {
  readonly timers: TimerWheel;
  readonly sent: { path: Path; text: string }[] = [];
  readonly told: Told[] = [];
  readonly servers: ServerTransaction<string>[] = [];
  readonly layer: TransactionLayer<string>;
  /** Called when a new request arrives, to answer it. */
  onRequest: (tx: ServerTransaction<string>, request: SipRequest) => void = () => {};
  onTransportError: (tx: ClientTransaction<string>) => void = () => {};
  lastAck: SipRequest | undefined;
  private tokens = 0;

  constructor(times?: SipTimes, maxTransactions?: number) {
    // Far beyond 32 bits, as the time of day is.
    this.timers = new TimerWheel(1_790_000_000_123);
    this.layer = new TransactionLayer<string>(this, this, times, maxTransactions);
  }

  send(path: Path, text: string): void {
    this.sent.push({ path, text });
  }
  token(): string {
    return `token${String(++this.tokens).padStart(11, '0')}`;
  }
  request(tx: ServerTransaction<string>, request: SipRequest): void {
    this.servers.push(tx);
    this.told.push({ what: 'request' });
    this.onRequest(tx, request);
  }
  ack(request: SipRequest): void {
    this.lastAck = request;
    this.told.push({ what: 'ack' });
  }
  cancel(tx: ServerTransaction<string>): void {
    this.told.push({ what: 'cancel', owner: tx.owner });
  }
  response(tx: ClientTransaction<string>, response: SipResponse): void {
    this.told.push({ what: 'response', status: response.status, owner: tx.owner });
  }
  timeout(tx: ClientTransaction<string>): void {
    this.told.push({ what: 'timeout', owner: tx.owner });
  }
  transportError(tx: ClientTransaction<string>): void {
    this.told.push({ what: 'transportError', owner: tx.owner });
    this.onTransportError(tx);
  }
  stray(response: SipResponse): void {
    this.told.push({ what: 'stray', status: response.status });
  }

  /** Lets time pass and gives the moments at which something was sent, ms from the start. */
  pass(duration_ms: number): number[] {
    const moments: number[] = [];
    const start_ms = this.timers.now_ms;
    for (let ms = 1; ms <= duration_ms; ms++) {
      const before = this.sent.length;
      this.timers.advance(start_ms + ms);
      for (let n = before; n < this.sent.length; n++) moments.push(ms);
    }
    return moments;
  }

  /** First lines of what was sent since the last call, and forgets them. */
  takeSent(): string[] {
    return this.sent.splice(0).map(({ text }) => firstLine(text));
  }

  /** What the user was told since the last call. */
  takeTold(): Told[] {
    return this.told.splice(0);
  }

  /** Sends a request of ours; the peer's answers are made from it with `answer`. */
  call(method: string, path = PEER, cseq = 1): ClientTransaction<string> {
    const branch = branchOf(this.token());
    const text = ourRequest(method, branch, cseq);
    return this.layer.request(method, branch, CALL_ID, text, path, 'owner');
  }

  /** The peer answers a request of ours, given as it was sent. */
  answer(requestText: string, status: number, toTag = 'peer'): void {
    const request = parseMessage(requestText);
    if (request.kind !== 'request') throw new Error('the test sent no request');
    this.layer.receive(buildResponse(request, PEER, status, status > 100 ? { toTag } : {}), PEER);
  }
}

export function firstLine(text: string): string {
  return text.slice(0, text.indexOf('\r\n'));
}

function ourRequest(method: string, branch: string, cseq: number): string {
  return buildRequest({
    method,
    uri: 'sip:agent@192.0.2.7:5070',
    via: `SIP/2.0/UDP 192.0.2.1:5160;branch=${branch};rport`,
    routes: ['<sip:192.0.2.9;lr>', '<sip:192.0.2.10;lr>'],
    from: '"Ann" <sip:ann@example.com>;tag=ours',
    to: '<sip:agent@192.0.2.7:5070>',
    callId: CALL_ID,
    cseq,
  });
}

export interface PeerRequest {
  branch?: string;
  sentBy?: string;
  toTag?: string;
  fromTag?: string;
  callId?: string;
  cseq?: number;
  uri?: string;
}

/** A request as a peer sends it. */
export function peerRequest(method: string, r: PeerRequest = {}): string {
  return buildRequest({
    method,
    uri: r.uri ?? 'sip:sales@192.0.2.1',
    via: `SIP/2.0/UDP ${r.sentBy ?? '192.0.2.7:5070'};branch=${r.branch ?? 'z9hG4bKpeer1'};rport`,
    from: `<sip:bob@example.com>;tag=${r.fromTag ?? 'bob'}`,
    to: `<sip:sales@192.0.2.1>${r.toTag ? `;tag=${r.toTag}` : ''}`,
    callId: r.callId ?? 'call-2',
    cseq: r.cseq ?? 1,
  });
}

/** Answers a request that came in, with To tag `us`. */
export function respond(tx: ServerTransaction<string>, status: number): string {
  const text = buildResponse(tx.request, tx.path, status, { toTag: 'us' });
  tx.respond(status, text);
  return text;
}

/**
 * One call of a simulated endpoint: its dialog (RFC 3261 section 12), its offers and answers, and what
 * a test can wait for. Nothing here decides when to answer or hang up: see agent.ts, media.ts, caller.ts.
 */
import type { SipRequest, SipResponse } from '../../core/sip/message.js';
import { SdpWatch } from './checks.js';
import { Dialog } from './dialog.js';
import type { Endpoint, RequestParts } from './endpoint.js';
import { type Direction, Session, type SessionMedia, sessionName } from './session.js';
import type { Reply, ServerTransaction, TransactionOwner } from './transactions.js';

export type Headers = readonly (readonly [string, string])[];

export interface DialOptions {
  /** Display name of From as it goes on the wire, quotes and all; none unless told. */
  display?: string;
  /** User part of From; the endpoint's name unless told. */
  user?: string;
  /** INVITE without SDP: the offer comes in the 200, the answer goes out in the ACK. */
  offerless?: boolean;
  media?: SessionMedia;
  /** A route to send through; the URI's own address unless told. */
  route?: string;
  headers?: Headers;
}

/** How a call ended, and the final status of its INVITE where that is what ended it (else 0). */
export interface CallEnd {
  how: 'rejected' | 'cancelled' | 'local-bye' | 'remote-bye' | 'lost' | 'closed';
  status: number;
}

/** What a re-INVITE gets instead of a plain acceptance. */
export interface ReinviteReply {
  status: number;
  /** With status 200: every port of the answer is 0. */
  refuse_streams?: boolean;
}

/** In-dialog requests, provisional responses and SDPs that a call remembers; the oldest are forgotten. */
const MAX_KEPT = 100;

/** In-dialog methods that get 200 and nothing else. */
const UNDERSTOOD: ReadonlySet<string> = new Set(['INFO', 'MESSAGE', 'NOTIFY', 'OPTIONS', 'UPDATE']);

export class Call implements TransactionOwner {
  state: 'calling' | 'ringing' | 'answered' | 'ended' = 'calling';
  /** SDP of the far end in force; '' before there is any. */
  remoteSdp = '';
  /** Names (s=) of the far ends that the call was joined to, oldest first, none twice in a row. */
  readonly peers: string[] = [];
  /** re-INVITEs that came in. */
  reinvites = 0;
  /** In-dialog requests that came in, INVITE, ACK and BYE apart. */
  readonly requests: SipRequest[] = [];
  /** Of an outgoing call: its provisional responses. */
  readonly provisionals: SipResponse[] = [];
  /** Of an outgoing call: the final response. */
  final: SipResponse | undefined;
  /** Of an incoming call: its INVITE. */
  invitation: SipRequest | undefined;
  /** The BYE or CANCEL that ended the call. */
  endRequest: SipRequest | undefined;
  /** What the far end did that its RFCs forbid. */
  readonly violations: string[] = [];
  /** Decides on a re-INVITE; undefined, and a hook that gives undefined, accept it. */
  onReinvite: ((request: SipRequest) => ReinviteReply | undefined) | undefined;
  /** Gives the status that a REFER is answered with; without it, 501. */
  onRefer: ((request: SipRequest) => number) | undefined;
  /** Told of every NOTIFY. */
  onNotify: ((request: SipRequest) => void) | undefined;
  /** Told whenever an SDP of the far end comes into force. */
  onRemoteSdp: ((sdp: string) => void) | undefined;
  readonly localTag: string;
  readonly startedMs = performance.now();

  /** true at the first 18x sent or received; false if the call was answered or ended without. */
  readonly ringing: Promise<boolean>;
  /** true once both sides have it (200, and for an incoming call its ACK); false if it ended before. */
  readonly answered: Promise<boolean>;
  readonly ended: Promise<CallEnd>;
  private settleRinging!: (ringing: boolean) => void;
  private settleAnswered!: (answered: boolean) => void;
  private settleEnded!: (end: CallEnd) => void;

  private readonly session: Session;
  private readonly watch = new SdpWatch();
  private dialog!: Dialog;
  /** An INVITE of the far end from its arrival to its ACK. */
  private incoming: ServerTransaction | undefined;
  /** The offer in our 200 to {@link incoming}: its ACK brings the answer. */
  private offered = '';
  /** Our own INVITE while it has no final response. */
  private outgoing: { parts: RequestParts; branch: string } | undefined;
  private lastAck: { cseq: number; again: () => void } | undefined;
  private cancelWanted = false;
  private cancelSent = false;
  private byeWanted = false;
  private byeSent = false;
  private deadline: NodeJS.Timeout | undefined;
  private peerWaiters: { name: string; found: () => void }[] = [];

  private constructor(
    readonly endpoint: Endpoint,
    readonly callId: string,
    /** User part that was called, of an incoming call; that we call as, of an outgoing one. */
    readonly user: string,
    media: SessionMedia,
  ) {
    this.localTag = endpoint.unique('t');
    const { host, mediaPort: media_port } = endpoint;
    this.session = new Session({ name: user, host, media_port, media });
    this.ringing = new Promise((resolve) => (this.settleRinging = resolve));
    this.answered = new Promise((resolve) => (this.settleAnswered = resolve));
    this.ended = new Promise((resolve) => (this.settleEnded = resolve));
    endpoint.register(this);
  }

  /** @internal Sends the INVITE of a new outgoing call. */
  static dial(endpoint: Endpoint, uri: string, options: DialOptions): Call {
    const user = options.user ?? endpoint.name;
    const call = new Call(endpoint, endpoint.unique('c'), user, options.media ?? endpoint.media);
    const display = options.display === undefined ? '' : `${options.display} `;
    const from = `${display}<${endpoint.uri(user)}>;tag=${call.localTag}`;
    call.dialog = Dialog.outgoing(call.callId, call.contact, from, uri, options.route);
    const offer = options.offerless ? '' : call.session.offer();
    call.sendInvite(offer, options.headers ?? [], (response) => call.dialed(response));
    return call;
  }

  /** @internal */
  static incoming(endpoint: Endpoint, transaction: ServerTransaction, user: string): Call {
    const { request } = transaction;
    const media = /^m=message /m.test(request.body) ? 'msrp' : endpoint.media;
    const call = new Call(endpoint, request.callId, user, media);
    call.dialog = Dialog.incoming(request, call.contact, call.localTag);
    call.incoming = transaction;
    call.invitation = request;
    return call;
  }

  private get contact(): string {
    return `<${this.endpoint.uri(this.user)}>`;
  }

  /** Name of the far end that the call is joined to (s= of its SDP), '' when there is none. */
  get peer(): string {
    return this.peers.at(-1) ?? '';
  }

  /** What names its dialog, and where the far end is reached within it. */
  get identity(): { uri: string; callId: string; localTag: string; remoteTag: string } {
    const { remoteTarget, remoteTag } = this.dialog;
    return { uri: remoteTarget, callId: this.callId, localTag: this.localTag, remoteTag };
  }

  /** Resolves when the call is joined to the far end of this name. */
  hears(name: string): Promise<void> {
    if (this.peer === name) return Promise.resolve();
    return new Promise((found) => this.peerWaiters.push({ name, found }));
  }

  /** Of an incoming call: a provisional response. */
  ring(status = 180): void {
    this.incoming?.respond(status, status === 100 ? {} : this.reply());
    if (status === 100) return;
    this.state = 'ringing';
    this.settleRinging(true);
  }

  /** Of an incoming call: 200, with an answer, or with an offer when the INVITE had none. */
  accept(): void {
    if (this.state === 'ended' || !this.incoming || this.incoming.status >= 200) return;
    this.answerInvite(this.incoming, undefined);
    this.state = 'answered';
    this.settleRinging(false);
  }

  /** Of an incoming call: a final response that is no 2xx. */
  reject(status: number, headers: Headers = []): void {
    if (this.state === 'ended' || !this.incoming || this.incoming.status >= 200) return;
    this.incoming.respond(status, { toTag: this.localTag, headers });
    this.end({ how: 'rejected', status });
  }

  /** Ends the call as its state asks: CANCEL, a 480, or BYE. Resolves when it has ended. */
  hangup(headers: Headers = []): Promise<CallEnd> {
    if (this.state === 'ended' || this.byeSent) return this.ended;
    if (this.invitation === undefined && this.final === undefined) {
      this.cancelWanted = true;
      if (this.provisionals.length > 0) this.sendCancel();
    } else if (this.state !== 'answered') this.reject(480);
    // A callee says BYE only after the ACK (RFC 3261 section 15).
    else if (this.incoming && this.incoming.request === this.invitation) this.byeWanted = true;
    else this.sendBye(headers);
    return this.ended;
  }

  /** A re-INVITE; resolves to its final status, 408 when there was none. Throws while an INVITE is open. */
  reinvite(options: { direction?: Direction; offerless?: boolean } = {}): Promise<number> {
    if (this.outgoing || this.incoming) throw new Error('an INVITE of this call is open');
    const offer = options.offerless ? '' : this.session.offer(options.direction);
    return new Promise((resolve) => {
      this.sendInvite(offer, [], (response) => {
        if (response?.status === 481) this.end({ how: 'lost', status: 481 });
        resolve(response?.status ?? 408);
      });
    });
  }

  /** A request within the dialog; resolves to its final response, undefined when there was none. */
  send(
    method: string,
    content: { contentType?: string; body?: string; headers?: Headers } = {},
  ): Promise<SipResponse | undefined> {
    return new Promise((resolve) => {
      const parts = { ...this.dialog.parts(), ...content };
      this.endpoint.request(method, parts, {
        response: (response) => response.status >= 200 && resolve(response),
        timeout: () => resolve(undefined),
      });
    });
  }

  /** @internal */
  onCancel(invite: ServerTransaction, request: SipRequest): void {
    if (this.incoming !== invite || invite.status >= 200) return;
    invite.respond(487, { toTag: this.localTag });
    if (invite.request === this.invitation) {
      this.endRequest = request;
      this.end({ how: 'cancelled', status: 487 });
    } else this.incoming = undefined;
  }

  /** @internal */
  onAck(ack: SipRequest): void {
    const invite = this.incoming;
    if (invite?.status !== 200 || invite.request.cseq !== ack.cseq) return;
    invite.acknowledge();
    this.incoming = undefined;
    if (this.offered !== '') {
      if (ack.body === '') this.violation('an ACK without the answer to our offer');
      else this.setRemote(ack.body, this.offered);
      this.offered = '';
    }
    this.settleAnswered(true);
    if (this.byeWanted) this.sendBye([]);
  }

  /** @internal Our final response to an INVITE was never acknowledged. */
  onUnacknowledged(invite: ServerTransaction): void {
    if (this.incoming !== invite || this.state === 'ended') return;
    this.violation(`no ACK to our ${invite.status}`);
    this.incoming = undefined;
    this.sendBye([]);
  }

  /** @internal A request within the dialog that is not a retransmission. */
  onRequest(request: SipRequest, transaction: ServerTransaction): void {
    if (request.fromTag !== this.dialog.remoteTag && this.dialog.remoteTag !== '') {
      transaction.respond(481);
      return;
    }
    if (request.cseq <= this.dialog.remoteCseq) {
      this.violation(`CSeq ${request.cseq} after ${this.dialog.remoteCseq}`);
      transaction.respond(500);
      return;
    }
    this.dialog.remoteCseq = request.cseq;
    if (request.method === 'INVITE') this.onReInvite(request, transaction);
    else if (request.method === 'BYE') {
      transaction.respond(200);
      if (this.incoming && this.incoming.status < 200) {
        this.incoming.respond(487, { toTag: this.localTag });
      }
      this.endRequest = request;
      this.end({ how: 'remote-bye', status: 0 });
    } else {
      if (this.requests.length >= MAX_KEPT) this.requests.shift();
      this.requests.push(request);
      this.onOther(request, transaction);
    }
  }

  /** @internal The endpoint closes: no word to the far end. */
  abandon(): void {
    this.end({ how: 'closed', status: 0 });
  }

  private onReInvite(request: SipRequest, transaction: ServerTransaction): void {
    this.reinvites++;
    if (this.byeSent) {
      transaction.respond(481);
      return;
    }
    if (this.outgoing) {
      transaction.respond(491);
      return;
    }
    if (this.incoming) {
      if (this.incoming.status < 200) {
        transaction.respond(500, { headers: [['Retry-After', '1']] });
        return;
      }
      this.violation('a re-INVITE before the ACK of the INVITE before it');
      this.incoming.acknowledge();
    }
    const reply = this.onReinvite?.(request);
    if (reply && reply.status >= 300) {
      transaction.respond(reply.status);
      return;
    }
    this.incoming = transaction;
    this.dialog.refresh(request);
    this.answerInvite(transaction, reply);
  }

  private onOther(request: SipRequest, transaction: ServerTransaction): void {
    const { method, body } = request;
    if (method === 'UPDATE' && body !== '' && (this.outgoing || this.offered !== '')) {
      transaction.respond(491);
    } else if (method === 'UPDATE' && body !== '') {
      transaction.respond(200, this.reply(this.session.answer(body)));
      this.setRemote(body, '');
    } else if (UNDERSTOOD.has(method)) {
      transaction.respond(200, this.reply());
      if (method === 'NOTIFY') this.onNotify?.(request);
    } else if (method === 'REFER' && this.onRefer) transaction.respond(this.onRefer(request), this.reply());
    else transaction.respond(501);
  }

  private answerInvite(invite: ServerTransaction, reply: ReinviteReply | undefined): void {
    const offer = invite.request.body;
    if (offer === '') {
      this.offered = this.session.offer();
      invite.respond(200, this.reply(this.offered));
      return;
    }
    this.offered = '';
    const answer = reply?.refuse_streams ? this.session.refusal(offer) : this.session.answer(offer);
    invite.respond(200, this.reply(answer));
    if (!reply?.refuse_streams) this.setRemote(offer, '');
  }

  private sendInvite(
    offer: string,
    headers: Headers,
    done: (response: SipResponse | undefined) => void,
  ): void {
    const parts: RequestParts = { ...this.dialog.parts(), headers, ...sdpBody(offer) };
    const branch = this.endpoint.request('INVITE', parts, {
      response: (response) => this.onInviteResponse(response, parts, offer, done),
      timeout: () => {
        this.outgoing = undefined;
        done(undefined);
      },
    });
    this.outgoing = { parts, branch };
  }

  private onInviteResponse(
    response: SipResponse,
    parts: RequestParts,
    offer: string,
    done: (response: SipResponse | undefined) => void,
  ): void {
    const initial = this.invitation === undefined && parts.cseq === 1;
    if (response.status < 200) {
      if (initial) this.onProvisional(response);
      return;
    }
    if (response.status >= 300) {
      this.outgoing = undefined;
      done(response);
      return;
    }
    if (!this.outgoing) {
      // Retransmitted, or of another branch behind a forking proxy (RFC 3261 section 13.2.2.4).
      if (this.lastAck?.cseq === response.cseq && response.toTag === this.dialog.remoteTag)
        this.lastAck.again();
      else if (initial && response.toTag !== this.dialog.remoteTag) this.dismiss(response);
      return;
    }
    this.outgoing = undefined;
    if (initial) this.dialog.establish(response);
    else this.dialog.refresh(response);
    const answer = offer === '' && response.body !== '' ? this.session.answer(response.body) : '';
    const ack = { ...this.dialog.parts(parts.cseq), ...sdpBody(answer) };
    this.lastAck = { cseq: parts.cseq, again: this.endpoint.acknowledge(ack) };
    done(response);
    if (response.body === '') this.violation('a 200 to an INVITE without SDP');
    else this.setRemote(response.body, offer);
  }

  private onProvisional(response: SipResponse): void {
    if (this.provisionals.length < MAX_KEPT) this.provisionals.push(response);
    if (this.cancelWanted) this.sendCancel();
    if (response.status === 100 || this.state !== 'calling') return;
    this.state = 'ringing';
    this.settleRinging(true);
  }

  private dialed(response: SipResponse | undefined): void {
    this.final = response;
    if (!response) {
      this.end({ how: 'lost', status: 408 });
      return;
    }
    const { status } = response;
    if (status >= 300) {
      this.end({ how: this.cancelSent && status === 487 ? 'cancelled' : 'rejected', status });
      return;
    }
    this.state = 'answered';
    this.settleRinging(false);
    this.settleAnswered(true);
    if (this.cancelWanted) this.sendBye([]);
  }

  /** A 200 of a second far end: acknowledged and hung up. */
  private dismiss(response: SipResponse): void {
    this.endpoint.acknowledge(this.dialog.partsOf(response, response.cseq));
    this.endpoint.request('BYE', this.dialog.partsOf(response, ++this.dialog.localCseq), {
      response: () => undefined,
      timeout: () => this.violation('no answer to the BYE of a second 200'),
    });
  }

  private sendCancel(): void {
    if (this.cancelSent || !this.outgoing) return;
    this.cancelSent = true;
    const { parts, branch } = this.outgoing;
    const { uri, routes, from, to, callId, cseq } = parts;
    const lost = () => this.end({ how: 'lost', status: 0 });
    this.endpoint.request(
      'CANCEL',
      { uri, routes, from, to, callId, cseq },
      { response: () => undefined, timeout: lost },
      branch,
    );
    // The INVITE's own timer has ended with its 1xx (RFC 3261 section 9.1).
    this.deadline = setTimeout(lost, 64 * this.endpoint.times.t1_ms);
  }

  private sendBye(headers: Headers): void {
    if (this.byeSent || this.state === 'ended') return;
    this.byeSent = true;
    const parts = { ...this.dialog.parts(), headers };
    this.endpoint.request('BYE', parts, {
      response: (response) =>
        response.status >= 200 && this.end({ how: 'local-bye', status: response.status }),
      timeout: () => this.end({ how: 'lost', status: 408 }),
    });
  }

  private violation(what: string): void {
    this.violations.push(what);
    this.endpoint.violation(`${this.user}, ${this.callId}: ${what}`);
  }

  private setRemote(sdp: string, offer: string): void {
    const wrong = this.watch.see(sdp, offer);
    if (wrong) this.violation(wrong);
    this.remoteSdp = sdp;
    const name = sessionName(sdp);
    if (name !== this.peer) {
      if (this.peers.length >= MAX_KEPT) this.peers.shift();
      this.peers.push(name);
    }
    this.onRemoteSdp?.(sdp);
    this.peerWaiters = this.peerWaiters.filter((waiter) => {
      if (waiter.name !== name) return true;
      waiter.found();
      return false;
    });
  }

  private end(end: CallEnd): void {
    if (this.state === 'ended') return;
    this.state = 'ended';
    clearTimeout(this.deadline);
    // A 200 whose ACK will not come any more need not be repeated; a refusal must be until its ACK.
    if (this.incoming?.status === 200) this.incoming.acknowledge();
    this.endpoint.forget(this);
    this.settleRinging(false);
    this.settleAnswered(false);
    this.settleEnded(end);
  }

  private reply(sdp = ''): Reply {
    return { toTag: this.localTag, contact: this.contact, ...sdpBody(sdp) };
  }
}

function sdpBody(sdp: string): { contentType?: string; body?: string } {
  return sdp === '' ? {} : { contentType: 'application/sdp', body: sdp };
}

/**
 * An INVITE session: one dialog with its INVITEs, their SDP and their acknowledgement.
 *
 * It hides from the B2BUA which side made the dialog, sequence numbers, routing inside the dialog,
 * retransmission of 2xx and ACK, and whose o= line an SDP carries. What it is told by the peer goes to its
 * user, what the user wants goes out; it decides nothing about the call.
 */
import { assert } from '../assert.js';
import type { Timer } from '../timers.js';
import { buildRequest, buildResponse } from './build.js';
import { flatten } from './bytes.js';
import { Dialog } from './dialog.js';
import { ALLOW, type B2buaEnvironment, type Target } from './environment.js';
import type { SipMessage, SipRequest, SipResponse } from './message.js';
import { alignTo, extendTo, rejectAll, sameSession, withOrigin } from './sdp.js';
import type { ClientTransaction, ServerTransaction, TransactionLayer } from './transaction-layer.js';
import type { Path } from './transport.js';

export type Header = readonly (readonly [string, string])[];

/** Who gets the answer to a request of ours: the owner of the client transaction. */
export interface RequestOwner {
  response(tx: ClientTransaction<RequestOwner>, response: SipResponse): void;
  /** No final response: timed out or could not be sent. */
  noResponse(tx: ClientTransaction<RequestOwner>): void;
  /** The peer cancelled a request of his that we own (server side). */
  cancelled(tx: ServerTransaction<RequestOwner>): void;
}

export type Layer = TransactionLayer<RequestOwner>;
export type ClientTx = ClientTransaction<RequestOwner>;
export type ServerTx = ServerTransaction<RequestOwner>;

/** What became of an INVITE of ours. */
export interface InviteOutcome {
  /** 1xx, 100 too. */
  provisional?(response: SipResponse): void;
  /** 2xx. Where the INVITE went without an offer, `acknowledge` is to be called; else it has been. */
  answered(sdp: string): void;
  /** Final refusal; 408 stands for no response at all. */
  refused(status: number): void;
}

/** What a session tells its user. */
export interface SessionUser {
  /** The peer's re-INVITE; `acceptInvite` or `refuseInvite` answers it. */
  onInvite(session: Session, request: SipRequest): void;
  /** The peer cancelled that re-INVITE; it has been answered. */
  onInviteCancelled(session: Session): void;
  /** The peer acknowledged our 2xx: the session is free for the next INVITE. */
  onAck(session: Session): void;
  /** Our 2xx was never acknowledged. */
  onNoAck(session: Session): void;
  /** Any other request inside the dialog that the session does not answer by itself. */
  onRequest(session: Session, tx: ServerTx, request: SipRequest): void;
  /** The peer hung up; it has been answered. */
  onBye(session: Session, request: SipRequest): void;
}

/** Where sessions are found by their local tag. */
export type Registry = Map<string, Session>;

export interface OutgoingInvite {
  callId: string;
  localTag: string;
  /** Request-URI. */
  uri: string;
  /** From and To values without tags. */
  from: string;
  to: string;
  maxForwards: number;
  routes: readonly string[];
  headers: Header;
  target: Target;
}

export class Session implements RequestOwner {
  /** SDP as last sent to the peer and as last received, '' before the first. */
  localSdp = '';
  remoteSdp = '';
  /** The first INVITE has got its 2xx, or we have sent ours. */
  established = false;
  ended = false;
  private readonly key: string;
  private readonly originId: string;
  private originVersion = 1;
  private localPending = false;
  /** Our INVITE without a final response. */
  private inviteTx: ClientTx | undefined;
  private outcome: InviteOutcome | undefined;
  /** CANCEL of an INVITE that is not sent yet: where to is still being asked. */
  private cancelWaiting: Header | undefined;
  /** Until when a re-INVITE may be answered provisionally only. */
  private inviteLimit: Timer | undefined;
  /** Sequence number of our INVITE's 2xx that is still to be acknowledged. */
  private ackDue: number | undefined;
  private lastAck = '';
  private lastAckPath: Path | undefined;
  /** The peer's INVITE without our final response. */
  private openInvite: ServerTx | undefined;
  /** The offer in it, '' when it had none. It is in force once we have accepted it. */
  private openOffer = '';
  /** Our 2xx that has not been acknowledged, and when it is sent again. */
  private unacknowledged:
    | {
        tx: ServerTx;
        text: string;
        cseq: number;
        interval_ms: number;
        since_ms: number;
        then: ((sdp: string) => void) | undefined;
      }
    | undefined;
  private resend: Timer | undefined;
  /** A BYE that waits for the ACK. */
  private farewell: Header | undefined;

  private constructor(
    private readonly env: B2buaEnvironment,
    private readonly layer: Layer,
    private readonly registry: Registry,
    readonly dialog: Dialog,
    /** Local socket and the peer's address. */
    private path: Path,
    private readonly user: SessionUser,
    private readonly initial: OutgoingInvite | undefined,
  ) {
    this.originId = String(Math.floor(env.random() * 2 ** 31));
    this.key = registryKey(dialog.localTag);
    registry.set(this.key, this);
  }

  /** The callee's side of a caller's INVITE; `acceptInvite` and the like answer it. */
  static incoming(
    env: B2buaEnvironment,
    layer: Layer,
    registry: Registry,
    tx: ServerTx,
    localTag: string,
    user: SessionUser,
  ): Session {
    const dialog = Dialog.fromInvite(tx.request, localTag);
    const session = new Session(env, layer, registry, dialog, tx.path, user, undefined);
    session.openInvite = tx;
    tx.owner = session;
    session.openOffer = flatten(tx.request.body);
    return session;
  }

  /** The caller's side: nothing is sent before `invite`. */
  static outgoing(
    env: B2buaEnvironment,
    layer: Layer,
    registry: Registry,
    invite: OutgoingInvite,
    user: SessionUser,
  ): Session {
    const { callId, from, localTag, to, uri, routes, target } = invite;
    const dialog = new Dialog(callId, from, localTag, to, '', 0, uri, routes);
    const path = { socket: env.socketFor(target.host), host: target.host, port: target.port };
    return new Session(env, layer, registry, dialog, path, user, invite);
  }

  /** Whether an INVITE of either side is under way, up to its ACK: no other may start. */
  get busy(): boolean {
    return (
      this.outcome !== undefined ||
      this.ackDue !== undefined ||
      this.openInvite !== undefined ||
      this.unacknowledged !== undefined
    );
  }

  /** Our 2xx still waits for its ACK: neither re-INVITE nor BYE may go out (RFC 3261 15). */
  get awaitingAck(): boolean {
    return this.unacknowledged !== undefined;
  }

  /** An INVITE of ours waits for its final response. */
  get inviting(): boolean {
    return this.outcome !== undefined;
  }

  /** The offer of the peer's INVITE that is still to be answered, '' when it has none. */
  get peerOffer(): string {
    return this.openOffer;
  }

  /** Whether an INVITE of the peer waits for our answer. */
  get invited(): boolean {
    return this.openInvite !== undefined;
  }

  /** Sends an INVITE or re-INVITE, with `sdp` as the offer or, with '', without one. */
  invite(sdp: string, outcome: InviteOutcome): void {
    assert(this.outcome === undefined && this.ackDue === undefined, 'one INVITE at a time');
    this.outcome = outcome;
    this.cancelWaiting = undefined;
    this.localPending = sdp !== '';
    if (this.established)
      this.inviteLimit = this.env.timers.set(64 * this.layer.times.t1_ms, () => this.cancel([]));
    const body = sdp === '' ? '' : this.ownSdp(extendTo(this.localSdp, sdp));
    const first = this.initial !== undefined && !this.established ? this.initial : undefined;
    this.request('INVITE', body, body === '' ? '' : 'application/sdp', first?.headers ?? [], this, (tx) => {
      this.inviteTx = tx;
      if (this.cancelWaiting !== undefined) tx.cancel(this.cancelWaiting);
    });
  }

  /** Gives up our INVITE: CANCEL as soon as it may go. A 2xx that crosses it still comes to the user. */
  cancel(headers: Header): void {
    if (this.inviteTx !== undefined) this.inviteTx.cancel(headers);
    else if (this.outcome !== undefined) this.cancelWaiting ??= headers;
  }

  /** Acknowledges a 2xx whose INVITE had no offer. `sdp` answers its offer; '' refuses every stream. */
  acknowledge(sdp: string): void {
    assert(this.ackDue !== undefined, 'there is a 2xx to acknowledge');
    const answer = sdp === '' ? rejectAll(this.remoteSdp) : alignTo(this.remoteSdp, sdp);
    this.sendAck(this.ownSdp(answer));
  }

  /** Whether a 2xx of the peer waits for `acknowledge`. */
  get acknowledgeDue(): boolean {
    return this.ackDue !== undefined;
  }

  /** Answers the open INVITE of the peer provisionally. `tag` is the To-tag to show, ours by default. */
  progress(status: number, sdp: string, tag = this.dialog.localTag): void {
    const tx = this.openInvite;
    if (tx === undefined) return;
    const body = sdp === '' || this.openOffer === '' ? '' : this.ownSdp(alignTo(this.openOffer, sdp));
    tx.respond(
      status,
      buildResponse(tx.request, tx.path, status, {
        toTag: tag,
        contact: this.contact(),
        headers: [['Allow', ALLOW]],
        ...(body === '' ? {} : { body, contentType: 'application/sdp' }),
      }),
    );
  }

  /**
   * Accepts the open INVITE of the peer: 200 with `sdp`, sent again until acknowledged (13.3.1.4). `tag` is
   * the To-tag of the dialog from now on; `then` gets the SDP of the ACK.
   */
  acceptInvite(sdp: string, tag = this.dialog.localTag, then?: (sdp: string) => void): void {
    const tx = this.openInvite;
    assert(tx !== undefined, 'there is an INVITE to accept');
    this.openInvite = undefined;
    this.established = true;
    this.dialog.localTag = tag;
    this.takeRemote(this.openOffer);
    const own = this.ownSdp(
      this.openOffer === '' ? extendTo(this.localSdp, sdp) : alignTo(this.remoteSdp, sdp),
    );
    const text = flatten(
      buildResponse(tx.request, tx.path, 200, {
        toTag: tag,
        contact: this.contact(),
        headers: [
          ['Allow', ALLOW],
          ['Accept', 'application/sdp'],
        ],
        contentType: 'application/sdp',
        body: own,
      }),
    );
    const interval_ms = this.layer.times.t1_ms;
    this.unacknowledged = {
      tx,
      text,
      cseq: tx.request.cseq,
      interval_ms,
      since_ms: this.env.timers.now_ms,
      then,
    };
    this.resend = this.env.timers.set(interval_ms, () => this.resend2xx());
    tx.respond(200, text);
  }

  /** Refuses the open INVITE of the peer. */
  refuseInvite(status: number, headers: Header = []): void {
    const tx = this.openInvite;
    if (tx === undefined) return;
    this.openInvite = undefined;
    tx.respond(status, buildResponse(tx.request, tx.path, status, { toTag: this.dialog.localTag, headers }));
  }

  /** Answers another request of the peer, unless he no longer waits for it. */
  respond(tx: ServerTx, status: number, headers: Header = [], body = '', contentType = ''): void {
    if (tx.state === 'completed' || tx.state === 'terminated') return;
    tx.respond(
      status,
      buildResponse(tx.request, tx.path, status, {
        toTag: this.dialog.localTag,
        contact: this.contact(),
        headers,
        ...(body === '' ? {} : { body, contentType }),
      }),
    );
  }

  /** Sends a request other than INVITE inside the dialog; `owner` gets what comes back. */
  send(method: string, body: string, contentType: string, headers: Header, owner: RequestOwner): void {
    const own =
      contentType === 'application/sdp' && body !== '' ? this.ownSdp(extendTo(this.localSdp, body)) : body;
    this.request(method, own, contentType, headers, owner, () => {});
  }

  /** Hangs up. What is still to be acknowledged is acknowledged first, with every stream refused. */
  bye(headers: Header = []): void {
    if (this.ended) return;
    this.ended = true;
    this.closeInvites();
    this.request('BYE', '', '', headers, this, () => {});
    this.settle();
  }

  /** Hangs up as soon as our 2xx has been acknowledged, or will not be (RFC 3261 15). */
  byeWhenAcknowledged(headers: Header): void {
    if (this.unacknowledged === undefined) this.bye(headers);
    else this.farewell = headers;
  }

  /** Forgets the session: requests inside its dialog are answered 481 from now on. */
  forget(): void {
    this.ended = true;
    this.closeInvites();
    this.env.timers.cancel(this.resend);
    this.unacknowledged = undefined;
    this.registry.delete(this.key);
    this.settle();
  }

  /** No INVITE outlives the dialog: what the peer waits for is answered (15.1.2), what we wait for given up. */
  private closeInvites(): void {
    this.refuseInvite(487);
    if (this.ackDue !== undefined) this.acknowledge('');
    this.cancel([]);
  }

  /** Who waits for the answer to our INVITE learns that the dialog is gone; a late 2xx is acknowledged. */
  private settle(): void {
    const outcome = this.outcome;
    if (outcome === undefined) return;
    this.env.timers.cancel(this.inviteLimit);
    this.outcome = {
      answered: () => {
        if (this.ackDue !== undefined) this.acknowledge('');
      },
      refused() {},
    };
    outcome.refused(481);
  }

  /** An SDP of the peer's that came outside INVITE (UPDATE). */
  takeRemote(sdp: string): void {
    if (sdp !== '') this.remoteSdp = flatten(sdp);
  }

  /** The SDP that answers what the peer offered last, as ours. */
  ownAnswer(sdp: string): string {
    return this.ownSdp(alignTo(this.remoteSdp, sdp));
  }

  // What comes in.

  /** A request inside the dialog; ACK and CANCEL come elsewhere. */
  receive(tx: ServerTx, request: SipRequest): void {
    tx.owner = this;
    if (!this.dialog.accepts(request)) return this.respond(tx, 500, [['Retry-After', '1']]);
    // A callee cannot hang up before he has answered (15): his INVITE is still to be refused.
    const gone = request.method === 'BYE' ? this.inviting && !this.established : this.ended;
    if (gone) return this.respond(tx, 481);
    switch (request.method) {
      case 'BYE':
        return this.receiveBye(tx, request);
      case 'INVITE':
        return this.receiveInvite(tx, request);
      case 'OPTIONS':
        return this.respond(tx, 200, [
          ['Allow', ALLOW],
          ['Accept', 'application/sdp'],
        ]);
      case 'UPDATE':
        if (!bodyIsSdp(request)) return this.respond(tx, 415, [['Accept', 'application/sdp']]);
        this.dialog.refreshTarget(request);
        return this.user.onRequest(this, tx, request);
      case 'INFO':
      case 'MESSAGE':
        return this.user.onRequest(this, tx, request);
      default:
        return this.respond(tx, 405, [['Allow', ALLOW]]);
    }
  }

  /** The ACK to our 2xx. */
  receiveAck(request: SipRequest): void {
    const pending = this.unacknowledged;
    if (pending === undefined || request.cseq !== pending.cseq) return;
    this.env.timers.cancel(this.resend);
    this.unacknowledged = undefined;
    this.takeRemote(sdpOf(request));
    if (this.farewell !== undefined) return this.bye(this.farewell);
    pending.then?.(sdpOf(request));
    this.user.onAck(this);
  }

  response(tx: ClientTx, response: SipResponse): void {
    if (tx.method !== 'INVITE') {
      if (tx.method === 'BYE' && response.status >= 200) this.forget();
      return;
    }
    const outcome = this.outcome;
    if (tx !== this.inviteTx || outcome === undefined) return this.responseAgain(response);
    if (response.status < 200) return outcome.provisional?.(response);
    this.inviteOver();
    if (response.status >= 300) return outcome.refused(response.status);
    if (this.established) this.dialog.refreshTarget(response);
    else this.dialog.establish(response);
    this.established = true;
    this.ackDue = response.cseq;
    const sdp = sdpOf(response);
    this.takeRemote(sdp);
    if (this.localPending) this.sendAck('');
    outcome.answered(sdp);
  }

  noResponse(tx: ClientTx): void {
    if (tx.method === 'BYE') return this.forget();
    const outcome = this.outcome;
    if (tx !== this.inviteTx || outcome === undefined) return;
    this.inviteOver();
    outcome.refused(408);
  }

  private inviteOver(): void {
    this.env.timers.cancel(this.inviteLimit);
    this.inviteTx = undefined;
    this.outcome = undefined;
  }

  cancelled(tx: ServerTx): void {
    if (tx !== this.openInvite) return;
    this.refuseInvite(487);
    this.user.onInviteCancelled(this);
  }

  private receiveBye(tx: ServerTx, request: SipRequest): void {
    this.respond(tx, 200);
    if (this.ended) return;
    const then = this.unacknowledged?.then;
    this.ended = true;
    this.user.onBye(this, request);
    this.forget();
    then?.('');
  }

  private receiveInvite(tx: ServerTx, request: SipRequest): void {
    if (this.outcome !== undefined || this.ackDue !== undefined) return this.respond(tx, 491);
    if (this.openInvite !== undefined || this.unacknowledged !== undefined) {
      return this.respond(tx, 500, [['Retry-After', '1']]);
    }
    if (!bodyIsSdp(request)) return this.respond(tx, 415, [['Accept', 'application/sdp']]);
    this.openInvite = tx;
    this.dialog.refreshTarget(request);
    this.openOffer = flatten(request.body);
    this.user.onInvite(this, request);
  }

  /** A 2xx after the first: our ACK was lost, or a proxy forked and this one came second (13.2.2.4). */
  private responseAgain(response: SipResponse): void {
    if (response.status < 200 || response.status >= 300) return;
    if (response.toTag === this.dialog.remoteTag) {
      if (this.lastAckPath !== undefined && this.ackDue === undefined)
        this.env.send(this.lastAckPath, this.lastAck);
      return;
    }
    const other = new Dialog(
      this.dialog.callId,
      this.dialog.local,
      this.dialog.localTag,
      this.dialog.remote,
      '',
      response.cseq,
      this.dialog.target,
      [],
    );
    other.establish(response);
    const offer = this.localPending ? '' : sdpOf(response);
    const offered = offer !== '';
    const answer = offered
      ? withOrigin(rejectAll(offer), this.originId, 1, hostOf(this.env.sentBy(this.path.socket)))
      : '';
    this.sendIn(other, 'ACK', answer, offered ? 'application/sdp' : '', [], (text, path) =>
      this.env.send(path, text),
    );
    this.sendIn(other, 'BYE', '', '', [], (text, path, branch) => {
      this.layer.request('BYE', branch, text, path, DISCARD);
    });
  }

  private resend2xx(): void {
    const pending = this.unacknowledged;
    if (pending === undefined) return;
    const { t1_ms, t2_ms } = this.layer.times;
    const left_ms = pending.since_ms + 64 * t1_ms - this.env.timers.now_ms;
    if (left_ms <= 0) {
      this.unacknowledged = undefined;
      if (this.farewell !== undefined) this.bye(this.farewell);
      else this.user.onNoAck(this);
      pending.then?.('');
      return;
    }
    pending.tx.retransmit(pending.text);
    pending.interval_ms = Math.min(2 * pending.interval_ms, t2_ms);
    this.resend = this.env.timers.set(Math.min(pending.interval_ms, left_ms), () => this.resend2xx());
  }

  private sendAck(body: string): void {
    const cseq = this.ackDue;
    this.ackDue = undefined;
    assert(cseq !== undefined, 'an ACK answers a 2xx');
    this.sendIn(
      this.dialog,
      'ACK',
      body,
      body === '' ? '' : 'application/sdp',
      [],
      (text, path) => {
        this.lastAck = flatten(text);
        this.lastAckPath = path;
        this.env.send(path, text);
      },
      cseq,
    );
  }

  private request(
    method: string,
    body: string,
    contentType: string,
    headers: Header,
    owner: RequestOwner,
    started: (tx: ClientTx) => void,
  ): void {
    this.dialog.localCseq++;
    this.sendIn(this.dialog, method, body, contentType, headers, (text, path, branch) => {
      // The dialog ended while it was asked where the peer is.
      if (this.ended && method === 'INVITE') return;
      started(this.layer.request(method, branch, text, path, owner));
    });
  }

  /** Builds a request in `dialog`, finds where it goes and hands it to `send`. */
  private sendIn(
    dialog: Dialog,
    method: string,
    body: string,
    contentType: string,
    headers: Header,
    send: (text: string, path: Path, branch: string) => void,
    cseq = dialog === this.dialog ? dialog.localCseq : dialog.localCseq + (method === 'ACK' ? 0 : 1),
  ): void {
    const { uri, routes } = dialog.routing();
    const build = (path: Path): void => {
      const branch = this.layer.newBranch();
      const carriesOffer = method === 'INVITE' || method === 'UPDATE';
      const text = buildRequest({
        method,
        uri,
        via: `SIP/2.0/UDP ${this.env.sentBy(path.socket)};branch=${branch};rport`,
        routes,
        from: dialog.localHeader,
        to: dialog.remoteHeader,
        callId: dialog.callId,
        cseq,
        maxForwards: this.initial !== undefined && !this.established ? this.initial.maxForwards : 70,
        ...(carriesOffer ? { contact: this.contact() } : {}),
        headers: method === 'INVITE' ? [['Allow', ALLOW], ...headers] : headers,
        ...(body === '' ? {} : { body, contentType }),
      });
      send(text, path, branch);
    };
    if (this.initial !== undefined && !this.established) return build(this.path);
    this.env.resolve(dialog.nextHop(), (targets) => {
      const target = targets[0];
      // A peer whose Contact cannot be resolved is reached where its last message came from.
      build(target === undefined ? this.path : { ...this.path, host: target.host, port: target.port });
    });
  }

  private contact(): string {
    return `<sip:${this.env.sentBy(this.path.socket)}>`;
  }

  /** Puts our o= line on `sdp` and remembers it; the version grows with every change (RFC 3264 8). */
  private ownSdp(sdp: string): string {
    const host = hostOf(this.env.sentBy(this.path.socket));
    if (this.localSdp !== '' && !sameSession(this.localSdp, sdp)) this.originVersion++;
    this.localSdp = flatten(withOrigin(sdp, this.originId, this.originVersion, host));
    return this.localSdp;
  }
}

/** Whether the body, if there is one, is SDP. */
function bodyIsSdp(message: SipMessage): boolean {
  return message.body === '' || message.contentType === 'application/sdp';
}

/** The SDP of a message, '' where it has none. */
export function sdpOf(message: SipMessage): string {
  return bodyIsSdp(message) ? message.body : '';
}

/** For requests of which nobody waits for the answer. */
export const DISCARD: RequestOwner = { response() {}, noResponse() {}, cancelled() {} };

/** The host of `host:port`, an IPv6 address without its brackets. */
export function hostOf(hostport: string): string {
  if (hostport.startsWith('[')) return hostport.slice(1, hostport.indexOf(']'));
  const colon = hostport.lastIndexOf(':');
  return colon < 0 ? hostport : hostport.slice(0, colon);
}

/** A local tag may carry a suffix per destination that a caller's INVITE was tried at; one session has them all. */
export function registryKey(localTag: string): string {
  const dot = localTag.indexOf('.');
  return dot < 0 ? localTag : localTag.slice(0, dot);
}

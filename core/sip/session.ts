/**
 * An INVITE session: one dialog with its INVITEs, their SDP and their acknowledgement.
 *
 * It hides from the B2BUA which side made the dialog, sequence numbers, routing inside the dialog,
 * retransmission of 2xx and ACK, and whose o= line an SDP carries. What it is told by the peer goes to its
 * user, what the user wants goes out; it decides nothing about the call.
 */
import { assert } from '../assert.js';
import type { Timer } from '../timers.js';
import { buildResponse } from './build.js';
import { flatten } from './bytes.js';
import type { CallScope } from './call-scope.js';
import { Dialog } from './dialog.js';
import { contactOf, dialogRequest } from './dialog-request.js';
import { ALLOW } from './environment.js';
import type { SipRequest, SipResponse } from './message.js';
import { bodyIsSdp, sdpOf, takesUpdate } from './message-facts.js';
import { OwnDescription } from './own-description.js';
import { alignTo, extendTo, rejectAll } from './sdp.js';
import { MIN_SE_S, SessionTimer } from './session-timer.js';
import {
  type ClientTx,
  DISCARD,
  type Header,
  type InviteOutcome,
  type Layer,
  type OutgoingInvite,
  type RequestOwner,
  registryKey,
  type ServerTx,
  type SessionUser,
} from './session-user.js';
import { branchOf } from './transaction-key.js';
import type { Path } from './transport.js';
import { Unacknowledged } from './unacknowledged.js';

export class Session implements RequestOwner {
  /** The peer's SDP in force, '' before the first. */
  remoteSdp = '';
  /** The first INVITE has got its 2xx, or we have sent ours. */
  established = false;
  ended = false;
  private readonly key: string;
  private readonly own: OwnDescription;
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
  private unacknowledged: Unacknowledged | undefined;
  /** A BYE that waits for the ACK. */
  private farewell: Header | undefined;
  private readonly timer: SessionTimer;
  /** The peer takes UPDATE. */
  private peerUpdates = false;

  private constructor(
    /** The call's. */
    readonly scope: CallScope,
    private readonly layer: Layer,
    readonly dialog: Dialog,
    /** Local socket and the peer's address. */
    private path: Path,
    private readonly user: SessionUser,
    private readonly initial: OutgoingInvite | undefined,
  ) {
    this.own = new OwnDescription(String(Math.floor(scope.random() * 2 ** 31)));
    this.key = registryKey(dialog.localTag);
    scope.set(this.key, this);
    this.timer = new SessionTimer(
      scope.timers,
      () => this.refreshSession(),
      () => user.onLost(this),
      () => this.probe(),
    );
  }

  /** The callee's side of a caller's INVITE; `acceptInvite` and the like answer it. */
  static incoming(
    scope: CallScope,
    layer: Layer,
    tx: ServerTx,
    localTag: string,
    user: SessionUser,
  ): Session {
    const dialog = Dialog.fromInvite(tx.request, localTag);
    const session = new Session(scope, layer, dialog, tx.path, user, undefined);
    session.openInvite = tx;
    tx.owner = session;
    session.openOffer = flatten(tx.request.body);
    session.peerUpdates = takesUpdate(tx.request);
    return session;
  }

  /** The caller's side: nothing is sent before `invite`. */
  static outgoing(scope: CallScope, layer: Layer, invite: OutgoingInvite, user: SessionUser): Session {
    const { callId, from, localTag, to, uri, routes, target } = invite;
    const dialog = new Dialog(callId, from, localTag, to, '', 0, uri, routes);
    const path = { socket: scope.socketFor(target.host), host: target.host, port: target.port };
    return new Session(scope, layer, dialog, path, user, invite);
  }

  /** Our SDP as last sent, '' before the first. */
  get localSdp(): string {
    return this.own.last;
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
      this.inviteLimit = this.scope.timers.set(64 * this.layer.times.t1_ms, () => this.cancel([]));
    if (sdp !== '') this.ownSdp(extendTo(this.localSdp, sdp));
    this.sendInvite();
  }

  private sendInvite(): void {
    const body = this.localPending ? this.localSdp : '';
    const first = this.initial !== undefined && !this.established ? this.initial.headers : [];
    const headers = [...first, ...this.timer.requestHeaders()];
    this.request('INVITE', body, body === '' ? '' : 'application/sdp', headers, this, (tx) => {
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
        headers: [['Allow', ALLOW], ['Accept', 'application/sdp'], ...this.timer.agree(tx.request)],
        contentType: 'application/sdp',
        body: own,
      }),
    );
    const { timers } = this.scope;
    this.unacknowledged = new Unacknowledged(timers, this.layer.times, tx, text, then, () =>
      this.neverAcknowledged(),
    );
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
        headers:
          tx.request.method === 'UPDATE' && status < 300
            ? [...headers, ...this.timer.agree(tx.request)]
            : headers,
        ...(body === '' ? {} : { body, contentType }),
      }),
    );
  }

  /** Sends a request other than INVITE inside the dialog; `owner` gets what comes back. */
  send(method: string, body: string, contentType: string, headers: Header, owner: RequestOwner): void {
    const own =
      contentType === 'application/sdp' && body !== '' ? this.ownSdp(extendTo(this.localSdp, body)) : body;
    const all = method === 'UPDATE' ? [...headers, ...this.timer.requestHeaders()] : headers;
    this.request(method, own, contentType, all, owner, () => {});
  }

  /** The peer's 2xx to an UPDATE that `send` sent. */
  updated(response: SipResponse): void {
    this.dialog.refreshTarget(response);
    this.takeRemote(sdpOf(response));
    this.timer.accepted(response);
  }

  /** Hangs up. What is still to be acknowledged is acknowledged first, with every stream refused. */
  bye(headers: Header = []): void {
    if (this.ended) return;
    this.ended = true;
    this.timer.stop();
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
    this.timer.stop();
    this.closeInvites();
    this.unacknowledged?.stop();
    this.unacknowledged = undefined;
    this.scope.delete(this.key);
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
    this.scope.timers.cancel(this.inviteLimit);
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
        if (SessionTimer.refuses(request)) return this.respond(tx, 422, [['Min-SE', String(MIN_SE_S)]]);
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
    this.unacknowledged?.stop();
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
    if (response.status === 422 && this.timer.tooBrief(response)) return this.sendInvite();
    this.inviteOver();
    if (response.status >= 300) return outcome.refused(response.status);
    if (this.established) this.dialog.refreshTarget(response);
    else this.dialog.establish(response);
    this.established = true;
    this.peerUpdates = takesUpdate(response);
    this.timer.accepted(response);
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
    this.scope.timers.cancel(this.inviteLimit);
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
    if (SessionTimer.refuses(request)) return this.respond(tx, 422, [['Min-SE', String(MIN_SE_S)]]);
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
        this.scope.send(this.lastAckPath, this.lastAck);
      return;
    }
    const other = this.dialog.fork(response.cseq);
    other.establish(response);
    const offer = this.localPending ? '' : sdpOf(response);
    const offered = offer !== '';
    const answer = offered ? this.own.signed(rejectAll(offer), this.scope.sentBy(this.path.socket)) : '';
    this.sendIn(other, 'ACK', answer, offered ? 'application/sdp' : '', [], (text, path) =>
      this.scope.send(path, text),
    );
    this.sendIn(other, 'BYE', '', '', [], (text, path, branch) => {
      this.layer.request('BYE', branch, text, path, DISCARD);
    });
  }

  private neverAcknowledged(): void {
    const then = this.unacknowledged?.then;
    this.unacknowledged = undefined;
    if (this.farewell !== undefined) this.bye(this.farewell);
    else this.user.onLost(this);
    then?.('');
  }

  /** Shows the peer that we are there (RFC 4028 7.4); false while an INVITE is under way. */
  private refreshSession(): boolean {
    if (this.busy) return false;
    const lost = (status: number): void => {
      if (status === 408 || status === 481) this.user.onLost(this);
    };
    if (!this.peerUpdates) {
      const free = (): void => this.user.onAck(this);
      const refused = (status: number): void => {
        lost(status);
        if (!this.ended) free();
      };
      this.invite(this.localSdp, { answered: free, refused });
      return true;
    }
    this.send('UPDATE', '', '', [], {
      response: (_tx, response) => {
        if (response.status >= 300) lost(response.status);
        else if (response.status >= 200) this.updated(response);
      },
      noResponse: () => lost(408),
      cancelled() {},
    });
    return true;
  }

  /** Asks a peer without a session timer whether he is there: any answer but that he knows no such dialog will do. */
  private probe(): void {
    const lost = (status: number): void => {
      if (status === 408 || status === 481) this.user.onLost(this);
    };
    this.send('OPTIONS', '', '', [], {
      response: (_tx, { status }) => lost(status),
      noResponse: () => lost(408),
      cancelled() {},
    });
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
        this.scope.send(path, text);
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
    const first = this.established ? undefined : this.initial;
    const maxForwards = first?.maxForwards ?? 70;
    const build = (path: Path): void => {
      const branch = branchOf(this.scope.token());
      const sentBy = this.scope.sentBy(path.socket);
      send(
        dialogRequest(dialog, { method, cseq, branch, sentBy, maxForwards, headers, contentType, body }),
        path,
        branch,
      );
    };
    if (first !== undefined) return build(this.path);
    this.scope.resolve(
      dialog.nextHop(),
      (targets) => {
        const target = targets[0];
        // A peer whose Contact cannot be resolved is reached where its last message came from.
        build(target === undefined ? this.path : { ...this.path, host: target.host, port: target.port });
      },
      false,
    );
  }

  private contact(): string {
    return contactOf(this.scope.sentBy(this.path.socket));
  }

  private ownSdp(sdp: string): string {
    return this.own.take(sdp, this.scope.sentBy(this.path.socket));
  }
}

/**
 * An INVITE session: one dialog with its INVITEs, their SDP and their acknowledgement.
 *
 * It hides from the B2BUA which side made the dialog, sequence numbers, routing inside the dialog,
 * retransmission of 2xx and ACK, and whose o= line an SDP carries. What it is told by the peer goes to its
 * user, what the user wants goes out; it decides nothing about the call.
 */
import { assert } from '../assert.js';
import { buildResponse } from './build.js';
import { flatten } from './bytes.js';
import type { CallScope } from './call-scope.js';
import { Dialog } from './dialog.js';
import { contactOf } from './dialog-request.js';
import { DialogSender } from './dialog-sender.js';
import { ALLOW, SUPPORTED_VALUE } from './environment.js';
import { probe, refreshSession } from './keep-alive.js';
import type { SipMessage, SipRequest, SipResponse } from './message.js';
import { bodyIsSdp, sdpOf, takesUpdate } from './message-facts.js';
import { OpenRequests } from './open-requests.js';
import { OwnDescription } from './own-description.js';
import { type InviteDialog, OwnInvite } from './own-invite.js';
import type { Replaces } from './refer.js';
import { alignTo, extendTo } from './sdp.js';
import { MIN_SE_S, SessionTimer } from './session-timer.js';
import {
  type ClientTx,
  type Header,
  type InviteOutcome,
  type Layer,
  type OutgoingInvite,
  type RequestOwner,
  registryKey,
  type ServerTx,
  type SessionUser,
  untilFinal,
} from './session-user.js';
import type { Path } from './transport.js';
import { Unacknowledged } from './unacknowledged.js';

export class Session implements InviteDialog {
  /** The peer's SDP in force, '' before the first. */
  remoteSdp = '';
  /** The first INVITE has got its 2xx, or we have sent ours. */
  established = false;
  ended = false;
  private readonly key: string;
  private readonly own: OwnDescription;
  private readonly sender: DialogSender;
  /** Our INVITEs. */
  private readonly ownInvite: OwnInvite;
  /** The peer's INVITE without our final response. */
  private openInvite: ServerTx | undefined = undefined;
  /** The offer in it, '' when it had none. It is in force once we have accepted it. */
  private openOffer = '';
  private unacknowledged: Unacknowledged | undefined = undefined;
  /** Other requests of the peer's that the user has still to answer. */
  private readonly open: OpenRequests;
  /** Requests of ours, but for INVITE and BYE, without a final response; until they have one we are known. */
  private unanswered = 0;
  private forgotten = false;
  /** A BYE that waits for the ACK. */
  private farewell: Header | undefined = undefined;
  private readonly timer: SessionTimer;
  /** The peer takes UPDATE, and REFER. */
  private peerUpdates = false;
  private peerRefers = false;

  private constructor(
    /** The call's. */
    readonly scope: CallScope,
    private readonly layer: Layer,
    readonly dialog: Dialog,
    /** Local socket and the peer's address. */
    path: Path,
    /** Who acts on what the peer does; another when the peer's part in the call changes. */
    public user: SessionUser,
    initial: OutgoingInvite | undefined,
  ) {
    this.own = new OwnDescription(String(Math.floor(scope.random() * 2 ** 31)));
    this.sender = new DialogSender(scope, layer, dialog, path, initial);
    this.ownInvite = new OwnInvite(scope, layer, this.sender, this.own, this);
    this.key = registryKey(dialog.localTag);
    scope.set(this.key, this);
    this.open = new OpenRequests(scope.timers, layer.times, (asked, status) =>
      this.respond(asked, status, status === 500 ? [['Retry-After', '2']] : []),
    );
    this.timer = new SessionTimer(
      scope.timers,
      () => refreshSession(this),
      () => this.user.onLost(this),
      () => probe(this),
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
    session.peerAllows(tx.request);
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
      this.ownInvite.open ||
      this.ownInvite.acknowledgeDue ||
      this.openInvite !== undefined ||
      this.unacknowledged !== undefined
    );
  }

  /** An INVITE of ours waits for its final response. */
  get inviting(): boolean {
    return this.ownInvite.open;
  }

  /** The offer of the peer's INVITE that is still to be answered, '' when it has none. */
  get peerOffer(): string {
    return this.openOffer;
  }

  /** Whether the peer has said that he takes such requests (RFC 3311 4, RFC 3515). */
  takes(method: 'UPDATE' | 'REFER'): boolean {
    return method === 'UPDATE' ? this.peerUpdates : this.peerRefers;
  }

  private peerAllows(message: SipMessage): void {
    this.peerUpdates = takesUpdate(message);
    this.peerRefers = message.list('allow').includes('REFER');
  }

  /** How we name ourselves to the peer. */
  get contactUri(): string {
    return `sip:${this.sender.sentBy}`;
  }

  /** Our 2xx has not been acknowledged. */
  get awaitsAck(): boolean {
    return this.unacknowledged !== undefined;
  }

  /** Whether an INVITE of the peer waits for our answer. */
  get invited(): boolean {
    return this.openInvite !== undefined;
  }

  /** Sends an INVITE or re-INVITE, with `sdp` as the offer or, with '', without one. */
  invite(sdp: string, outcome: InviteOutcome): void {
    this.ownInvite.send(sdp === '' ? '' : this.ownSdp(extendTo(this.localSdp, sdp)), outcome);
  }

  /** Gives up our INVITE: CANCEL as soon as it may go. A 2xx that crosses it still comes to the user. */
  cancel(headers: Header): void {
    this.ownInvite.cancel(headers);
  }

  /** Acknowledges a 2xx whose INVITE had no offer. `sdp` answers its offer; '' refuses every stream. */
  acknowledge(sdp: string): void {
    this.ownInvite.acknowledge(sdp);
  }

  /** Whether a 2xx of the peer waits for `acknowledge`. */
  get acknowledgeDue(): boolean {
    return this.ownInvite.acknowledgeDue;
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
        contentType: 'application/sdp',
        body,
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
    this.establish();
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
          ['Supported', SUPPORTED_VALUE],
          ...this.timer.agree(tx.request),
        ],
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
    if (this.established) this.ownInvite.refusing(tx);
    tx.respond(status, buildResponse(tx.request, tx.path, status, { toTag: this.dialog.localTag, headers }));
  }

  /** Answers another request of the peer, unless he no longer waits for it. */
  respond(tx: ServerTx, status: number, headers: Header = [], body = '', contentType = ''): void {
    this.open.done(tx);
    if (tx.state === 'completed' || tx.state === 'terminated') return;
    // One without a tag comes from somebody who would take the peer's place.
    if (tx.isInvite && tx.request.toTag !== '') this.ownInvite.refusing(tx);
    tx.respond(
      status,
      buildResponse(tx.request, tx.path, status, {
        toTag: this.dialog.localTag,
        contact: this.contact(),
        headers:
          tx.request.method === 'UPDATE' && status < 300
            ? [...headers, ...this.timer.agree(tx.request)]
            : headers,
        contentType,
        body,
      }),
    );
  }

  /** Sends a request other than INVITE and BYE inside the dialog; `owner` gets what comes back. */
  send(method: string, body: string, contentType: string, headers: Header, owner: RequestOwner): void {
    const own =
      contentType === 'application/sdp' && body !== '' ? this.ownSdp(extendTo(this.localSdp, body)) : body;
    const all = method === 'UPDATE' ? [...headers, ...this.inviteHeaders()] : headers;
    this.unanswered++;
    const answered = (): void => {
      this.unanswered--;
      this.leave();
    };
    this.sender.request(method, { headers: all, body: own, contentType }, untilFinal(owner, answered));
  }

  /** The peer's 2xx to an UPDATE that `send` sent. */
  updated(response: SipResponse): void {
    this.dialog.refreshTarget(response);
    this.takeRemote(sdpOf(response));
    this.agreed(response);
  }

  /** A 2xx that could set the session timer; one to a request that outlived its dialog starts none. */
  private agreed(response: SipResponse): void {
    if (!this.ended) this.timer.accepted(response);
  }

  /** Hangs up. What is still to be acknowledged is acknowledged first, with every stream refused. */
  bye(headers: Header = []): void {
    if (this.ended) return;
    this.ended = true;
    this.timer.stop();
    this.closeRequests();
    this.sender.request('BYE', { headers, body: '', contentType: '' }, this);
    this.ownInvite.settle();
  }

  /** Hangs up as soon as our 2xx has been acknowledged, or will not be (RFC 3261 15). */
  byeWhenAcknowledged(headers: Header): void {
    if (this.unacknowledged === undefined) this.bye(headers);
    else this.farewell = headers;
  }

  /**
   * Forgets the session: requests inside its dialog are answered 481 from now on. It stays known for what requests
   * of ours that crossed its end still come back with.
   */
  forget(): void {
    this.ended = true;
    this.forgotten = true;
    this.timer.stop();
    this.closeRequests();
    this.unacknowledged?.stop();
    this.unacknowledged = undefined;
    this.ownInvite.settle();
    this.leave();
    this.remoteSdp = '';
    this.openOffer = '';
    this.own.forget();
  }

  leave(): void {
    if (this.forgotten && this.unanswered === 0 && !this.ownInvite.open) this.scope.delete(this.key);
  }

  /** No request outlives the dialog: what the peer waits for is answered (15.1.2), what we wait for given up. */
  private closeRequests(): void {
    this.refuseInvite(487);
    this.open.close();
    this.ownInvite.close();
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
        return this.ask(tx, request);
      case 'REFER':
        return this.user.onRefer(this, tx, request);
      case 'NOTIFY':
        return this.user.onNotify(this, tx, request);
      case 'INFO':
      case 'MESSAGE':
        return this.ask(tx, request);
      default:
        return this.respond(tx, 405, [['Allow', ALLOW]]);
    }
  }

  /** Whether a Replaces names this dialog (RFC 3891 3); one that is not answered yet cannot be replaced. */
  isNamed({ callId, toTag, fromTag }: Replaces): boolean {
    const { dialog } = this;
    if (!this.established || this.ended) return false;
    return dialog.callId === callId && dialog.localTag === toTag && dialog.remoteTag === fromTag;
  }

  /** An INVITE from somebody who is to take the peer's place. */
  replace(tx: ServerTx): void {
    this.user.onReplace(this, tx);
  }

  private ask(tx: ServerTx, request: SipRequest): void {
    this.open.add(tx);
    this.user.onRequest(this, tx, request);
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
    if (tx.method === 'BYE' && response.status >= 200) this.forget();
  }

  noResponse(tx: ClientTx): void {
    if (tx.method === 'BYE') this.forget();
  }

  // What our INVITEs ask of the dialog.

  inviteHeaders(): Header {
    return [['Supported', SUPPORTED_VALUE], ...this.timer.requestHeaders()];
  }

  tooBrief(response: SipResponse): boolean {
    return this.timer.tooBrief(response);
  }

  accepted(response: SipResponse): void {
    if (this.established) this.dialog.refreshTarget(response);
    else this.dialog.establish(response);
    this.establish();
    this.peerAllows(response);
    this.agreed(response);
    this.takeRemote(sdpOf(response));
  }

  private establish(): void {
    this.established = true;
    this.sender.established();
  }

  /** A 2xx whose transaction is over: ours to acknowledge, or a late fork's. */
  answeredAgain(response: SipResponse, path: Path): void {
    this.ownInvite.again(response, path);
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
    if (this.ownInvite.open || this.ownInvite.acknowledgeDue) return this.respond(tx, 491);
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

  private neverAcknowledged(): void {
    const then = this.unacknowledged?.then;
    this.unacknowledged = undefined;
    if (this.farewell !== undefined) this.bye(this.farewell);
    else this.user.onLost(this);
    then?.('');
  }

  private contact(): string {
    return contactOf(this.sender.sentBy);
  }

  private ownSdp(sdp: string): string {
    return this.own.take(sdp, this.sender.sentBy);
  }
}

/**
 * A transfer that somebody has asked for by REFER (ladders: transfers): the target is called while he and whom he
 * hands on stay together; when it has answered the other is moved to it as to any leg.
 */
import type { Report } from '../messages.js';
import { DEPARTING } from './departing.js';
import type { SipRequest, SipResponse } from './message.js';
import { type LegHome, type LegUser, PeerLeg } from './peer-leg.js';
import { ownAddress, parseReplaces, type ReferTarget, replacesHeaders } from './refer.js';
import { Referral } from './referral.js';
import { allPortsZero } from './sdp.js';
import type { Session } from './session.js';
import type { ServerTx } from './session-user.js';
import { shardOf } from './shard.js';

/** The call that is being transferred; it has the target's leg from its answer on. */
export interface TransferredCall extends LegHome, LegUser {
  readonly chat: boolean;
  report(report: Report): void;
  /** The transfer has been allowed: its target is being set up. */
  transferBegins(target: PeerLeg): void;
  /** Nothing came of it: who was joined stays so. */
  transferFailed(transfer: Transfer): void;
}

/** Who asks. */
export interface Referrer {
  /** Of his leg; 0 for the caller. */
  readonly number: number;
  readonly session: Session;
  /** Lets him go. */
  release(): void;
}

export class Transfer implements LegUser {
  /** The leg to where the other is to go; none before it is allowed. */
  target: PeerLeg | undefined = undefined;
  private readonly referral: Referral;

  constructor(
    private readonly call: TransferredCall,
    readonly referrer: Referrer,
    private readonly asked: ReferTarget,
    private readonly tx: ServerTx,
    /** Of all transfers of the call. */
    readonly number: number,
  ) {
    this.referral = new Referral(referrer.session, tx.request.cseq);
    const { host, port } = asked;
    call.report({
      kind: 'transfer_asked',
      call: call.id,
      leg: referrer.number,
      transfer: number,
      host,
      port,
    });
  }

  /** The dispatcher has looked at the target: 202, or the status that refuses it. */
  decide(status: number): void {
    if (this.target !== undefined) return;
    this.referrer.session.respond(this.tx, status);
    if (status >= 300) return this.call.transferFailed(this);
    this.referral.tell(100);
    const { asked, call } = this;
    const own = ownAddress(asked, call.options);
    const replaced = own === undefined ? undefined : parseReplaces(asked.replaces);
    const target = new PeerLeg(call, this, {
      number: 0,
      name: `t${this.number}`,
      role: 'target',
      uri: asked.uri,
      headers: this.headers(),
      ...(own === undefined ? {} : { target: own }),
      // Whoever has that dialog gets the INVITE too.
      ...(replaced === undefined ? {} : { shard: shardOf(replaced.callId) }),
    });
    this.target = target;
    call.transferBegins(target);
    const early = own !== undefined || call.chat || PeerLeg.offersEarly(asked.uri, call.options);
    target.start(early ? call.sdpToOffer(target) : '');
  }

  private headers(): [string, string][] {
    const { replaces, referredBy } = this.asked;
    const headers = replaces === '' ? [] : replacesHeaders(replaces);
    if (referredBy !== '') headers.push(['Referred-By', referredBy]);
    return headers;
  }

  /** The call, or his part in it, ends first. */
  stop(): void {
    if (this.target === undefined) this.referrer.session.respond(this.tx, 481);
    else this.referral.tell(487);
  }

  /** The target refused, or the other refused to be moved there. */
  failed(status: number): void {
    this.referral.tell(status);
    this.call.transferFailed(this);
  }

  /** The other is joined to the target: who has asked hears of it and then is let go. */
  succeeded(): void {
    const { referrer } = this;
    referrer.session.user = DEPARTING;
    this.referral.tell(200, () => referrer.release());
  }

  // The target's leg until it has answered.

  sdpToOffer(leg: PeerLeg): string {
    return this.call.sdpToOffer(leg);
  }

  legProvisional(_leg: PeerLeg, response: SipResponse): void {
    this.referral.tell(response.status);
  }

  legAnswered(leg: PeerLeg, sdp: string): void {
    if (sdp === '' || allPortsZero(sdp)) {
      leg.release();
      return this.call.legRefused(leg, 488);
    }
    leg.user = this.call;
    this.call.legAnswered(leg, sdp);
  }

  legRefused(leg: PeerLeg, status: number): void {
    this.call.legRefused(leg, status);
  }

  legInvite(leg: PeerLeg): void {
    this.call.legInvite(leg);
  }

  legInviteCancelled(leg: PeerLeg): void {
    this.call.legInviteCancelled(leg);
  }

  legAck(leg: PeerLeg): void {
    this.call.legAck(leg);
  }

  legRequest(leg: PeerLeg, tx: ServerTx, request: SipRequest): void {
    this.call.legRequest(leg, tx, request);
  }

  legRefer(leg: PeerLeg, tx: ServerTx, request: SipRequest): void {
    this.call.legRefer(leg, tx, request);
  }

  legReplace(leg: PeerLeg, tx: ServerTx): void {
    this.call.legReplace(leg, tx);
  }

  legBye(leg: PeerLeg, request: SipRequest | undefined): void {
    this.call.legBye(leg, request);
  }
}

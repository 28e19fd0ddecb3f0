/**
 * The INVITEs that we send in one dialog, one at a time: their offer, their CANCEL, their final response, the ACK,
 * and what comes after the first 2xx: the same one again, or one of another fork (RFC 3261 13.2.2.4).
 */
import { assert } from '../assert.js';
import type { Timer } from '../timers.js';
import { flatten } from './bytes.js';
import type { CallScope } from './call-scope.js';
import { type DialogSender, sdpContent } from './dialog-sender.js';
import type { SipResponse } from './message.js';
import { sdpOf } from './message-facts.js';
import type { OwnDescription } from './own-description.js';
import { alignTo, rejectAll } from './sdp.js';
import type { ClientTx, Header, InviteOutcome, Layer, RequestOwner, ServerTx } from './session-user.js';
import { dismissStray } from './stray.js';
import type { Ack } from './transaction.js';
import { asksForOffer } from './transaction-key.js';
import type { Path } from './transport.js';

/** The dialog that the INVITEs belong to, as they see it. */
export interface InviteDialog {
  readonly ended: boolean;
  readonly established: boolean;
  /** The peer's SDP in force. */
  readonly remoteSdp: string;
  /** Headers that every INVITE has. */
  inviteHeaders(): Header;
  /** A 422: true when the INVITE is to be sent once more. */
  tooBrief(response: SipResponse): boolean;
  /** A 2xx has come; what it says of the dialog is taken over before anybody hears of it. */
  accepted(response: SipResponse): void;
  /** The dialog has ended, and no INVITE of it is under way any more: it need not be known for them. */
  leave(): void;
}

const NONE: readonly ClientTx[] = [];

export class OwnInvite implements RequestOwner {
  /** The INVITE without a final response, as soon as it has left. */
  private tx: ClientTx | undefined = undefined;
  private outcome: InviteOutcome | undefined = undefined;
  /** Refusals of the peer's INVITEs that he has not acknowledged: until he has, ours waits (RFC 3261 14.1). */
  private unconfirmed = 0;
  private waits = false;
  /** CANCEL of an INVITE that is not sent yet: where to is still being asked. */
  private cancelWaiting: Header | undefined = undefined;
  /** Until when a re-INVITE may be answered provisionally only. */
  private limit: Timer | undefined = undefined;
  /** Whether the INVITE carried an offer. */
  private offered = false;
  /** Sequence number of the 2xx that is still to be acknowledged. */
  private ackDue: number | undefined = undefined;
  /** Whether that 2xx had the offer that its ACK answers. */
  private ackAnswers = false;
  /** Sequence number of the last one that was, and its ACK as soon as that has left. */
  private acknowledged = 0;
  private lastAck: Ack | undefined = undefined;
  /** INVITEs that were accepted, the last one first, until we leave them. */
  private accepted: readonly ClientTx[] = NONE;
  /** Sequence number of the last one. */
  private acceptedCseq = 0;

  constructor(
    private readonly scope: CallScope,
    private readonly layer: Layer,
    private readonly sender: DialogSender,
    private readonly own: OwnDescription,
    private readonly dialog: InviteDialog,
  ) {}

  /** An INVITE waits for its final response. */
  get open(): boolean {
    return this.outcome !== undefined;
  }

  /** A 2xx waits for `acknowledge`. */
  get acknowledgeDue(): boolean {
    return this.ackDue !== undefined;
  }

  /** Sends an INVITE with `offer`, our SDP as it is to go out, or with '' without one. */
  send(offer: string, outcome: InviteOutcome): void {
    assert(this.outcome === undefined && this.ackDue === undefined, 'one INVITE at a time');
    this.outcome = outcome;
    this.cancelWaiting = undefined;
    this.offered = offer !== '';
    if (this.dialog.established)
      this.limit = this.scope.timers.set(64 * this.layer.times.t1_ms, () => this.cancel([]));
    this.transmit();
  }

  /** An INVITE of the peer's is about to be refused. */
  refusing(tx: ServerTx): void {
    this.unconfirmed++;
    tx.whenConfirmed(() => {
      this.unconfirmed--;
      if (this.waits) this.transmit();
    });
  }

  private transmit(): void {
    const { dialog, sender } = this;
    this.waits = this.unconfirmed > 0;
    if (this.waits) return;
    const content = sdpContent(this.offered ? this.own.last : '', [
      ...sender.initialHeaders,
      ...dialog.inviteHeaders(),
    ]);
    sender.request(
      'INVITE',
      content,
      this,
      (tx) => {
        this.tx = tx;
        if (this.cancelWaiting !== undefined) tx.cancel(this.cancelWaiting);
      },
      // The dialog may have ended while it was asked where the peer is.
      () => !dialog.ended,
    );
  }

  /** Gives up the INVITE: CANCEL as soon as it may go. A 2xx that crosses it still comes to the user. */
  cancel(headers: Header): void {
    if (this.tx !== undefined) this.tx.cancel(headers);
    else if (this.outcome !== undefined) this.cancelWaiting ??= headers;
  }

  /** Acknowledges a 2xx whose INVITE had no offer. `sdp` answers its offer; '' refuses every stream. */
  acknowledge(sdp: string): void {
    assert(this.ackDue !== undefined, 'there is a 2xx to acknowledge');
    this.sendAck(this.ackAnswers ? this.answer(this.dialog.remoteSdp, sdp) : '');
  }

  /** Our SDP that answers `offer` with `sdp`; '' refuses every stream. */
  private answer(offer: string, sdp: string): string {
    const answer = sdp === '' ? rejectAll(offer) : alignTo(offer, sdp);
    return this.own.take(answer, this.sender.sentBy);
  }

  /** The dialog ends: what is still to be acknowledged is, with every stream refused; the rest is given up. */
  close(): void {
    if (this.ackDue !== undefined) this.acknowledge('');
    this.cancel([]);
  }

  /** Who waits for the final response learns that the dialog is gone; a late 2xx is acknowledged. */
  settle(): void {
    const outcome = this.outcome;
    if (outcome === undefined) return this.letGo();
    if (this.tx === undefined) {
      // It has not left, and will not.
      this.over();
      outcome.refused(481);
      return this.letGo();
    }
    this.scope.timers.cancel(this.limit);
    this.outcome = {
      answered: () => {
        if (this.ackDue !== undefined) this.acknowledge('');
      },
      refused() {},
    };
    outcome.refused(481);
  }

  response(tx: ClientTx, response: SipResponse): void {
    const outcome = this.outcome;
    if (tx !== this.tx || outcome === undefined) return this.again(response, tx.path);
    if (response.status < 200) return outcome.provisional?.(response);
    if (response.status === 422 && !this.dialog.ended && this.dialog.tooBrief(response)) {
      this.tx = undefined;
      return this.transmit();
    }
    this.over();
    if (response.status >= 300) {
      outcome.refused(response.status);
      return this.letGo();
    }
    this.acceptedCseq = response.cseq;
    this.accepted = [tx, ...this.accepted.filter(({ state }) => state === 'accepted')];
    this.dialog.accepted(response);
    this.ackDue = response.cseq;
    this.ackAnswers = sdpOf(response) !== '';
    if (this.offered) this.sendAck('');
    outcome.answered(sdpOf(response));
    this.letGo();
  }

  noResponse(tx: ClientTx): void {
    const outcome = this.outcome;
    if (tx !== this.tx || outcome === undefined) return;
    this.over();
    outcome.refused(408);
    this.letGo();
  }

  /** Nobody cancels a request of ours but ourselves. */
  cancelled(): void {}

  /** A 2xx after the first: our ACK was lost, or a proxy forked and this one came second. Or one after a refusal. */
  again(response: SipResponse, path: Path): void {
    if (response.status < 200 || response.status >= 300) return;
    const { dialog } = this.sender;
    if (response.toTag !== dialog.remoteTag) return dismissStray(response, path, this.scope, this.layer);
    const { ackDue, acknowledged, lastAck } = this;
    if (ackDue !== undefined) return;
    if (response.cseq > acknowledged) this.acknowledgeRefused(response);
    else if (response.cseq === acknowledged && lastAck !== undefined)
      this.scope.send(lastAck.path, lastAck.text);
  }

  /** A 2xx to an INVITE that had been refused is acknowledged all the same (13.2.2.4); what was in force stays so (14.1). */
  private acknowledgeRefused(response: SipResponse): void {
    // Not to an INVITE of ours.
    if (response.cseq > this.sender.dialog.localCseq) return;
    const offer = asksForOffer(response.via.branch) ? sdpOf(response) : '';
    this.ackDue = response.cseq;
    this.sendAck(offer === '' ? '' : this.answer(offer, this.own.last));
  }

  private sendAck(sdp: string): void {
    const cseq = this.ackDue;
    assert(cseq !== undefined, 'an ACK answers a 2xx');
    this.ackDue = undefined;
    this.acknowledged = cseq;
    this.lastAck = undefined;
    this.sender.acknowledge(cseq, sdp, (text, path) => {
      this.lastAck = { text: flatten(text), path };
      this.letGo();
    });
  }

  /**
   * A dialog that is over is needed no more, once there is nothing left to acknowledge: its last INVITE, known for
   * 64*T1, keeps the ACK in its place.
   */
  private letGo(): void {
    const { accepted, dialog, lastAck } = this;
    if (!dialog.ended || this.open || this.acknowledgeDue) return;
    dialog.leave();
    if (lastAck === undefined) return;
    this.accepted = NONE;
    const [last, ...before] = accepted;
    const { remoteTag } = this.sender.dialog;
    // Who accepts an INVITE, be it one that he had refused, has had the ACK to the one before (14.2).
    last?.leave(remoteTag, this.acceptedCseq === this.acknowledged ? lastAck : undefined);
    for (const tx of before) tx.leave(remoteTag);
  }

  private over(): void {
    this.scope.timers.cancel(this.limit);
    this.tx = undefined;
    this.outcome = undefined;
    this.waits = false;
  }
}

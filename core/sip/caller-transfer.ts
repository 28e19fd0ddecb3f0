/**
 * A caller who hands on the agent that he talks to (ladders: transfers). It is a move with the parts exchanged: the
 * agent is moved to the target, who has the caller's place from then on. The call goes on.
 */
import type { CallState, Report } from '../messages.js';
import { flatten } from './bytes.js';
import type { CallScope } from './call-scope.js';
import type { CallSetup } from './call-setup.js';
import type { B2buaOptions } from './environment.js';
import { carryRequest } from './exchange.js';
import type { SipRequest } from './message.js';
import { Moving, type MovingCall, type Side } from './moving.js';
import { parseNameAddr } from './name-addr.js';
import type { LegHome, PeerLeg } from './peer-leg.js';
import type { ReferTarget } from './refer.js';
import type { Session } from './session.js';
import type { Layer, ServerTx } from './session-user.js';
import { Transfer, type TransferredCall } from './transfer.js';

/** The call whose caller hands on his agent. */
export interface HandedOnCall extends LegHome {
  readonly chat: boolean;
  readonly ended: boolean;
  readonly caller: Session;
  /** The leg that the caller is joined to. */
  readonly current: PeerLeg | undefined;
  readonly exchanging: boolean;
  report(report: Report): void;
  transferFailed(transfer: Transfer): void;
  /** The target has the caller's place. */
  callerFollowedBy(session: Session): void;
  carried(other: Session, status: number): void;
  loseCaller(): void;
  /** What had to wait for a request under way can go on. */
  goOn(): void;
}

/** The transfers of one agent. */
export class CallerTransfers implements TransferredCall, MovingCall {
  /** As the target is to see it: called by whom the caller had called, who is all that he knows. */
  readonly setup: CallSetup;
  private readonly moving = new Moving(this);
  private transfer: Transfer | undefined = undefined;
  private target: PeerLeg | undefined = undefined;

  constructor(
    private readonly call: HandedOnCall,
    readonly agent: PeerLeg,
  ) {
    const called = parseNameAddr(call.caller.dialog.local)?.uri;
    const callerUri = called === undefined ? call.setup.callerUri : flatten(called);
    this.setup = { ...call.setup, callerUri, callerDisplay: '', identity: [] };
  }

  begin(asked: ReferTarget, tx: ServerTx, number: number): Transfer {
    const { caller } = this.call;
    const referrer = { number: 0, session: caller, release: () => caller.bye() };
    this.transfer = new Transfer(this, referrer, asked, tx, number);
    return this.transfer;
  }

  /** The caller has hung up, and the target is being called: it need not be waited for by him. */
  get goesOnAlone(): boolean {
    return this.target !== undefined;
  }

  /** What had to wait for a request under way can go on. */
  next(): void {
    this.moving.next();
  }

  /** The agent has left: nobody is there to be handed on. */
  agentGone(): void {
    const { target, transfer } = this;
    this.stop();
    if (target === undefined) transfer?.stop();
    else transfer?.failed(480);
  }

  stop(): void {
    this.moving.stop();
    this.target?.release();
    this.target = undefined;
    this.transfer = undefined;
  }

  // The call, as the transfer and its target's leg see it.

  get scope(): CallScope {
    return this.call.scope;
  }

  get layer(): Layer {
    return this.call.layer;
  }

  get options(): B2buaOptions {
    return this.call.options;
  }

  get id(): string {
    return this.call.id;
  }

  get state(): CallState {
    return this.call.state;
  }

  get chat(): boolean {
    return this.call.chat;
  }

  abandon(why: string, status?: number): void {
    this.call.abandon(why, status);
  }

  report(report: Report): void {
    this.call.report(report);
  }

  transferBegins(target: PeerLeg): void {
    this.target = target;
  }

  transferFailed(transfer: Transfer): void {
    this.transfer = undefined;
    this.call.transferFailed(transfer);
  }

  sdpToOffer(): string {
    return this.agent.session.remoteSdp;
  }

  legAnswered(): void {
    this.moving.next();
  }

  legRefused(_leg: PeerLeg, status: number): void {
    this.target = undefined;
    this.transfer?.failed(status);
  }

  // The target's leg between its answer and the agent's.

  legProvisional(): void {}

  legInvite(leg: PeerLeg): void {
    leg.session.refuseInvite(491);
  }

  legInviteCancelled(): void {}

  legAck(): void {}

  legRequest(leg: PeerLeg, tx: ServerTx, request: SipRequest): void {
    if (request.method !== 'UPDATE') return leg.session.respond(tx, 500, [['Retry-After', '2']]);
    carryRequest(tx, request, leg.session, undefined, () => {});
  }

  legRefer(leg: PeerLeg, tx: ServerTx): void {
    leg.session.respond(tx, 491);
  }

  legReplace(leg: PeerLeg, tx: ServerTx): void {
    leg.session.respond(tx, 481);
  }

  legBye(leg: PeerLeg): void {
    this.legRefused(leg, 480);
  }

  // The call, with the agent in the caller's part, as the move sees it.

  get ended(): boolean {
    return this.call.ended || this.call.current !== this.agent;
  }

  get caller(): Session {
    return this.agent.session;
  }

  get current(): Side {
    return { session: this.call.caller };
  }

  get exchanging(): boolean {
    return this.call.exchanging;
  }

  nextLeg(): PeerLeg | undefined {
    return this.target?.state === 'answered' ? this.target : undefined;
  }

  join(leg: PeerLeg): void {
    const { transfer } = this;
    this.moving.joined();
    leg.state = 'joined';
    this.target = undefined;
    this.transfer = undefined;
    this.call.callerFollowedBy(leg.session);
    transfer?.succeeded();
    this.call.goOn();
  }

  moveFailed(leg: PeerLeg, status: number): void {
    leg.release();
    this.legRefused(leg, status);
  }

  loseCaller(): void {
    this.call.carried(this.agent.session, 408);
  }

  carried(other: Session, status: number): void {
    if ((status === 408 || status === 481) && other === this.call.caller) this.call.loseCaller();
    else this.call.goOn();
  }
}

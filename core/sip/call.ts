/**
 * A call in the worker: the caller's session, the leg that he is joined to, the legs being set up, and how one takes
 * another's place (ladders: first destination; moving an answered caller). Decisions come in, reports go out: it
 * decides nothing about queues and agents, only what SIP demands on the way.
 */
import { assert } from '../assert.js';
import type {
  CallState,
  Connect,
  ConnectAnnounced,
  EndCall,
  Refer,
  Report,
  Transfer as TransferDecision,
} from '../messages.js';
import { type AnnouncedCall, Announcement } from './announcement.js';
import { reasonHeader } from './build.js';
import { bytesFromUtf8 } from './bytes.js';
import type { CallScope } from './call-scope.js';
import type { CallSetup } from './call-setup.js';
import { CallerTransfers, type HandedOnCall } from './caller-transfer.js';
import type { B2buaOptions } from './environment.js';
import { carryInvite, carryRequest, type Exchange } from './exchange.js';
import type { SipRequest, SipResponse } from './message.js';
import { sdpOf } from './message-facts.js';
import { Moving, type MovingCall } from './moving.js';
import { ELSEWHERE, PeerLeg } from './peer-leg.js';
import { type ReferTarget, referTarget } from './refer.js';
import { Referring } from './referring.js';
import { type ReplacedCall, replaceCaller, replaceLeg } from './replacing.js';
import { allPortsZero } from './sdp.js';
import { Session } from './session.js';
import type { Header, Layer, ServerTx, SessionUser } from './session-user.js';
import { Transfer, type TransferredCall } from './transfer.js';

export class Call
  implements SessionUser, AnnouncedCall, TransferredCall, MovingCall, HandedOnCall, ReplacedCall
{
  /** As the dispatcher told last, where it tells. */
  state: CallState = 'welcome';
  caller: Session;
  answered = false;
  ended = false;
  private lastLeg = 0;
  /** The leg that the caller is joined to. */
  current: PeerLeg | undefined = undefined;
  /** Legs not yet joined: at most one of each role. */
  private setups: PeerLeg[] = [];
  private readonly moving = new Moving(this);
  /** A request of one side under way to the other. */
  exchange: Exchange | undefined = undefined;
  /** What the agent whom the caller is joined to, or the caller, has asked for. */
  private transfer: Transfer | undefined = undefined;
  private transfers = 0;
  /** Those that the caller has asked for, of the agent he is joined to. */
  private byCaller: CallerTransfers | undefined = undefined;
  /** The caller has been asked to go elsewhere. */
  private referring: Referring | undefined = undefined;
  /** An agent has handed the caller on: what is left is a bridge that the dispatcher does not know. */
  bare = false;
  /** Reason of the last BYE, carried across when the call ends because of it. */
  private reason: Header = [];

  constructor(
    readonly scope: CallScope,
    readonly layer: Layer,
    readonly options: B2buaOptions,
    tx: ServerTx,
    readonly setup: CallSetup,
    /** Takes the call out of the worker's books. */
    private readonly finished: (call: Call) => void,
  ) {
    this.caller = Session.incoming(scope, layer, tx, scope.token(), this);
  }

  get id(): string {
    return this.setup.id;
  }

  get chat(): boolean {
    return this.setup.chat;
  }

  /** Those that decisions have made and that are joined or being set up. */
  get legs(): PeerLeg[] {
    const legs = this.current === undefined ? this.setups : [this.current, ...this.setups];
    return legs.filter(({ role }) => role !== 'target');
  }

  // Decisions.

  entered(state: CallState): void {
    this.state = state;
  }

  connect(decision: Connect | ConnectAnnounced): void {
    // Said again after a restart, in case it was lost.
    if (decision.leg <= this.lastLeg) return;
    this.lastLeg = decision.leg;
    const { role, uri } = decision;
    const announced = decision.kind === 'connect_announced';
    // A message that was wanted while the agent rang does not take his place now that he has answered.
    if (role === 'media' && this.current?.role === 'agent') return;
    for (const leg of [...this.setups]) {
      // An agent who hears a message first leaves an unanswered caller to the queue's media until then.
      const besides = announced || leg.announced;
      if (leg.role === role || !(this.answered || besides)) this.discard(leg, ELSEWHERE);
    }
    const user = announced ? new Announcement(this, decision) : this;
    const display = bytesFromUtf8(decision.display);
    const leg = new PeerLeg(this, user, { number: decision.leg, role, uri, display, announced });
    this.setups.push(leg);
    const direct = !this.answered && !announced;
    leg.start(direct || this.chat || PeerLeg.offersEarly(uri, this.options) ? this.sdpToOffer() : '');
  }

  drop(number: number): void {
    const setup = this.setups.find((leg) => leg.number === number);
    if (setup !== undefined) return this.discard(setup, ELSEWHERE);
    if (this.current?.number !== number) return;
    this.current.release();
    this.current = undefined;
  }

  refer({ uri }: Refer): void {
    const done = (status: number): void => this.report({ kind: 'referred', call: this.id, status });
    if (!this.answered || !this.caller.takes('REFER')) return done(405);
    this.referring ??= new Referring(this.scope, this.caller, bytesFromUtf8(uri), done);
  }

  progress(): void {
    if (!this.answered) this.caller.progress(182, '');
  }

  end(decision: EndCall): void {
    if (this.answered) return this.hangUp();
    const { reason, status } = decision;
    const headers = reasonHeader(status, bytesFromUtf8(reason));
    // So that a carrier's calls do not all come back at once.
    if (status === 503) headers.push(['Retry-After', String(1 + Math.floor(this.scope.random() * 3))]);
    this.refuse(status, headers);
  }

  private refuse(status: number, headers: Header): void {
    if (!this.finish()) return;
    this.caller.refuseInvite(status, headers);
    this.caller.forget();
  }

  report(report: Report): void {
    if (!this.bare) this.scope.report(report);
  }

  /** The engine itself cannot go on with the call. */
  abandon(why: string, status = 503): void {
    this.end({ kind: 'end', call: this.id, status, reason: '' });
    this.report({ kind: 'call_lost', call: this.id, at_ms: this.scope.timers.now_ms, why });
  }

  // Setting up legs.

  /** The caller's description: in force, or offered in his INVITE. */
  sdpToOffer(): string {
    return this.answered ? this.caller.remoteSdp : this.caller.peerOffer;
  }

  legProvisional(leg: PeerLeg, response: SipResponse): void {
    if (!this.answered) this.caller.progress(response.status, sdpOf(response), this.tagFor(leg));
  }

  legAnswered(leg: PeerLeg, sdp: string): void {
    if (sdp === '' || allPortsZero(sdp)) {
      leg.release();
      return this.legRefused(leg, 488);
    }
    if (this.answered) return this.moving.next();
    const { peerOffer } = this.caller;
    const asked = (answer: string): void => this.callerAnswered(leg, answer);
    this.caller.acceptInvite(sdp, this.tagFor(leg), peerOffer === '' ? asked : undefined);
    // One who was to hear a message first has been offered nothing yet.
    if (peerOffer !== '' && leg.session.acknowledgeDue) leg.session.acknowledge(peerOffer);
    this.answered = true;
    this.join(leg);
  }

  legRefused(leg: PeerLeg, status: number): void {
    this.setups = this.setups.filter((setup) => setup !== leg);
    this.legFailed(leg, status, 'peer');
  }

  private legFailed(leg: PeerLeg, status: number, refused_by: 'peer' | 'caller'): void {
    if (leg === this.transfer?.target) this.transfer.failed(status);
    else if (this.bare && !this.answered) this.refuse(status, []);
    else this.report({ kind: 'leg_failed', call: this.id, leg: leg.number, status, refused_by });
  }

  /** Each destination shows the caller a To-tag of its own, as a forking proxy would (RFC 3261 12.1.2). */
  private tagFor(leg: PeerLeg): string {
    return `${this.caller.dialog.localTag}.${leg.number}`;
  }

  /** The ACK of a caller whose INVITE had no offer: it answers the destination's. */
  private callerAnswered(leg: PeerLeg, answer: string): void {
    if (answer === '') return this.loseCaller();
    if (leg.state === 'joined' && leg.session.acknowledgeDue) leg.session.acknowledge(answer);
  }

  /** The caller is with this leg from now on. */
  join(leg: PeerLeg): void {
    const before = this.current;
    // A message that plays while the agent rings does not take his place; the agent ends every message.
    const outdone = this.setups.filter(
      (setup) => setup !== leg && (leg.role !== 'media' || setup.role === 'media'),
    );
    for (const other of outdone) other.release(ELSEWHERE);
    this.setups = this.setups.filter((setup) => setup !== leg && !outdone.includes(setup));
    this.current = leg;
    this.moving.joined();
    leg.state = 'joined';
    if (leg === this.transfer?.target) this.transferSucceeded(this.transfer);
    else {
      before?.release();
      const role = leg.role === 'media' ? 'media' : 'agent';
      const { number, answered_ms } = leg;
      this.report({ kind: 'leg_connected', call: this.id, leg: number, role, answered_ms });
    }
    if (leg.role === 'agent') this.moving.agentWaits();
    // An agent may have answered while the caller was moved to a message.
    this.moving.next();
  }

  private discard(leg: PeerLeg, headers: Header = []): void {
    leg.release(headers);
    this.setups = this.setups.filter((setup) => setup !== leg);
  }

  // Moving an answered caller to the next leg.

  get exchanging(): boolean {
    return this.exchange !== undefined;
  }

  nextLeg(): PeerLeg | undefined {
    if (!this.answered) return undefined;
    const ready = this.setups.filter((setup) => setup.state === 'answered');
    return ready.find((setup) => setup.role === 'agent') ?? ready[0];
  }

  moveFailed(leg: PeerLeg, status: number, refused_by: 'peer' | 'caller'): void {
    this.discard(leg);
    this.legFailed(leg, status, refused_by);
  }

  // The caller's side.

  onInvite(): void {
    const leg = this.current;
    if (leg === undefined || leg.session.busy || this.exchange !== undefined)
      return this.caller.refuseInvite(491);
    this.exchange = carryInvite(this.caller, leg.session, (status) => {
      this.exchange = undefined;
      this.carried(leg.session, status);
    });
  }

  onInviteCancelled(): void {
    this.exchange?.cancel();
  }

  onAck(): void {
    this.moving.acknowledged();
  }

  onLost(session: Session): void {
    // Another may have taken his place.
    if (session === this.caller) this.loseCaller();
  }

  onRequest(_session: Session, tx: ServerTx, request: SipRequest): void {
    const leg = this.current;
    if (leg === undefined && request.method !== 'UPDATE')
      return this.caller.respond(tx, 500, [['Retry-After', '2']]);
    carryRequest(tx, request, this.caller, leg?.session, (status) => this.carried(leg?.session, status));
  }

  onBye(_session: Session, request: SipRequest): void {
    // Who has handed his agent on need not wait for how it ends.
    if (this.byCaller?.goesOnAlone) return;
    const reason = request.header('reason');
    this.callerLeft(this.answered ? 'bye' : 'cancel', reason === undefined ? [] : [['Reason', reason]]);
  }

  private callerLeft(how: 'bye' | 'cancel' | 'lost', headers: Header = []): void {
    if (!this.finish(headers)) return;
    if (how === 'lost') this.hangUpCaller([]);
    this.report({ kind: 'caller_gone', call: this.id, at_ms: this.scope.timers.now_ms, how });
  }

  /** CANCEL of the INVITE that made the call. */
  cancelled(): void {
    if (this.answered || !this.finish()) return;
    this.caller.refuseInvite(487);
    this.caller.forget();
    this.report({ kind: 'caller_gone', call: this.id, at_ms: this.scope.timers.now_ms, how: 'cancel' });
  }

  /** The caller is there no more, though he has not said so. */
  loseCaller(): void {
    this.callerLeft('lost');
  }

  // The legs' side.

  legInvite(leg: PeerLeg): void {
    const { caller } = this;
    if (leg !== this.current || caller.busy || caller.ended || this.exchange !== undefined)
      return leg.session.refuseInvite(491);
    this.exchange = carryInvite(leg.session, caller, (status) => {
      this.exchange = undefined;
      if (status === 408 || status === 481) this.loseCaller();
      else this.goOn();
    });
  }

  legInviteCancelled(): void {
    this.exchange?.cancel();
  }

  legAck(): void {
    this.goOn();
  }

  legRequest(leg: PeerLeg, tx: ServerTx, request: SipRequest): void {
    const joined = leg === this.current;
    if (!joined && request.method !== 'UPDATE') return leg.session.respond(tx, 500, [['Retry-After', '2']]);
    carryRequest(tx, request, leg.session, joined ? this.caller : undefined, (status) => {
      if (status === 408 || status === 481) this.loseCaller();
    });
  }

  legBye(leg: PeerLeg, request: SipRequest | undefined): void {
    if (leg === this.current) {
      const reason = request?.header('reason');
      this.reason = reason === undefined ? [] : [['Reason', reason]];
      this.current = undefined;
      // Who has sent the caller on need not wait for how it ends.
      if (this.byCaller !== undefined) this.byCaller.agentGone();
      if (this.transfer?.target !== undefined) return this.handOn(leg.number);
      this.transfer?.stop();
      this.transfer = undefined;
      if (this.ended) return;
      if (this.bare) return this.hangUp();
      this.report({ kind: 'leg_ended', call: this.id, leg: leg.number, at_ms: this.scope.timers.now_ms });
      return;
    }
    assert(this.setups.includes(leg), 'a leg that can hang up is joined or being set up');
    this.legRefused(leg, 480);
  }

  // Transfers.

  onRefer(session: Session, tx: ServerTx, request: SipRequest): void {
    const agent = this.current;
    if (agent?.role !== 'agent') return session.respond(tx, 403);
    const asked = this.asked(session, tx, request);
    if (asked === undefined) return;
    if (this.byCaller?.agent !== agent) {
      this.byCaller?.stop();
      this.byCaller = new CallerTransfers(this, agent);
    }
    this.transfer = this.byCaller.begin(asked, tx, ++this.transfers);
  }

  legRefer(leg: PeerLeg, tx: ServerTx, request: SipRequest): void {
    if (leg.role !== 'agent') return leg.session.respond(tx, 403);
    if (leg !== this.current) return leg.session.respond(tx, 491);
    const asked = this.asked(leg.session, tx, request);
    if (asked !== undefined) this.transfer = new Transfer(this, leg, asked, tx, ++this.transfers);
  }

  /** Where that REFER wants somebody sent; undefined when it has been refused. One transfer at a time. */
  private asked(session: Session, tx: ServerTx, request: SipRequest): ReferTarget | undefined {
    const asked = this.transfer === undefined ? referTarget(request) : { status: 491 };
    if (!('status' in asked)) return asked;
    session.respond(tx, asked.status);
    return undefined;
  }

  transferDecided({ transfer, status }: TransferDecision): void {
    if (this.transfer?.number === transfer) this.transfer.decide(status);
  }

  transferBegins(target: PeerLeg): void {
    this.setups.push(target);
  }

  transferFailed(transfer: Transfer): void {
    assert(transfer === this.transfer, 'a call has one transfer at a time');
    this.transfer = undefined;
    if (this.caller.ended) this.callerLeft('bye');
    else if (this.bare && this.current === undefined) this.hangUp();
  }

  private transferSucceeded(transfer: Transfer): void {
    this.transfer = undefined;
    this.handOn(transfer.referrer.number);
    transfer.succeeded();
  }

  /** The agent is handed on: whom the caller has named has his place. To the dispatcher it is the same call. */
  callerFollowedBy(session: Session): void {
    this.transfer = undefined;
    this.caller = session;
    session.user = this;
  }

  /** The agent has nothing to do with the call any more, nor has the dispatcher. */
  handOn(leg: number): void {
    this.report({ kind: 'transferred', call: this.id, leg, at_ms: this.scope.timers.now_ms });
    this.bare = true;
  }

  onNotify(session: Session, tx: ServerTx, notify: SipRequest): void {
    session.respond(tx, this.referring?.notified(notify) ? 200 : 481);
  }

  // Somebody takes the place of one side (RFC 3891).

  onReplace(session: Session, tx: ServerTx): void {
    replaceCaller(this, session, tx);
  }

  legReplace(leg: PeerLeg, tx: ServerTx): void {
    replaceLeg(this, leg, tx);
  }

  get transferring(): boolean {
    return this.transfer !== undefined;
  }

  /** What had to wait for a request under way can go on. */
  goOn(): void {
    this.moving.next();
    this.byCaller?.next();
  }

  /** What a request of the caller's, carried to `other`, came back with. */
  carried(other: Session | undefined, status: number): void {
    const leg = this.current;
    if ((status === 408 || status === 481) && leg !== undefined && leg.session === other) {
      leg.release();
      // What else was carried to it has come back with that, and may have been the first to say so.
      if (leg === this.current) this.legBye(leg, undefined);
    }
    this.goOn();
  }

  /** Releases every leg but the caller's; false when that has happened before. */
  private finish(headers: Header = []): boolean {
    if (this.ended) return false;
    this.ended = true;
    this.transfer?.stop();
    this.transfer = undefined;
    this.byCaller?.stop();
    this.referring?.stop();
    for (const leg of this.setups) leg.release(headers);
    this.setups = [];
    const leg = this.current;
    this.current = undefined;
    leg?.release(headers);
    this.moving.stop();
    if (this.bare) this.scope.report({ kind: 'bridge_ended', call: this.id });
    this.finished(this);
    return true;
  }

  /** Ends the call for both sides. */
  private hangUp(): void {
    if (this.finish(this.reason)) this.hangUpCaller(this.reason);
  }

  /** BYE to the caller, once he has acknowledged our 2xx or never will (RFC 3261 15). */
  private hangUpCaller(headers: Header): void {
    this.caller.byeWhenAcknowledged(headers);
  }
}

/**
 * A call in the worker: the caller's session, the leg that he is joined to, the legs being set up, and how
 * one takes another's place (ladders: first destination; moving an answered caller).
 *
 * Decisions come in, reports go out. The call decides nothing about queues and agents, only what SIP
 * demands on the way.
 */
import { assert } from '../assert.js';
import type { CallState, Connect, EndCall } from '../messages.js';
import type { Timer } from '../timers.js';
import { bytesFromUtf8 } from './bytes.js';
import type { CallScope } from './call-scope.js';
import { type B2buaOptions, MOVE_TIMEOUT_MS } from './environment.js';
import { carryInvite, carryRequest, type Exchange } from './exchange.js';
import { introduce } from './introduction.js';
import type { SipRequest, SipResponse } from './message.js';
import { sdpOf } from './message-facts.js';
import { ELSEWHERE, type LegContext, PeerLeg } from './peer-leg.js';
import { alignTo, allPortsZero, sameSession } from './sdp.js';
import { Session } from './session.js';
import type { Header, Layer, ServerTx, SessionUser } from './session-user.js';

export interface CallSetup {
  id: string;
  shard: number;
  maxForwards: number;
  callerUri: string;
  /** A byte string. */
  callerDisplay: string;
  /** MSRP rather than RTP. */
  chat: boolean;
  /** Headers that agents get from the caller's INVITE. */
  identity: Header;
  /** What routing gave along with the flow; text. */
  param: string;
}

export class Call implements SessionUser, LegContext {
  readonly id: string;
  readonly shard: number;
  readonly maxForwards: number;
  readonly callerUri: string;
  readonly callerDisplay: string;
  readonly identity: Header;
  readonly param: string;
  /** As the dispatcher told last, where it tells. */
  state: CallState = 'welcome';
  private readonly chat: boolean;
  private readonly caller: Session;
  private answered = false;
  private ended = false;
  private lastLeg = 0;
  /** The leg that the caller is joined to. */
  private current: PeerLeg | undefined;
  /** Legs not yet joined: at most one of each role. */
  private setups: PeerLeg[] = [];
  /** The leg whose offer the caller is being asked to take. */
  private moving: PeerLeg | undefined;
  private moveTimer: Timer | undefined;
  /** After a 491: no new try before this fires. */
  private moveAgain: Timer | undefined;
  /** The caller took the SDP of a leg that is gone; he is not yet back on the one that he is joined to. */
  private astray = false;
  /** A request of one side under way to the other. */
  private exchange: Exchange | undefined;
  /** Reason of the last BYE, carried across when the call ends because of it. */
  private reason: Header = [];

  constructor(
    readonly scope: CallScope,
    readonly layer: Layer,
    readonly options: B2buaOptions,
    tx: ServerTx,
    setup: CallSetup,
    /** Takes the call out of the worker's books. */
    private readonly finished: (call: Call) => void,
  ) {
    this.id = setup.id;
    this.shard = setup.shard;
    this.maxForwards = setup.maxForwards;
    this.callerUri = setup.callerUri;
    this.callerDisplay = setup.callerDisplay;
    this.chat = setup.chat;
    this.identity = setup.identity;
    this.param = setup.param;
    this.caller = Session.incoming(scope, layer, tx, scope.token(), this);
  }

  // Decisions.

  entered(state: CallState): void {
    this.state = state;
  }

  connect(decision: Connect): void {
    // Said again after a restart, in case it was lost.
    if (decision.leg <= this.lastLeg) return;
    this.lastLeg = decision.leg;
    // A message that was wanted while the agent rang does not take his place now that he has answered.
    if (decision.role === 'media' && this.current?.role === 'agent') return;
    for (const leg of [...this.setups]) {
      if (!this.answered || leg.role === decision.role) this.discard(leg, ELSEWHERE);
    }
    const leg = new PeerLeg(this, decision.leg, decision.role, decision.uri, bytesFromUtf8(decision.display));
    this.setups.push(leg);
    const early = !this.answered || this.chat || PeerLeg.offersEarly(decision.uri, this.options);
    leg.start(early ? this.callerSdp() : '');
  }

  drop(number: number): void {
    const setup = this.setups.find((leg) => leg.number === number);
    if (setup !== undefined) return this.discard(setup, ELSEWHERE);
    const joined = this.current;
    if (joined?.number !== number) return;
    this.current = undefined;
    joined.release();
  }

  progress(): void {
    if (!this.answered) this.caller.progress(182, '');
  }

  end(decision: EndCall): void {
    if (this.answered) {
      if (!this.finish(this.reason)) return;
      this.hangUpCaller(this.reason);
      return;
    }
    if (!this.finish()) return;
    const { reason, status } = decision;
    const headers: [string, string][] = [];
    if (reason !== '') {
      const text = bytesFromUtf8(reason).replace(/["\\]/g, '\\$&');
      headers.push(['Reason', `SIP;cause=${status};text="${text}"`]);
    }
    // So that a carrier's calls do not all come back at once.
    if (status === 503) headers.push(['Retry-After', String(1 + Math.floor(this.scope.random() * 3))]);
    this.caller.refuseInvite(status, headers);
    this.caller.forget();
  }

  /** The engine itself cannot go on with the call. */
  abandon(why: string, status = 503): void {
    this.end({ kind: 'end', call: this.id, status, reason: '' });
    this.scope.report({ kind: 'call_lost', call: this.id, at_ms: this.scope.timers.now_ms, why });
  }

  // Setting up legs.

  callerSdp(): string {
    return this.answered ? this.caller.remoteSdp : this.caller.peerOffer;
  }

  legProvisional(leg: PeerLeg, response: SipResponse): void {
    if (!leg.ringing && response.status !== 181) {
      leg.ringing = true;
      this.scope.report({ kind: 'leg_ringing', call: this.id, leg: leg.number });
    }
    if (!this.answered) this.caller.progress(response.status, sdpOf(response), this.tagFor(leg));
  }

  legAnswered(leg: PeerLeg, sdp: string): void {
    if (sdp === '' || allPortsZero(sdp)) {
      leg.release();
      return this.legRefused(leg, 488);
    }
    if (this.answered) return this.tryMove();
    if (this.caller.peerOffer !== '') this.caller.acceptInvite(sdp, this.tagFor(leg));
    else this.caller.acceptInvite(sdp, this.tagFor(leg), (answer) => this.callerAnswered(leg, answer));
    this.answered = true;
    this.join(leg);
  }

  legRefused(leg: PeerLeg, status: number): void {
    this.setups = this.setups.filter((setup) => setup !== leg);
    this.scope.report({ kind: 'leg_failed', call: this.id, leg: leg.number, status, refused_by: 'peer' });
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

  private join(leg: PeerLeg): void {
    const before = this.current;
    // A message that plays while the agent rings does not take his place; the agent ends every message.
    const outdone = this.setups.filter(
      (setup) => setup !== leg && (leg.role === 'agent' || setup.role === leg.role),
    );
    for (const other of outdone) other.release(ELSEWHERE);
    this.setups = this.setups.filter((setup) => setup !== leg && !outdone.includes(setup));
    this.current = leg;
    this.astray = false;
    leg.state = 'joined';
    before?.release();
    this.scope.report({
      kind: 'leg_connected',
      call: this.id,
      leg: leg.number,
      answered_ms: leg.answered_ms,
    });
    // An agent may have answered while the caller was moved to a message.
    this.tryMove();
  }

  private discard(leg: PeerLeg, headers: Header = []): void {
    leg.release(headers);
    this.setups = this.setups.filter((setup) => setup !== leg);
  }

  // Moving an answered caller to the next leg.

  private tryMove(): void {
    if (this.ended || !this.answered || this.moving !== undefined || this.moveAgain?.pending) return;
    if (this.caller.busy || this.exchange !== undefined) return;
    const ready = this.setups.filter((setup) => setup.state === 'answered');
    const leg = ready.find((setup) => setup.role === 'agent') ?? ready[0];
    if (leg === undefined) return this.astray ? this.rejoin() : undefined;
    this.moving = leg;
    this.moveTimer = this.scope.timers.set(MOVE_TIMEOUT_MS, () => this.loseCaller());
    if (this.chat) return this.moveChat(leg);
    this.caller.invite(leg.session.remoteSdp, {
      answered: (sdp) => this.moved(leg, sdp),
      refused: (status) => this.moveRefused(leg, status),
    });
  }

  private moveChat(leg: PeerLeg): void {
    introduce(this.caller, leg.session, {
      callerOffered: () => this.scope.timers.cancel(this.moveTimer),
      callerRefused: (status) => this.moveRefused(leg, status),
      met: () => {
        this.moveOver();
        if (this.ended) return;
        if (leg.state === 'answered') return this.join(leg);
        this.astray = true;
        this.tryMove();
      },
      legRefused: (status) => {
        this.moveOver();
        if (this.ended) return;
        this.astray = true;
        if (leg.state === 'answered') {
          leg.release();
          this.legRefused(leg, status);
        }
        this.tryMove();
      },
    });
  }

  private moved(leg: PeerLeg, sdp: string): void {
    this.moveOver();
    if (this.ended) return;
    const refused = sdp === '' || allPortsZero(sdp);
    if (leg.state !== 'answered' || refused) {
      this.astray = true;
      if (leg.state === 'answered') this.moveFailed(leg, 488);
      return this.tryMove();
    }
    if (leg.session.acknowledgeDue) leg.session.acknowledge(sdp);
    else this.tell(leg, sdp);
    this.join(leg);
  }

  private moveRefused(leg: PeerLeg, status: number): void {
    this.moveOver();
    if (this.ended) return;
    if (status === 408 || status === 481) return this.loseCaller();
    if (status === 491) return this.tryAgain();
    if (leg.state === 'answered') this.moveFailed(leg, status);
    this.tryMove();
  }

  private tryAgain(): void {
    // The Call-ID is the caller's: our side waits the shorter time (RFC 3261 14.1).
    this.moveAgain = this.scope.timers.set(this.scope.random() * 2_000, () => this.tryMove());
  }

  private moveFailed(leg: PeerLeg, status: number): void {
    this.discard(leg);
    this.scope.report({ kind: 'leg_failed', call: this.id, leg: leg.number, status, refused_by: 'caller' });
  }

  private moveOver(): void {
    this.scope.timers.cancel(this.moveTimer);
    this.moving = undefined;
  }

  /** Brings a caller who is astray back to the leg that he is joined to. */
  private rejoin(): void {
    const leg = this.current;
    if (leg === undefined) return;
    const back = (): void => {
      this.astray = false;
      this.tryMove();
    };
    const refused = (status: number): void => {
      if (this.ended) return;
      if (status === 408 || status === 481) return this.loseCaller();
      if (status === 491) return this.tryAgain();
      back();
    };
    if (this.chat) {
      introduce(this.caller, leg.session, {
        callerOffered() {},
        callerRefused: refused,
        met: back,
        legRefused: (status) => {
          this.astray = false;
          this.carried(leg, status);
        },
      });
      return;
    }
    this.caller.invite(leg.session.remoteSdp, {
      answered: (sdp) => {
        if (sdp !== '') this.tell(leg, sdp);
        back();
      },
      refused,
    });
  }

  /** Offers the leg the caller's SDP where it differs from what the leg has. */
  private tell(leg: PeerLeg, sdp: string): void {
    const { session } = leg;
    if (session.busy || session.ended || sameSession(session.localSdp, alignTo(session.localSdp, sdp)))
      return;
    session.invite(sdp, {
      answered: () => this.tryMove(),
      refused: (status) => this.carried(leg, status),
    });
  }

  // The caller's side.

  onInvite(): void {
    const leg = this.current;
    if (leg === undefined || leg.session.busy || this.exchange !== undefined)
      return this.caller.refuseInvite(491);
    this.exchange = carryInvite(this.caller, leg.session, (status) => {
      this.exchange = undefined;
      this.carried(leg, status);
    });
  }

  onInviteCancelled(): void {
    this.exchange?.cancel();
  }

  onAck(): void {
    this.tryMove();
  }

  onLost(): void {
    this.loseCaller();
  }

  onRequest(_session: Session, tx: ServerTx, request: SipRequest): void {
    const leg = this.current;
    if (leg === undefined && request.method !== 'UPDATE')
      return this.caller.respond(tx, 500, [['Retry-After', '2']]);
    carryRequest(tx, request, this.caller, leg?.session, (status) => this.carried(leg, status));
  }

  onBye(_session: Session, request: SipRequest): void {
    const reason = request.header('reason');
    if (!this.finish(reason === undefined ? [] : [['Reason', reason]])) return;
    this.scope.report({
      kind: 'caller_gone',
      call: this.id,
      at_ms: this.scope.timers.now_ms,
      how: this.answered ? 'bye' : 'cancel',
    });
  }

  /** CANCEL of the INVITE that made the call. */
  cancelled(): void {
    if (this.answered || !this.finish()) return;
    this.caller.refuseInvite(487);
    this.caller.forget();
    this.scope.report({ kind: 'caller_gone', call: this.id, at_ms: this.scope.timers.now_ms, how: 'cancel' });
  }

  /** The caller is there no more, though he has not said so. */
  private loseCaller(): void {
    if (!this.finish()) return;
    this.hangUpCaller([]);
    this.scope.report({ kind: 'caller_gone', call: this.id, at_ms: this.scope.timers.now_ms, how: 'lost' });
  }

  // The legs' side.

  legInvite(leg: PeerLeg): void {
    if (leg !== this.current || this.caller.busy || this.exchange !== undefined)
      return leg.session.refuseInvite(491);
    this.exchange = carryInvite(leg.session, this.caller, (status) => {
      this.exchange = undefined;
      if (status === 408 || status === 481) this.loseCaller();
      else this.tryMove();
    });
  }

  legInviteCancelled(): void {
    this.exchange?.cancel();
  }

  legAck(): void {
    this.tryMove();
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
      this.scope.report({
        kind: 'leg_ended',
        call: this.id,
        leg: leg.number,
        at_ms: this.scope.timers.now_ms,
      });
      return;
    }
    assert(this.setups.includes(leg), 'a leg that can hang up is joined or being set up');
    this.legRefused(leg, 480);
  }

  /** What a request of the caller's, carried to `leg`, came back with. */
  private carried(leg: PeerLeg | undefined, status: number): void {
    if ((status === 408 || status === 481) && leg !== undefined && leg === this.current) {
      leg.release();
      this.legBye(leg, undefined);
    }
    this.tryMove();
  }

  // The end.

  /** Releases every leg but the caller's; false when that has happened before. */
  private finish(headers: Header = []): boolean {
    if (this.ended) return false;
    this.ended = true;
    for (const leg of this.setups) leg.release(headers);
    this.setups = [];
    const leg = this.current;
    this.current = undefined;
    leg?.release(headers);
    this.scope.timers.cancel(this.moveTimer);
    this.scope.timers.cancel(this.moveAgain);
    this.finished(this);
    return true;
  }

  /** BYE to the caller, once he has acknowledged our 2xx or never will (RFC 3261 15). */
  private hangUpCaller(headers: Header): void {
    this.caller.byeWhenAcknowledged(headers);
  }
}

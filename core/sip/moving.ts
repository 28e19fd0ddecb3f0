/**
 * Moving an answered caller to the next leg (RFC 3725, flow I; ladders): he gets the new leg's offer in a re-INVITE,
 * his answer goes into that leg's ACK. One move at a time; whatever can cross one ends in a branch here.
 */
import type { Timer } from '../timers.js';
import type { CallScope } from './call-scope.js';
import { MOVE_TIMEOUT_MS } from './environment.js';
import { introduce } from './introduction.js';
import type { PeerLeg } from './peer-leg.js';
import { alignTo, allPortsZero, sameSession } from './sdp.js';
import type { Session } from './session.js';

/** A caller who answers 491 so often in a row is not going to be moved. */
const MAX_GLARES = 8;

/** Whom the one who is moved is joined to. */
export interface Side {
  readonly session: Session;
}

/** The call whose caller is moved; where the caller hands his agent on, the agent has the caller's part here. */
export interface MovingCall {
  readonly scope: CallScope;
  readonly chat: boolean;
  readonly ended: boolean;
  readonly caller: Session;
  /** Whom he is joined to. */
  readonly current: Side | undefined;
  /** The leg that has answered and is to have him next; undefined while there is none, or no move may begin. */
  nextLeg(): PeerLeg | undefined;
  /** A request of one side is under way to the other. */
  readonly exchanging: boolean;
  join(leg: PeerLeg): void;
  /** The leg will not have him, who stays where he is. */
  moveFailed(leg: PeerLeg, status: number, refused_by: 'peer' | 'caller'): void;
  loseCaller(): void;
  /** What a request of the caller's, carried to `other`, came back with. */
  carried(other: Session, status: number): void;
}

export class Moving {
  /** A leg's offer is with the caller. */
  private active = false;
  private timer: Timer | undefined = undefined;
  /** After a 491: no new try before this fires. */
  private again: Timer | undefined = undefined;
  private glares = 0;
  /** The caller took the SDP of a leg that is gone; he is not yet back on the one that he is joined to. */
  private astray = false;
  /** Until when a caller may leave an agent waiting for his ACK. */
  private ackTimer: Timer | undefined = undefined;

  constructor(private readonly call: MovingCall) {}

  /** The call has ended. */
  stop(): void {
    const { timers } = this.call.scope;
    timers.cancel(this.timer);
    timers.cancel(this.again);
    timers.cancel(this.ackTimer);
  }

  /** The caller is joined to a leg, and has its description. */
  joined(): void {
    this.astray = false;
    this.glares = 0;
  }

  /** An agent has answered: he is not held for as long as the caller may take for his ACK (RFC 3261 13.3.1.4). */
  agentWaits(): void {
    const { call } = this;
    if (!call.caller.awaitsAck || this.ackTimer?.pending) return;
    this.ackTimer = call.scope.timers.set(MOVE_TIMEOUT_MS, () => call.loseCaller());
  }

  /** The caller has acknowledged our 2xx. */
  acknowledged(): void {
    this.call.scope.timers.cancel(this.ackTimer);
    this.next();
  }

  /** Begins the next move, if there is one to make and nothing is in its way. */
  next(): void {
    const { call } = this;
    if (call.ended || this.active || this.again?.pending) return;
    const leg = call.nextLeg();
    if (leg?.role === 'agent') this.agentWaits();
    if (call.caller.busy || call.exchanging) return;
    if (leg === undefined) return this.astray ? this.rejoin() : undefined;
    this.active = true;
    this.timer = call.scope.timers.set(MOVE_TIMEOUT_MS, () => call.loseCaller());
    if (call.chat) return this.moveChat(leg);
    call.caller.invite(leg.session.remoteSdp, {
      answered: (sdp) => this.moved(leg, sdp),
      refused: (status) => this.refused(leg, status),
    });
  }

  private moveChat(leg: PeerLeg): void {
    const { call } = this;
    introduce(call.caller, leg.session, {
      callerOffered: () => call.scope.timers.cancel(this.timer),
      callerRefused: (status) => this.refused(leg, status),
      met: () => {
        this.over();
        if (call.ended) return;
        if (leg.state === 'answered') return call.join(leg);
        this.astray = true;
        this.next();
      },
      legRefused: (status) => {
        this.over();
        if (call.ended) return;
        this.astray = true;
        if (leg.state === 'answered') call.moveFailed(leg, status, 'peer');
        this.next();
      },
    });
  }

  private moved(leg: PeerLeg, sdp: string): void {
    const { call } = this;
    this.over();
    if (call.ended) return;
    const refused = sdp === '' || allPortsZero(sdp);
    if (leg.state !== 'answered' || refused) {
      this.astray = true;
      if (leg.state === 'answered') call.moveFailed(leg, 488, 'caller');
      return this.next();
    }
    if (leg.session.acknowledgeDue) leg.session.acknowledge(sdp);
    else this.tell(leg, sdp);
    call.join(leg);
  }

  private refused(leg: PeerLeg, status: number): void {
    const { call } = this;
    this.over();
    if (call.ended) return;
    if (status === 408 || status === 481) return call.loseCaller();
    if (status === 491 && ++this.glares < MAX_GLARES) return this.tryAgain();
    if (leg.state === 'answered') call.moveFailed(leg, status, 'caller');
    this.glares = 0;
    this.next();
  }

  private tryAgain(): void {
    const { scope } = this.call;
    // The Call-ID is the caller's: our side waits the shorter time (RFC 3261 14.1).
    this.again = scope.timers.set(scope.random() * 2_000, () => this.next());
  }

  private over(): void {
    this.call.scope.timers.cancel(this.timer);
    this.active = false;
  }

  /** Brings a caller who is astray back to the leg that he is joined to. */
  private rejoin(): void {
    const { call } = this;
    const leg = call.current;
    if (leg === undefined) return;
    const back = (): void => {
      this.astray = false;
      this.next();
    };
    const refused = (status: number): void => {
      if (call.ended) return;
      if (status === 408 || status === 481) return call.loseCaller();
      if (status === 491) return this.tryAgain();
      back();
    };
    if (call.chat) {
      introduce(call.caller, leg.session, {
        callerOffered() {},
        callerRefused: refused,
        met: back,
        legRefused: (status) => {
          this.astray = false;
          call.carried(leg.session, status);
        },
      });
      return;
    }
    call.caller.invite(leg.session.remoteSdp, {
      answered: (sdp) => {
        if (sdp !== '') this.tell(leg, sdp);
        back();
      },
      refused,
    });
  }

  /** Offers the leg the caller's SDP where it differs from what the leg has. */
  private tell(leg: Side, sdp: string): void {
    const { session } = leg;
    if (session.busy || session.ended || sameSession(session.localSdp, alignTo(session.localSdp, sdp)))
      return;
    session.invite(sdp, {
      answered: () => this.next(),
      refused: (status) => this.call.carried(session, status),
    });
  }
}

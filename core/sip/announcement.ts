/**
 * A message played to an agent before he gets the caller (ladders: flow-id first). Agent and message server are
 * bridged to each other while the caller stays where he is; when the message is over the agent's leg is handed to
 * the call as one that has just answered.
 */
import type { ConnectAnnounced, Report } from '../messages.js';
import type { Timer } from '../timers.js';
import { carryInvite, carryRequest, type Exchange } from './exchange.js';
import type { SipRequest } from './message.js';
import { type LegHome, type LegUser, PeerLeg } from './peer-leg.js';
import { allPortsZero } from './sdp.js';
import type { ServerTx } from './session-user.js';

/** The call that the agent is for. */
export interface AnnouncedCall extends LegHome, LegUser {
  /** Whether the caller is in a session, with whatever he hears. */
  readonly answered: boolean;
  readonly chat: boolean;
  report(report: Report): void;
}

/** `ringing`: the agent has not answered; `calling`: the server has not; `over`: the agent is being made ready. */
type Phase = 'ringing' | 'calling' | 'playing' | 'over';

export class Announcement implements LegUser {
  private phase: Phase = 'ringing';
  private readonly message: PeerLeg;
  private exchange: Exchange | undefined = undefined;
  /** The message's end, or the next try at the agent after a 491. */
  private timer: Timer | undefined = undefined;
  private agentLeg: PeerLeg | undefined = undefined;

  constructor(
    private readonly call: AnnouncedCall,
    { announcement, announcement_leg }: ConnectAnnounced,
  ) {
    this.message = new PeerLeg(call, this, { number: announcement_leg, role: 'media', uri: announcement });
  }

  private get agent(): PeerLeg {
    return this.agentLeg as PeerLeg;
  }

  sdpToOffer(leg: PeerLeg): string {
    return leg === this.message ? '' : this.call.sdpToOffer(leg);
  }

  /** The caller hears nothing of it: he is not to think that his destination rings. */
  legProvisional(): void {}

  legAnswered(leg: PeerLeg, sdp: string): void {
    if (leg === this.message) return this.serverAnswered(sdp);
    this.agentLeg = leg;
    if (sdp === '' || allPortsZero(sdp)) return this.handOver(sdp);
    leg.state = 'announcing';
    this.phase = 'calling';
    const { call } = this;
    call.report({ kind: 'leg_answered', call: call.id, leg: leg.number, answered_ms: leg.answered_ms });
    // In a chat who offers connects: the server does, the agent has been told to wait for that.
    this.message.start(call.chat ? '' : sdp);
  }

  private serverAnswered(sdp: string): void {
    const { agent, call, message } = this;
    if (sdp === '' || allPortsZero(sdp)) return this.finish();
    this.phase = 'playing';
    message.state = 'joined';
    this.timer = call.scope.timers.set(call.options.message_timeout_ms, () => this.finish());
    if (agent.session.acknowledgeDue) return agent.session.acknowledge(sdp);
    if (agent.session.busy) return this.finish();
    agent.session.invite(sdp, {
      answered: (answer) => this.agentHears(answer),
      refused: (status) => {
        if (status === 408 || status === 481) this.loseAgent();
        else this.finish();
      },
    });
  }

  /** An agent who had been offered the caller's SDP has taken the server's. */
  private agentHears(answer: string): void {
    const { session } = this.message;
    if (this.phase === 'playing') {
      if (answer === '' || allPortsZero(answer)) return this.finish();
      if (session.acknowledgeDue) session.acknowledge(answer);
    }
    this.proceed();
  }

  /** The message is over, or cannot be played. */
  private finish(): void {
    if (this.phase === 'over') return;
    this.phase = 'over';
    this.call.scope.timers.cancel(this.timer);
    this.message.release();
    this.call.report({ kind: 'leg_announced', call: this.call.id, leg: this.agent.number });
    this.proceed();
  }

  /** Makes the agent ready for the caller, as soon as nothing else is under way in his dialog. */
  private proceed(): void {
    const { agent, call } = this;
    if (this.phase !== 'over' || agent.state !== 'announcing' || this.timer?.pending) return;
    const { session } = agent;
    // He still waits for the answer to his first offer: the caller's will do.
    if (session.acknowledgeDue) return this.handOver(session.remoteSdp);
    if (session.busy || this.exchange !== undefined) return;
    // Offered to once, he takes the caller's description when the caller has been moved to his.
    if (call.answered && (call.chat || !agent.late)) return this.handOver(session.remoteSdp);
    session.invite(call.answered ? '' : call.sdpToOffer(agent), {
      answered: (sdp) => this.handOver(sdp),
      refused: (status) => this.notReady(status),
    });
  }

  /** The agent refused to be asked for a new offer. */
  private notReady(status: number): void {
    const { agent, call } = this;
    if (agent.state !== 'announcing') return;
    if (status === 408 || status === 481) return this.loseAgent();
    if (status === 491) {
      // The Call-ID is ours: we wait the longer time (RFC 3261 14.1).
      this.timer = call.scope.timers.set(2_100 + call.scope.random() * 1_900, () => this.proceed());
    } else if (call.answered) this.handOver(agent.session.remoteSdp);
    else {
      agent.release();
      call.legRefused(agent, status);
    }
  }

  private handOver(sdp: string): void {
    const { agent, call } = this;
    if (agent.state === 'released') return;
    agent.user = call;
    agent.state = 'answered';
    agent.answered_ms = call.scope.timers.now_ms;
    call.legAnswered(agent, sdp);
  }

  private loseAgent(): void {
    if (this.agent.state !== 'announcing') return;
    this.agent.release();
    this.call.legRefused(this.agent, 480);
  }

  // What else the two legs do.

  legRefused(leg: PeerLeg, status: number): void {
    if (leg === this.message) this.finish();
    else this.call.legRefused(leg, status);
  }

  /** The agent's leg is given up: so is the message. */
  legReleased(leg: PeerLeg): void {
    if (leg === this.message) return;
    this.phase = 'over';
    this.call.scope.timers.cancel(this.timer);
    this.message.release();
  }

  legBye(leg: PeerLeg, request: SipRequest | undefined): void {
    if (leg === this.message) return this.finish();
    this.legReleased(leg);
    this.call.legBye(leg, request);
  }

  legInvite(leg: PeerLeg): void {
    const other = this.otherThan(leg);
    if (this.phase !== 'playing' || other.session.busy || this.exchange !== undefined)
      return leg.session.refuseInvite(491);
    this.exchange = carryInvite(leg.session, other.session, (status) => {
      this.exchange = undefined;
      this.carried(other, status);
    });
  }

  legInviteCancelled(): void {
    this.exchange?.cancel();
  }

  legAck(): void {
    this.proceed();
  }

  legRequest(leg: PeerLeg, tx: ServerTx, request: SipRequest): void {
    const other = this.otherThan(leg);
    const to = this.phase === 'playing' ? other.session : undefined;
    carryRequest(tx, request, leg.session, to, (status) => this.carried(other, status));
  }

  /** He has no caller yet whom he could send elsewhere. */
  legRefer(leg: PeerLeg, tx: ServerTx): void {
    leg.session.respond(tx, 403);
  }

  /** Nor can anybody take his place. */
  legReplace(leg: PeerLeg, tx: ServerTx): void {
    leg.session.respond(tx, 481);
  }

  private otherThan(leg: PeerLeg): PeerLeg {
    return leg === this.message ? this.agent : this.message;
  }

  /** What a request of one side, carried to `to`, came back with. */
  private carried(to: PeerLeg, status: number): void {
    const gone = status === 408 || status === 481;
    if (gone && to === this.message) this.finish();
    else if (gone) this.loseAgent();
    this.proceed();
  }
}

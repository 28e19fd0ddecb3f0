/**
 * A leg that the engine makes toward a media server or an agent: set up, answered, joined to the caller,
 * released. It knows its own far end; what its answer means for the caller is the call's business.
 */
import type { CallState } from '../messages.js';
import type { Timer } from '../timers.js';
import type { CallScope } from './call-scope.js';
import type { CallSetup } from './call-setup.js';
import {
  type B2buaOptions,
  type LegParameters,
  MEDIA_SETUP_TIMEOUT_MS,
  type Target,
  TRANSFER_TIMEOUT_MS,
} from './environment.js';
import type { SipRequest, SipResponse } from './message.js';
import { formatNameAddr, parseNameAddr } from './name-addr.js';
import { Session } from './session.js';
import type { Header, Layer, ServerTx, SessionUser } from './session-user.js';
import { mintCallId } from './shard.js';
import { parseUri } from './uri.js';

/** Refusals of an INVITE without SDP that are worth one more try with an offer. */
const WANTS_OFFER = new Set([400, 415, 488, 606]);
/** Reason of a CANCEL because another leg got the call (RFC 3326). */
export const ELSEWHERE: Header = [['Reason', 'SIP;cause=200;text="Call completed elsewhere"']];

/** What every leg of a call has from its call. */
export interface LegHome {
  readonly scope: CallScope;
  readonly layer: Layer;
  readonly options: B2buaOptions;
  readonly id: string;
  readonly setup: CallSetup;
  /** What onLeg is told. */
  readonly state: CallState;
  /** The engine cannot go on with the call. */
  abandon(why: string, status?: number): void;
}

/** Who acts on what happens to a leg. */
export interface LegUser {
  /** What to offer where an INVITE without an offer is refused; '' when there is nothing. */
  sdpToOffer(leg: PeerLeg): string;
  legProvisional(leg: PeerLeg, response: SipResponse): void;
  legAnswered(leg: PeerLeg, sdp: string): void;
  /** The leg is over before it answered; it has been released. */
  legRefused(leg: PeerLeg, status: number): void;
  legInvite(leg: PeerLeg): void;
  legInviteCancelled(leg: PeerLeg): void;
  legAck(leg: PeerLeg): void;
  legRequest(leg: PeerLeg, tx: ServerTx, request: SipRequest): void;
  /** The far end wants the caller sent elsewhere. */
  legRefer(leg: PeerLeg, tx: ServerTx, request: SipRequest): void;
  /** Somebody is to take the far end's place. */
  legReplace(leg: PeerLeg, tx: ServerTx): void;
  /** The far end hung up, or was lost. */
  legBye(leg: PeerLeg, request: SipRequest | undefined): void;
  /** It was released by us. */
  legReleased?(leg: PeerLeg): void;
}

export interface LegSetup {
  /** The dispatcher's; 0 for one that it does not know. */
  number: number;
  /** Its part in the Call-ID, the number by default; unique in the call. */
  name?: string;
  /** `target`: where somebody is transferred to. */
  role: 'media' | 'agent' | 'target';
  uri: string;
  /** From display name, a byte string; the caller's own where there is none. */
  display?: string;
  /** Whether its far end hears a message before he gets the caller. */
  announced?: boolean;
  /** Further headers of its INVITE. */
  headers?: Header;
  /** Where to send the INVITE whatever the URI says. */
  target?: Target;
  /** Whether its far end has called us. */
  called?: boolean;
  /** Shard of its Call-ID; the call's by default. */
  shard?: number;
}

export class PeerLeg implements SessionUser {
  /** `announcing`: answered, and hears a message before he gets the caller. */
  state: 'inviting' | 'announcing' | 'answered' | 'joined' | 'released' = 'inviting';
  answered_ms = 0;
  /** Whether a 18x other than 181 has come: who fails after that has refused. */
  ringing = false;
  private current: Session | undefined = undefined;
  private targets: readonly Target[] = [];
  private nextTarget = 0;
  private attempts = 0;
  private offer = '';
  /** For onLeg: what it knows of the call, and the leg's own copy of the call's parameter. */
  private readonly callState: CallState;
  private parameters: LegParameters;
  private noResponse: Timer | undefined = undefined;
  private noAnswer: Timer | undefined = undefined;

  constructor(
    private readonly home: LegHome,
    public user: LegUser,
    private readonly setup: LegSetup,
  ) {
    this.callState = home.state;
    this.parameters = { [home.options.context_param]: home.setup.param };
  }

  get number(): number {
    return this.setup.number;
  }

  get role(): LegSetup['role'] {
    return this.setup.role;
  }

  get announced(): boolean {
    return this.setup.announced ?? false;
  }

  /** The dialog with the far end. */
  get session(): Session {
    return this.current as Session;
  }

  /** A leg whose far end has called us, to take somebody's place. Its INVITE is still to be answered. */
  static incoming(home: LegHome, user: LegUser, tx: ServerTx): PeerLeg {
    const leg = new PeerLeg(home, user, { number: 0, role: 'target', uri: '', called: true });
    leg.current = Session.incoming(home.scope, home.layer, tx, home.scope.token(), leg);
    return leg;
  }

  /** Whether its INVITE asked for an offer. */
  get late(): boolean {
    return this.offer === '';
  }

  /** Sends the INVITE, with `offer` or, with '', without one. */
  start(offer: string): void {
    const { scope, options } = this.home;
    this.offer = offer;
    const limits_ms = {
      agent: options.agent_ring_timeout_ms,
      media: MEDIA_SETUP_TIMEOUT_MS,
      target: TRANSFER_TIMEOUT_MS,
    };
    this.noAnswer = scope.timers.set(limits_ms[this.role], () => this.giveUp());
    if (this.role === 'agent') this.expectResponse();
    const { target, uri } = this.setup;
    if (target !== undefined) return this.found([target]);
    scope.resolve(uri, (targets) => this.found(targets), true);
  }

  private found(targets: readonly Target[]): void {
    if (this.state !== 'inviting') return;
    this.targets = targets;
    if (targets.length === 0) this.fail(503);
    else this.attempt();
  }

  /** One who gives no sign of life is not waited for when there is another to try (RFC 3263 4.3), nor if an agent. */
  private expectResponse(): void {
    const { options, scope } = this.home;
    scope.timers.cancel(this.noResponse);
    const silent = (): void => {
      if (this.nextTarget >= this.targets.length) return this.giveUp();
      this.current?.cancel([]);
      this.attempt();
    };
    this.noResponse = scope.timers.set(options.agent_no_response_timeout_ms, silent);
  }

  /** Whether this leg offers early although the engine's default is late. */
  static offersEarly(uri: string, options: B2buaOptions): boolean {
    if (options.offer === 'early') return true;
    const host = parseUri(uri)?.host ?? '';
    return options.early_offer_hosts.includes(host);
  }

  /** Hangs up or cancels. The call hears no more of this leg. */
  release(headers: Header = []): void {
    if (this.state === 'released') return;
    const inviting = this.state === 'inviting';
    this.state = 'released';
    this.stopTimers();
    this.user.legReleased?.(this);
    const session = this.current;
    if (session === undefined || session.ended) return;
    if (inviting) session.cancel(headers);
    // Whose far end has called us has to acknowledge our 2xx first (RFC 3261 15).
    else if (this.setup.called === true) session.byeWhenAcknowledged(headers);
    else session.bye(headers);
  }

  private attempt(): void {
    const { scope, setup } = this.home;
    const { id, shard, callerUri, callerDisplay, identity } = setup;
    const target = this.targets[this.nextTarget++] as Target;
    if (this.nextTarget > 1) scope.timers.cancel(this.noResponse);
    // An agent's first server is expected to respond since the start.
    const more = this.nextTarget < this.targets.length;
    if (this.role === 'agent' ? this.nextTarget > 1 : more) this.expectResponse();
    const attempt = ++this.attempts;
    const { headers = [], name = String(this.number), uri } = this.setup;
    const display = this.setup.display || callerDisplay;
    const callers = this.role === 'media' ? [] : identity.map((header) => withName(header, display));
    const invite = {
      callId: mintCallId(`${id}.${name}.${attempt - 1}.`, this.setup.shard ?? shard, shard),
      uri,
      from: formatNameAddr(display, callerUri),
      to: `<${uri}>`,
      headers: [...callers, ...headers],
    };
    if (scope.onLeg === undefined) return this.invite(target, invite);
    const about = {
      call: id,
      leg: this.number,
      role: this.role,
      state: this.callState,
      body: this.offer,
      context: this.parameters,
    };
    scope.onLeg({ ...invite, ...about }, (answer) => {
      if (this.state !== 'inviting' || attempt !== this.attempts) return;
      if ('failed' in answer) return this.home.abandon(answer.failed, 500);
      this.parameters = answer.context;
      this.invite(target, { ...invite, headers: answer.headers });
    });
  }

  private invite(
    target: Target,
    invite: { callId: string; uri: string; from: string; to: string; headers: Header },
  ): void {
    const { layer, scope, setup } = this.home;
    const { callId, uri, from, to, headers } = invite;
    const { maxForwards } = setup;
    const localTag = scope.token();
    const outgoing = { callId, localTag, uri, from, to, maxForwards, routes: [], headers, target };
    const session = Session.outgoing(scope, layer, outgoing, this);
    this.current = session;
    session.invite(this.offer, {
      provisional: (response) => this.provisional(session, response),
      answered: (sdp) => this.answered(session, sdp),
      refused: (status) => this.refused(session, status),
    });
  }

  private provisional(session: Session, response: SipResponse): void {
    if (this.state !== 'inviting' || session !== this.current) return;
    this.home.scope.timers.cancel(this.noResponse);
    if (response.status === 100) return;
    this.ringing ||= response.status !== 181;
    this.user.legProvisional(this, response);
  }

  private answered(session: Session, sdp: string): void {
    if (this.state !== 'inviting' || session !== this.current) return session.bye();
    this.stopTimers();
    this.answered_ms = this.home.scope.timers.now_ms;
    this.state = 'answered';
    this.user.legAnswered(this, sdp);
  }

  private refused(session: Session, status: number): void {
    session.forget();
    if (this.state !== 'inviting' || session !== this.current) return;
    const unreachable = status === 408 || status === 503;
    if (unreachable && !this.ringing && this.nextTarget < this.targets.length) return this.attempt();
    const offer = this.user.sdpToOffer(this);
    if (this.offer === '' && offer !== '' && WANTS_OFFER.has(status)) {
      this.offer = offer;
      this.nextTarget--;
      return this.attempt();
    }
    this.fail(status);
  }

  private giveUp(): void {
    this.release();
    this.user.legRefused(this, 408);
  }

  private fail(status: number): void {
    this.state = 'released';
    this.stopTimers();
    this.user.legRefused(this, status);
  }

  private stopTimers(): void {
    this.home.scope.timers.cancel(this.noResponse);
    this.home.scope.timers.cancel(this.noAnswer);
  }

  // The far end's own requests.

  onInvite(): void {
    this.user.legInvite(this);
  }

  onInviteCancelled(): void {
    this.user.legInviteCancelled(this);
  }

  onAck(): void {
    this.user.legAck(this);
  }

  onLost(session: Session): void {
    session.bye();
    this.hungUp(undefined);
  }

  onRequest(_session: Session, tx: ServerTx, request: SipRequest): void {
    this.user.legRequest(this, tx, request);
  }

  onRefer(_session: Session, tx: ServerTx, request: SipRequest): void {
    this.user.legRefer(this, tx, request);
  }

  /** Agents and media servers are asked for nothing that they would have to tell of. */
  onNotify(session: Session, tx: ServerTx): void {
    session.respond(tx, 481);
  }

  onReplace(_session: Session, tx: ServerTx): void {
    this.user.legReplace(this, tx);
  }

  onBye(_session: Session, request: SipRequest): void {
    this.hungUp(request);
  }

  private hungUp(request: SipRequest | undefined): void {
    if (this.state === 'released') return;
    this.state = 'released';
    this.stopTimers();
    this.user.legBye(this, request);
  }
}

/** The identity header with the name that the agent's From shows (RFC 3325). */
function withName(header: readonly [string, string], display: string): readonly [string, string] {
  const [name, value] = header;
  if (name !== 'P-Asserted-Identity') return header;
  const parsed = parseNameAddr(value);
  return parsed === undefined ? header : [name, formatNameAddr(display, parsed.uri, parsed.params)];
}

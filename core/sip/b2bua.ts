/**
 * The B2BUA of one worker: takes requests from the transaction layer to their call or answers them, and
 * takes decisions to their call.
 */

import { unreachable } from '../assert.js';
import type { Decision, Media } from '../messages.js';
import { buildResponse } from './build.js';
import { flatten, utf8FromBytes } from './bytes.js';
import { Call } from './call.js';
import { CallScope } from './call-scope.js';
import { MAX_ROUTES } from './dialog.js';
import { ALLOW, type B2buaEnvironment, type B2buaOptions, type Routed, SUPPORTED } from './environment.js';
import { unwanted } from './keeping.js';
import type { SipRequest, SipResponse } from './message.js';
import { beginsCall, isNewCall } from './new-call.js';
import { parseMessage } from './parser.js';
import type { CallIdentity, CallStart } from './recorder.js';
import { parseReplaces } from './refer.js';
import { relay } from './replacing.js';
import { sdpKind } from './sdp.js';
import type { Session } from './session.js';
import { MIN_SE_S, SessionTimer } from './session-timer.js';
import { type ClientTx, type Layer, type RequestOwner, registryKey, type ServerTx } from './session-user.js';
import { shardOf } from './shard.js';
import { dismissStray } from './stray.js';
import { TransactionLayer, type TransactionUser } from './transaction-layer.js';
import type { Path, SipTimes } from './transport.js';
import { acknowledgesTurnedAway, retryAfter, turnedAway } from './turned-away.js';
import { parseUri, unescapeUri } from './uri.js';

/** Methods that we know and do not serve outside a dialog: 405; others are 501 (RFC 3261 8.2.1). */
const KNOWN_METHODS = new Set(
  'REGISTER SUBSCRIBE NOTIFY PUBLISH REFER PRACK INFO MESSAGE UPDATE BYE'.split(' '),
);

const ASSERTED = 'P-Asserted-Identity';

export class B2bua implements TransactionUser<RequestOwner> {
  readonly layer: Layer;
  private readonly calls = new Map<string, Call>();
  /** Call-ID, From tag and CSeq of the INVITEs that made them, or may when routing has decided. */
  private readonly beginnings = new Set<string>();
  private readonly sessions = new Map<string, Session>();
  /** By call id and by the caller's Call-ID: what a datagram is recorded for. */
  private readonly scopes = new Map<string, CallScope>();
  /** The beginning that is being played again. */
  private restarting: CallStart | undefined = undefined;
  /** INVITEs that routing has not decided about, each with what is to be done when it has. */
  private readonly undecided = new Map<ServerTx, () => void>();
  /** Those that were so when the recording ended. */
  private readonly toRoute: { id: string; text: string; path: Path }[] = [];
  /** These are being asked about again: they were let in before. */
  private routingAgain = false;

  constructor(
    private readonly env: B2buaEnvironment,
    private readonly options: B2buaOptions,
    times?: SipTimes,
  ) {
    this.layer = new TransactionLayer<RequestOwner>(env, this, times);
  }

  /** How many calls have not ended. */
  get size(): number {
    return this.calls.size;
  }

  /** How many dialogs there are, those on their way out too. */
  get dialogs(): number {
    return this.sessions.size;
  }

  /** @internal Numbers of a call's legs, for the simulator, which holds them against the dispatcher's. */
  legsOf(call: string): number[] {
    return this.calls.get(call)?.legs.map(({ number }) => number) ?? [];
  }

  /** A datagram, as a byte string, and as it came, where that is at hand. */
  receive(text: string, path: Path, bytes?: Uint8Array): void {
    if (acknowledgesTurnedAway(text)) return;
    const message = parseMessage(text, bytes);
    if (message.kind !== 'failure') {
      if (!beginsCall(message)) {
        const scope = this.isRepeated(message) ? undefined : this.scopeOf(message);
        if (scope !== undefined) this.env.recorder?.datagram(scope, text, path);
      } else if (isNewCall(message) && !this.knows(message.callId) && !this.env.admits(message, path)) {
        return this.turnAway(message, path);
      }
    }
    this.layer.take(message, path);
  }

  /**
   * Whether that request has come before: its transaction answers it once more or is silent, which changes nothing. Of
   * a call with ourselves one end may be over, and its request would be new to the other's call alone.
   */
  private isRepeated(message: SipRequest | SipResponse): boolean {
    return message.kind === 'request' && message.method !== 'ACK' && this.layer.knows(message);
  }

  /** Whether a call of that Call-ID is there, or will be when routing has decided: its INVITE may come again. */
  private knows(callId: string): boolean {
    if (this.scopes.has(callId)) return true;
    for (const { request } of this.undecided.keys()) if (request.callId === callId) return true;
    return false;
  }

  private turnAway(invite: SipRequest, path: Path): void {
    const { target, text } = turnedAway(invite, path, this.env.random());
    this.env.send(target, text);
  }

  /** The shell could not send there. */
  transportFailed(path: Path): void {
    this.env.recorder?.unreachable(path);
    this.layer.transportFailed(path);
  }

  /** Carries out a decision; one about a call that is gone is no error, it crossed the report. */
  decide(decision: Decision): void {
    const call = this.calls.get(decision.call);
    // Of a bridge the dispatcher knows nothing, but when it is told again of what led to it.
    if (call === undefined || call.bare) return;
    if (decision.kind === 'keep') {
      // Recorded as what it comes to, which mostly is nothing.
      for (const leg of unwanted(call.legs, decision))
        this.decide({ kind: 'drop', call: call.id, leg: leg.number });
      return;
    }
    this.env.recorder?.decision(call.scope, decision);
    switch (decision.kind) {
      case 'entered':
        return call.entered(decision.state);
      case 'connect':
      case 'connect_announced':
        return call.connect(decision);
      case 'drop':
        return call.drop(decision.leg);
      case 'refer':
        return call.refer(decision);
      case 'transfer':
        return call.transferDecided(decision);
      case 'progress':
        return call.progress();
      case 'end':
        return call.end(decision);
      default:
        return unreachable(decision);
    }
  }

  /** Ends every call with BYE or 503: the engine stops. */
  endAll(why: string): void {
    for (const [tx, decided] of this.undecided) {
      decided();
      this.refuse(tx, 503, retryAfter(this.env.random()));
    }
    for (const call of [...this.calls.values()]) call.abandon(why);
  }

  // Playing again what was recorded.

  /** Begins a call as it began before. @returns false when it does not begin */
  restart(start: CallStart): boolean {
    this.restarting = start;
    this.layer.receive(start.text, start.path);
    this.restarting = undefined;
    return this.calls.has(start.id);
  }

  /** Whether anything of the call is still there: itself, a dialog on its way out, an answer not acknowledged. */
  remembers(call: string): boolean {
    return this.scopes.has(call) || this.toRoute.some(({ id }) => id === call);
  }

  /** A recorded answer. @returns false when the call has not asked */
  answer(call: string, question: number, value: unknown): boolean {
    return this.scopes.get(call)?.answer(question, value) ?? false;
  }

  /** Routing was still being asked about that INVITE. */
  routeAgain(id: string, text: string, path: Path): void {
    this.toRoute.push({ id, text, path });
  }

  /** Asks again what was being asked when the recording ended. */
  askAgain(): void {
    for (const scope of new Set(this.scopes.values())) scope.askAgain();
    this.routingAgain = true;
    for (const { id, text, path } of this.toRoute.splice(0)) {
      this.env.recorder?.decided(id);
      this.layer.receive(text, path);
    }
    this.routingAgain = false;
  }

  // The transaction user.

  request(tx: ServerTx, request: SipRequest): void {
    const unsupported = request.list('require').filter((option) => !SUPPORTED.includes(option.toLowerCase()));
    if (request.toTag !== '') {
      const session = this.sessions.get(registryKey(request.toTag));
      const dialog = session?.dialog;
      if (dialog?.callId !== request.callId || !dialog.isWith(request.fromTag)) return this.refuse(tx, 481);
      if (unsupported.length === 0) return session?.receive(tx, request);
      return session?.respond(tx, 420, [['Unsupported', unsupported.join(', ')]]);
    }
    if (unsupported.length > 0) return this.refuse(tx, 420, [['Unsupported', unsupported.join(', ')]]);
    switch (request.method) {
      case 'INVITE':
        return this.invite(tx, request);
      case 'OPTIONS':
        if (!this.env.accepting()) return this.refuse(tx, 503, retryAfter(this.env.random()));
        return this.refuse(tx, 200, [
          ['Allow', ALLOW],
          ['Accept', 'application/sdp'],
        ]);
      default:
        return this.refuse(tx, KNOWN_METHODS.has(request.method) ? 405 : 501, [['Allow', ALLOW]]);
    }
  }

  ack(request: SipRequest): void {
    const session = this.sessions.get(registryKey(request.toTag));
    if (session?.dialog.callId === request.callId) session.receiveAck(request);
  }

  cancel(tx: ServerTx): void {
    tx.owner?.cancelled(tx);
  }

  response(tx: ClientTx, response: SipResponse): void {
    tx.owner?.response(tx, response);
  }

  timeout(tx: ClientTx): void {
    tx.owner?.noResponse(tx);
  }

  transportError(tx: ClientTx): void {
    tx.owner?.noResponse(tx);
  }

  stray(response: SipResponse, path: Path): void {
    const session = this.sessions.get(registryKey(response.fromTag));
    if (session?.dialog.callId === response.callId) session.answeredAgain(response, path);
    else dismissStray(response, path, this.scopeOf(response) ?? this.env, this.layer);
  }

  /** An INVITE outside any dialog: a new call, or a refusal. */
  private invite(tx: ServerTx, request: SipRequest): void {
    const { restarting } = this;
    // Forked on its way here, it has come by another way already (RFC 3261 8.2.2.2).
    const beginning = beginningOf(request);
    if (this.beginnings.has(beginning)) return this.refuse(tx, 482);
    const replaces = request.header('replaces');
    const isKnown = restarting !== undefined || this.routingAgain;
    if (!isKnown && replaces === undefined && !this.env.accepting())
      return this.refuse(tx, 503, retryAfter(this.env.random()));
    const maxForwards = request.maxForwards ?? 70;
    if (maxForwards <= 0) return this.refuse(tx, 483);
    if (request.body !== '' && request.contentType !== 'application/sdp') {
      return this.refuse(tx, 415, [['Accept', 'application/sdp']]);
    }
    if (SessionTimer.refuses(request)) return this.refuse(tx, 422, [['Min-SE', String(MIN_SE_S)]]);
    if (request.header('content-encoding') !== undefined)
      return this.refuse(tx, 415, [['Accept-Encoding', 'identity']]);
    const uri = parseUri(request.uri);
    if (uri === undefined || uri.scheme === 'tel') return this.refuse(tx, uri === undefined ? 400 : 416);
    if (parseUri(request.contact?.uri ?? '') === undefined)
      return this.refuse(tx, 400, [['Reason', 'SIP;cause=400;text="no Contact"']]);
    if (request.list('record-route').length > MAX_ROUTES) return this.refuse(tx, 513);
    if (replaces !== undefined) return this.replace(tx, request, replaces);
    if (restarting !== undefined) return this.routed(tx, request, restarting.routed);
    this.askRouting(tx, request, beginning);
  }

  /** What routing does not decide at once is recorded: the caller has his 100 and will not send the INVITE again. */
  private askRouting(tx: ServerTx, request: SipRequest, beginning: string): void {
    const { undecided, beginnings, env } = this;
    let recorded: string | undefined;
    undecided.set(tx, () => {
      undecided.delete(tx);
      beginnings.delete(beginning);
      if (recorded !== undefined) env.recorder?.decided(recorded);
    });
    beginnings.add(beginning);
    const decided = (): boolean => {
      const settle = undecided.get(tx);
      settle?.();
      return settle !== undefined;
    };
    const cancelled = (): void => {
      if (decided()) this.refuse(tx, 487);
    };
    tx.owner = { response() {}, noResponse() {}, cancelled };
    env.route(request, tx.path, (routed) => {
      if (decided()) this.routed(tx, request, routed);
    });
    if (!undecided.has(tx)) return;
    recorded = env.newCall().id;
    env.recorder?.undecided(recorded, request.text, tx.path);
  }

  /** What routing decided about an INVITE: a call of a flow, or a refusal. */
  private routed(tx: ServerTx, request: SipRequest, routed: Routed): void {
    if ('status' in routed) {
      const again = routed.status === 500 ? retryAfter(this.env.random()) : [];
      return this.refuse(tx, routed.status, [['Reason', routed.reason], ...again]);
    }
    const from = parseUri(request.from.uri);
    const media = mediaOf(request, routed);
    const { id } = this.begin(tx, request, routed);
    this.env.report({
      kind: 'arrived',
      call: id,
      at_ms: this.env.timers.now_ms,
      flow: utf8FromBytes(routed.flow),
      param: utf8FromBytes(routed.param),
      media,
      caller_user: from === undefined ? undefined : utf8FromBytes(unescapeUri(from.user)),
      caller_display: utf8FromBytes(request.from.display),
    });
  }

  /** An INVITE that is to take the place of one side of a call (RFC 3891 3). */
  private replace(tx: ServerTx, request: SipRequest, replaces: string): void {
    const { restarting } = this;
    const named = parseReplaces(replaces);
    if (named === undefined || request.headers('replaces').length > 1) return this.refuse(tx, 400);
    const shard = shardOf(named.callId);
    if (shard === shardOf(request.callId)) {
      // It has come to the only worker that can know him, however many there are at the next restart.
      const session = this.sessions.get(registryKey(named.toTag));
      if (session?.isNamed(named) !== true) return this.refuse(tx, 481);
      this.env.recorder?.datagram(session.scope, request.text, tx.path);
      const callId = flatten(request.callId);
      session.scope.newcomers.push(callId);
      this.scopes.set(callId, session.scope);
      return session.replace(tx);
    }
    if (restarting === undefined && !this.env.accepting())
      return this.refuse(tx, 503, retryAfter(this.env.random()));
    const uri = flatten(request.uri);
    const call = this.begin(tx, request, { flow: '', param: '', media: undefined });
    relay(call, uri, flatten(replaces), shard);
  }

  /** A call begins with that INVITE. */
  private begin(tx: ServerTx, request: SipRequest, routed: Extract<Routed, { flow: string }>): Call {
    const identity = this.restarting ?? this.env.newCall();
    const { id, seed, port } = identity;
    const scope = this.open(identity, request, tx);
    this.env.recorder?.started(scope, { id, seed, port, routed, text: request.text, path: tx.path });
    const beginning = beginningOf(request);
    const call = new Call(
      scope,
      this.layer,
      this.options,
      tx,
      {
        id,
        shard: shardOf(request.callId),
        maxForwards: (request.maxForwards ?? 70) - 1,
        callerUri: flatten(request.from.uri),
        callerDisplay: flatten(request.from.display),
        chat: mediaOf(request, routed) === 'msrp',
        identity: this.identity(request),
        param: utf8FromBytes(routed.param),
      },
      (ended) => {
        this.calls.delete(ended.id);
        this.beginnings.delete(beginning);
        ended.scope.callEnded();
      },
    );
    tx.owner = { response() {}, noResponse() {}, cancelled: () => call.cancelled() };
    this.calls.set(id, call);
    this.beginnings.add(beginning);
    return call;
  }

  private open(identity: CallIdentity, request: SipRequest, tx: ServerTx): CallScope {
    const callId = flatten(request.callId);
    const scope = new CallScope(this.env, identity, callId, tx, this.sessions, (over) => this.close(over));
    this.scopes.set(callId, scope);
    this.scopes.set(identity.id, scope);
    return scope;
  }

  private close(scope: CallScope): void {
    this.scopes.delete(scope.id);
    // A caller whose call was refused may have come again with the same Call-ID.
    for (const callId of [scope.callerCallId, ...scope.newcomers])
      if (this.scopes.get(callId) === scope) this.scopes.delete(callId);
    this.env.recorder?.over(scope);
  }

  /** The call that a message is about: of its dialog, else by its Call-ID alone: the caller's, or one that names the call. */
  private scopeOf(message: SipRequest | SipResponse): CallScope | undefined {
    const { callId } = message;
    const session = this.sessions.get(
      registryKey(message.kind === 'request' ? message.toTag : message.fromTag),
    );
    if (session?.dialog.callId === callId) return session.scope;
    const callers = this.scopes.get(callId);
    if (callers !== undefined) return callers;
    const dot = callId.indexOf('.');
    return dot < 0 ? undefined : this.scopes.get(callId.slice(0, dot));
  }

  /** Headers that tell an agent who calls (RFC 3323, RFC 3325 and those configured). */
  private identity(request: SipRequest): [string, string][] {
    const headers: [string, string][] = [];
    for (const name of [ASSERTED, 'Privacy', ...this.options.identity_headers]) {
      // One may vouch for a number in two forms, in one header (RFC 3325 9.1): each gets the name.
      const values =
        name === ASSERTED ? request.list('p-asserted-identity') : request.headers(name.toLowerCase());
      for (const value of values) headers.push([name, flatten(value)]);
    }
    return headers;
  }

  private refuse(tx: ServerTx, status: number, headers: readonly (readonly [string, string])[] = []): void {
    tx.respond(status, buildResponse(tx.request, tx.path, status, { toTag: this.env.token(), headers }));
  }
}

/** What names the INVITE that began a call. */
function beginningOf(invite: SipRequest): string {
  return flatten(`${invite.callId} ${invite.fromTag} ${invite.cseq}`);
}

function mediaOf(invite: SipRequest, { media }: Extract<Routed, { flow: string }>): Media | 'none' {
  return media ?? (invite.body === '' ? 'rtp' : sdpKind(invite.body));
}

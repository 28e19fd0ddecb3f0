/** Somebody takes the place of one side of a call (RFC 3891): the other answers his offer, then the one before goes. */
import { type Exchange, takePlace } from './exchange.js';
import { type LegHome, type LegUser, PeerLeg } from './peer-leg.js';
import { replacesHeaders } from './refer.js';
import { Session } from './session.js';
import type { ServerTx, SessionUser } from './session-user.js';

/** The call whose side is replaced. */
export interface ReplacedCall extends LegHome, LegUser, SessionUser {
  readonly ended: boolean;
  caller: Session;
  /** The leg that the caller is joined to. */
  current: PeerLeg | undefined;
  /** A request of one side under way to the other. */
  exchange: Exchange | undefined;
  /** One side is about to be sent elsewhere by the other. */
  readonly transferring: boolean;
  /** The agent of the leg has nothing to do with the call any more, nor has the dispatcher. */
  handOn(leg: number): void;
  loseCaller(): void;
  carried(other: Session, status: number): void;
  goOn(): void;
}

/** The call of a newcomer whose place is in another worker. */
interface RelayingCall extends LegHome, LegUser {
  handOn(leg: number): void;
  /** The description to offer: the caller's. */
  sdpToOffer(): string;
  transferBegins(target: PeerLeg): void;
}

/** Of the caller `session`: the call goes on with whoever has sent that INVITE. */
export function replaceCaller(call: ReplacedCall, session: Session, tx: ServerTx): void {
  const leg = call.current;
  if (leg === undefined || session !== call.caller) return session.respond(tx, 481);
  if (!quiet(call, leg) || call.transferring) return session.respond(tx, 491);
  const newcomer = Session.incoming(call.scope, call.layer, tx, call.scope.token(), call);
  replace(call, newcomer, session, leg.session, (status) => {
    if (newcomer.established) {
      call.caller = newcomer;
      session.bye();
    } else call.carried(leg.session, status);
  });
}

/** Of an agent, or of whom he has handed the caller on to: what is left is a bare bridge. */
export function replaceLeg(call: ReplacedCall, leg: PeerLeg, tx: ServerTx): void {
  const { session } = leg;
  if (leg !== call.current || leg.role === 'media') return session.respond(tx, 481);
  if (!quiet(call, leg) || call.transferring) return session.respond(tx, 491);
  const taker = PeerLeg.incoming(call, call, tx);
  replace(call, taker.session, session, call.caller, (status) => {
    if (taker.session.established) {
      call.handOn(leg.number);
      call.current = taker;
      taker.state = 'joined';
      leg.release();
    } else if (status === 408 || status === 481) call.loseCaller();
  });
}

/**
 * Carries a caller who is to take somebody's place to the worker that has him: an INVITE to ourselves, whose
 * Call-ID leads there. The dispatcher learns no more than that there is a bridge.
 */
export function relay(call: RelayingCall, uri: string, replaces: string, shard: number): void {
  call.handOn(0);
  const target = call.options.own_addresses[0];
  const headers = replacesHeaders(replaces);
  const setup = { number: 0, name: 'r', role: 'target', uri, headers, shard } as const;
  const leg = new PeerLeg(call, call, target === undefined ? setup : { ...setup, target });
  call.transferBegins(leg);
  leg.start(call.sdpToOffer());
}

/** Whether nothing is under way between the caller and this leg. */
function quiet(call: ReplacedCall, leg: PeerLeg): boolean {
  return !call.caller.busy && !leg.session.busy && call.exchange === undefined;
}

function replace(
  call: ReplacedCall,
  newcomer: Session,
  place: Session,
  partner: Session,
  done: (status: number) => void,
): void {
  call.exchange = takePlace(newcomer, place, partner, (status) => {
    call.exchange = undefined;
    if (!call.ended) done(status);
    else if (newcomer.established) newcomer.byeWhenAcknowledged([]);
    call.goOn();
  });
}

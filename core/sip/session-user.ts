/** What a session and those around it see of each other. */
import type { Target } from './environment.js';
import type { SipRequest, SipResponse } from './message.js';
import type { Session } from './session.js';
import type {
  ClientTransaction,
  HeaderFields,
  ServerTransaction,
  TransactionLayer,
} from './transaction-layer.js';

export type Header = HeaderFields;

/** Who gets the answer to a request of ours: the owner of the client transaction. */
export interface RequestOwner {
  response(tx: ClientTransaction<RequestOwner>, response: SipResponse): void;
  /** No final response: timed out or could not be sent. */
  noResponse(tx: ClientTransaction<RequestOwner>): void;
  /** The peer cancelled a request of his that we own (server side). */
  cancelled(tx: ServerTransaction<RequestOwner>): void;
}

export type Layer = TransactionLayer<RequestOwner>;
export type ClientTx = ClientTransaction<RequestOwner>;
export type ServerTx = ServerTransaction<RequestOwner>;

/** What became of an INVITE of ours. */
export interface InviteOutcome {
  /** 1xx, 100 too. */
  provisional?(response: SipResponse): void;
  /** 2xx. Where the INVITE went without an offer, `acknowledge` is to be called; else it has been. */
  answered(sdp: string): void;
  /** Final refusal; 408 stands for no response at all. */
  refused(status: number): void;
}

/** What a session tells its user. */
export interface SessionUser {
  /** The peer's re-INVITE; `acceptInvite` or `refuseInvite` answers it. */
  onInvite(session: Session, request: SipRequest): void;
  /** The peer cancelled that re-INVITE; it has been answered. */
  onInviteCancelled(session: Session): void;
  /** The peer acknowledged our 2xx: the session is free for the next INVITE. */
  onAck(session: Session): void;
  /** The peer is there no more: our 2xx was never acknowledged, or the session has expired. */
  onLost(session: Session): void;
  /** Any other request inside the dialog that the session does not answer by itself. */
  onRequest(session: Session, tx: ServerTx, request: SipRequest): void;
  /** The peer wants the other side sent elsewhere; `respond` answers it. */
  onRefer(session: Session, tx: ServerTx, request: SipRequest): void;
  /** The peer tells of something that he was asked for. */
  onNotify(session: Session, tx: ServerTx, request: SipRequest): void;
  /** Somebody is to take the peer's place (RFC 3891): a new dialog begins with that INVITE, or it is refused. */
  onReplace(session: Session, tx: ServerTx): void;
  /** The peer hung up; it has been answered. */
  onBye(session: Session, request: SipRequest): void;
}

/** Where sessions are found by their local tag. */
export interface Registry {
  set(key: string, session: Session): void;
  delete(key: string): boolean;
}

/** A local tag may carry a suffix per destination that a caller's INVITE was tried at; one session has them all. */
export function registryKey(localTag: string): string {
  const dot = localTag.indexOf('.');
  return dot < 0 ? localTag : localTag.slice(0, dot);
}

export interface OutgoingInvite {
  callId: string;
  localTag: string;
  /** Request-URI. */
  uri: string;
  /** From and To values without tags. */
  from: string;
  to: string;
  maxForwards: number;
  routes: readonly string[];
  headers: Header;
  target: Target;
}

/** For requests of which nobody waits for the answer. */
export const DISCARD: RequestOwner = { response() {}, noResponse() {}, cancelled() {} };

/** As `owner`; `over` is called once a final response has come, or none will. */
export function untilFinal(owner: RequestOwner, over: () => void): RequestOwner {
  return {
    response(tx, response) {
      owner.response(tx, response);
      if (response.status >= 200) over();
    },
    noResponse(tx) {
      owner.noResponse(tx);
      over();
    },
    cancelled() {},
  };
}

/** What is known of the engine's messages with one Call-ID, at one end: transactions and dialogs, told from the wire. */
import type { SipMessage, SipRequest, SipResponse } from '../../core/sip/message.js';
import { Described } from './described.js';
import { Referrals } from './referrals.js';

/** A request of the engine's. */
export interface Client {
  readonly request: SipRequest;
  readonly sent_ms: number;
  provisional: boolean;
  /** The first final status that came; 0 before. */
  status: number;
  /** When it came, or 0 when the engine may have forgotten that. */
  finished_ms: number;
  /** To header of a refusal, which its ACK repeats. */
  to: string;
  cancelled_ms: number;
  /** Of an INVITE: the 2xx of each dialog that it made, by To-tag. */
  readonly answers: Map<string, Answer>;
}

export interface Answer {
  readonly response: SipResponse;
  readonly came_ms: number;
  /** The engine's. */
  ack: SipRequest | undefined;
}

/** A request of the peer's. */
export interface Server {
  readonly request: SipRequest;
  readonly came_ms: number;
  /** The last response, and its status; 0 before. */
  status: number;
  last: string;
  finished_ms: number;
  acknowledged: boolean;
  /** It came again when the engine may have forgotten it: as a retransmission or as new, who knows. */
  stale: boolean;
}

/** One peer's end of a conversation, by his tag. */
export interface Dialog {
  established: boolean;
  /** A BYE went out, or came and was answered. */
  over: boolean;
  /** CSeq of the engine's last request in it. */
  cseq: number;
  /** Where he wants requests: each Contact that he has shown. */
  readonly contacts: Set<string>;
}

/** A call of the engine's, which several conversations belong to. */
export interface Call {
  readonly id: string;
  /** When it ended; 0 before. */
  ended_ms: number;
}

/** The call of a conversation that made none. */
export const NO_CALL: Call = Object.freeze({ id: '', ended_ms: 0 });

export interface Conversation {
  /** Tells it from all others. */
  readonly key: string;
  readonly callId: string;
  call: Call;
  /** Begun by somebody who wants to take another's place. */
  newcomer: boolean;
  /** Where the engine made it, the call with its number in it. */
  readonly leg: string;
  /** When that leg was told to be needed no more; 0 before. */
  leg_ended_ms: number;
  last_ms: number;
  /** `host:port` of the socket by which the engine's requests leave; '' before the first. */
  sent_by: string;
  /** CSeq of the engine's INVITE that began it. */
  first_cseq: number;
  readonly clients: Map<string, Client>;
  readonly servers: Map<string, Server>;
  /** Requests that came cut short and could still be answered. */
  readonly cut: Set<string>;
  readonly dialogs: Map<string, Dialog>;
  /** What the engine tells those who have sent it a REFER. */
  readonly referrals: Referrals;
  /**
   * By the tags of those whose 2xx came after a refusal had ended the INVITE: its SDP, by CSeq. Hung up or not, the engine
   * owes them nothing.
   */
  readonly late: Map<string, Map<number, string>>;
  /** The tag of the first peer who answered. */
  first_tag: string;
  described: Described;
}

/**
 * One of which nothing is known.
 * @param far at the end that was called
 * @param callOf the call of that id
 */
export function newConversation(
  key: string,
  callId: string,
  far: boolean,
  callOf: (id: string) => Call,
): Conversation {
  const [, leg = '', call = ''] = far ? [] : (/^((c\w+-\w+)\.\w+)\.\d+\./.exec(callId) ?? []);
  return {
    key,
    callId,
    call: call === '' ? NO_CALL : callOf(call),
    newcomer: false,
    leg,
    leg_ended_ms: 0,
    last_ms: 0,
    sent_by: '',
    first_cseq: 0,
    clients: new Map(),
    servers: new Map(),
    cut: new Set(),
    dialogs: new Map(),
    referrals: new Referrals(),
    late: new Map(),
    first_tag: '',
    described: new Described(),
  };
}

/** Key of the conversation that the engine has with itself at the end that was called. */
export function farEnd(callId: string): string {
  return `${callId} far end`;
}

/** The INVITE of the engine's with that number. */
export function inviteOf(conversation: Conversation, cseq: number): Client | undefined {
  for (const client of conversation.clients.values())
    if (client.request.method === 'INVITE' && client.request.cseq === cseq) return client;
  return undefined;
}

/** That 2xx of a conversation came too late. */
export function tooLate({ late }: Conversation, { body, cseq, toTag }: SipResponse): void {
  const answers = late.get(toTag) ?? new Map();
  late.set(toTag, answers.set(cseq, body));
}

/** Which transaction of the peer's a request or its response belongs to (17.2.3). */
export function serverKey({ method, via }: SipMessage): string {
  return `${via.branch} ${method} ${via.host}:${via.port}`;
}

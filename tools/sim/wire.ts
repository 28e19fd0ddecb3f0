/**
 * What the engine sends, held against the transaction and dialog rules of RFC 3261: one conversation for each
 * Call-ID, with what came in and what went out, kept apart from the engine's own transactions and dialogs.
 */
import type { SipMessage, SipRequest, SipResponse } from '../../core/sip/message.js';
import {
  type Answer,
  type Call,
  type Conversation,
  type Dialog,
  farEnd,
  inviteOf,
  NO_CALL,
  newConversation,
  type Server,
  serverKey,
  tooLate,
} from './conversation.js';
import { Described } from './described.js';
import { found, must, Violation } from './violation.js';

/** 64 T1, less what a drifting clock takes off it. */
const LONG_MS = 31_000;
/** Timer I, likewise. */
const CONFIRMED_MS = 4_900;
/** After the end of its call a leg has this long to be hung up: an ACK may be waited for before. */
const HANG_UP_MS = 70_000;
/** A conversation without a word for so long is over. */
const QUIET_MS = 80_000;
/** A request that is no INVITE has an answer after this: it may be carried to the other side first. */
const ANSWER_MS = 40_000;
/** What asks nobody is done by then, a worker's death in between included. */
const SOON_MS = 10_000;

/** What a request is answered with that cannot be read; without a transaction. */
const UNREADABLE = new Set([400, 505, 513]);

export class Wire {
  private readonly conversations = new Map<string, Conversation>();
  private readonly branches = new Set<string>();
  /** Of the engine's INVITEs to itself, by Call-ID: From-tag. Such a Call-ID has two conversations, one at each end. */
  private readonly selves = new Map<string, string>();
  /** Calls that go on or have ended not long ago. */
  private readonly calls = new Map<string, Call>();

  /** @param now_ms the true time */
  constructor(private readonly now_ms: () => number) {}

  /** How many calls have ended not long ago. */
  get endedLately(): number {
    let ended = 0;
    for (const { ended_ms } of this.calls.values()) if (ended_ms > 0) ended++;
    return ended;
  }

  /** The engine made a call of that Call-ID's INVITE. */
  called(call: string, callId: string): void {
    const conversation = this.conversations.get(this.selves.has(callId) ? farEnd(callId) : callId);
    if (conversation !== undefined) conversation.call = this.call(call);
  }

  /** The leg, `CALL.NUMBER`, is not needed any more: it is to be hung up. */
  legEnded(leg: string): void {
    for (const conversation of this.conversations.values())
      if (conversation.leg === leg) conversation.leg_ended_ms ||= this.now_ms();
  }

  /** The call has ended. */
  callEnded(call: string): void {
    // A worker that has come back may ask again about a call that has long ended.
    this.call(call).ended_ms ||= this.now_ms();
  }

  /** It has not: a worker that has come back told first of its beginning only. */
  goesOn(call: string): void {
    this.call(call).ended_ms = 0;
  }

  private call(id: string): Call {
    let call = this.calls.get(id);
    if (call === undefined) this.calls.set(id, (call = { id, ended_ms: 0 }));
    return call;
  }

  /**
   * A worker comes back. It knows nothing of requests that made no call, or one that is over: to it they are new when
   * they come again.
   */
  cameBack(
    isIts: (callId: string, call: string) => boolean,
    has: (callId: string, call: string) => boolean,
  ): void {
    for (const conversation of this.conversations.values()) {
      const { call, callId, clients, dialogs, newcomer, servers } = conversation;
      // Of a newcomer who was refused before he came into the call nothing was recorded.
      if (newcomer && isIts(callId, NO_CALL.id))
        for (const server of servers.values()) server.stale ||= server.status >= 300;
      if (!isIts(callId, call.id)) continue;
      // The tag in a CANCEL's 200 need not be the INVITE's (9.2 says SHOULD), and is drawn anew.
      for (const server of servers.values()) server.stale ||= server.request.method === 'CANCEL';
      if (has(callId, call.id)) continue;
      // Who answers its INVITE again is a stranger to it, and hung up once more.
      for (const client of clients.values()) {
        client.finished_ms = 0;
        for (const { response } of client.answers.values()) tooLate(conversation, response);
      }
      servers.clear();
      dialogs.clear();
      conversation.described = new Described();
    }
  }

  // What the engine sends.

  /** @param sentBy `host:port` of the socket that it leaves by */
  sent(message: SipRequest | SipResponse, sentBy: string): void {
    const self = this.selves.get(message.callId);
    const far = self !== undefined && (message.kind === 'request') !== (message.fromTag === self);
    const conversation = this.conversation(message.callId, far);
    try {
      if (message.kind === 'request') this.sentRequest(conversation, message, sentBy);
      else this.sentResponse(conversation, message);
    } catch (error) {
      if (error instanceof Violation) {
        const { callId, cseq, kind, method } = message;
        const what = kind === 'request' ? method : `${message.status} to ${method}`;
        error.message += `: ${what}, ${callId}, CSeq ${cseq}`;
      }
      throw error;
    }
  }

  private sentRequest(conversation: Conversation, request: SipRequest, sentBy: string): void {
    const { method } = request;
    const key = method === 'CANCEL' ? `${request.via.branch} CANCEL` : request.via.branch;
    const known = method === 'ACK' ? undefined : conversation.clients.get(key);
    if (known !== undefined) {
      must(known.request.text === request.text, 'a retransmission is the same again (17.1.1.2)');
      // One who goes on answering an INVITE when the BYE to him is forgotten gets it once more.
      const forgotten = method === 'BYE' && this.now_ms() - known.finished_ms >= CONFIRMED_MS;
      must(known.status === 0 || forgotten, 'nothing is sent again that was answered (17.1)');
      must(method !== 'INVITE' || !known.provisional, 'no INVITE is sent again after a 1xx (17.1.1.2)');
      return;
    }
    const { via } = request;
    must(request.headers('via').length === 1, "one Via, the engine's own");
    must(`${via.host}:${via.port}` === sentBy, 'Via names the socket that it leaves by (18.1.1)');
    conversation.sent_by ||= sentBy;
    must(conversation.sent_by === sentBy, 'a dialog goes by the socket that it has gone by');
    must(via.branch.startsWith('z9hG4bK'), 'the branch begins with the magic cookie (8.1.1.7)');
    must(request.maxForwards !== undefined, 'has Max-Forwards (8.1.1.6)');
    must(request.fromTag !== '', 'has a From-tag (8.1.1.3)');
    if (method === 'ACK') return this.sentAck(conversation, request);
    if (method === 'CANCEL') this.sentCancel(conversation, request);
    else this.sentInDialog(conversation, request);
    conversation.clients.set(key, {
      request,
      sent_ms: this.now_ms(),
      provisional: false,
      status: 0,
      finished_ms: 0,
      to: '',
      cancelled_ms: 0,
      answers: new Map(),
    });
  }

  /** A request that begins a dialog or stands in one. */
  private sentInDialog(conversation: Conversation, request: SipRequest): void {
    const { method, toTag } = request;
    const { branch } = request.via;
    must(!this.branches.has(branch), 'a branch is used once (8.1.1.7)');
    this.branches.add(branch);
    if (method === 'INVITE' || method === 'UPDATE') {
      must(request.contact !== undefined, 'has a Contact (8.1.1.8)');
      conversation.described.sent(request, true);
    }
    if (method === 'INVITE') this.mayInvite(conversation, request);
    if (toTag === '') {
      must(method === 'INVITE', 'stands in a dialog');
      must(request.cseq > conversation.first_cseq, 'INVITE: CSeq grows (12.2.1.1)');
      conversation.first_cseq = request.cseq;
      return;
    }
    const standing = conversation.dialogs.get(toTag);
    if (method === 'BYE' && conversation.late.has(toTag) && standing?.over !== false) return;
    if (method === 'NOTIFY') conversation.referrals.notify(request);
    const dialog = found(standing, 'there is its dialog (12.2)');
    must(dialog.established, 'its dialog is established (12.2)');
    must(!dialog.over, 'nothing follows a BYE (15)');
    must(request.cseq > Math.max(dialog.cseq, conversation.first_cseq), 'CSeq grows (12.2.1.1)');
    dialog.cseq = request.cseq;
    must(dialog.contacts.has(request.uri), "goes to the peer's Contact (12.2.1.1)");
    if (method === 'BYE') this.sentBye(conversation, dialog, toTag);
  }

  /** No INVITE while another is under way in either direction (14.1). */
  private mayInvite(conversation: Conversation, request: SipRequest): void {
    const now_ms = this.now_ms();
    for (const client of conversation.clients.values()) {
      if (client.request.method !== 'INVITE' || client.status >= 300) continue;
      const since_ms = client.cancelled_ms || (client.provisional ? now_ms : client.sent_ms);
      must(client.status > 0 || now_ms - since_ms >= LONG_MS, 'one INVITE at a time (14.1)');
      must(
        isAcknowledged(client.answers.get(request.toTag)),
        'a 2xx is acknowledged before the next INVITE (14.1)',
      );
    }
    for (const server of conversation.servers.values()) {
      const { request: peers, status } = server;
      // One that was refused outside the dialog was never part of it.
      if (peers.method !== 'INVITE' || (status >= 300 && peers.toTag === '')) continue;
      must(status >= 200, "no INVITE while the peer's is unanswered (14.1)");
      this.mustBeAcknowledged(server, 'INVITE');
    }
  }

  private sentBye(conversation: Conversation, dialog: Dialog, tag: string): void {
    dialog.over = true;
    for (const client of conversation.clients.values())
      must(isAcknowledged(client.answers.get(tag)), 'a 2xx is acknowledged before BYE (13.2.2.4)');
    // Who made the dialog may hang up at any time.
    if (conversation.first_cseq > 0) return;
    // A refusal need not be acknowledged for that, a 2xx must (15).
    for (const server of conversation.servers.values())
      if (server.request.method === 'INVITE' && server.status >= 200 && server.status < 300)
        this.mustBeAcknowledged(server, 'BYE');
  }

  /** Not before the ACK, or before there can be none any more: Timer H (14.1, 15). */
  private mustBeAcknowledged(server: Server, method: string): void {
    const waited = this.now_ms() - server.finished_ms >= LONG_MS;
    must(
      server.acknowledged || waited,
      `no ${method} before the ACK of ${server.status} or Timer H (14.1, 15)`,
    );
  }

  private sentCancel(conversation: Conversation, cancel: SipRequest): void {
    const client = found(
      conversation.clients.get(cancel.via.branch),
      'CANCEL has a branch that was used (9.1)',
    );
    const { request } = client;
    must(request.method === 'INVITE', 'CANCEL has the branch of an INVITE (9.1)');
    must(client.provisional, 'no CANCEL before a 1xx (9.1)');
    must(client.status === 0, 'no CANCEL after a final response (9.1)');
    must(cancel.uri === request.uri && cancel.cseq === request.cseq, 'CANCEL has URI and CSeq of its INVITE');
    for (const name of ['from', 'to'])
      must(cancel.header(name) === request.header(name), "CANCEL has its INVITE's From and To (9.1)");
    client.cancelled_ms = this.now_ms();
  }

  private sentAck(conversation: Conversation, ack: SipRequest): void {
    const late = conversation.late.get(ack.toTag)?.get(ack.cseq);
    if (late !== undefined) {
      const asked = inviteOf(conversation, ack.cseq)?.request.body === '';
      must((ack.body !== '') === (asked && late !== ''), 'the ACK of a late 2xx answers an offer');
      if (conversation.dialogs.get(ack.toTag)?.over === false) conversation.described.sent(ack, false);
      return;
    }
    const invite = found(inviteOf(conversation, ack.cseq), 'an ACK has the CSeq of an INVITE (13.2.2.4)');
    must(invite.status > 0, 'no ACK before a final response (13.2.2.4, 17.1.1.3)');
    if (invite.status >= 300) {
      must(ack.via.branch === invite.request.via.branch, "the ACK of a refusal has the INVITE's branch");
      must(ack.header('to') === invite.to, 'the ACK of a refusal has its To (17.1.1.3)');
      must(ack.uri === invite.request.uri, 'the ACK of a refusal goes where the INVITE went (17.1.1.3)');
      return;
    }
    const answer = found(invite.answers.get(ack.toTag), 'an ACK acknowledges a 2xx that came');
    if (answer.ack !== undefined)
      return must(answer.ack.text === ack.text, 'the ACK of a repeated 2xx is the same (13.2.2.4)');
    answer.ack = ack;
    must(!this.branches.has(ack.via.branch), 'the ACK of a 2xx has a branch of its own (17.1.1.3)');
    this.branches.add(ack.via.branch);
    const dialog = conversation.dialogs.get(ack.toTag);
    must(dialog?.contacts.has(ack.uri) === true, "the ACK goes to the peer's Contact (13.2.2.4)");
    const offer = answer.response.body;
    must((ack.body !== '') === (invite.request.body === '' && offer !== ''), 'an ACK answers an offer');
    if (ack.body !== '') conversation.described.answers(offer, ack);
    if (ack.toTag === conversation.first_tag) conversation.described.sent(ack, false);
  }

  private sentResponse(conversation: Conversation, response: SipResponse): void {
    const { method, status } = response;
    const key = serverKey(response);
    const known = conversation.servers.get(key);
    if (known === undefined && UNREADABLE.has(status) && conversation.cut.has(key)) return;
    const server = found(known, 'answers a request that came (17.2)');
    // A copy of what was refused before may be let in by a worker that knows nothing of that: a stranger to its sender.
    if (server.stale && method === 'INVITE' && status >= 200 && status < 300)
      conversation.late.set(server.request.fromTag, new Map());
    if (server.stale || server.last === response.text) return;
    must(server.status < 200, 'a final response is the last one (17.2)');
    const { request } = server;
    must(response.header('cseq') === request.header('cseq'), "has the request's CSeq (8.2.6.2)");
    must(response.header('from') === request.header('from'), "has the request's From (8.2.6.2)");
    must(status === 100 || response.toTag !== '', 'has a To-tag (8.2.6.2)');
    must(request.toTag === '' || request.toTag === response.toTag, 'keeps the To-tag (8.2.6.2)');
    server.status = status;
    server.last = response.text;
    if (method === 'REFER') conversation.referrals.answered(request.cseq, status);
    if (status >= 200) server.finished_ms = this.now_ms();
    if (status < 101 || status >= 300) return;
    if (method === 'INVITE' || method === 'UPDATE') {
      must(response.contact !== undefined, 'has a Contact (12.1.1, 13.3.1.4)');
      if (request.body !== '') conversation.described.answers(request.body, response);
      conversation.described.sent(response, request.body === '');
    }
    if (method === 'INVITE' && status >= 200)
      this.dialog(conversation, request.fromTag, request).established = true;
    const dialog = conversation.dialogs.get(request.fromTag);
    if (method === 'BYE' && dialog !== undefined) dialog.over = true;
  }

  // What comes to it.

  /** A message that arrives at the engine and that its parser takes. */
  received(message: SipRequest | SipResponse): void {
    const conversation = this.heardIn(message);
    if (message.kind === 'request') this.receivedRequest(conversation, message);
    else this.receivedResponse(conversation, message);
  }

  /** A request arrives at the engine that its parser does not take, and that can be answered. */
  receivedCut(request: SipRequest): void {
    const { cut, servers } = this.heardIn(request);
    const key = serverKey(request);
    const known = servers.get(key);
    if (known === undefined) cut.add(key);
    else known.stale ||= this.isForgotten(known);
  }

  /** The conversation of what comes to the engine: of one with itself, whose tag is in From says at which end. */
  private heardIn(message: SipRequest | SipResponse): Conversation {
    const self = this.selves.get(message.callId);
    const far = self !== undefined && (message.kind === 'request') === (message.fromTag === self);
    return this.conversation(message.callId, far);
  }

  private receivedRequest(conversation: Conversation, request: SipRequest): void {
    if (request.method === 'ACK') {
      for (const server of conversation.servers.values())
        if (server.request.method === 'INVITE' && server.request.cseq === request.cseq)
          server.acknowledged = true;
      return;
    }
    const key = serverKey(request);
    const known = conversation.servers.get(key);
    if (known !== undefined) {
      known.stale ||= this.isForgotten(known);
      return;
    }
    // Who takes somebody's place belongs to his call.
    const replaced = request.toTag === '' ? request.header('replaces') : undefined;
    if (replaced !== undefined && conversation.call === NO_CALL) {
      conversation.call = this.callOf(replaced);
      conversation.newcomer = true;
    }
    conversation.servers.set(key, {
      request,
      came_ms: this.now_ms(),
      status: 0,
      last: '',
      finished_ms: 0,
      acknowledged: false,
      stale: false,
    });
    if (conversation.dialogs.has(request.fromTag)) this.dialog(conversation, request.fromTag, request);
  }

  /** Whether the transaction may be over, so that the same request once more would begin a new one. */
  private isForgotten({ acknowledged, finished_ms, request, status }: Server): boolean {
    if (status < 200) return false;
    const confirmed = request.method === 'INVITE' && status >= 300 && acknowledged;
    return this.now_ms() - finished_ms >= (confirmed ? CONFIRMED_MS : LONG_MS);
  }

  private receivedResponse(conversation: Conversation, response: SipResponse): void {
    const { method, status, toTag } = response;
    const { branch } = response.via;
    const client = conversation.clients.get(method === 'CANCEL' ? `${branch} CANCEL` : branch);
    if (client === undefined || client.request.method !== method) return;
    if (status < 200) {
      client.provisional = true;
      return;
    }
    const first = client.status === 0;
    if (first) {
      client.status = status;
      client.finished_ms = this.now_ms();
    }
    if (status >= 300 && first) client.to = response.header('to') ?? '';
    // After 64 T1 nothing is left of an INVITE whose dialog is over, either.
    const outlived = conversation.dialogs.get(toTag)?.over && this.now_ms() - client.sent_ms >= LONG_MS;
    if (method === 'INVITE' && status < 300 && (client.status >= 300 || outlived))
      tooLate(conversation, response);
    if (status >= 300 || client.status >= 300 || (method !== 'INVITE' && method !== 'UPDATE')) return;
    if (method === 'INVITE') {
      if (conversation.first_tag === '') conversation.first_tag = toTag;
      const answer = client.answers.get(toTag);
      if (answer === undefined)
        client.answers.set(toTag, { response, came_ms: this.now_ms(), ack: undefined });
      else if (toTag !== conversation.first_tag)
        must(
          answer.ack !== undefined || this.now_ms() - answer.came_ms < SOON_MS,
          'who answers second is acknowledged too (13.2.2.4)',
        );
    }
    // To a worker that has come back without that call he is a stranger.
    if (conversation.dialogs.has(toTag) || !conversation.late.has(toTag))
      this.dialog(conversation, toTag, response).established = true;
  }

  /** The dialog with that peer, who has shown his Contact. */
  private dialog(conversation: Conversation, tag: string, message: SipMessage): Dialog {
    let dialog = conversation.dialogs.get(tag);
    if (dialog === undefined) {
      dialog = { established: false, over: false, cseq: 0, contacts: new Set() };
      conversation.dialogs.set(tag, dialog);
    }
    const contact = message.contact?.uri;
    if (contact !== undefined) dialog.contacts.add(contact);
    return dialog;
  }

  /** The call of the dialog that a Replaces names. */
  private callOf(replaces: string): Call {
    const [callId = ''] = replaces.split(';');
    for (const key of [callId, farEnd(callId)]) {
      const named = this.conversations.get(key);
      for (const tag of named?.dialogs.keys() ?? [])
        if (replaces.includes(`from-tag=${tag}`)) return named?.call ?? NO_CALL;
    }
    return NO_CALL;
  }

  /** The engine is about to call itself by that INVITE. */
  callsItself(invite: SipRequest): void {
    this.selves.set(invite.callId, invite.fromTag);
  }

  /** @param far the end that did not begin it, where the engine has both */
  private conversation(callId: string, far = false): Conversation {
    const key = far ? farEnd(callId) : callId;
    let conversation = this.conversations.get(key);
    if (conversation === undefined) {
      conversation = newConversation(key, callId, far, (call) => this.call(call));
      this.conversations.set(key, conversation);
    }
    conversation.last_ms = this.now_ms();
    return conversation;
  }

  // What is still open.

  /** Every conversation: no leg outlives its call, no request stays unanswered. Forgets those that are over. */
  everything(): void {
    const now_ms = this.now_ms();
    for (const conversation of this.conversations.values()) {
      const { call, last_ms, leg_ended_ms } = conversation;
      const ended_ms = leg_ended_ms || call.ended_ms;
      if (ended_ms > 0 && now_ms - ended_ms > HANG_UP_MS) this.mustBeOver(conversation);
      const goes_on = call !== NO_CALL && ended_ms === 0;
      if (goes_on || now_ms - Math.max(last_ms, ended_ms) < QUIET_MS) continue;
      this.forget(conversation);
      this.conversations.delete(conversation.key);
    }
    for (const { id, ended_ms } of this.calls.values())
      if (ended_ms > 0 && now_ms - ended_ms > 4 * QUIET_MS) this.calls.delete(id);
  }

  /** The call of that conversation ended long ago. */
  private mustBeOver({ callId, clients, dialogs }: Conversation): void {
    for (const { established, over } of dialogs.values())
      must(over || !established, 'no leg outlives its call', callId);
    for (const { cancelled_ms, provisional, request, status } of clients.values()) {
      const open = request.method === 'INVITE' && provisional && status === 0;
      must(!open || cancelled_ms > 0, 'an INVITE that nobody waits for is cancelled', callId);
    }
  }

  private forget({ callId, clients, servers }: Conversation): void {
    const now_ms = this.now_ms();
    for (const { came_ms, request, status } of servers.values())
      must(status >= 200 || now_ms - came_ms < ANSWER_MS, `${request.method} is answered`, callId);
    for (const client of clients.values()) {
      this.branches.delete(client.request.via.branch);
      for (const { ack } of client.answers.values())
        if (ack !== undefined) this.branches.delete(ack.via.branch);
    }
    if (!this.conversations.has(farEnd(callId))) this.selves.delete(callId);
  }
}

/** Whether there is no 2xx that waits for its ACK. */
function isAcknowledged(answer: Answer | undefined): boolean {
  return answer === undefined || answer.ack !== undefined;
}

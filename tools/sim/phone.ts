/**
 * A simulated SIP endpoint for one call: its dialog, and transactions with retransmissions on the virtual clock
 * (RFC 3261 12 and 17), written apart from the engine's. What it does with the call is its manners' business.
 */
import { buildResponse } from '../../core/sip/build.js';
import type { SipRequest, SipResponse } from '../../core/sip/message.js';
import { parseUri } from '../../core/sip/uri.js';
import type { Timer, TimerWheel } from '../../core/timers.js';

const T1_MS = 500;
const T2_MS = 4_000;
const TIMEOUT_MS = 64 * T1_MS;
/** How long a phone that has hung up answers what still comes. */
const LINGER_MS = 40_000;
/** Half of what the engine gives it for a re-INVITE: the network may have taken the other half. */
const PROMPT_MS = 4_000;
const ENGINE = '192.0.2.1';
const SIP_PORT = 5060;

export interface PhoneNet {
  readonly timers: TimerWheel;
  /** @param port of the engine's */
  send(phone: Phone, text: string, port: number): void;
  /** A token that was not used before. */
  token(): string;
  /** A 2xx was sent again for as long as it may be, and no ACK came. */
  unacknowledged(phone: Phone): void;
  /** The phone will answer nothing any more. */
  forget(who: { readonly callId: string }): void;
}

/** What a phone does when something happens to it. */
export interface Manners {
  /** An INVITE from the engine that starts the call. */
  invited(invite: Incoming): void;
  /** A later INVITE of the engine's. */
  reinvited(invite: Incoming): void;
  /** The engine's final response to an INVITE of ours; for a 2xx the ACK is ours to send. */
  answered(response: SipResponse, first: boolean): void;
  /** A provisional response to our first INVITE, before it is answered. */
  progress(response: SipResponse): void;
  /** Any other request of the engine's but BYE and CANCEL; false leaves the answer to the phone. */
  asked(incoming: Incoming): boolean;
  /** The final response to a request of ours that is no INVITE. */
  told(method: string, cseq: number, status: number): void;
  /** The call is over, whoever ended it. */
  over(): void;
  /** Long after that: nothing can come any more. */
  gone(): void;
}

/** A request of the engine's and our answer to it. */
export interface Incoming {
  readonly request: SipRequest;
  readonly came_ms: number;
  status: number;
  last: string;
  acknowledged: boolean;
  timer: Timer | undefined;
}

interface Outgoing {
  readonly method: string;
  readonly cseq: number;
  readonly branch: string;
  readonly text: string;
  /** The engine's port that it goes to. */
  readonly port: number;
  interval_ms: number;
  again: Timer | undefined;
  deadline: Timer | undefined;
  provisional: boolean;
  status: number;
  ack: string;
}

export class Phone {
  manners!: Manners;
  state: 'idle' | 'calling' | 'invited' | 'talking' | 'over' = 'idle';
  /** Hears and says nothing any more, without having hung up. */
  deaf = false;
  /** Sends everything new so often. */
  copies = 1;
  /** Whether 2xx are acknowledged. */
  acknowledges = true;
  takesUpdate = true;
  takesRefer = false;
  /** The engine has hung up. */
  wasHungUp = false;
  /** Has refused to be moved, or said that there is no such call: the engine may have had to end it. */
  atFault = false;
  session_s = 180;
  /** `a=` line of the stream's direction, and its port. */
  sdp: string;
  private remoteTarget: string;
  readonly tag: string;
  private local: string;
  private remote: string;
  private cseq = 0;
  private readonly outgoing = new Map<string, Outgoing>();
  private readonly incoming = new Map<string, Incoming>();
  private invite: Outgoing | undefined;
  private hungUp = false;

  constructor(
    private readonly net: PhoneNet,
    readonly role: 'caller' | 'agent' | 'media' | 'target' | 'joiner',
    readonly user: string,
    readonly host: string,
    readonly callId: string,
    uri: string,
    readonly chat: boolean,
  ) {
    this.tag = net.token();
    this.remoteTarget = uri;
    this.local = `"${user}" <sip:${user}@${host}>;tag=${this.tag}`;
    this.remote = `<${uri}>`;
    this.sdp = description(host, chat);
  }

  get name(): string {
    return `${this.role} ${this.user}`;
  }

  get port(): number {
    return SIP_PORT;
  }

  after(ms: number, act: () => void): void {
    this.net.timers.set(ms, () => {
      if (this.state !== 'over' && !this.deaf) act();
    });
  }

  /** Whether the engine may have ended the call because of it. */
  get isToBlame(): boolean {
    return this.hungUp || this.deaf || this.atFault || !this.acknowledges;
  }

  /** The dialog, as a Replaces names it to the engine (RFC 3891 3); '' before there is one. */
  get replaces(): string {
    const tag = /;tag=([^;]+)/.exec(this.remote)?.[1];
    return tag === undefined ? '' : `${this.callId};to-tag=${tag};from-tag=${this.tag}`;
  }

  /** Whether an INVITE of ours or of the engine's is under way. */
  get busy(): boolean {
    if (this.invite !== undefined && this.invite.status === 0) return true;
    return [...this.incoming.values()].some(isOpenInvite);
  }

  /** Has not settled a re-INVITE for so long that the engine may give it up. */
  get isSlow(): boolean {
    const before_ms = this.net.timers.now_ms - PROMPT_MS;
    return [...this.incoming.values()].some(
      (incoming) => incoming.came_ms <= before_ms && incoming.request.toTag !== '' && isOpenInvite(incoming),
    );
  }

  // What it says.

  /** The INVITE that starts the call, or one within it; '' is without an offer. */
  call(body: string, headers = ''): void {
    if (this.state === 'idle') this.state = 'calling';
    this.invite = this.request('INVITE', body, this.timerHeaders('uas') + headers);
  }

  private get allow(): string {
    return `INVITE, ACK, CANCEL, BYE${this.takesUpdate ? ', UPDATE' : ''}${this.takesRefer ? ', REFER, NOTIFY' : ''}`;
  }

  private timerHeaders(refresher: string): string {
    return `Supported: timer\r\nAllow: ${this.allow}\r\nSession-Expires: ${this.session_s};refresher=${refresher}\r\n`;
  }

  answer(incoming: Incoming, status: number, body = ''): void {
    if (incoming.status >= 200) return;
    const { request } = incoming;
    const headers: [string, string][] = [['Allow', this.allow]];
    const empty = status >= 200 && request.method === 'INVITE' && body === '';
    this.atFault ||= status === 408 || status === 481 || empty;
    const refreshes = request.method === 'INVITE' || request.method === 'UPDATE';
    if (status >= 200 && status < 300 && refreshes)
      headers.push(['Require', 'timer'], ['Session-Expires', `${this.session_s};refresher=uac`]);
    incoming.status = status;
    const source = { host: ENGINE, port: request.via.port };
    incoming.last = buildResponse(request, source, status, {
      toTag: status === 100 ? '' : this.tag,
      contact: this.contact,
      headers,
      body,
      contentType: 'application/sdp',
    });
    this.put(incoming.last, incoming.request.via.port);
    if (request.method !== 'INVITE' || status < 200) return;
    if (status < 300) {
      this.remoteTarget = request.contact?.uri ?? this.remoteTarget;
      if (this.state === 'invited') this.state = 'talking';
    }
    this.repeat(incoming, T1_MS, this.net.timers.now_ms + TIMEOUT_MS);
  }

  /** Acknowledges a 2xx, with an answer when the INVITE had no offer. */
  acknowledge(response: SipResponse, body: string): void {
    const client = this.outgoing.get(response.via.branch);
    if (client === undefined) return;
    this.remoteTarget = response.contact?.uri ?? this.remoteTarget;
    this.remote = response.header('to') ?? this.remote;
    client.ack = this.build('ACK', client.cseq, this.newBranch(), body, '');
    if (this.acknowledges) this.put(client.ack, this.remotePort);
  }

  /** Ends the call as it stands: CANCEL, a refusal or BYE. */
  hangUp(): void {
    if (this.hungUp || this.state === 'over') return;
    if (this.state === 'calling') {
      this.hungUp = true;
      if (this.invite?.provisional) this.cancel();
      return;
    }
    if (this.state === 'invited') {
      for (const invite of this.incoming.values()) if (invite.status < 200) this.answer(invite, 480);
      return this.end();
    }
    this.bye();
  }

  get leaving(): boolean {
    return this.hungUp;
  }

  /**
   * Any request but INVITE, CANCEL and BYE; before the call is answered, inside the dialog that `early` has begun.
   * @returns its CSeq
   */
  say(
    method: string,
    body: string,
    { early, headers = '' }: { early?: SipResponse; headers?: string } = {},
  ): number {
    const timer = method === 'UPDATE' ? this.timerHeaders('uac') : '';
    const to = early?.header('to') ?? this.remote;
    return this.request(method, body, timer + headers, { to }).cseq;
  }

  /** Takes back a re-INVITE that has not been answered. */
  takeBack(): void {
    if (this.invite?.provisional && this.state === 'talking') this.cancel();
  }

  bye(): void {
    this.hungUp = true;
    this.request('BYE', '', '');
    this.end();
  }

  private cancel(): void {
    const invite = this.invite;
    if (invite === undefined || invite.status !== 0) return;
    this.request('CANCEL', '', '', { cancelled: invite });
    if (this.state === 'calling') this.net.timers.set(TIMEOUT_MS, () => this.end());
  }

  end(): void {
    if (this.state === 'over') return;
    this.state = 'over';
    this.manners.over();
    this.net.timers.set(LINGER_MS, () => {
      for (const client of this.outgoing.values()) this.stop(client);
      for (const server of this.incoming.values()) this.net.timers.cancel(server.timer);
      if (!this.deaf) this.manners.gone();
      this.net.forget(this);
    });
  }

  /** The engine's port that requests inside the dialog go to. */
  private get remotePort(): number {
    return parseUri(this.remoteTarget)?.port || SIP_PORT;
  }

  private get contact(): string {
    return `<sip:${this.user}@${this.host}:5060>`;
  }

  private newBranch(): string {
    return `z9hG4bK${this.net.token()}`;
  }

  private build(
    method: string,
    cseq: number,
    branch: string,
    body: string,
    headers: string,
    to = this.remote,
  ): string {
    const type = method === 'NOTIFY' ? 'message/sipfrag' : 'application/sdp';
    const content = body === '' ? '' : `Content-Type: ${type}\r\n`;
    return `${method} ${this.remoteTarget} SIP/2.0\r\nVia: SIP/2.0/UDP ${this.host}:5060;branch=${branch};rport\r\nMax-Forwards: 70\r\nFrom: ${this.local}\r\nTo: ${to}\r\nCall-ID: ${this.callId}\r\nCSeq: ${cseq} ${method}\r\nContact: ${this.contact}\r\n${headers}${content}Content-Length: ${body.length}\r\n\r\n${body}`;
  }

  private request(
    method: string,
    body: string,
    headers: string,
    { cancelled, to = this.remote }: { cancelled?: Outgoing; to?: string } = {},
  ): Outgoing {
    const cseq = cancelled?.cseq ?? ++this.cseq;
    const branch = cancelled?.branch ?? this.newBranch();
    const text = this.build(method, cseq, branch, body, headers, to);
    const port = cancelled?.port ?? this.remotePort;
    const client: Outgoing = {
      method,
      cseq,
      branch,
      text,
      port,
      interval_ms: T1_MS,
      again: undefined,
      deadline: undefined,
      provisional: false,
      status: 0,
      ack: '',
    };
    this.outgoing.set(cancelled === undefined ? branch : `${branch} CANCEL`, client);
    this.put(text, port);
    this.arm(client);
    client.deadline = this.net.timers.set(TIMEOUT_MS, () => {
      this.stop(client);
      client.status = 408;
      this.atFault = true;
      if (method === 'INVITE') this.end();
    });
    return client;
  }

  private arm(client: Outgoing): void {
    client.again = this.net.timers.set(client.interval_ms, () => {
      this.put(client.text, client.port);
      client.interval_ms *= 2;
      if (client.method !== 'INVITE') client.interval_ms = Math.min(client.interval_ms, T2_MS);
      this.arm(client);
    });
  }

  private stop(client: Outgoing): void {
    this.net.timers.cancel(client.again);
    this.net.timers.cancel(client.deadline);
  }

  /** The final response to an INVITE again, until it is acknowledged. */
  private repeat(incoming: Incoming, interval_ms: number, until_ms: number): void {
    incoming.timer = this.net.timers.set(interval_ms, () => {
      if (this.net.timers.now_ms >= until_ms) {
        if (incoming.status >= 300 || this.state !== 'talking' || this.deaf) return;
        this.net.unacknowledged(this);
        return this.bye();
      }
      this.put(incoming.last, incoming.request.via.port);
      this.repeat(incoming, Math.min(interval_ms * 2, T2_MS), until_ms);
    });
  }

  private put(text: string, port: number): void {
    if (this.deaf) return;
    for (let i = 0; i < this.copies; i++) this.net.send(this, text, port);
  }

  // What it hears.

  receive(message: SipRequest | SipResponse): void {
    if (this.deaf) return;
    if (message.kind === 'response') this.response(message as SipResponse);
    else this.asked(message as SipRequest);
  }

  private response(response: SipResponse): void {
    const key = response.via.branch;
    const client = this.outgoing.get(response.method === 'CANCEL' ? `${key} CANCEL` : key);
    if (client === undefined) return;
    const { status } = response;
    const isInvite = client.method === 'INVITE';
    if (client.status !== 0) {
      if (isInvite && status >= 200 && client.ack !== '' && (status >= 300 || this.acknowledges))
        this.put(client.ack, status < 300 ? this.remotePort : client.port);
      return;
    }
    if (status < 200) {
      client.provisional = true;
      if (!isInvite) return;
      this.stop(client);
      if (client === this.invite && this.state === 'calling') {
        if (this.hungUp) this.cancel();
        else this.manners.progress(response);
      }
      return;
    }
    this.stop(client);
    client.status = status;
    if (!isInvite) return this.manners.told(client.method, client.cseq, status);
    const first = this.state === 'calling';
    if (status >= 300) {
      const to = response.header('to') ?? '';
      client.ack = `ACK ${client.text.slice(7, client.text.indexOf('\r\n'))}\r\nVia: SIP/2.0/UDP ${this.host}:5060;branch=${client.branch};rport\r\nMax-Forwards: 70\r\nFrom: ${this.local}\r\nTo: ${to}\r\nCall-ID: ${this.callId}\r\nCSeq: ${client.cseq} ACK\r\nContent-Length: 0\r\n\r\n`;
      this.put(client.ack, client.port);
      this.atFault ||= !first && (status === 408 || status === 481);
      if (first || status === 408 || status === 481) return this.end();
      return;
    }
    if (this.state === 'over') {
      this.acknowledge(response, '');
      return;
    }
    this.state = 'talking';
    this.manners.answered(response, first);
    if (first && this.hungUp) this.bye();
  }

  private asked(request: SipRequest): void {
    const { method } = request;
    if (method === 'ACK') return this.acknowledged(request);
    const key = `${request.via.branch} ${method}`;
    const known = this.incoming.get(key);
    if (known !== undefined) {
      if (known.last !== '') this.put(known.last, request.via.port);
      return;
    }
    const incoming: Incoming = {
      request,
      came_ms: this.net.timers.now_ms,
      status: 0,
      last: '',
      acknowledged: false,
      timer: undefined,
    };
    this.incoming.set(key, incoming);
    switch (method) {
      case 'INVITE':
        return this.inviteCame(incoming);
      case 'CANCEL':
        return this.cancelCame(incoming);
      case 'BYE':
        this.wasHungUp ||= this.state !== 'over';
        this.answer(incoming, this.state === 'over' ? 481 : 200);
        return this.end();
      default:
        if (!this.manners.asked(incoming)) this.answer(incoming, this.state === 'over' ? 481 : 200);
        return;
    }
  }

  private inviteCame(incoming: Incoming): void {
    if (this.state === 'over') return this.answer(incoming, 481);
    if (this.state === 'idle') {
      const { request } = incoming;
      this.state = 'invited';
      this.local = `${request.header('to') ?? ''};tag=${this.tag}`;
      this.remote = request.header('from') ?? '';
      this.remoteTarget = request.contact?.uri ?? '';
      return this.manners.invited(incoming);
    }
    this.incoming.delete(`${incoming.request.via.branch} INVITE`);
    const { busy } = this;
    this.incoming.set(`${incoming.request.via.branch} INVITE`, incoming);
    if (busy) return this.answer(incoming, 491);
    this.manners.reinvited(incoming);
  }

  private cancelCame(incoming: Incoming): void {
    const invite = this.incoming.get(`${incoming.request.via.branch} INVITE`);
    this.answer(incoming, invite === undefined ? 481 : 200);
    if (invite === undefined || invite.status >= 200) return;
    this.answer(invite, 487);
    if (this.state === 'invited') this.end();
  }

  private acknowledged(request: SipRequest): void {
    for (const incoming of this.incoming.values()) {
      if (incoming.request.method !== 'INVITE' || incoming.request.cseq !== request.cseq) continue;
      incoming.acknowledged = true;
      this.net.timers.cancel(incoming.timer);
    }
  }
}

/** An INVITE without its final response, or with a 2xx that is not acknowledged. */
function isOpenInvite({ request, status, acknowledged }: Incoming): boolean {
  return request.method === 'INVITE' && (status < 200 || (status < 300 && !acknowledged));
}

function description(host: string, chat: boolean): string {
  const stream = chat
    ? `m=message 2855 TCP/MSRP *\r\na=accept-types:text/plain\r\na=path:msrp://${host}:2855/s;tcp\r\n`
    : 'm=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n';
  return `v=0\r\no=- 1 1 IN IP4 ${host}\r\ns=-\r\nc=IN IP4 ${host}\r\nt=0 0\r\n${stream}`;
}

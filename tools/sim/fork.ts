/**
 * A proxy that rings several phones at once (RFC 3261 16): provisional responses of each reach the engine, every 2xx
 * too, and of the refusals the last one; or, where the proxy is hasty, the first.
 */
import { buildRequest, buildResponse } from '../../core/sip/build.js';
import type { SipRequest, SipResponse } from '../../core/sip/message.js';
import { parseMessage } from '../../core/sip/parser.js';
import type { TimerWheel } from '../../core/timers.js';
import type { Dice } from './dice.js';
import type { Phone, PhoneNet } from './phone.js';

/** So long after the first 2xx the other phones may still answer. */
const LATEST_CANCEL_MS = 800;
/** Per cent of proxies that pass on the first refusal while other phones still ring. */
const HASTY = 8;

export class Fork implements PhoneNet {
  readonly timers: TimerWheel;
  private readonly phones: Phone[];
  private readonly gone = new Set<Phone>();
  private readonly refused = new Set<Phone>();
  private answered = false;
  /** Whose refusal went to the engine. */
  private refuser: Phone | undefined;
  private readonly hasty: boolean;

  /** @param make makes a phone that talks to the engine through the proxy */
  constructor(
    private readonly net: PhoneNet,
    private readonly invite: SipRequest,
    private readonly dice: Dice,
    make: (net: PhoneNet, index: number) => Phone,
  ) {
    this.timers = net.timers;
    this.hasty = dice.chance(HASTY);
    this.phones = Array.from({ length: dice.between(2, 3) }, (_, index) => make(this, index));
  }

  get name(): string {
    return `proxy ${this.phones[0]?.user}`;
  }

  get callId(): string {
    return this.invite.callId;
  }

  /** From the engine: each phone gets what is meant for its dialog, and all of them what comes before there is one. */
  receive(message: SipRequest | SipResponse): void {
    const tag = message.kind === 'request' ? message.toTag : message.fromTag;
    if (tag !== '') {
      this.phones.find((phone) => phone.tag === tag)?.receive(message);
      return;
    }
    if (message.kind === 'request' && message.method === 'CANCEL') {
      const phone = this.phones[0] as Phone;
      const source = { host: '192.0.2.1', port: message.via.port };
      this.net.send(phone, buildResponse(message, source, 200, { toTag: phone.tag }), message.via.port);
    }
    for (const phone of this.phones) phone.receive(message);
  }

  // What the phones send.

  send(phone: Phone, text: string, port: number): void {
    const message = text.startsWith('SIP/2.0 ') ? parseMessage(text) : undefined;
    const ours = message?.kind === 'response' && message.via.branch === this.invite.via.branch;
    if (!ours) return this.net.send(phone, text, port);
    const { method, status } = message;
    // The proxy answers CANCEL itself, and 100 goes no further.
    if (method === 'CANCEL' || status === 100) return;
    if (status >= 300) return this.refusal(phone, text, port);
    this.net.send(phone, text, port);
    if (status < 200 || this.answered) return;
    this.answered = true;
    this.timers.set(this.dice.between(1, LATEST_CANCEL_MS), () => {
      for (const other of this.phones) if (other !== phone) other.receive(this.toPhone('CANCEL', other));
    });
  }

  private refusal(phone: Phone, text: string, port: number): void {
    this.refused.add(phone);
    const last = !this.answered && (this.hasty || this.refused.size === this.phones.length);
    if (last) this.refuser ??= phone;
    if (this.refuser === phone) this.net.send(phone, text, port);
    else phone.receive(this.toPhone('ACK', phone));
  }

  /** A request of the proxy's own about the INVITE. */
  private toPhone(method: 'ACK' | 'CANCEL', phone: Phone): SipRequest {
    const { callId, cseq, uri } = this.invite;
    const to = this.invite.header('to') ?? '';
    return parseMessage(
      buildRequest({
        method,
        uri,
        via: this.invite.header('via') ?? '',
        from: this.invite.header('from') ?? '',
        to: method === 'ACK' ? `${to};tag=${phone.tag}` : to,
        callId,
        cseq,
      }),
    ) as SipRequest;
  }

  token(): string {
    return this.net.token();
  }

  unacknowledged(phone: Phone): void {
    // Answered after the proxy had passed on a refusal: the engine's INVITE was over then.
    if (this.refuser === undefined) this.net.unacknowledged(phone);
  }

  forget(phone: Phone): void {
    this.gone.add(phone);
    if (this.gone.size === this.phones.length) this.net.forget(this);
  }
}

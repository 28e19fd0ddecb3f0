/**
 * Everybody outside the engine: a phone for each Call-ID, those that call and those that are called, and what they may do
 * to one another.
 */
import { flatten } from '../../core/sip/bytes.js';
import type { SipRequest, SipResponse } from '../../core/sip/message.js';
import { parseUri } from '../../core/sip/uri.js';
import { agentsAddress, FLOWS, PROXIES } from './centre.js';
import type { Dice } from './dice.js';
import { Fork } from './fork.js';
import { Agent, Caller, Joiner, MediaServer, Outsider, type Surroundings } from './people.js';
import { Phone, type PhoneNet } from './phone.js';
import { must } from './violation.js';
import { ENGINE, PUBLIC_PORT } from './worker.js';

/** Somebody at the other end of a Call-ID. */
export interface Endpoint {
  readonly name: string;
  readonly callId: string;
  receive(message: SipRequest | SipResponse): void;
}

/** Where callers may be sent, and where not. */
export const OUTSIDE = '10.5.';
const FORBIDDEN = '10.6.0.1';
export const UNKNOWN = 'nobody.example';
/** Where those call from who take somebody's place, or ask first. */
const ASIDE = '10.7.';

export class Neighbours implements Surroundings {
  private readonly endpoints = new Map<string, Endpoint>();
  /** Call-ID of the phone that made each of the engine's calls. */
  private readonly callers = new Map<string, string>();
  private joiners = 0;

  constructor(
    private readonly net: PhoneNet,
    private readonly people: Dice,
    /** How many agents there are. */
    private readonly agents: number,
    /** Whether more callers are to come. */
    private readonly goesOn: () => boolean,
    readonly damaged: boolean,
  ) {}

  find(callId: string): Endpoint | undefined {
    return this.endpoints.get(callId);
  }

  forget(callId: string): void {
    this.endpoints.delete(callId);
  }

  /** The engine made a call of that Call-ID's INVITE. */
  called(call: string, callId: string): void {
    this.callers.set(call, flatten(callId));
  }

  /** Call-ID of the INVITE that made the call. */
  callIdOf(call: string): string | undefined {
    return this.callers.get(call);
  }

  /** The phone that made the call, or the one whose call was sent on to make it; undefined when it is gone. */
  callerOf(call: string): Phone | undefined {
    for (let id = call; ; ) {
      const callId = this.callers.get(id) ?? '';
      const endpoint = this.endpoints.get(callId);
      if (endpoint !== undefined) return endpoint instanceof Phone ? endpoint : undefined;
      const before = callId.split('.', 1)[0] ?? '';
      if (!this.callers.has(before)) return undefined;
      id = before;
    }
  }

  /** A bridge has ended: nobody but its two ends may have ended it. */
  bridgeEnded(call: string): void {
    if (this.damaged) return;
    // Who has handed the caller on may not have heard of it yet.
    const ends = [...this.endpoints.values()].filter(
      (end) => end.callId === this.callers.get(call) || end.callId.startsWith(`${call}.t`),
    );
    const whole = ends.filter(
      (end) => end instanceof Phone && end.state === 'talking' && !end.isToBlame && !end.isSlow,
    );
    must(whole.length < 2, `a bridge ends by one of its ends (${call})`);
  }

  /** A phone for an INVITE that starts a leg, or for a request in a dialog long forgotten: it answers 481. */
  ring(request: SipRequest, host: string): Endpoint | undefined {
    if (request.method === 'ACK') return undefined;
    const starts = request.method === 'INVITE' && request.toTag === '';
    const phone = (net: PhoneNet, at: string): Phone => {
      const user = parseUri(request.uri)?.user ?? '';
      const made = (role: Phone['role']): Phone =>
        new Phone(net, role, user, at, request.callId, '', request.body.includes('MSRP'));
      if (host.startsWith(OUTSIDE)) {
        const outsider = made('target');
        outsider.manners = new Outsider(outsider, this.people);
        return outsider;
      }
      if (host.startsWith('10.2.') || host.startsWith(PROXIES)) {
        const agent = made('agent');
        agent.manners = new Agent(agent, this.people, this);
        return agent;
      }
      const server = made('media');
      server.manners = new MediaServer(server, this.people);
      return server;
    };
    const forks = starts && host.startsWith(PROXIES);
    const endpoint = forks
      ? new Fork(this.net, request, this.people, (net, index) =>
          phone(net, `10.2.${index + 1}.${host.slice(host.lastIndexOf('.') + 1)}`),
        )
      : phone(this.net, host);
    this.endpoints.set(request.callId, endpoint);
    if (!starts && endpoint instanceof Phone) endpoint.end();
    return endpoint;
  }

  /** The next caller. @param number how many there have been, this one included */
  callArrives(number: number): void {
    const { people } = this;
    const flow = people.chance(1) ? 'nowhere' : people.pick(FLOWS);
    const host = `10.1.${number & 255}.${1 + ((number >> 8) & 127)}`;
    const chat = flow === 'chat' || people.chance(3);
    const uri = `sip:${flow}@${ENGINE}`;
    const phone = new Phone(this.net, 'caller', `u${number}`, host, `${number}@${host}`, uri, chat);
    this.endpoints.set(phone.callId, phone);
    phone.manners = new Caller(phone, people, this);
  }

  // What people may do to one another.

  target(dice: Dice): string {
    const roll = dice.between(1, 100);
    if (roll <= 40) return `<sip:${dice.pick(FLOWS)}@${ENGINE}>`;
    if (roll <= 45) return `<sip:nowhere@${ENGINE}:${PUBLIC_PORT}>`;
    if (roll <= 75) return `<sip:o${dice.between(1, 9)}@${OUTSIDE}0.1>`;
    if (roll <= 88)
      return `<sip:a${dice.between(1, this.agents)}@${agentsAddress(dice.between(1, this.agents))}>`;
    if (roll <= 92) return `<sip:x@${FORBIDDEN}>`;
    if (roll <= 95) return `<sip:x@${UNKNOWN}>`;
    // A dialog of somebody else's: whoever gets it may know it.
    if (roll <= 97) return `<sip:o1@${OUTSIDE}0.1?Replaces=7%40there%3Bto-tag%3D1%3Bfrom-tag%3D2>`;
    return dice.pick(['', '<tel:123>', 'nonsense', `<sip:o1@${OUTSIDE}0.1;method=BYE>`]);
  }

  flowInsteadOf(replaces: string, dice: Dice): string {
    return `<sip:${dice.pick(FLOWS)}@${ENGINE}?Replaces=${encodeURIComponent(replaces)}>`;
  }

  consult(asking: Phone): Phone {
    return this.joiner(asking, this.people.pick(FLOWS), '');
  }

  replaced(phone: Phone): void {
    const { replaces } = phone;
    if (phone.leaving || replaces === '' || !this.goesOn()) return;
    this.joiner(phone, 'whoever', replaces);
  }

  /** Another phone of the same person's calls the engine. */
  private joiner({ chat, user }: Phone, to: string, replaces: string): Phone {
    const number = ++this.joiners;
    const host = `${ASIDE}${number & 255}.${1 + ((number >> 8) & 127)}`;
    const phone = new Phone(
      this.net,
      'joiner',
      user,
      host,
      `j${number}@${host}`,
      `sip:${to}@${ENGINE}`,
      chat,
    );
    this.endpoints.set(phone.callId, phone);
    phone.manners = new Joiner(phone, this.people, replaces);
    return phone;
  }
}

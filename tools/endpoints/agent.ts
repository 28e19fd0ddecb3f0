/** A simulated agent: takes the calls to one user part of an endpoint as its temper says. */
import type { Call } from './call.js';
import type { Endpoint } from './endpoint.js';
import { Inbox } from './inbox.js';
import { playTo, type RtpSender } from './rtp.js';

export interface AgentTemper {
  /** From the INVITE to the 200; never when left out: a test answers then. */
  answer_after_ms?: number;
  /** Whether it sends a 180; true unless told. */
  ring?: boolean;
  /** Refuses with this status, after `answer_after_ms` if that is given. */
  reject?: number;
  /** 488 to an INVITE without SDP. */
  refuse_late?: boolean;
  /** Not a word, whatever comes. */
  silent?: boolean;
  /** From the ACK of its 200 to its BYE; never when left out. */
  hangup_after_ms?: number;
}

/** The same for every call, or by the number of the call at this agent, from 0. */
export type Tempers = AgentTemper | ((nth: number) => AgentTemper);

export class Agent {
  readonly inbox = new Inbox();

  /**
   * @param endpoint where it lives; several agents may share one
   * @param name its user part, and s= of its SDP
   * @param temper may be changed at any time, for the calls that come after
   * @param tone what whoever it talks to hears; nothing when left out
   */
  constructor(
    readonly endpoint: Endpoint,
    readonly name: string,
    public temper: Tempers = {},
    private readonly tone?: { sender: RtpSender; hertz: number },
  ) {
    endpoint.serve(name, (call) => this.take(call));
  }

  /** Its address, as cc_agents.location has it. */
  get uri(): string {
    return this.endpoint.uri(this.name);
  }

  /** The next call delivered here that nobody has taken yet. */
  nextCall(): Promise<Call> {
    return this.inbox.next();
  }

  private take(call: Call): void {
    const temper = typeof this.temper === 'function' ? this.temper(this.inbox.count) : this.temper;
    this.inbox.push(call);
    if (temper.silent) return;
    if (temper.refuse_late && call.invitation?.body === '') {
      call.reject(488);
      return;
    }
    if (this.tone) playTo(call, this.tone.sender, this.tone.hertz);
    if (temper.ring ?? true) call.ring();
    const { reject, answer_after_ms } = temper;
    if (reject !== undefined) later(call, answer_after_ms ?? 0, () => call.reject(reject));
    else if (answer_after_ms !== undefined) {
      later(call, answer_after_ms, () => {
        call.accept();
        hangupAfter(call, temper.hangup_after_ms);
      });
    }
  }
}

/** Does something with a call after a while, unless it has ended by then; at once after 0 ms. */
export function later(call: Call, after_ms: number, act: () => void): void {
  if (after_ms <= 0) {
    act();
    return;
  }
  const timer = setTimeout(act, after_ms);
  void call.ended.then(() => clearTimeout(timer));
}

/** Hangs up so long after the call was answered; never when told nothing. */
export function hangupAfter(call: Call, after_ms: number | undefined): void {
  if (after_ms === undefined) return;
  void call.answered.then((answered) => {
    if (answered) later(call, after_ms, () => void call.hangup());
  });
}

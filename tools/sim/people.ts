/** How callers, agents and media servers behave: tempers drawn by the dice when their phone is made. */
import type { SipResponse } from '../../core/sip/message.js';
import type { Dice } from './dice.js';
import type { Incoming, Manners, Phone } from './phone.js';
import { Referrer } from './referrer.js';

/** Every class of refusal, those that are the agent's own and those that the call is to blame for. */
const REFUSALS = [
  300, 302, 380, 400, 401, 403, 404, 407, 408, 410, 415, 420, 480, 484, 486, 486, 487, 488, 491, 500, 501,
  503, 504, 600, 603, 604, 606,
];
const MEDIA_REFUSALS = [404, 480, 486, 488, 500, 503, 603];
/** Nobody talks longer, so that a simulation ends. */
const LONGEST_TALK_MS = 120_000;
/** What a caller answers who is asked to call somebody else himself, besides 202. */
const REFER_REFUSALS = [403, 405, 481, 501, 603];

/** What people find around them. */
export interface Surroundings {
  /** The engine gets damaged copies of what is said: what it then says may be the answer to those. */
  readonly damaged: boolean;
  /** Where agents send their callers: values of Refer-To. */
  target(dice: Dice): string;
  /** The same with a Replaces, which is a header of the URI (RFC 3891 4). */
  flowInsteadOf(replaces: string, dice: Dice): string;
  /** The same person calls one of the engine's flows, to ask somebody there. */
  consult(asking: Phone): Phone;
  /** Another phone of the same person's calls to take its place. */
  replaced(phone: Phone): void;
}

abstract class Person implements Manners {
  constructor(
    protected readonly phone: Phone,
    protected readonly dice: Dice,
  ) {
    phone.manners = this;
    phone.session_s = dice.pick([90, 120, 300]);
    phone.takesUpdate = dice.chance(60);
    if (dice.chance(3)) phone.copies = 2;
  }

  invited(invite: Incoming): void {
    this.phone.answer(invite, 481);
  }

  reinvited(invite: Incoming): void {
    const { phone, dice } = this;
    if (dice.chance(2)) {
      // Both at once.
      phone.call(phone.sdp);
      return phone.answer(invite, 491);
    }
    const status = dice.chance(94) ? 200 : dice.pick([488, 491, 500, 481, 408]);
    const answer = (): void => phone.answer(invite, status, status === 200 ? phone.sdp : '');
    if (dice.chance(70)) answer();
    else phone.after(dice.between(1, dice.chance(3) ? 10_000 : 400), answer);
  }

  answered(response: SipResponse, _first: boolean): void {
    this.phone.acknowledge(response, this.ackBody(response));
  }

  protected ackBody(_response: SipResponse): string {
    return '';
  }

  progress(_response: SipResponse): void {}

  asked(_incoming: Incoming): boolean {
    return false;
  }

  told(_method: string, _cseq: number, _status: number): void {}

  over(): void {}

  gone(): void {}
}

/** On hold, or back. */
function turnHold(phone: Phone): void {
  const held = phone.sdp.includes('a=sendonly');
  phone.sdp = held ? phone.sdp.replace('a=sendonly\r\n', '') : `${phone.sdp}a=sendonly\r\n`;
}

/** Does something inside the dialog, now and again, until the call ends. */
function restless(phone: Phone, dice: Dice, first_ms = dice.between(500, 15_000)): void {
  phone.after(first_ms, () => {
    if (phone.state !== 'talking' || phone.leaving) return;
    if (!phone.busy) fidget(phone, dice);
    restless(phone, dice);
  });
}

function fidget(phone: Phone, dice: Dice): void {
  switch (dice.between(1, 8)) {
    case 1:
      phone.say('INFO', '');
      return;
    case 2:
      phone.say('UPDATE', '');
      return;
    case 3:
      turnHold(phone);
      phone.say('UPDATE', phone.sdp);
      return;
    case 4:
      phone.call(phone.sdp);
      return phone.after(dice.between(50, 400), () => phone.takeBack());
    default:
      turnHold(phone);
      phone.call(phone.sdp);
  }
}

export class Caller extends Person {
  private readonly offersLate: boolean;
  private early = false;

  constructor(
    phone: Phone,
    dice: Dice,
    private readonly around: Surroundings,
  ) {
    super(phone, dice);
    phone.takesRefer = dice.chance(70);
    // Without an offer it is audio that is asked for.
    this.offersLate = !phone.chat && dice.chance(8);
    phone.acknowledges = !dice.chance(2);
    const roll = dice.between(1, 100);
    let patience_ms = dice.between(20_000, 240_000);
    if (roll <= 15) patience_ms = dice.between(0, 3_000);
    else if (roll <= 45) patience_ms = dice.between(1_000, 40_000);
    phone.call(
      this.offersLate ? '' : dice.chance(1) ? phone.sdp.slice(0, phone.sdp.indexOf('m=')) : phone.sdp,
    );
    // Some never hang up: the agent has to.
    if (roll < 100) phone.after(patience_ms, () => phone.hangUp());
    if (dice.chance(4)) {
      phone.after(dice.between(10, 60_000), () => {
        // Gone without BYE: the engine has to find out.
        phone.end();
        phone.deaf = true;
      });
    }
  }

  override progress(response: SipResponse): void {
    if (this.early || response.toTag === '' || !this.dice.chance(3)) return;
    this.early = true;
    this.phone.say('UPDATE', this.dice.chance(50) ? this.phone.sdp : '', { early: response });
  }

  /** He is asked to call somebody else himself: he does, or not, or says nothing of it. */
  override asked(incoming: Incoming): boolean {
    const { phone, dice } = this;
    const { request } = incoming;
    if (request.method !== 'REFER' || phone.state === 'over') return false;
    if (dice.chance(20)) {
      phone.answer(incoming, dice.pick(REFER_REFUSALS));
      return true;
    }
    phone.answer(incoming, 202);
    if (dice.chance(10)) return true;
    const notify = (status: number): void => {
      const state = status < 200 ? 'active;expires=60' : 'terminated;reason=noresource';
      const headers = `Event: refer;id=${request.cseq}\r\nSubscription-State: ${state}\r\n`;
      phone.say('NOTIFY', `SIP/2.0 ${status} Whatever\r\n`, { headers });
    };
    if (dice.chance(80)) notify(100);
    phone.after(dice.between(1, 8_000), () => {
      if (phone.leaving) return;
      const gone = dice.chance(70);
      if (dice.chance(90)) notify(gone ? 200 : dice.pick(REFUSALS));
      if (gone && dice.chance(60)) phone.hangUp();
    });
    return true;
  }

  override answered(response: SipResponse, first: boolean): void {
    super.answered(response, first);
    if (first && this.dice.chance(2)) {
      const { dice, phone } = this;
      phone.after(dice.between(1, 20_000), () => this.around.replaced(phone));
    }
    if (!first || !this.dice.chance(20)) return;
    // Some at once, before anything has settled.
    restless(this.phone, this.dice, this.dice.chance(30) ? this.dice.between(1, 50) : undefined);
  }

  protected override ackBody(response: SipResponse): string {
    return this.offersLate && response.cseq === 1 ? this.phone.sdp : '';
  }
}

export class Agent extends Person {
  private readonly referrer: Referrer;

  constructor(
    phone: Phone,
    dice: Dice,
    private readonly around: Surroundings,
  ) {
    super(phone, dice);
    this.referrer = new Referrer(phone);
  }

  override invited(invite: Incoming): void {
    const { phone, dice } = this;
    const roll = dice.between(1, 100);
    if (roll <= 3) {
      phone.end();
      phone.deaf = true;
      return;
    }
    if (dice.chance(50)) phone.answer(invite, 100);
    if (dice.chance(90)) phone.answer(invite, 180);
    if (roll <= 6) return;
    if (roll <= 18) {
      phone.after(dice.between(0, 6_000), () => {
        if (invite.status >= 200) return;
        phone.answer(invite, dice.pick(REFUSALS));
        phone.end();
      });
      return;
    }
    phone.after(dice.between(0, 8_000), () => {
      if (invite.status >= 200) return;
      phone.answer(invite, 200, dice.chance(1) ? '' : phone.sdp);
      this.talk(roll);
    });
  }

  private talk(roll: number): void {
    const { phone, dice } = this;
    if (roll <= 23) {
      phone.after(dice.chance(30) ? 0 : dice.between(0, 1_200), () => phone.hangUp());
      return;
    }
    if (roll <= 26) {
      phone.after(dice.between(0, 20_000), () => {
        phone.end();
        phone.deaf = true;
      });
      return;
    }
    // Most often the caller hangs up first; some agents notice that late.
    phone.after(dice.chance(80) ? dice.between(2_000, 30_000) : LONGEST_TALK_MS, () => phone.hangUp());
    if (dice.chance(10)) restless(phone, dice);
    if (dice.chance(15)) this.transfers();
    else if (dice.chance(2)) phone.after(dice.between(1, 20_000), () => this.around.replaced(phone));
  }

  /** Sooner or later, once or more often, with asking the target before or without. */
  private transfers(): void {
    const { around, dice, phone } = this;
    const when_ms = dice.chance(20) ? dice.between(0, 50) : dice.between(50, 10_000);
    if (dice.chance(25)) {
      phone.after(when_ms, () => this.attended());
      return;
    }
    phone.after(when_ms, () => {
      if (phone.leaving) return;
      this.referrer.refer(around.target(dice));
      // He does not wait for how that goes: another one, his own BYE, something else at once.
      const roll = dice.between(1, 100);
      if (roll <= 8) this.referrer.refer(around.target(dice));
      else if (roll <= 16) phone.after(dice.between(0, 1_000), () => phone.hangUp());
      else if (roll <= 24 && !phone.busy) fidget(phone, dice);
      if (dice.chance(30)) this.transfers();
    });
  }

  /** He asks somebody in a flow first, and then has the caller take his own place there. */
  private attended(): void {
    const { around, dice, phone } = this;
    if (phone.leaving) return;
    const asking = around.consult(phone);
    phone.after(dice.between(10, 8_000), () => {
      if (phone.leaving) return;
      // He may not have been answered yet, or is there no more.
      const { replaces } = asking;
      this.referrer.refer(replaces === '' ? around.target(dice) : around.flowInsteadOf(replaces, dice));
    });
  }

  override asked({ request }: Incoming): boolean {
    if (request.method === 'NOTIFY' && !this.around.damaged) this.referrer.notified(request);
    return false;
  }

  override told(method: string, cseq: number, status: number): void {
    if (method === 'REFER') this.referrer.answered(cseq, status);
  }

  override gone(): void {
    if (!this.around.damaged) this.referrer.over(this.phone.wasHungUp && !this.phone.isToBlame);
  }
}

/** Who calls a flow only to speak with whoever is there, or has taken the place of another phone. */
export class Joiner extends Person {
  constructor(phone: Phone, dice: Dice, replaces: string) {
    super(phone, dice);
    const headers = replaces === '' ? '' : `Require: replaces\r\nReplaces: ${replaces}\r\n`;
    phone.call(phone.sdp, headers);
    phone.after(dice.between(5_000, LONGEST_TALK_MS), () => phone.hangUp());
    if (dice.chance(10)) restless(phone, dice, dice.between(1, 5_000));
  }
}

/** Where callers are sent: somebody who has nothing to do with the engine otherwise. */
export class Outsider extends Person {
  override invited(invite: Incoming): void {
    const { phone, dice } = this;
    const roll = dice.between(1, 100);
    if (roll <= 5) {
      phone.end();
      phone.deaf = true;
      return;
    }
    if (dice.chance(70)) phone.answer(invite, 180);
    // Rings for ever.
    if (roll <= 10) return;
    phone.after(dice.between(0, 6_000), () => {
      if (invite.status >= 200) return;
      if (roll <= 30) {
        phone.answer(invite, dice.pick(REFUSALS));
        return phone.end();
      }
      phone.answer(invite, 200, dice.chance(2) ? '' : phone.sdp);
      if (dice.chance(20)) restless(phone, dice);
      phone.after(dice.chance(10) ? 0 : dice.between(500, LONGEST_TALK_MS), () => phone.hangUp());
    });
  }
}

export class MediaServer extends Person {
  override invited(invite: Incoming): void {
    const { phone, dice } = this;
    const roll = dice.between(1, 100);
    if (roll <= 2) {
      phone.end();
      phone.deaf = true;
      return;
    }
    if (roll <= 8) {
      phone.answer(invite, dice.pick(MEDIA_REFUSALS));
      return phone.end();
    }
    if (dice.chance(10)) phone.answer(invite, 183, dice.chance(50) ? phone.sdp : '');
    phone.after(roll <= 12 ? dice.between(1_000, 12_000) : dice.between(0, 60), () => {
      if (invite.status >= 200) return;
      phone.answer(invite, 200, phone.sdp);
      phone.after(this.plays_ms(), () => phone.hangUp());
    });
  }

  private plays_ms(): number {
    const { phone, dice } = this;
    if (dice.chance(4)) return dice.between(0, 300);
    return phone.user === 'queue' ? dice.between(10_000, LONGEST_TALK_MS) : dice.between(800, 5_000);
  }
}

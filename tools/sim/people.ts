/** How callers, agents and media servers behave: tempers drawn by the dice when their phone is made. */
import type { SipResponse } from '../../core/sip/message.js';
import type { Dice } from './dice.js';
import type { Incoming, Manners, Phone } from './phone.js';

/** Every class of refusal, those that are the agent's own and those that the call is to blame for. */
const REFUSALS = [
  300, 302, 380, 400, 401, 403, 404, 407, 408, 410, 415, 420, 480, 484, 486, 486, 487, 488, 491, 500, 501,
  503, 504, 600, 603, 604, 606,
];
const MEDIA_REFUSALS = [404, 480, 486, 488, 500, 503, 603];
/** Nobody talks longer, so that a simulation ends. */
const LONGEST_TALK_MS = 120_000;

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

  over(): void {}
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
      return phone.say('INFO', '');
    case 2:
      return phone.say('UPDATE', '');
    case 3:
      turnHold(phone);
      return phone.say('UPDATE', phone.sdp);
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

  constructor(phone: Phone, dice: Dice) {
    super(phone, dice);
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
    this.phone.say('UPDATE', this.dice.chance(50) ? this.phone.sdp : '', response);
  }

  override answered(response: SipResponse, first: boolean): void {
    super.answered(response, first);
    if (!first || !this.dice.chance(20)) return;
    // Some at once, before anything has settled.
    restless(this.phone, this.dice, this.dice.chance(30) ? this.dice.between(1, 50) : undefined);
  }

  protected override ackBody(response: SipResponse): string {
    return this.offersLate && response.cseq === 1 ? this.phone.sdp : '';
  }
}

export class Agent extends Person {
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
    // Here is the place for agents who transfer: a REFER as one more thing to do in mid-call.
    if (dice.chance(10)) restless(phone, dice);
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

/**
 * Calls in which anything may happen at any time: whatever peers send and the dispatcher decides, no invariant
 * breaks, everything sent can be read, and nothing is left when the calls are over.
 */
import t from 'tap';
import { SipRequest, type SipResponse } from '../../core/sip/message.js';
import { type Peer, sdp, World } from '../support/virtual-world.js';

const WORLDS = 200;
const STEPS = 250;
const STATUSES = [
  100, 180, 183, 199, 200, 200, 200, 202, 302, 400, 404, 408, 415, 481, 486, 488, 491, 500, 503, 603,
];
const METHODS = [
  'INVITE',
  'INVITE',
  'BYE',
  'UPDATE',
  'INFO',
  'MESSAGE',
  'OPTIONS',
  'ACK',
  'REFER',
  'REFER',
  'FOO',
];
const PAUSES_MS = [1, 1, 1, 10, 10, 10, 60, 60, 600, 600, 600, 2_100, 9_000, 33_000];
const REMEMBERED = 24;

/** Numbers that look random and are the same in every run (xorshift32). */
class Dice {
  constructor(private state: number) {}

  /** 0 <= n < `sides` */
  roll(sides: number): number {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return (this.state >>> 0) % sides;
  }

  chance(percent: number): boolean {
    return this.roll(100) < percent;
  }

  pick<T>(from: readonly T[]): T | undefined {
    return from[this.roll(from.length || 1)];
  }
}

/** One engine, its peers, and what each of them remembers. */
class Chaos {
  readonly world: World;
  readonly seen = new Map<string, number>();
  private readonly callers: Peer[];
  private readonly servers: Peer[];
  private readonly remembered = new Map<Peer, (SipRequest | SipResponse)[]>();
  private readonly sent: { peer: Peer; callId: string; from: string; branch: string; cseq: number }[] = [];
  /** What nobody has reacted to yet. */
  private readonly news: { peer: Peer; message: SipRequest | SipResponse }[] = [];
  private calls = 0;
  private arrived = 0;
  private legs = 0;

  constructor(private readonly dice: Dice) {
    this.world = new World({ offer: dice.chance(50) ? 'late' : 'early' });
    if (dice.chance(30)) this.world.slowLookups(40);
    this.callers = [1, 2].map((n) => this.world.peer(`10.0.0.${n}`));
    this.servers = [3, 4, 5].map((n) => this.world.peer(`10.0.0.${n}`));
    for (const peer of [...this.callers, ...this.servers]) this.remembered.set(peer, []);
  }

  step(): void {
    const { dice, world } = this;
    this.read();
    const die = dice.roll(100);
    if (this.calls === 0 || die < 2) this.call();
    else if (die < 14) this.decide();
    else if (die < 70) this.behave();
    else if (die < 82) this.answerAnything();
    else if (die < 94) this.sendAnything();
    else if (die < 96) this.cancelAnything();
    else world.advance(dice.pick(PAUSES_MS) ?? 1);
    if (dice.chance(20)) world.advance(dice.roll(30));
    for (const report of world.reports.splice(0)) {
      this.count(report.kind);
      if (report.kind === 'arrived') this.arrived++;
      else if (report.kind === 'transfer_asked' && dice.chance(80)) {
        const { call, transfer } = report;
        world.decide({ kind: 'transfer', call, transfer, status: dice.chance(90) ? 202 : 403 });
      }
    }
  }

  /** Ends what is left, then nobody answers any more. */
  end(): void {
    for (let call = 1; call <= this.arrived; call++)
      this.world.decide({ kind: 'end', call: `call${call}`, status: 480, reason: '' });
    // Of those that were transferred nobody else has a say.
    this.world.b2bua.endAll('over');
    this.world.advance(120_000);
    for (const report of this.world.reports.splice(0)) this.count(report.kind);
  }

  private count(what: string): void {
    this.seen.set(what, (this.seen.get(what) ?? 0) + 1);
  }

  private read(): void {
    for (const [peer, messages] of this.remembered) {
      for (const message of peer.inbox.splice(0)) {
        messages.push(message);
        this.news.push({ peer, message });
        if (message instanceof SipRequest && this.callers.includes(peer))
          this.count(`${message.method} to a caller`);
      }
      if (messages.length > REMEMBERED) messages.splice(0, messages.length - REMEMBERED);
    }
  }

  private body(peer: Peer): string | undefined {
    const port = 4000 + 2 * this.dice.roll(50);
    switch (this.dice.roll(12)) {
      case 0:
        return undefined;
      case 1:
        return sdp(peer.host, 0);
      case 2:
        return 'v=0\r\ns=-\r\n';
      case 3:
        return 'm=\r\nm=audio\nnot an SDP';
      case 4:
        return sdp(peer.host, port, 'm=video 4100 RTP/AVP 96');
      default:
        return sdp(peer.host, port);
    }
  }

  private withBody(peer: Peer): { sdp?: string } {
    const body = this.body(peer);
    return body === undefined ? {} : { sdp: body };
  }

  private call(): void {
    const peer = this.dice.pick(this.callers);
    if (peer === undefined) return;
    const callId = `chaos-${++this.calls}@${peer.host}`;
    const from = `"Ann" <sip:ann@${peer.host}>;tag=c${this.calls}`;
    const cseq = 1 + this.dice.roll(9);
    const routes = this.dice.chance(10) ? Array.from({ length: 250 }, () => `<sip:${peer.host};lr>`) : [];
    const headers: [string, string][] = routes.length > 0 ? [['Record-Route', routes.join(',')]] : [];
    const branch = peer.send('INVITE', {
      uri: 'sip:support@192.0.2.1',
      callId,
      from,
      cseq,
      headers,
      ...this.withBody(peer),
    });
    this.sent.push({ peer, callId, from, branch, cseq });
  }

  private decide(): void {
    const { dice, world } = this;
    // Mostly about the youngest calls: the others are over.
    const call = `call${Math.max(1, this.arrived - dice.roll(3))}`;
    const die = dice.roll(20);
    if (die === 0) return world.decide({ kind: 'end', call, status: 480, reason: 'late' });
    if (die === 1) return world.decide({ kind: 'progress', call });
    if (die < 5) return world.decide({ kind: 'drop', call, leg: Math.max(1, this.legs - dice.roll(3)) });
    const host = dice.chance(4) ? 'nowhere.invalid' : dice.pick(this.servers)?.host;
    if (die < 9) {
      const leg = ++this.legs;
      const announcement = `sip:message@${dice.pick(this.servers)?.host}`;
      const uri = `sip:x@${host}`;
      const announcement_leg = ++this.legs;
      const kind = 'connect_announced';
      return world.decide({
        kind,
        call,
        leg,
        role: 'agent',
        uri,
        display: '',
        announcement,
        announcement_leg,
      });
    }
    const role = dice.chance(50) ? 'media' : 'agent';
    world.decide({ kind: 'connect', call, leg: ++this.legs, role, uri: `sip:x@${host}`, display: 'Sales' });
  }

  private anybody(): Peer {
    return this.dice.pick([...this.remembered.keys()]) as Peer;
  }

  /** What a sound peer would do about the oldest message, if he got it. */
  private behave(): void {
    const next = this.news.shift();
    if (next === undefined || this.dice.chance(5)) return;
    const { message, peer } = next;
    if (message instanceof SipRequest) {
      if (message.method === 'ACK') return;
      const invite = message.method === 'INVITE';
      if (invite && this.dice.chance(30)) {
        peer.reply(message, 180);
        this.news.push(next);
        return;
      }
      const answer = sdp(peer.host, 4000 + 2 * this.dice.roll(3));
      peer.reply(message, 200, invite || message.method === 'UPDATE' ? { sdp: answer } : {});
    } else if (message.status === 200 && message.method === 'INVITE') {
      peer.send('ACK', { dialog: message, ...(this.dice.chance(30) ? this.withBody(peer) : {}) });
    }
  }

  private answerAnything(): void {
    const { dice } = this;
    const peer = this.anybody();
    const requests = (this.remembered.get(peer) ?? []).filter((message) => message instanceof SipRequest);
    const request = dice.pick(requests);
    if (request === undefined || request.method === 'ACK') return;
    const tag = dice.chance(10) ? { tag: `fork${dice.roll(3)}` } : {};
    peer.reply(request, dice.pick(STATUSES) ?? 200, { ...this.withBody(peer), ...tag });
  }

  private sendAnything(): void {
    const { dice } = this;
    const peer = this.anybody();
    const dialog = dice.pick((this.remembered.get(peer) ?? []).slice(-8));
    const method = dice.pick(METHODS) ?? 'INFO';
    if (dialog === undefined) return;
    const contentType = dice.chance(5) ? { contentType: 'text/plain' } : {};
    const to = `<sip:x@${dice.chance(10) ? '192.0.2.1' : dice.pick(this.servers)?.host}>`;
    const headers: [string, string][] = method === 'REFER' ? [['Refer-To', to]] : [];
    peer.send(method, { dialog, headers, ...this.withBody(peer), ...contentType });
    this.count(method);
  }

  private cancelAnything(): void {
    const invite = this.dice.pick(this.sent);
    if (invite === undefined) return;
    const { branch, callId, cseq, from, peer } = invite;
    const method = this.dice.chance(70) ? 'CANCEL' : 'INVITE';
    peer.send(method, { uri: 'sip:support@192.0.2.1', callId, from, branch, cseq });
  }
}

t.test('whatever comes in whatever order, nothing breaks and nothing is left', async (t) => {
  const seen = new Map<string, number>();
  for (let seed = 1; seed <= WORLDS; seed++) {
    const chaos = new Chaos(new Dice(seed * 2_654_435_761));
    try {
      for (let step = 0; step < STEPS; step++) chaos.step();
      chaos.end();
    } catch (error) {
      t.comment(`seed ${seed}`);
      throw error;
    }
    for (const [what, times] of chaos.seen) seen.set(what, (seen.get(what) ?? 0) + times);
    const { b2bua, timers } = chaos.world;
    const left = [b2bua.size, b2bua.dialogs, b2bua.layer.size, timers.size];
    if (left.some((count) => count !== 0)) t.same(left, [0, 0, 0, 0], `seed ${seed}`);
  }
  for (const what of ['leg_connected', 'leg_failed', 'leg_ended', 'caller_gone', 'INVITE to a caller'])
    t.ok((seen.get(what) ?? 0) > WORLDS / 10, `${what} happens`);
  for (const what of ['NOTIFY to a caller', 'leg_announced', 'transferred', 'bridge_ended'])
    t.ok((seen.get(what) ?? 0) > 2, `${what} happens`);
});

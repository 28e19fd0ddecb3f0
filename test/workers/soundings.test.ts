import t from 'tap';
import { Soundings } from '../../workers/soundings.js';

const SOCKET = 1;
const SIP = Buffer.from('OPTIONS sip:x SIP/2.0\r\n\r\n');

/** Turns of an event loop, each with what was read in it. */
class Loop {
  now_ms = 0;
  readonly sent: Buffer[] = [];
  readonly waits: number[] = [];
  readonly soundings = new Soundings(
    (socket, sounding) => {
      t.equal(socket, SOCKET);
      this.sent.push(sounding);
    },
    (_socket, wait_ms) => this.waits.push(wait_ms),
  );

  /** @returns how many of the datagrams are the worker's business */
  turn(at_ms: number, datagrams: readonly Buffer[]): number {
    this.now_ms = at_ms;
    const read = datagrams.filter((datagram) => !this.soundings.received(SOCKET, datagram, () => at_ms));
    this.soundings.turned(at_ms);
    return read.length;
  }
}

t.test('a socket in use tells how long its datagrams wait', async (t) => {
  const loop = new Loop();
  t.equal(loop.turn(100, [SIP]), 1);
  t.equal(loop.sent.length, 1);
  t.equal(loop.turn(130, [...Array.from({ length: 31 }, () => SIP), loop.sent[0] as Buffer]), 31);
  t.equal(loop.waits[0], 30);
  t.equal(loop.sent.length, 2, 'the next is under way');
});

t.test('a socket that nobody uses is left alone', async (t) => {
  const loop = new Loop();
  loop.turn(100, [SIP]);
  loop.turn(101, [loop.sent[0] as Buffer]);
  loop.turn(500, []);
  t.equal(loop.sent.length, 1);
});

t.test(
  'while more datagrams wait than a turn reads, the wait is told before the sounding is back',
  async (t) => {
    const loop = new Loop();
    loop.turn(100, [SIP]);
    const full = Array.from({ length: 32 }, () => SIP);
    loop.turn(150, full);
    loop.turn(200, full);
    t.same(loop.waits, [50, 100]);
    loop.turn(210, [SIP]);
    t.same(loop.waits, [50, 100], 'all was read and it was not there: it was lost');
    t.equal(loop.sent.length, 3, 'at 100, 150 and 200');
  },
);

t.test('what only looks like a sounding is not taken for one', async (t) => {
  const loop = new Loop();
  loop.turn(100, [SIP]);
  const forged = Buffer.from(loop.sent[0] as Buffer);
  forged[forged.length - 1] = (forged.at(-1) as number) ^ 1;
  t.equal(loop.turn(120, [forged]), 1);
  t.same(loop.waits, []);
});

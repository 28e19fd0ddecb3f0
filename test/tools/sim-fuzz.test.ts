/** Damaged and made-up messages through the message layer, and through a centre in the middle of its calls. */
import t from 'tap';
import { Dice } from '../../tools/sim/dice.js';
import { fuzzMessages } from '../../tools/sim/fuzz/fuzz.js';
import { generate } from '../../tools/sim/fuzz/grammar.js';
import { mutate } from '../../tools/sim/fuzz/mutation.js';
import { readEverything } from '../../tools/sim/fuzz/read.js';
import { isWritable, reading, rewrite } from '../../tools/sim/fuzz/rewrite.js';
import { simulate } from '../../tools/sim/simulate.js';

t.test(
  '20,000 damaged messages: each is read or refused, and what is read reads the same when written again',
  async (t) => {
    const { errors, failures, read, rewritten } = await fuzzMessages(1, 20_000, () => 0);
    t.strictSame(failures, []);
    t.equal(errors, 0);
    t.ok(read > 8_000 && read < 16_000, `${read} were read`);
    t.ok(rewritten > 0.9 * read, `${rewritten} were written again`);
  },
);

t.test('every message that the grammar makes is read', async (t) => {
  const dice = new Dice(2);
  for (let n = 0; n < 5_000; n++) {
    const text = generate(dice);
    const message = readEverything(text);
    if (message === undefined) return t.fail(`not read: ${JSON.stringify(text)}`);
    if (!isWritable(message)) continue;
    const again = readEverything(rewrite(message));
    if (again === undefined || reading(again) !== reading(message))
      return t.fail(`written otherwise: ${JSON.stringify(text)}`);
  }
  t.pass();
});

t.test('a reading tells messages apart that differ in anything', async (t) => {
  const text = (change: (line: string) => string) =>
    [
      'INVITE sip:a@b SIP/2.0',
      'Via: SIP/2.0/UDP h;branch=z9hG4bK1',
      'From: <sip:a@b>;tag=1',
      'To: <sip:c@d>',
      'Call-ID: 1',
      'CSeq: 1 INVITE',
      'Contact: <sip:a@b>',
      'X-Own: 1',
      'Content-Type: text/plain',
      'Content-Length: 4',
      '',
      'body',
    ]
      .map(change)
      .join('\r\n');
  const of = (change: (line: string) => string) => reading(readEverything(text(change))!);
  const whole = of((line) => line);
  for (const [from, to] of [
    ['sip:a@b SIP', 'sip:x@b SIP'],
    ['bK1', 'bK2'],
    ['tag=1', 'tag=2'],
    ['c@d', 'c@e'],
    ['ID: 1', 'ID: 2'],
    ['q: 1', 'q: 2'],
    ['Contact: <sip:a', 'Contact: <sip:x'],
    ['Own: 1', 'Own: 2'],
    ['plain', 'html'],
    ['body', 'BODY'],
  ] as const)
    t.not(
      of((line) => line.replace(from, to)),
      whole,
      from,
    );
});

for (const seed of [1, 2, 3]) {
  t.test(`a centre that gets damaged datagrams goes on and forgets nothing (seed ${seed})`, async (t) => {
    const { failure } = await simulate({ seed, calls: 250, faults: 'all', damage: mutate }, () => 0);
    t.equal(failure, undefined);
  });
}

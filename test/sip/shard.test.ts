import t from 'tap';
import { callIdOf, mintCallId, originShardOf, SHARDS, shardOf } from '../../core/sip/shard.js';
import { asRequest, options } from './messages.js';

t.test('Call-IDs spread evenly over the shards', async (t) => {
  for (const pattern of [
    (i: number) => `${i}`,
    (i: number) => `1-${i}@192.0.2.10`,
    (i: number) => `${'x'.repeat(i % 97)}${i * 65536}`,
  ]) {
    const counts = new Array<number>(SHARDS).fill(0);
    const n = 256 * 200;
    for (let i = 0; i < n; i++) (counts[shardOf(pattern(i))] as number)++;
    // 200 expected in each; six standard deviations are 85.
    t.ok(
      Math.min(...counts) > 115 && Math.max(...counts) < 285,
      `${Math.min(...counts)} to ${Math.max(...counts)}`,
    );
  }
});

t.test('a shard is the same in every version', async (t) => {
  // Journals and other machines depend on these.
  t.strictSame(['', 'a', '3848276298220188511@client.atlanta.example.com'].map(shardOf), [11, 179, 23]);
});

t.test('a Call-ID can be minted for every shard, short and a token', async (t) => {
  for (let i = 0; i < SHARDS * 20; i++) {
    const prefix = `c${(i * 7919).toString(36)}-${i % 7}.`;
    const id = mintCallId(prefix, i % SHARDS);
    if (
      shardOf(id) !== i % SHARDS ||
      !/^[a-z0-9]{2,4}$/.test(id.slice(prefix.length)) ||
      !id.startsWith(prefix)
    ) {
      return t.fail(id);
    }
  }
  t.equal(mintCallId('x-1.', 9), mintCallId('x-1.', 9));
  t.throws(() => mintCallId('x', 256));
});

t.test('a Call-ID of another shard tells the shard of the call that it was minted for', async (t) => {
  for (let origin = 0; origin < SHARDS; origin++) {
    const shard = (origin * 7) % SHARDS;
    const id = mintCallId('c1-2.t1.0.', shard, origin);
    if (shardOf(id) !== shard || originShardOf(id) !== origin) return t.fail(id);
  }
  for (const id of ['a~b@c', '~zz.12', 'x~1.ab', mintCallId('c1-2.1.0.', 5)])
    t.equal(originShardOf(id), shardOf(id), 'of any other Call-ID it is its own');
});

t.test('the Call-ID of a raw message is the one that the parser finds', async (t) => {
  for (const header of [
    'Call-ID: abc@x',
    'call-id:abc@x',
    'i: abc@x  ',
    'I \t:\r\n abc@x',
    'Call-ID:\t abc@x\r\n ',
  ]) {
    const text = `\r\n${options({ 'Call-ID': undefined }).replace('\r\n\r\n', `\r\nInfo: i\r\nContact: <sip:i@c>\r\n${header}\r\n\r\n`)}`;
    t.equal(callIdOf(text), 'abc@x', JSON.stringify(header));
    t.equal(asRequest(text).callId, 'abc@x');
    t.equal(callIdOf(text.replaceAll('\r\n', '\n')), 'abc@x');
  }
});

t.test('a Call-ID in the body, in a start line or in a folded line is none', async (t) => {
  t.equal(callIdOf(options({ 'Call-ID': undefined }, 'Call-ID: x\r\n')), undefined);
  t.equal(callIdOf('Call-ID: x\r\nVia: y\r\n\r\n'), undefined);
  t.equal(callIdOf('OPTIONS x SIP/2.0\r\nSubject: a\r\n i: b\r\n\r\n'), undefined);
  for (const text of ['', '\r\n', 'x', '\r\n\r\n\r\n', 'a\r\ni', 'a\r\ni:', 'a\r\nCall-ID'])
    t.equal(callIdOf(text), undefined);
});

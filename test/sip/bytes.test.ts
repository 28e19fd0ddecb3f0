import t from 'tap';
import { asBytes, bytesFromUtf8, flatten, utf8FromBytes } from '../../core/sip/bytes.js';

t.test('text becomes the bytes that everybody else makes of it, and comes back', async (t) => {
  for (const text of [
    '',
    'plain',
    'Andr\u00e9',
    '\u65e5\u672c',
    '\u{1f600} x \u{10ffff}',
    '\0\x7f\x80\u07ff\u0800\uffff',
  ]) {
    const bytes = bytesFromUtf8(text);
    t.equal(bytes, Buffer.from(text, 'utf8').toString('latin1'));
    t.equal(utf8FromBytes(bytes), text);
  }
  t.equal(bytesFromUtf8('a\ud800b'), 'a\xef\xbf\xbdb');
});

t.test(
  'bytes that are no UTF-8 become replacement characters, as everybody else makes of them',
  async (t) => {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    let seed = 12345;
    const leads = [
      0x41, 0x80, 0xbf, 0xc0, 0xc2, 0xdf, 0xe0, 0xa0, 0xed, 0x9f, 0xef, 0xf0, 0x90, 0xf4, 0x8f, 0xf5, 0xff,
    ];
    for (let i = 0; i < 3000; i++) {
      let bytes = '';
      for (let j = 0; j < 6; j++) {
        seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
        bytes += String.fromCharCode(leads[(seed >>> 8) % leads.length] as number);
      }
      const want = decoder.decode(Buffer.from(bytes, 'latin1'));
      if (utf8FromBytes(bytes) !== want) return t.fail(JSON.stringify(bytes));
    }
    t.pass();
  },
);

t.test('a flat copy is equal, text that is no byte string is encoded on its way out', async (t) => {
  const datagram = 'abcdefghijklmnopqrstuvwxyz'.repeat(10);
  t.equal(flatten(datagram.slice(20, 60)), datagram.slice(20, 60));
  t.equal(flatten(''), '');
  t.equal(asBytes('\xe9'), '\xe9');
  t.equal(asBytes('\u010a'), '\xc4\x8a');
});

import t from 'tap';
import { formatNameAddr, parseNameAddr } from '../../core/sip/name-addr.js';
import { asRequest, options } from './messages.js';

t.test('addresses with and without display name and angle brackets', async (t) => {
  t.strictSame(parseNameAddr('"Bob \\\\ \\"B\\"" <sip:bob@x;lr> ; tag = 12 ; q="a;tag=b"'), {
    display: 'Bob \\ "B"',
    uri: 'sip:bob@x;lr',
    params: '; tag = 12 ; q="a;tag=b"',
    tag: '12',
  });
  t.strictSame(parseNameAddr('sip:bob@x;tag=7'), {
    display: '',
    uri: 'sip:bob@x',
    params: ';tag=7',
    tag: '7',
  });
  t.strictSame(parseNameAddr(' <tel:+1-201-555-0123> '), {
    display: '',
    uri: 'tel:+1-201-555-0123',
    params: '',
    tag: '',
  });
  t.equal(parseNameAddr('<sip:a@b>;x="y;tag=no";TAG=yes')?.tag, 'yes');
  t.equal(parseNameAddr('<sip:a@b>;mytag=no;tagged=no;tag')?.tag, '');
  t.equal(parseNameAddr('"" <sip:a@b>')?.display, '');
  t.equal(parseNameAddr('"ends in a backslash\\\\" <sip:a@b>')?.display, 'ends in a backslash\\');
  t.equal(parseNameAddr('"<sip:not@this>" <sip:a@b>')?.uri, 'sip:a@b');
  t.strictSame(parseNameAddr('sip:bob@x;p="<a>";tag=7'), {
    display: '',
    uri: 'sip:bob@x',
    params: ';p="<a>";tag=7',
    tag: '7',
  });
  t.equal(parseNameAddr('Bob; "the builder" <sip:a@b>')?.uri, 'sip:a@b');
});

t.test('what is no address', async (t) => {
  for (const bad of [
    '',
    '   ',
    '<>',
    '<sip:>',
    'sip:',
    'bob',
    '<bob>',
    '"a',
    '"a\\" <sip:a@b>',
    '<sip:a@b',
    '"a" sip:a@b',
    '<sip:a@b> x',
    '<sip:a@b>, <sip:c@d>',
    'sip:a@b, sip:c@d',
    'sip:a b@c',
    '*',
    '<:x>',
    '<1:x>',
  ]) {
    t.equal(parseNameAddr(bad), undefined, JSON.stringify(bad));
  }
});

t.test('display names come out as they went in', async (t) => {
  const names = [
    'Alice',
    'Alice Example',
    'a "quoted" name',
    'back\\slash',
    'comma, semi; <angle>',
    "O'Brien",
    '(VIP) +1',
    'Andr\xc3\xa9',
    ' padded ',
    '[support] x',
    '\\',
    '"',
  ];
  for (const name of names) {
    const text = formatNameAddr(name, 'sip:a@b', ';tag=1');
    t.hasStrict(parseNameAddr(text), { display: name, uri: 'sip:a@b', tag: '1' }, text);
  }
  t.equal(formatNameAddr('Alice Example', 'sip:a@b'), 'Alice Example <sip:a@b>', 'tokens need no quotes');
  t.equal(formatNameAddr('', 'sip:a@b'), '<sip:a@b>');
});

t.test('300 characters of quotes, NUL and line ends cannot leave their place', async (t) => {
  const name = `"\0\r\nVia: SIP/2.0/UDP evil\r\n\\`.repeat(10);
  const value = formatNameAddr(name, 'sip:a\r\n>@b"<', ';x=1\r\nTo: evil');
  t.notMatch(value, /[\r\n\0]/);
  const m = asRequest(options({ From: `${value};tag=9` }));
  t.equal(m.from.display, name.replace(/[\r\n\0]/g, ''));
  t.equal(m.from.uri, 'sip:a@b');
  t.equal(m.fromTag, '9');
  t.notMatch(formatNameAddr('\u010a\u010d', 'sip:\u010a@b'), /[^\0-\xff]/, 'and only bytes go out');
});

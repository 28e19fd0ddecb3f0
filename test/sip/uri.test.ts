import t from 'tap';
import { parseUri, unescapeUri, uriParam } from '../../core/sip/uri.js';

t.test('SIP URIs and their parts', async (t) => {
  t.strictSame(parseUri('sip:alice:secret@Example.COM:5070;transport=tcp;lr?Subject=hi&x=y'), {
    scheme: 'sip',
    user: 'alice',
    password: 'secret',
    host: 'example.com',
    port: 5070,
    params: ';transport=tcp;lr',
    headers: '?Subject=hi&x=y',
  });
  t.hasStrict(parseUri('SIPS:example.com'), {
    scheme: 'sips',
    user: '',
    host: 'example.com',
    port: 0,
    params: '',
  });
  t.hasStrict(parseUri('sip:%61lice@h?x=1'), { user: '%61lice', params: '', headers: '?x=1' });
  t.hasStrict(parseUri('sip:a;b?c@h;d'), { user: 'a;b?c', host: 'h', params: ';d' });
  t.hasStrict(parseUri('tel:+1-201-555-0123;phone-context=example.com'), {
    scheme: 'tel',
    user: '+1-201-555-0123',
    host: '',
    params: ';phone-context=example.com',
  });
});

t.test('what is no SIP URI', async (t) => {
  for (const bad of [
    '',
    'sip:',
    'sip',
    'sips',
    'sip:@h',
    'sip:a@',
    'sip:h:',
    'sip:h:70000',
    'sip:h:5x',
    'sip:a@h@i',
    'sip:a b@h',
    'sip:a@h h',
    'sip:[::1',
    'sip:[]',
    'sip:[::1]x',
    'sip:h/x',
    'http://h',
    'tel:',
    'tel:;x',
    'sip:a@h\r\nVia: x',
    'sip:a@h>',
    'sip:\0@h',
  ]) {
    t.equal(parseUri(bad), undefined, JSON.stringify(bad));
  }
});

t.test('parameters are found by name in any case, with their escapes undone', async (t) => {
  const uri = parseUri('sip:a@h;Transport=TCP;lr;x=%41%zz;%79=2;empty=');
  if (!uri) return t.fail('a good URI');
  t.equal(uriParam(uri, 'transport'), 'TCP');
  t.equal(uriParam(uri, 'LR'), '');
  t.equal(uriParam(uri, 'x'), 'A%zz');
  t.equal(uriParam(uri, 'y'), '2');
  t.equal(uriParam(uri, 'empty'), '');
  t.equal(uriParam(uri, 'trans'), undefined);
  t.equal(unescapeUri('%41%'), 'A%');
  t.equal(unescapeUri('%4%41'), '%4A');
});

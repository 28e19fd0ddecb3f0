/** The cases of RFC 4475 and RFC 5118 that concern a parser, written after their descriptions. */
import t from 'tap';
import { buildResponse } from '../../core/sip/build.js';
import { parseUri } from '../../core/sip/uri.js';
import { asFailure, asRequest, asResponse, lines, options } from './messages.js';

t.test('an INVITE that uses every freedom of the grammar (3.1.1.1)', async (t) => {
  const body = 'v=0\r\no=mhandley 29739 7272939 IN IP4 192.0.2.3\r\ns=-\r\n';
  const m = asRequest(
    lines(
      [
        'INVITE sip:vivekg@chair.example.com;unknownparam SIP/2.0',
        'TO :',
        ' sip:vivekg@chair.example.com ;   tag    = 1918181833n',
        'from   : "J Rosenberg \\\\\\""       <sip:jdrosen@example.com>',
        '  ;',
        '  tag = 98asjd8',
        'MaX-fOrWaRdS: 0068',
        'Call-ID: wsinv.ndaksdj@192.0.2.1',
        `Content-Length   : ${body.length}`,
        'cseq: 0009',
        '  INVITE',
        'Via  : SIP  /   2.0',
        ' /UDP',
        '    192.0.2.2;branch=390skdjuw',
        's :',
        'NewFangledHeader:   newfangled value',
        ' continued newfangled value',
        'UnknownHeaderWithUnusualValue: ;;,,;;,;',
        'Content-Type: application/sdp',
        'Route:',
        ' <sip:services.example.com;lr;unknownwith=value;unknown-no-value>',
        'v:  SIP  / 2.0  / TCP     spindle.example.com   ;',
        '  branch  =   z9hG4bK9ikj8  ,',
        ' SIP  /    2.0   / UDP  192.168.255.111   ; branch=',
        ' z9hG4bK30239',
        'm:"Quoted string \\"\\"" <sip:jdrosen@example.com> ; newparam =',
        '      newvalue ;',
        '  secondparam ; q = 0.33',
      ],
      body,
    ),
  );
  t.equal(m.uri, 'sip:vivekg@chair.example.com;unknownparam');
  t.equal(m.to.uri, 'sip:vivekg@chair.example.com');
  t.equal(m.toTag, '1918181833n');
  t.equal(m.from.display, 'J Rosenberg \\"');
  t.equal(m.fromTag, '98asjd8');
  t.equal(m.maxForwards, 68);
  t.equal(m.cseq, 9);
  t.equal(m.method, 'INVITE');
  t.hasStrict(m.via, { transport: 'UDP', host: '192.0.2.2', port: 0, branch: '390skdjuw', rport: undefined });
  t.equal(m.list('via').length, 3);
  t.equal(m.header('subject'), '');
  t.equal(m.header('newfangledheader'), 'newfangled value continued newfangled value');
  t.strictSame(m.list('unknownheaderwithunusualvalue'), [';;', ';;', ';']);
  t.equal(m.header('route'), '<sip:services.example.com;lr;unknownwith=value;unknown-no-value>');
  t.hasStrict(m.contact, { display: 'Quoted string ""', uri: 'sip:jdrosen@example.com' });
  t.equal(m.contentType, 'application/sdp');
  t.equal(m.body, body);
});

t.test('a method, a header name and a user of unusual but legal characters (3.1.1.2)', async (t) => {
  const method = "!interesting-Method0123456789_*+`.%indeed'~";
  const uri =
    "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com";
  const m = asRequest(
    lines([
      `${method} ${uri} SIP/2.0`,
      `Via: SIP/2.0/TCP host1.example.com;branch=z9hG4bK-.!%66*_+\`'~`,
      `To: "BEL:\\\x07 NUL:\\\0 DEL:\\\x7f" <sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com>`,
      `From: token1~\` token2'+_ token3*%!.- <sip:mundane@example.com>;fromParam''~+*_!.-%="\xd1\x80";tag=_token~1'+\`*%!-.`,
      'Call-ID: intmeth.word%ZK-!.*_+\'@word`~)(><:\\/"][?}{',
      `CSeq: 139122385 ${method}`,
      'Max-Forwards: 255',
      "extensionHeader-!.%*+_`'~:\xef\xbb\xbf\xe5\xa4\xa7\xe5\x81\x9c\xe9\x9b\xbb",
      'Content-Length: 0',
    ]),
  );
  t.equal(m.method, method);
  t.equal(m.to.display, 'BEL:\x07 NUL:\0 DEL:\x7f');
  t.equal(m.fromTag, "_token~1'+`*%!-.");
  t.equal(m.from.display, "token1~` token2'+_ token3*%!.-");
  t.equal(m.callId, 'intmeth.word%ZK-!.*_+\'@word`~)(><:\\/"][?}{');
  t.hasStrict(parseUri(uri), { host: 'example.com', password: "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)" });
});

t.test('an escaped NUL in a URI and a method that looks escaped (3.1.1.4, 3.1.1.5)', async (t) => {
  const m = asRequest(
    options({ From: '<sip:null-%00-null@example.com>;tag=839', CSeq: '39 RE%47IST%45R' }).replace(
      'OPTIONS sip',
      'RE%47IST%45R sip',
    ),
  );
  t.equal(m.method, 'RE%47IST%45R', 'percent signs mean nothing in a method');
  t.equal(parseUri(m.from.uri)?.user, 'null-%00-null');
});

t.test('no space between display name and < (3.1.1.6)', async (t) => {
  t.hasStrict(asRequest(options({ From: 'caller<sip:caller@example.com>;tag=323' })).from, {
    display: 'caller',
    uri: 'sip:caller@example.com',
    tag: '323',
  });
});

t.test('long values in every header (3.1.1.7)', async (t) => {
  const long = 'longvalue'.repeat(30);
  const m = asRequest(
    options({
      To: `"I have a user name of ${long}" <sip:user@example.net:6000;unknownparam1=${long}>;tag=${long}`,
      Contact: `<sip:amazinglylongcallername${long}@host5.example.net>`,
      'Call-ID': `longreq.${long}@example.com`,
    }),
  );
  t.equal(m.toTag, long);
  t.equal(m.to.display, `I have a user name of ${long}`);
  t.equal(m.callId, `longreq.${long}@example.com`);
  t.equal(m.contact?.uri, `sip:amazinglylongcallername${long}@host5.example.net`);
});

t.test('octets after the body are no part of the message (3.1.1.8)', async (t) => {
  const m = asRequest(
    `${options({ 'Content-Length': '0' })}INVITE sip:joe@example.com SIP/2.0\r\nVia: x\r\n\r\n`,
  );
  t.equal(m.method, 'OPTIONS');
  t.equal(m.body, '');
});

t.test('semicolons in the user part belong to it (3.1.1.9)', async (t) => {
  const uri = parseUri('sip:user;par=u%40example.net@example.com');
  t.hasStrict(uri, { user: 'user;par=u%40example.net', host: 'example.com', params: '' });
});

t.test('Via with unknown transports (3.1.1.10)', async (t) => {
  const m = asRequest(
    options({ Via: 'SIP/2.0/UNKNOWN t2.example.com;branch=z9hG4bKkdjuw, SIP/2.0/TLS t3.example.com' }),
  );
  t.equal(m.via.transport, 'UNKNOWN');
  t.equal(m.list('via').length, 2);
});

t.test('a body of binary parts comes out byte for byte (3.1.1.11)', async (t) => {
  const body = `--7a9cbec02ceef655\r\nContent-Type: text/plain\r\n\r\nHello\r\n--7a9cbec02ceef655\r\n\r\n${String.fromCharCode(0, 0x30, 0x82, 10, 13, 255)}\r\n--7a9cbec02ceef655--`;
  const m = asRequest(
    options(
      { 'Content-Length': String(body.length), 'Content-Type': 'multipart/mixed;boundary=7a9cbec02ceef655' },
      body,
    ),
  );
  t.equal(m.body, body);
  t.equal(m.contentType, 'multipart/mixed');
});

t.test('reason phrases: UTF-8 or none (3.1.1.12, 3.1.1.13)', async (t) => {
  const rest = options().slice(options().indexOf('\r\n'));
  t.equal(
    asResponse(`SIP/2.0 200 = 2**3 * 5**2 \xd0\xbd\xd0\xbe${rest}`).reason,
    '= 2**3 * 5**2 \xd0\xbd\xd0\xbe',
  );
  t.equal(asResponse(`SIP/2.0 100 ${rest}`).reason, '');
  t.equal(asResponse(`SIP/2.0 100${rest}`).status, 100);
});

t.test('extra commas and semicolons in Via and Contact (3.1.2.1)', async (t) => {
  const f = asFailure(options({ Via: ',;SIP/2.0/UDP 192.0.2.15;;,;,,' }));
  t.equal(f.status, 400);
  t.equal(asRequest(options({ Contact: ',;,;,' })).contact, undefined);
});

t.test('Content-Length larger than the message (3.1.2.2)', async (t) => {
  const f = asFailure(options({ 'Content-Length': '9999' }, 'short'));
  t.equal(f.status, 400);
  t.ok(f.request, 'the sender can be told');
});

t.test('Content-Length negative or no number (3.1.2.3)', async (t) => {
  for (const length of ['-999', '1x', '', '0x10', '+1']) {
    t.equal(asFailure(options({ 'Content-Length': length })).status, 400, `"${length}"`);
  }
});

t.test('scalars out of range (3.1.2.4, 3.1.2.5)', async (t) => {
  for (const over of [
    { CSeq: '36893488147419103232 OPTIONS' },
    { CSeq: '4294967296 OPTIONS' },
    { CSeq: '-1 OPTIONS' },
    { 'Max-Forwards': '300' },
    { 'Max-Forwards': '-1' },
    { 'Max-Forwards': 'many' },
    { 'Content-Length': '99999999999999999999999999999999' },
  ]) {
    const f = asFailure(options(over));
    t.equal(f.status, 400, JSON.stringify(over));
    t.equal(f.request?.callId, 'call-1@example.com');
  }
  t.equal(asFailure(`SIP/2.0 4294967301 better not break the receiver\r\n\r\n`).request, undefined);
});

t.test('a quoted string without an end (3.1.2.6)', async (t) => {
  const f = asFailure(options({ To: '"Mr. J. User <sip:j.user@example.com>' }));
  t.hasStrict(f, { status: 400, reason: 'Malformed To' });
  t.ok(f.request);
});

t.test('a Request-URI in < > (3.1.2.7)', async (t) => {
  const f = asFailure(options().replace('OPTIONS sip:to@example.net', 'OPTIONS <sip:to@example.net>'));
  t.equal(f.status, 400);
});

t.test('white space in the start line (3.1.2.8 to 3.1.2.10)', async (t) => {
  t.equal(asFailure(options().replace('sip:to@example.net SIP', 'sip:to@example.net; lr SIP')).status, 400);
  t.equal(asFailure(options().replace('OPTIONS sip', 'OPTIONS  sip')).status, 400);
  t.equal(asRequest(options().replace('SIP/2.0\r\n', 'SIP/2.0  \r\n')).uri, 'sip:to@example.net');
});

t.test('headers inside a Request-URI are carried as they are (3.1.2.11)', async (t) => {
  const m = asRequest(
    options().replace('sip:to@example.net', 'sip:to@example.net?Route=%3Csip:example.com%3E'),
  );
  t.equal(parseUri(m.uri)?.headers, '?Route=%3Csip:example.com%3E');
});

t.test('a URI with headers needs < and > (3.1.2.13)', async (t) => {
  const m = asRequest(options({ Contact: 'sip:user@example.com?Route=%3Csip:sip.example.com%3E' }));
  t.equal(m.contact, undefined);
});

t.test('spaces inside < > are forgiven (3.1.2.14)', async (t) => {
  const m = asRequest(options({ To: '"Watson, Thomas" < sip:t.watson@example.org >' }));
  t.hasStrict(m.to, { display: 'Watson, Thomas', uri: 'sip:t.watson@example.org' });
});

t.test('a comma in an unquoted display name is forgiven (3.1.2.15)', async (t) => {
  t.hasStrict(asRequest(options({ From: 'Bell, Alexander <sip:a.g.bell@example.com>;tag=43' })).from, {
    display: 'Bell, Alexander',
    uri: 'sip:a.g.bell@example.com',
    tag: '43',
  });
});

t.test('a version other than 2.0 (3.1.2.16)', async (t) => {
  const f = asFailure(options().replace('SIP/2.0\r\n', 'SIP/7.0\r\n'));
  t.equal(f.status, 505);
  t.ok(f.request);
  t.equal(asFailure(options().replace('SIP/2.0\r\n', 'HTTP/1.1\r\n')).status, 400);
  t.equal(asRequest(options().replace('SIP/2.0\r\n', 'sip/2.0\r\n')).method, 'OPTIONS');
});

t.test('methods of start line and CSeq differ (3.1.2.17, 3.1.2.18)', async (t) => {
  const f = asFailure(options({ CSeq: '8 INVITE' }));
  t.hasStrict(f, { status: 400, reason: 'CSeq Method Mismatch' });
  t.match(
    buildResponse(f.request as NonNullable<typeof f.request>, { host: '192.0.2.1', port: 5060 }, 400),
    /CSeq: 8 INVITE\r\n/,
  );
});

t.test('an unknown scheme is for the layer above (3.3.2)', async (t) => {
  const m = asRequest(options().replace('sip:to@example.net', 'nobodyKnowsThisScheme:totallyopaquecontent'));
  t.equal(m.uri, 'nobodyKnowsThisScheme:totallyopaquecontent');
  t.equal(parseUri(m.uri), undefined);
});

t.test('each mandatory header missing (3.3.1)', async (t) => {
  for (const name of ['Via', 'From', 'To', 'Call-ID', 'CSeq']) {
    const f = asFailure(options({ [name]: undefined }));
    t.hasStrict(f, { status: 400, reason: `Missing ${name}` });
    t.equal(f.request, undefined, 'there is no way to answer');
  }
});

t.test('headers twice that must be there once (3.3.8)', async (t) => {
  for (const extra of [
    'f: <sip:x@y.z>;tag=2',
    'TO: <sip:x@y.z>',
    'i: other',
    'CSEQ: 9 OPTIONS',
    'max-forwards: 1',
    'l: 0\r\nl: 0',
  ]) {
    const f = asFailure(options().replace('\r\n\r\n', `\r\n${extra}\r\n\r\n`));
    t.match(f, { status: 400, reason: /^Repeated / }, extra);
    t.ok(f.request);
  }
});

t.test('IPv6 references, in brackets and in received without (RFC 5118)', async (t) => {
  const m = asRequest(
    options({
      Via: 'SIP/2.0/UDP [2001:db8::9:1]:5070;received=[2001:db8::9:255];branch=z9hG4bKas3-111',
      From: '<sip:[2001:db8::9:1]:5070>;tag=1',
      Contact: '"Caller" <sip:caller@[2001:DB8::1]>',
    }),
  );
  t.hasStrict(m.via, {
    host: '2001:db8::9:1',
    port: 5070,
    received: '2001:db8::9:255',
    branch: 'z9hG4bKas3-111',
  });
  t.hasStrict(parseUri(m.from.uri), { host: '2001:db8::9:1', port: 5070, user: '' });
  t.hasStrict(parseUri(m.contact?.uri ?? ''), { host: '2001:db8::1', port: 0 });
  t.equal(asRequest(options({ Via: 'SIP/2.0/UDP [::1];received=2001:db8::9' })).via.received, '2001:db8::9');
  t.equal(asFailure(options({ Via: 'SIP/2.0/UDP [2001:db8::9:1;branch=z9hG4bK1' })).reason, 'Malformed Via');
  t.equal(parseUri('sip:2001:db8::10'), undefined, 'without brackets it is no host');
  t.hasStrict(parseUri('sip:user@[::ffff:192.0.2.10]'), { host: '::ffff:192.0.2.10' });
});

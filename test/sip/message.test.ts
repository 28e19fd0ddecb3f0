import t from 'tap';
import {
  MAX_HEADER_LINE_BYTES,
  MAX_HEADER_LINES,
  MAX_MESSAGE_BYTES,
  MAX_STREAMS,
  parseMessage,
} from '../../core/sip/parser.js';
import { asFailure, asRequest, asResponse, lines, options } from './messages.js';

const invite = lines(
  [
    'INVITE sip:support@192.0.2.4 SIP/2.0',
    'Via: SIP/2.0/UDP 192.0.2.10:5066;branch=z9hG4bK-1;rport',
    'Via: SIP/2.0/TCP far.example.com;branch=z9hG4bK-0',
    'From: "Alice \\"A\\" Example" <sip:alice@example.com;user=phone>;tag=9fx',
    'To: Support <sip:support@192.0.2.4>',
    'Call-ID: 3848@atlanta',
    'CSeq: 2 INVITE',
    'Contact: <sip:alice@192.0.2.10:5066;transport=udp>;q=0.5, <sip:second@192.0.2.10>',
    'Max-Forwards: 69',
    'Record-Route: <sip:p1.example.com;lr>, <sip:p2.example.com;lr>',
    'Supported: timer',
    'Record-Route: "a, b" <sip:p3.example.com;lr>',
    'k: replaces',
    'Content-Type: Application / SDP ;charset=utf-8',
    'Content-Length: 5',
  ],
  'v=0\r\n',
);

t.test('an INVITE says what it carries', async (t) => {
  const m = asRequest(invite);
  t.equal(m.method, 'INVITE');
  t.equal(m.uri, 'sip:support@192.0.2.4');
  t.equal(m.callId, '3848@atlanta');
  t.equal(m.cseq, 2);
  const { display, uri, params, tag } = m.from;
  t.strictSame(
    { display, uri, params, tag },
    {
      display: 'Alice "A" Example',
      uri: 'sip:alice@example.com;user=phone',
      params: ';tag=9fx',
      tag: '9fx',
    },
  );
  t.equal(m.fromTag, '9fx');
  t.equal(m.to.display, 'Support');
  t.equal(m.toTag, '');
  t.strictSame(m.via, {
    transport: 'UDP',
    host: '192.0.2.10',
    port: 5066,
    branch: 'z9hG4bK-1',
    received: '',
    rport: -1,
    maddr: '',
  });
  t.hasStrict(m.contact, { uri: 'sip:alice@192.0.2.10:5066;transport=udp', params: ';q=0.5' });
  t.equal(m.maxForwards, 69);
  t.equal(m.contentType, 'application/sdp');
  t.equal(m.body, 'v=0\r\n');
  t.equal(m.via, m.via, 'what was read once is remembered');
});

t.test('a response says what it carries', async (t) => {
  const m = asResponse(
    lines([
      'SIP/2.0 486 Busy Here',
      'v: SIP/2.0/UDP 192.0.2.4:5160;branch=z9hG4bK-9;received=192.0.2.5;rport=5161',
      'f: sip:a@b;tag=1',
      't: <sip:c@d>;tag=2',
      'i: x',
      'CSeq: 11 INVITE',
      'l: 0',
    ]),
  );
  t.equal(m.status, 486);
  t.equal(m.reason, 'Busy Here');
  t.equal(m.method, 'INVITE', 'its method is that of CSeq');
  t.equal(m.toTag, '2');
  t.hasStrict(m.from, { uri: 'sip:a@b', params: ';tag=1', tag: '1' });
  t.hasStrict(m.via, { received: '192.0.2.5', rport: 5161 });
  t.equal(m.contact, undefined);
  t.equal(m.maxForwards, undefined);
  t.equal(m.contentType, '');
});

t.test('headers are found by full name, whatever their case, form and order', async (t) => {
  const m = asRequest(invite);
  t.equal(m.header('supported'), 'timer');
  t.strictSame(m.headers('supported'), ['timer', 'replaces']);
  t.strictSame(m.list('record-route'), [
    '<sip:p1.example.com;lr>',
    '<sip:p2.example.com;lr>',
    '"a, b" <sip:p3.example.com;lr>',
  ]);
  t.equal(m.headers('via').length, 2);
  t.equal(m.header('content'), undefined, 'part of a name is no name');
  t.equal(m.header('record-route-x'), undefined);
  t.strictSame(m.list('route'), []);
  t.equal(m.header('content-length'), '5');
});

t.test('a header whose name begins with an underscore is found', async (t) => {
  const m = asRequest(options({ _route: 'gold' }));
  t.equal(m.header('_route'), 'gold');
  t.strictSame(m.headers('_route'), ['gold']);
});

t.test('every registered compact form', async (t) => {
  const forms = {
    'accept-contact': 'a',
    'referred-by': 'B',
    'request-disposition': 'd',
    'content-encoding': 'E',
    'reject-contact': 'j',
    supported: 'k',
    contact: 'm',
    'identity-info': 'n',
    event: 'o',
    'refer-to': 'r',
    subject: 'S',
    'allow-events': 'u',
    'session-expires': 'x',
    identity: 'y',
    'content-type': 'C',
  };
  for (const [name, form] of Object.entries(forms)) {
    t.equal(asRequest(options({ [form]: '<v:1>' })).header(name), '<v:1>', name);
  }
  const m = asRequest(
    lines(
      [
        'OPTIONS sip:x SIP/2.0',
        'V: SIP/2.0/UDP h',
        'F: <sip:a@b>',
        'T : <sip:c@d>',
        'I\t: id',
        'cseq: 1 OPTIONS',
        'M: <sip:e@f>',
        'C: a/b',
        'L: 2',
      ],
      'xyz',
    ),
  );
  t.equal(m.callId, 'id');
  t.equal(m.to.uri, 'sip:c@d');
  t.equal(m.contact?.uri, 'sip:e@f');
  t.equal(m.contentType, 'a/b');
  t.equal(m.body, 'xy');
  t.equal(m.header('via'), 'SIP/2.0/UDP h');
});

t.test('a folded header reads as one line', async (t) => {
  const m = asRequest(
    options({
      Subject: 'one\r\n two \r\n\tthree\r\n  \r\n four',
      Contact: '<sip:a@b>\r\n ;q=1,\r\n <sip:c@d>',
      From: '"A\r\n B"\r\n <sip:from@example.com>\r\n ;tag=f1',
    }),
  );
  t.equal(m.header('subject'), 'one two three four');
  t.strictSame(m.list('contact'), ['<sip:a@b> ;q=1', '<sip:c@d>']);
  t.equal(m.contact?.uri, 'sip:a@b');
  t.equal(m.from.display, 'A B');
  t.equal(m.fromTag, 'f1');
});

t.test('lines that end in a bare LF', async (t) => {
  const m = asRequest(invite.replaceAll('\r\n', '\n').replace('Length: 5', 'Length: 4'));
  t.equal(m.fromTag, '9fx');
  t.equal(m.header('supported'), 'timer');
  t.equal(m.body, 'v=0\n');
});

t.test('a line that is no header does not matter unless one is missing then', async (t) => {
  t.equal(
    asRequest(options().replace('\r\nTo:', '\r\nno colon here\r\n: no name\r\nTo:')).to.uri,
    'sip:to@example.net',
  );
  t.equal(asFailure(options().replace('\r\nTo:', '\r\nTo ;')).reason, 'Missing To');
});

t.test('several Vias on one line: the first is the topmost', async (t) => {
  const m = asRequest(
    options({ Via: 'SIP/2.0/UDP a.example.com:5061;branch=z9hG4bK1 , SIP/2.0/TCP b;branch=z9hG4bK2;rport' }),
  );
  t.hasStrict(m.via, { host: 'a.example.com', port: 5061, branch: 'z9hG4bK1', rport: undefined });
  t.strictSame(m.list('via'), [
    'SIP/2.0/UDP a.example.com:5061;branch=z9hG4bK1',
    'SIP/2.0/TCP b;branch=z9hG4bK2;rport',
  ]);
});

t.test('Contact: *', async (t) => {
  t.equal(asRequest(options({ Contact: '*' })).contact, undefined);
});

t.test('the body ends at Content-Length, without one at the end of the datagram', async (t) => {
  t.equal(asRequest(options({ 'Content-Length': '3' }, 'abcdef')).body, 'abc');
  t.equal(asRequest(options({}, 'abcdef')).body, 'abcdef');
  t.hasStrict(asFailure(options({ 'Content-Length': '7' }, 'abcdef')), {
    status: 400,
    reason: 'Truncated Body',
  });
});

t.test('empty lines before a message are skipped, a datagram of nothing else is a keep-alive', async (t) => {
  t.equal(asRequest(`\r\n\r\n${options()}`).cseq, 7);
  for (const blank of ['', '\r\n', '\r\n\r\n', '\n', '  \r\n', '\0\0\0\0']) {
    t.equal(asFailure(blank).reason, 'keep-alive', JSON.stringify(blank));
  }
});

t.test('a message that is cut anywhere is none, and never throws', async (t) => {
  for (let length = 1; length < invite.length; length++) {
    if (parseMessage(invite.slice(0, length)).kind !== 'failure') return t.fail(`cut at ${length}`);
  }
  t.equal(parseMessage(invite).kind, 'request');
  const headers = invite.indexOf('\r\n\r\n');
  t.equal(asFailure(invite.slice(0, headers + 2)).reason, 'Truncated Message');
});

t.test('limits: what is at them passes, what is above is answered with 513', async (t) => {
  const room = MAX_MESSAGE_BYTES - options().length;
  t.equal(asRequest(options({}, 'x'.repeat(room))).body.length, room);
  const large = asFailure(options({}, 'x'.repeat(room + 1)));
  t.hasStrict(large, { status: 513, reason: 'Message Too Large' });
  t.equal(large.request?.callId, 'call-1@example.com');

  const before = 6;
  const many = (n: number) => options().replace('\r\n\r\n', `${'\r\nX: y'.repeat(n)}\r\n\r\n`);
  t.equal(asRequest(many(MAX_HEADER_LINES - before)).cseq, 7);
  t.hasStrict(asFailure(many(MAX_HEADER_LINES - before + 1)), { status: 513, reason: 'Too Many Headers' });
  const folds = options({ Subject: `x${'\r\n y'.repeat(MAX_HEADER_LINES)}` });
  t.equal(asFailure(folds).status, 513, 'folded lines count');

  const long = (n: number) => options({ Subject: 'x'.repeat(n - 'Subject: \r'.length) });
  t.equal(asRequest(long(MAX_HEADER_LINE_BYTES)).header('subject')?.length, MAX_HEADER_LINE_BYTES - 10);
  t.hasStrict(asFailure(long(MAX_HEADER_LINE_BYTES + 1)), { status: 513, reason: 'Header Too Long' });
  t.equal(asFailure(options({ 'Call-ID': 'x'.repeat(9000) })).request, undefined);

  const streams = (n: number, type = 'application/sdp') =>
    options({ 'Content-Type': type }, `v=0\r\n${'m=audio 4000 RTP/AVP 0\r\n'.repeat(n)}`);
  t.equal(asRequest(streams(MAX_STREAMS)).cseq, 7);
  const crowded = asFailure(streams(MAX_STREAMS + 1));
  t.hasStrict(crowded, { status: 513, reason: 'Too Many Streams' });
  t.equal(crowded.request?.callId, 'call-1@example.com');
  t.equal(
    asRequest(streams(MAX_STREAMS + 1, 'text/plain')).cseq,
    7,
    'only a session description has streams',
  );
});

t.test('64 KB of anything is refused in no time to speak of', async (t) => {
  // Each would take seconds in a parser that looks at a byte more than a few times.
  const size = MAX_MESSAGE_BYTES - 300;
  for (const unit of [
    '\r\n',
    '\n ',
    ' ',
    '"',
    '\\"',
    '<',
    ',',
    ';',
    ';a=',
    '<sip:a@b>,',
    'a',
    '\0',
    ':',
    'v:',
    '\xff',
  ]) {
    const junk = unit.repeat(size / unit.length);
    t.equal(asFailure(junk).kind, 'failure', JSON.stringify(unit));
    const within = parseMessage(options({ Contact: junk, Subject: junk }));
    if (within.kind === 'request')
      t.ok(within.list('contact').length <= size && within.contact === undefined);
    const m = asRequest(options({}, junk));
    t.equal(m.body.length, junk.length);
  }
});

import t from 'tap';
import { buildRequest, buildResponse, reasonPhrase, responseTarget } from '../../core/sip/build.js';
import { asRequest, asResponse, lines, options } from './messages.js';

const source = { host: '198.51.100.7', port: 40123 };
const sdp = 'v=0\r\ns=-\r\n';

t.test('a request is read back as it was built', async (t) => {
  const text = buildRequest({
    method: 'INVITE',
    uri: 'sip:agent@192.0.2.20',
    via: 'SIP/2.0/UDP 192.0.2.4:5160;branch=z9hG4bK77;rport',
    routes: ['<sip:p1;lr>', '<sip:p2;lr>'],
    from: '"Queue" <sip:a@b>;tag=1',
    to: '<sip:agent@192.0.2.20>',
    callId: 'call-9',
    cseq: 3,
    contact: '<sip:192.0.2.4:5160>',
    headers: [
      ['Supported', 'timer'],
      ['X-Call', 'y'],
    ],
    contentType: 'application/sdp',
    body: sdp,
  });
  const m = asRequest(text);
  t.equal(m.uri, 'sip:agent@192.0.2.20');
  t.equal(m.via.branch, 'z9hG4bK77');
  t.strictSame(m.headers('route'), ['<sip:p1;lr>', '<sip:p2;lr>']);
  t.equal(m.maxForwards, 70);
  t.equal(m.from.display, 'Queue');
  t.equal(m.cseq, 3);
  t.equal(m.contact?.uri, 'sip:192.0.2.4:5160');
  t.equal(m.header('x-call'), 'y');
  t.equal(m.header('content-length'), String(sdp.length));
  t.equal(m.contentType, 'application/sdp');
  t.equal(m.body, sdp);
});

t.test('a request without a body says so', async (t) => {
  const text = buildRequest({
    method: 'BYE',
    uri: 'sip:a@b',
    via: 'SIP/2.0/UDP h;branch=z9hG4bK1',
    from: '<sip:a@b>;tag=1',
    to: '<sip:c@d>;tag=2',
    callId: 'x',
    cseq: 1,
    maxForwards: 9,
  });
  t.match(text, /\r\nContent-Length: 0\r\n\r\n$/);
  t.equal(asRequest(text).maxForwards, 9);
  t.equal(asRequest(text).contact, undefined);
});

const invite = lines([
  'INVITE sip:support@192.0.2.4 SIP/2.0',
  'v: SIP/2.0/UDP 10.0.0.1:5066 ;branch=z9hG4bK-1;RPORT;ttl=1, SIP/2.0/TCP mid.example.com;branch=z9hG4bKm',
  'Record-Route: <sip:p1;lr>,',
  ' <sip:p2;lr>',
  'Via: SIP/2.0/TCP far.example.com;branch=z9hG4bK-0;received=10.9.9.9;rport=1',
  'From: "A" <sip:alice@example.com>;tag=9fx',
  'To: Support <sip:support@192.0.2.4>',
  'Call-ID: 3848@atlanta',
  'CSeq: 2 INVITE',
  'Timestamp: 54',
  'Record-Route: <sip:p3;lr>',
]);

t.test('a response carries what the sender needs to recognise it', async (t) => {
  const m = asResponse(
    buildResponse(asRequest(invite), source, 200, {
      toTag: 'mine',
      contact: '<sip:192.0.2.4:5160>',
      headers: [['Allow', 'INVITE']],
      contentType: 'application/sdp',
      body: sdp,
    }),
  );
  t.equal(m.status, 200);
  t.equal(m.reason, 'OK');
  t.strictSame(m.headers('via'), [
    'SIP/2.0/UDP 10.0.0.1:5066;branch=z9hG4bK-1;ttl=1;received=198.51.100.7;rport=40123, SIP/2.0/TCP mid.example.com;branch=z9hG4bKm',
    'SIP/2.0/TCP far.example.com;branch=z9hG4bK-0;received=10.9.9.9;rport=1',
  ]);
  t.strictSame(m.headers('record-route'), ['<sip:p1;lr>, <sip:p2;lr>', '<sip:p3;lr>']);
  t.equal(m.header('from'), '"A" <sip:alice@example.com>;tag=9fx');
  t.equal(m.toTag, 'mine');
  t.equal(m.to.display, 'Support');
  t.equal(m.callId, '3848@atlanta');
  t.equal(m.cseq, 2);
  t.equal(m.method, 'INVITE');
  t.equal(m.header('timestamp'), undefined);
  t.equal(m.body, sdp);
});

t.test('Record-Route only where a dialog may come of it, Timestamp only on 100', async (t) => {
  const request = asRequest(invite);
  const trying = asResponse(buildResponse(request, source, 100));
  t.equal(trying.header('timestamp'), '54');
  t.equal(trying.header('record-route'), undefined);
  t.equal(trying.toTag, '');
  t.equal(asResponse(buildResponse(request, source, 180, { toTag: 'x' })).headers('record-route').length, 2);
  t.equal(asResponse(buildResponse(request, source, 486, { toTag: 'x' })).header('record-route'), undefined);
  const bye = asRequest(invite.replaceAll('INVITE', 'BYE'));
  t.equal(asResponse(buildResponse(bye, source, 200)).header('record-route'), undefined);
});

t.test('a To that has a tag keeps it', async (t) => {
  const request = asRequest(options({ To: '<sip:a@b>;tag=theirs' }));
  t.equal(
    asResponse(buildResponse(request, source, 200, { toTag: 'mine' })).header('to'),
    '<sip:a@b>;tag=theirs',
  );
});

t.test('received and rport say where the request came from, whatever its sender claims', async (t) => {
  const via = (value: string, from = source) =>
    asResponse(buildResponse(asRequest(options({ Via: value })), from, 200)).header('via');
  t.equal(via('SIP/2.0/UDP 198.51.100.7;branch=1'), 'SIP/2.0/UDP 198.51.100.7;branch=1');
  t.equal(via('SIP/2.0/UDP h;branch=1'), 'SIP/2.0/UDP h;branch=1;received=198.51.100.7');
  t.equal(via('SIP/2.0/UDP h;received=6.6.6.6;branch=1'), 'SIP/2.0/UDP h;branch=1;received=198.51.100.7');
  t.equal(
    via('SIP/2.0/UDP 198.51.100.7;rport;branch=1'),
    'SIP/2.0/UDP 198.51.100.7;branch=1;received=198.51.100.7;rport=40123',
  );
  t.equal(
    via('SIP/2.0/UDP h;rport=1;x="a;rport=5,"'),
    'SIP/2.0/UDP h;x="a;rport=5,";received=198.51.100.7;rport=40123',
  );
  t.equal(
    via('SIP/2.0/UDP [::1]:5;branch=1', { host: '2001:db8::1', port: 7 }),
    'SIP/2.0/UDP [::1]:5;branch=1;received=2001:db8::1',
  );
});

t.test('a response goes back to where RFC 3261 and RFC 3581 send it', async (t) => {
  const target = (via: string) => responseTarget(asRequest(options({ Via: via })), source);
  t.strictSame(target('SIP/2.0/UDP h:5070;rport'), source);
  t.strictSame(target('SIP/2.0/UDP h:5070'), { host: '198.51.100.7', port: 5070 });
  t.strictSame(target('SIP/2.0/UDP h'), { host: '198.51.100.7', port: 5060 });
  t.strictSame(target('SIP/2.0/TLS h'), { host: '198.51.100.7', port: 5061 });
  t.strictSame(target('SIP/2.0/UDP h:5070;maddr=[::2]'), { host: '::2', port: 5070 });
});

t.test('no value can begin a line of its own', async (t) => {
  const evil = 'x\r\nInjected: yes\n\0\rInjected: too';
  const request = buildRequest({
    method: 'OPTIONS',
    uri: `sip:a@b${evil}`,
    via: `SIP/2.0/UDP h;branch=z9hG4bK${evil}`,
    routes: [evil],
    from: `<sip:a@b>;tag=${evil}`,
    to: `<sip:c@d>${evil}`,
    callId: `c${evil}`,
    cseq: 1,
    contact: evil,
    headers: [
      ['X-\r\nInjected', evil],
      ['\u010aX', '\u010d\u010a'],
    ],
    contentType: evil,
    body: 'b',
  });
  t.notMatch(request, /^Injected/m);
  t.notMatch(request, /[\0]|[^\0-\xff]|\r(?!\n)|(?<!\r)\n/);
  t.match(request, /\r\nX-Injected: x {2}Injected/);
  const carrier = asRequest(options({ From: '"\r\n \0" <sip:a@b>;tag=\r1', Via: 'SIP/2.0/UDP h;x=\r1' }));
  const response = buildResponse(carrier, source, 400, {
    reason: evil,
    toTag: evil,
    headers: [['Warning', evil]],
  });
  t.notMatch(response, /^Injected/m);
  t.notMatch(response, /\0|\r(?!\n)|(?<!\r)\n/);
});

t.test('every status has a phrase', async (t) => {
  t.equal(reasonPhrase(182), 'Queued');
  t.equal(reasonPhrase(480), 'Temporarily Unavailable');
  t.equal(reasonPhrase(499), 'Request Failure');
});

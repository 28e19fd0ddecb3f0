/** Messages damaged at random, the same every time: whatever comes in, the message layer answers and never throws. */
import { isDeepStrictEqual } from 'node:util';
import t from 'tap';
import { buildResponse, responseTarget } from '../../core/sip/build.js';
import { bytesOf } from '../../core/sip/bytes.js';
import type { SipMessage } from '../../core/sip/message.js';
import { parseMessage } from '../../core/sip/parser.js';
import { alignTo, sdpKind, withOrigin } from '../../core/sip/sdp.js';
import { callIdOf } from '../../core/sip/shard.js';
import { parseUri, uriParam } from '../../core/sip/uri.js';
import { parseVia, viaAt } from '../../core/sip/via.js';
import { lines } from './messages.js';

const sdp =
  'v=0\r\no=a 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\nm=message 2855 TCP/MSRP *\r\n';
const common = [
  'Via: SIP/2.0/UDP [2001:db8::1]:5066;branch=z9hG4bK-1;rport;received="x", SIP / 2.0 / TCP h;x="a,b"',
  'f: "A \\" B" <sip:a%20b:pw@Example.com:5060;lr?x=y>;tag=9fx;z="q;"',
  'To : Support\r\n <sip:support@192.0.2.4> ; tag = 5',
  'Call-ID: 3848@atlanta',
  'CSeq: 2 INVITE',
  'm: sip:alice@192.0.2.10;q=0.5, <tel:+1;x=y>',
  'Record-Route: <sip:p1;lr>, "x" <sip:p2;lr>',
  'Max-Forwards: 69',
  'c: application/sdp;x=y',
  'Timestamp: 1',
];
const seeds = [
  lines(['INVITE sip:support@192.0.2.4;x=1 SIP/2.0', ...common, `Content-Length: ${sdp.length}`], sdp),
  lines(['SIP/2.0 200 OK', ...common], sdp),
];
const bits = [
  '\r\n',
  '\n',
  ' ',
  '\r\n ',
  '"',
  '\\',
  '<',
  '>',
  ';',
  ',',
  ':',
  '=',
  '[',
  ']',
  '\0',
  '\xff',
  '%',
  '@',
  '\t',
  '\r',
  '99999999999',
  'Via: ',
  'l: 3\r\n',
  'SIP/2.0',
];

/** xorshift32 */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function mutate(text: string, random: (below: number) => number): string {
  let mutant = text;
  for (let n = 1 + random(4); n > 0; n--) {
    const at = random(mutant.length + 1);
    const length = random(random(8) === 0 ? 200 : 4);
    const bit = bits[random(bits.length)] as string;
    switch (random(5)) {
      case 0:
        mutant = mutant.slice(0, at) + bit + mutant.slice(at);
        break;
      case 1:
        mutant = mutant.slice(0, at) + mutant.slice(at + length);
        break;
      case 2:
        mutant = mutant.slice(0, at) + String.fromCharCode(random(256)) + mutant.slice(at + 1);
        break;
      case 3:
        mutant =
          mutant.slice(0, at) + mutant.slice(random(mutant.length + 1)).slice(0, 60) + mutant.slice(at);
        break;
      default:
        mutant = mutant.slice(0, at) + bit.repeat(random(20)) + mutant.slice(at);
    }
  }
  return mutant;
}

/** Reads everything there is to read. */
function readAll(m: SipMessage): void {
  const read = [
    m.method,
    m.callId,
    m.cseq,
    m.fromTag,
    m.toTag,
    m.via,
    m.contact,
    m.maxForwards,
    m.contentType,
    m.body,
  ];
  if (read.length !== 10) throw new Error('unreachable');
  for (const name of [
    'via',
    'from',
    'contact',
    'record-route',
    'content-type',
    'x',
    'subject',
    'timestamp',
  ]) {
    m.header(name);
    m.headers(name);
    m.list(name);
  }
  for (const text of [m.from.uri, m.to.uri, m.contact?.uri ?? '']) {
    const uri = parseUri(text);
    if (uri) {
      uriParam(uri, 'lr');
    }
  }
  sdpKind(m.body);
  alignTo(sdp, withOrigin(m.body, '1', 1, 'h'));
  alignTo(m.body, sdp);
}

t.test('4,000 damaged messages: each is read or refused, and what is answered is a response', async (t) => {
  const random = generator(0x5eed);
  let messages = 0;
  let failures = 0;
  for (let i = 0; i < 4000; i++) {
    const text = mutate(seeds[i % 2] as string, random);
    const parsed = parseMessage(text);
    const id = callIdOf(text);
    if (parsed.kind === 'failure') failures++;
    else {
      messages++;
      if (parsed.via.host === '' || parsed.from.uri === '' || parsed.to.uri === '' || parsed.method === '') {
        return t.fail(`a defect passed: ${JSON.stringify(text)}`);
      }
      if (id !== parsed.callId) return t.fail(`two Call-IDs: ${JSON.stringify(text)}`);
      readAll(parsed);
    }
    const request =
      parsed.kind === 'request' ? parsed : parsed.kind === 'failure' ? parsed.request : undefined;
    if (!request) continue;
    readAll(request);
    responseTarget(request, { host: '192.0.2.1', port: 1 });
    const answer = buildResponse(request, { host: '192.0.2.1', port: 1 }, 400, { toTag: 't' });
    if (/\0|\r(?!\n)|(?<!\r)\n/.test(answer)) return t.fail(`a broken line: ${JSON.stringify(text)}`);
    if (parsed.kind === 'request') {
      const back = parseMessage(answer);
      if (back.kind !== 'response' || back.via.branch !== request.via.branch) {
        return t.fail(`an answer that is none: ${JSON.stringify(text)} ${JSON.stringify(answer)}`);
      }
    }
  }
  t.ok(messages > 500 && failures > 500, `${messages} read, ${failures} refused`);
});

t.test('a Via means the same whether it is written as nearly everybody does or not', async (t) => {
  const random = generator(0xa11);
  const usual = [
    'SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-1;rport',
    'SIP/2.0/UDP h.example.com;branch=z9hG4bK1;rport=5066;received=192.0.2.7',
    'SIP/2.0/UDP h:1;branch=z;received=192.0.2.7;rport=1',
  ];
  let read = 0;
  for (let i = 0; i < 6000; i++) {
    const value = (i < 3 ? (usual[i] as string) : mutate(usual[i % 3] as string, random))
      .replace(/[\r\n]/g, '')
      .trim();
    const line = `${value}\r\n`;
    const via = viaAt(line, bytesOf(line), 0, value.length);
    if (!isDeepStrictEqual(via, parseVia(value))) return t.fail(`read in two ways: ${JSON.stringify(value)}`);
    if (via) read++;
  }
  t.ok(read > 500 && read < 5900, `${read} read`);
});

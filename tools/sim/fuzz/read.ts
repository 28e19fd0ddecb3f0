/** Everything that the engine ever asks of a datagram, asked of any. */
import { buildResponse, responseTarget } from '../../../core/sip/build.js';
import { utf8FromBytes } from '../../../core/sip/bytes.js';
import type { SipMessage, SipRequest, SipResponse } from '../../../core/sip/message.js';
import { sdpOf } from '../../../core/sip/message-facts.js';
import { parseMessage } from '../../../core/sip/parser.js';
import { alignTo, extendTo, rejectAll, sameSession, sdpKind, withOrigin } from '../../../core/sip/sdp.js';
import { SessionTimer } from '../../../core/sip/session-timer.js';
import { callIdOf, shardOf } from '../../../core/sip/shard.js';
import { serverKey } from '../../../core/sip/transaction-key.js';
import { parseUri, unescapeUri, uriParam } from '../../../core/sip/uri.js';

const SOURCE = { host: '192.0.2.1', port: 5060 };
const SDP =
  'v=0\r\no=a 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\nm=message 2855 TCP/MSRP *\r\n';
const LISTS = [
  'via',
  'record-route',
  'route',
  'require',
  'supported',
  'contact',
  'p-asserted-identity',
  'x-unknown',
];

/** The message that a datagram is, read from end to end; undefined when it is none. */
export function readEverything(text: string): SipRequest | SipResponse | undefined {
  const callId = callIdOf(text);
  if (callId !== undefined) shardOf(callId);
  const message = parseMessage(text);
  if (message.kind !== 'failure') {
    readMessage(message);
    if (message.kind === 'request') answer(message, 200);
    return message;
  }
  if (message.request !== undefined) answer(message.request, message.status);
  return undefined;
}

function readMessage(message: SipMessage): void {
  for (const name of LISTS) message.list(name);
  for (const address of [message.from, message.to, message.contact]) {
    if (address === undefined) continue;
    utf8FromBytes(address.display);
    const uri = parseUri(address.uri);
    if (uri === undefined) continue;
    uriParam(uri, 'lr');
    unescapeUri(uri.user);
  }
  message.list('allow');
  const sdp = sdpOf(message);
  if (sdp === '') return;
  sdpKind(sdp);
  sameSession(sdp, SDP);
  alignTo(SDP, sdp);
  rejectAll(sdp);
  withOrigin(extendTo(SDP, alignTo(sdp, SDP)), '1', 2, '192.0.2.1');
}

function answer(request: SipRequest, status: number): void {
  serverKey(request, 'INVITE');
  SessionTimer.refuses(request);
  responseTarget(request, SOURCE);
  buildResponse(request, SOURCE, status, { toTag: 't', contact: '<sip:192.0.2.1>' });
}

/** Serializing what was parsed: every header as it was read, written again by the engine's own builder. */
import { buildRequest, buildResponse, type ExtraHeaders } from '../../../core/sip/build.js';
import { clean, cleanUri, isTokenRange } from '../../../core/sip/lex.js';
import type { SipMessage, SipRequest, SipResponse } from '../../../core/sip/message.js';
import {
  MAX_HEADER_LINE_BYTES,
  MAX_HEADER_LINES,
  MAX_MESSAGE_BYTES,
  parseMessage,
} from '../../../core/sip/parser.js';

/** The registered compact forms (IANA, SIP header fields). */
const FULL: Readonly<Record<string, string>> = {
  a: 'accept-contact',
  b: 'referred-by',
  c: 'content-type',
  d: 'request-disposition',
  e: 'content-encoding',
  f: 'from',
  i: 'call-id',
  j: 'reject-contact',
  k: 'supported',
  l: 'content-length',
  m: 'contact',
  n: 'identity-info',
  o: 'event',
  r: 'refer-to',
  s: 'subject',
  t: 'to',
  u: 'allow-events',
  v: 'via',
  x: 'session-expires',
  y: 'identity',
};
/** What the builder writes in a way of its own; of Via and Contact only the first. */
const OWN = new Set(['via', 'max-forwards', 'from', 'to', 'call-id', 'cseq', 'contact', 'content-length']);
/** A serialized message may be longer than what it came from, by names and by headers that each has. */
const MARGIN = 64;

/** Names of the headers there are, in lower case, each once, in order. */
function namesOf({ index, text }: SipMessage): string[] {
  const names = new Set<string>();
  for (const line of text.slice(index.start, index.end).split('\n')) {
    const colon = line.indexOf(':');
    const name = line
      .slice(0, Math.max(0, colon))
      .replace(/[ \t]+$/, '')
      .toLowerCase();
    if (isTokenRange(name, 0, name.length)) names.add(FULL[name] ?? name);
  }
  return [...names];
}

/** How many lines of that name the builder writes by itself. */
function builderWrites(name: string, message: SipMessage): number {
  if (name === 'via' || name === 'contact') return 1;
  if (name === 'route') return message.kind === 'request' ? Number.POSITIVE_INFINITY : 0;
  return OWN.has(name) ? Number.POSITIVE_INFINITY : 0;
}

/** Headers beyond those. */
function others(message: SipMessage): ExtraHeaders {
  const list: [string, string][] = [];
  for (const name of namesOf(message))
    for (const value of message.headers(name).slice(builderWrites(name, message))) list.push([name, value]);
  return list;
}

/** The message as the engine's builder writes it. */
export function rewrite(message: SipRequest | SipResponse): string {
  const contact = message.header('contact');
  const ending = {
    ...(contact === undefined ? {} : { contact }),
    body: message.body,
    headers: others(message),
  };
  const start = {
    via: message.header('via') ?? '',
    from: message.header('from') ?? '',
    to: message.header('to') ?? '',
    callId: message.callId,
    cseq: message.cseq,
  };
  if (message.kind === 'request') {
    const { maxForwards, method, uri } = message;
    return buildRequest({
      ...start,
      method,
      uri,
      routes: message.headers('route'),
      ...(maxForwards === undefined ? {} : { maxForwards }),
      ...ending,
    });
  }
  const asked = parseMessage(buildRequest({ ...start, method: message.method, uri: 'sip:a' }));
  if (asked.kind !== 'request') throw new Error(`no request has the headers of ${message.text}`);
  const source = { host: message.via.host, port: 0 };
  return buildResponse(asked, source, message.status, {
    reason: message.reason,
    ...ending,
  });
}

/** Everything that a message says, in one way of saying it. */
export function reading(message: SipRequest | SipResponse): string {
  const { branch, host, maddr, port, transport } = message.via;
  const start =
    message.kind === 'request'
      ? [message.uri, message.maxForwards ?? 70]
      : [message.status, message.reason.trim()];
  const values: [string, string[]][] = [];
  for (const name of namesOf(message)) {
    if (name === 'max-forwards' || name === 'content-length' || name === 'cseq') continue;
    const all = message.headers(name);
    // A response's topmost Via is stamped with where the request came from.
    values.push([name, name === 'via' && message.kind === 'response' ? all.slice(1) : all]);
  }
  values.sort(([a], [b]) => (a < b ? -1 : 1));
  const { body, callId, contact, contentType, cseq, from, kind, method, to } = message;
  const people = [from, to, contact].map((address) => [
    address?.display,
    address?.uri,
    address?.params,
    address?.tag,
  ]);
  return JSON.stringify([
    kind,
    method,
    start,
    callId,
    cseq,
    people,
    [branch, host, maddr, port, transport],
    contentType,
    body,
    values,
  ]);
}

/**
 * Whether the message can be written again as it is: within the parser's limits with the headers that the builder adds, and
 * without what the builder never writes, such as a carriage return inside a value.
 */
export function isWritable(message: SipRequest | SipResponse): boolean {
  const { index, text } = message;
  if (text.length > MAX_MESSAGE_BYTES - 10 * MARGIN) return false;
  const lines = text.slice(index.start, index.end).split('\n');
  if (
    lines.length > MAX_HEADER_LINES - 4 ||
    lines.some((line) => line.length > MAX_HEADER_LINE_BYTES - MARGIN)
  )
    return false;
  if (message.kind === 'request' && cleanUri(message.uri) !== message.uri) return false;
  if (message.kind === 'response' && clean(message.reason) !== message.reason) return false;
  return namesOf(message).every((name) => message.headers(name).every((value) => clean(value) === value));
}

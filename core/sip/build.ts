/** Messages to bytes: requests, and responses to a request (RFC 3261, 8.1.1 and 8.2.6). */
import { clean, cleanBytes, cleanUri, isToken, isTokenRange } from './lex.js';
import type { SipRequest } from './message.js';
import { stampVia } from './via.js';

/** Headers beyond those that every message has, in order. */
export type ExtraHeaders = readonly (readonly [name: string, value: string])[];

export interface RequestParts {
  method: string;
  uri: string;
  /** The whole value of Via. */
  via: string;
  /** Values of Route, in order. */
  routes?: readonly string[];
  from: string;
  to: string;
  callId: string;
  cseq: number;
  /** 70 unless given. */
  maxForwards?: number;
  contact?: string | undefined;
  headers?: ExtraHeaders;
  contentType?: string | undefined;
  body?: string | undefined;
}

export interface ResponseParts {
  /** The status's own phrase unless given. */
  reason?: string;
  /** Added when the request's To has none. */
  toTag?: string;
  contact?: string;
  headers?: ExtraHeaders;
  contentType?: string;
  body?: string;
}

/** An address of the transport, IPv6 without brackets. */
export interface Address {
  host: string;
  port: number;
}

const DEFAULT_MAX_FORWARDS = 70;

/** A request as a byte string. No value given can begin a line of its own. */
export function buildRequest(r: RequestParts): string {
  let text = `${clean(r.method)} ${cleanUri(r.uri)} SIP/2.0\r\nVia: ${clean(r.via)}\r\n`;
  if (r.routes) for (const route of r.routes) text += `Route: ${clean(route)}\r\n`;
  text += `Max-Forwards: ${r.maxForwards ?? DEFAULT_MAX_FORWARDS}\r\nFrom: ${clean(r.from)}\r\nTo: ${clean(r.to)}\r\nCall-ID: ${clean(r.callId)}\r\nCSeq: ${r.cseq} ${clean(r.method)}\r\n`;
  return text + ending(r.contact, r.headers, r.contentType, r.body);
}

/**
 * A response as a byte string: every Via of the request, the topmost one marked with where it came from,
 * From, To, Call-ID and CSeq; Timestamp on 100; Record-Route where the response may make a dialog.
 * @param source where the request came from
 */
export function buildResponse(
  request: SipRequest,
  source: Address,
  status: number,
  r: ResponseParts = {},
): string {
  let text = `SIP/2.0 ${status} ${clean(r.reason ?? reasonPhrase(status))}\r\n`;
  const index = request.index;
  text += `Via: ${cleanBytes(stampVia(request.value(index.via), request.via, source))}\r\n`;
  if (index.vias > 1) {
    const vias = request.headers('via');
    for (let i = 1; i < vias.length; i++) text += `Via: ${cleanBytes(vias[i] as string)}\r\n`;
  }
  if (makesDialog(request.method, status)) {
    for (const route of request.headers('record-route')) text += `Record-Route: ${cleanBytes(route)}\r\n`;
  }
  text += `From: ${cleanBytes(request.value(index.from))}\r\nTo: ${cleanBytes(request.value(index.to))}`;
  if (r.toTag !== undefined && r.toTag !== '' && request.toTag === '') text += `;tag=${clean(r.toTag)}`;
  text += `\r\nCall-ID: ${cleanBytes(request.value(index.callId))}\r\nCSeq: ${cleanBytes(request.value(index.cseq))}\r\n`;
  if (status === 100) {
    const timestamp = request.header('timestamp');
    if (timestamp !== undefined) text += `Timestamp: ${cleanBytes(timestamp)}\r\n`;
  }
  return text + ending(r.contact, r.headers, r.contentType, r.body);
}

function makesDialog(method: string, status: number): boolean {
  return (
    status > 100 && status < 300 && (method === 'INVITE' || method === 'SUBSCRIBE' || method === 'REFER')
  );
}

function ending(
  contact: string | undefined,
  headers: ExtraHeaders | undefined,
  contentType: string | undefined,
  body: string | undefined,
): string {
  let text = contact === undefined ? '' : `Contact: ${clean(contact)}\r\n`;
  if (headers) {
    for (const [name, value] of headers) {
      const headerName = cleanName(name);
      if (headerName !== '') text += `${headerName}: ${clean(value)}\r\n`;
    }
  }
  if (body === undefined || body === '') return `${text}Content-Length: 0\r\n\r\n`;
  if (contentType !== undefined) text += `Content-Type: ${clean(contentType)}\r\n`;
  return `${text}Content-Length: ${body.length}\r\n\r\n${body}`;
}

/** Only what may stand in a header's name. */
function cleanName(name: string): string {
  if (isTokenRange(name, 0, name.length)) return name;
  return [...name].filter((c) => isToken(c.charCodeAt(0))).join('');
}

/**
 * Where the response to `request` goes (RFC 3261, 18.2.2): to maddr where the Via names one, else back to the
 * source's address, at its port where rport was asked for (RFC 3581) and at sent-by's port elsewhere.
 */
export function responseTarget(request: SipRequest, source: Address): Address {
  const via = request.via;
  const port = via.port !== 0 ? via.port : via.transport === 'TLS' ? 5061 : 5060;
  if (via.maddr !== '') return { host: via.maddr, port };
  return { host: source.host, port: via.rport === undefined ? port : source.port };
}

const REASONS: ReadonlyMap<number, string> = new Map([
  [100, 'Trying'],
  [180, 'Ringing'],
  [181, 'Call Is Being Forwarded'],
  [182, 'Queued'],
  [183, 'Session Progress'],
  [199, 'Early Dialog Terminated'],
  [200, 'OK'],
  [202, 'Accepted'],
  [204, 'No Notification'],
  [300, 'Multiple Choices'],
  [301, 'Moved Permanently'],
  [302, 'Moved Temporarily'],
  [305, 'Use Proxy'],
  [380, 'Alternative Service'],
  [400, 'Bad Request'],
  [401, 'Unauthorized'],
  [402, 'Payment Required'],
  [403, 'Forbidden'],
  [404, 'Not Found'],
  [405, 'Method Not Allowed'],
  [406, 'Not Acceptable'],
  [407, 'Proxy Authentication Required'],
  [408, 'Request Timeout'],
  [410, 'Gone'],
  [412, 'Conditional Request Failed'],
  [413, 'Request Entity Too Large'],
  [414, 'Request-URI Too Long'],
  [415, 'Unsupported Media Type'],
  [416, 'Unsupported URI Scheme'],
  [417, 'Unknown Resource-Priority'],
  [420, 'Bad Extension'],
  [421, 'Extension Required'],
  [422, 'Session Interval Too Small'],
  [423, 'Interval Too Brief'],
  [428, 'Use Identity Header'],
  [429, 'Provide Referrer Identity'],
  [433, 'Anonymity Disallowed'],
  [436, 'Bad Identity Info'],
  [437, 'Unsupported Credential'],
  [438, 'Invalid Identity Header'],
  [440, 'Max-Breadth Exceeded'],
  [469, 'Bad Info Package'],
  [480, 'Temporarily Unavailable'],
  [481, 'Call/Transaction Does Not Exist'],
  [482, 'Loop Detected'],
  [483, 'Too Many Hops'],
  [484, 'Address Incomplete'],
  [485, 'Ambiguous'],
  [486, 'Busy Here'],
  [487, 'Request Terminated'],
  [488, 'Not Acceptable Here'],
  [489, 'Bad Event'],
  [491, 'Request Pending'],
  [493, 'Undecipherable'],
  [494, 'Security Agreement Required'],
  [500, 'Server Internal Error'],
  [501, 'Not Implemented'],
  [502, 'Bad Gateway'],
  [503, 'Service Unavailable'],
  [504, 'Server Time-out'],
  [505, 'Version Not Supported'],
  [513, 'Message Too Large'],
  [555, 'Push Notification Service Not Supported'],
  [580, 'Precondition Failure'],
  [600, 'Busy Everywhere'],
  [603, 'Decline'],
  [604, 'Does Not Exist Anywhere'],
  [606, 'Not Acceptable'],
  [607, 'Unwanted'],
  [608, 'Rejected'],
]);

const CLASSES = ['Progress', 'Success', 'Redirection', 'Request Failure', 'Server Failure', 'Global Failure'];

/** The registered reason phrase of a status; of an unknown one, its class. */
export function reasonPhrase(status: number): string {
  return REASONS.get(status) ?? CLASSES[Math.floor(status / 100) - 1] ?? 'Unknown';
}

/** The Reason header (RFC 3326) of a refusal; none without a text. */
export function reasonHeader(status: number, text: string): [string, string][] {
  if (text === '') return [];
  return [['Reason', `SIP;cause=${status};text="${text.replace(/["\\]/g, '\\$&')}"`]];
}

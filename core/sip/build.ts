/**
 * Serializer: requests and responses as byte strings (RFC 3261 8.1.1, 8.2.6). What comes from outside cannot add
 * lines: a value with a line break in it loses the break.
 */
import type { SipRequest } from './message.js';
import { splitList } from './name-addr.js';
import { reasonPhrase } from './reason-phrase.js';

export type HeaderLines = readonly (readonly [string, string])[];

export interface RequestParts {
  method: string;
  uri: string;
  /** The whole Via value. */
  via: string;
  routes?: readonly string[];
  /** Whole values, tags and all. */
  from: string;
  to: string;
  callId: string;
  cseq: number;
  /** 70 by default. */
  maxForwards?: number;
  contact?: string;
  headers?: HeaderLines;
  contentType?: string;
  body?: string;
}

export interface ResponseParts {
  /** The standard phrase by default. */
  reason?: string;
  /** Added to To where that has no tag. */
  toTag?: string;
  contact?: string;
  headers?: HeaderLines;
  contentType?: string;
  body?: string;
}

/** The address that a message came from. */
export interface Source {
  host: string;
  port: number;
}

export function buildRequest(parts: RequestParts): string {
  let text = `${parts.method} ${oneLine(parts.uri)} SIP/2.0\r\nVia: ${parts.via}\r\nMax-Forwards: ${parts.maxForwards ?? 70}\r\n`;
  if (parts.routes !== undefined) for (const route of parts.routes) text += `Route: ${oneLine(route)}\r\n`;
  text += `From: ${oneLine(parts.from)}\r\nTo: ${oneLine(parts.to)}\r\nCall-ID: ${oneLine(parts.callId)}\r\nCSeq: ${parts.cseq} ${parts.method}\r\n`;
  return text + ending(parts);
}

/**
 * A response to `request`, which came from `source`. Every Via is copied, the topmost with received and rport as
 * RFC 3261 18.2.1 and RFC 3581 want it.
 */
export function buildResponse(
  request: SipRequest,
  source: Source,
  status: number,
  parts: ResponseParts = {},
): string {
  let text = `SIP/2.0 ${status} ${oneLine(parts.reason ?? reasonPhrase(status))}\r\n`;
  let topmost = true;
  for (const value of request.headers('via')) {
    text += `Via: ${topmost ? stampVia(request, value, source) : value}\r\n`;
    topmost = false;
  }
  const makesDialog = status > 100 && status < 300 && request.method === 'INVITE';
  if (makesDialog) for (const value of request.headers('record-route')) text += `Record-Route: ${value}\r\n`;
  text += `From: ${request.header('from') ?? ''}\r\nTo: ${request.header('to') ?? ''}`;
  if (parts.toTag !== undefined && request.toTag === '' && status > 100) text += `;tag=${parts.toTag}`;
  text += `\r\nCall-ID: ${request.callId}\r\nCSeq: ${request.cseq} ${request.method}\r\n`;
  if (status === 100) {
    const timestamp = request.header('timestamp');
    if (timestamp !== undefined) text += `Timestamp: ${timestamp}\r\n`;
  }
  return text + ending(parts);
}

/** Where a response to `request` goes (RFC 3261 18.2.2, RFC 3581 4). */
export function responseTarget(request: SipRequest, source: Source): Source {
  const { via } = request;
  if (via.rport !== undefined) return { host: source.host, port: source.port };
  return { host: source.host, port: via.port === 0 ? 5060 : via.port };
}

function ending(parts: {
  contact?: string;
  headers?: HeaderLines;
  contentType?: string;
  body?: string;
}): string {
  let text = parts.contact === undefined ? '' : `Contact: ${oneLine(parts.contact)}\r\n`;
  if (parts.headers !== undefined)
    for (const [name, value] of parts.headers) text += `${name}: ${oneLine(value)}\r\n`;
  const body = parts.body ?? '';
  if (body !== '' && parts.contentType !== undefined && parts.contentType !== '')
    text += `Content-Type: ${oneLine(parts.contentType)}\r\n`;
  return `${text}Content-Length: ${body.length}\r\n\r\n${body}`;
}

function stampVia(request: SipRequest, value: string, source: Source): string {
  const { via } = request;
  const wantsReceived = via.rport !== undefined || via.host !== source.host;
  if (!wantsReceived) return value;
  const [first = '', ...others] = value.includes(',') ? splitList(value) : [value];
  let stamped = '';
  for (const [index, param] of first.split(';').entries()) {
    const name = param.split('=', 1)[0]?.trim().toLowerCase();
    if (index > 0 && (name === 'received' || name === 'rport')) continue;
    stamped += index === 0 ? param : `;${param}`;
  }
  stamped += `;received=${source.host}`;
  if (via.rport !== undefined) stamped += `;rport=${source.port}`;
  return others.length === 0 ? stamped : [stamped, ...others].join(', ');
}

/** Line breaks and NUL become spaces. */
function oneLine(value: string): string {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code === 0x0d || code === 0x0a || code === 0) return breakless(value);
  }
  return value;
}

function breakless(value: string): string {
  let text = '';
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    text += code === 0x0d || code === 0x0a || code === 0 ? ' ' : value[i];
  }
  return text;
}

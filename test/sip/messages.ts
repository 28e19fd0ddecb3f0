/** Building blocks for tests of the message layer. */

import type { SipRequest, SipResponse } from '../../core/sip/message.js';
import type { ParseFailure } from '../../core/sip/parser.js';
import { parseMessage } from '../../core/sip/parser.js';

/** Lines to a message: each ends in CRLF, an empty line and the body follow. */
export function lines(head: readonly string[], body = ''): string {
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}

/** An OPTIONS with the mandatory headers, those in `over` in place of their namesakes or after them. */
export function options(over: Record<string, string | undefined> = {}, body = ''): string {
  const headers: Record<string, string | undefined> = {
    Via: 'SIP/2.0/UDP host.example.com:5066;branch=z9hG4bKtest',
    'Max-Forwards': '70',
    From: '<sip:from@example.com>;tag=f1',
    To: '<sip:to@example.net>',
    'Call-ID': 'call-1@example.com',
    CSeq: '7 OPTIONS',
    ...over,
  };
  const head = ['OPTIONS sip:to@example.net SIP/2.0'];
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined) head.push(`${name}: ${value}`);
  return lines(head, body);
}

/** Parses what must be a request. */
export function asRequest(text: string): SipRequest {
  const message = parseMessage(text);
  if (message.kind !== 'request') throw new Error(`no request: ${describe(message)}`);
  return message;
}

/** Parses what must be a response. */
export function asResponse(text: string): SipResponse {
  const message = parseMessage(text);
  if (message.kind !== 'response') throw new Error(`no response: ${describe(message)}`);
  return message;
}

/** Parses what must fail. */
export function asFailure(text: string): ParseFailure {
  const message = parseMessage(text);
  if (message.kind !== 'failure') throw new Error(`no failure: ${message.kind}`);
  return message;
}

function describe(message: SipRequest | SipResponse | ParseFailure): string {
  return message.kind === 'failure' ? `${message.status} ${message.reason}` : message.kind;
}

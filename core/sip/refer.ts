/** What a REFER asks for (RFC 3515), and the dialog that a Replaces names (RFC 3891). */
import { flatten } from './bytes.js';
import type { B2buaOptions, Target } from './environment.js';
import type { SipRequest } from './message.js';
import { parseNameAddr } from './name-addr.js';
import { parseUri, type Uri, unescapeUri, uriParam } from './uri.js';

export interface ReferTarget {
  /** Without headers. */
  uri: string;
  /** In lower case; port 0 where none is given. */
  host: string;
  port: number;
  /** Value of the Replaces header that the INVITE is to have, '' for none. */
  replaces: string;
  /** Who refers, for the INVITE's Referred-By (RFC 3892), '' when he does not say. */
  referredBy: string;
}

/** A dialog as its UA is told of it: `toTag` is the tag of who gets the Replaces (RFC 3891 3). */
export interface Replaces {
  callId: string;
  toTag: string;
  fromTag: string;
}

/** Where a REFER wants somebody sent, or the status that refuses it. */
export function referTarget(request: SipRequest): ReferTarget | { status: number } {
  const values = request.headers('refer-to');
  const address = values.length === 1 ? parseNameAddr(values[0] as string) : undefined;
  if (address === undefined) return { status: 400 };
  const uri = parseUri(address.uri);
  if (uri === undefined || uri.scheme === 'tel') return { status: 416 };
  const method = uriParam(uri, 'method');
  if (method !== undefined && method !== 'INVITE') return { status: 501 };
  return {
    uri: flatten(address.uri.slice(0, address.uri.length - uri.headers.length)),
    host: flatten(uri.host),
    port: uri.port,
    replaces: flatten(uriHeader(uri, 'replaces')),
    referredBy: flatten(request.header('referred-by') ?? ''),
  };
}

/** Reads a Replaces value; undefined when it names no dialog. */
export function parseReplaces(value: string): Replaces | undefined {
  const [callId = '', ...params] = value.split(';').map((part) => part.trim());
  const named = { callId: flatten(callId), toTag: '', fromTag: '' };
  for (const param of params) {
    const [name = '', tag = ''] = param.split('=', 2);
    if (name.toLowerCase() === 'to-tag') named.toTag = flatten(tag);
    else if (name.toLowerCase() === 'from-tag') named.fromTag = flatten(tag);
  }
  return callId === '' || named.toTag === '' || named.fromTag === '' ? undefined : named;
}

/** Headers of an INVITE that is to take the place of that dialog's peer. */
export function replacesHeaders(replaces: string): [string, string][] {
  return [
    ['Replaces', replaces],
    ['Require', 'replaces'],
  ];
}

/** Where a URI that is one of the engine's own addresses is reached; undefined for every other. */
export function ownAddress(uri: { host: string; port: number }, options: B2buaOptions): Target | undefined {
  const own = options.own_addresses;
  const port = uri.port || 5060;
  return own.some((address) => address.host === uri.host && address.port === port) ? own[0] : undefined;
}

/** The value of a URI's header (RFC 3261 19.1.1), unescaped; '' when it is not there. `name` in lower case. */
function uriHeader(uri: Uri, name: string): string {
  for (const header of uri.headers.slice(1).split('&')) {
    const equals = header.indexOf('=');
    if (equals > 0 && unescapeUri(header.slice(0, equals)).toLowerCase() === name)
      return unescapeUri(header.slice(equals + 1));
  }
  return '';
}

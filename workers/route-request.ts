/** Requests as a route module sees them: text where the wire has bytes, and only what it may change can be changed. */
import { bytesFromUtf8, utf8FromBytes } from '../core/sip/bytes.js';
import type { LegInvite } from '../core/sip/environment.js';
import type { SipRequest } from '../core/sip/message.js';
import { parseNameAddr } from '../core/sip/name-addr.js';
import { parseUri, unescapeUri } from '../core/sip/uri.js';
import { isHeaderOfOthers } from './config-values.js';

/** From, To: the URI as it stands, its user part unescaped; '' for what is not there. */
export interface Address {
  uri: string;
  user: string;
  host: string;
  display: string;
}

function address(nameAddr: { uri: string; display: string } | undefined): Address {
  const { uri = '', display = '' } = nameAddr ?? {};
  const parsed = parseUri(uri);
  return {
    uri: utf8FromBytes(uri),
    user: utf8FromBytes(unescapeUri(parsed?.user ?? '')),
    host: parsed?.host ?? '',
    display: utf8FromBytes(display),
  };
}

/** The INVITE that is to be routed. */
export class RouteRequest {
  readonly method = 'INVITE';
  readonly uri: string;
  /** Of the Request-URI, unescaped. */
  readonly user: string;
  readonly host: string;
  readonly callId: string;
  readonly from: Address;
  readonly to: Address;
  readonly body: string;

  constructor(private readonly request: SipRequest) {
    const { uri, user, host } = address({ uri: request.uri, display: '' });
    this.uri = uri;
    this.user = user;
    this.host = host;
    this.callId = utf8FromBytes(request.callId);
    this.from = address(request.from);
    this.to = address(request.to);
    this.body = utf8FromBytes(request.body);
  }

  /** The first header of that name, in any case; undefined when there is none. */
  header(name: string): string | undefined {
    const value = this.request.header(name.toLowerCase());
    return value === undefined ? undefined : utf8FromBytes(value);
  }

  /** Every header of that name, in order. */
  headers(name: string): string[] {
    return this.request.headers(name.toLowerCase()).map(utf8FromBytes);
  }
}

/** An INVITE that is about to start a leg. Headers that keep the dialog together are the engine's own. */
export class LegRequest {
  readonly method = 'INVITE';
  readonly uri: string;
  readonly user: string;
  readonly host: string;
  readonly callId: string;
  readonly from: Address;
  readonly to: Address;
  readonly body: string;
  private list: { name: string; value: string }[];

  constructor(invite: LegInvite) {
    const { uri, user, host } = address({ uri: invite.uri, display: '' });
    this.uri = uri;
    this.user = user;
    this.host = host;
    this.callId = utf8FromBytes(invite.callId);
    this.from = address(parseNameAddr(invite.from));
    this.to = address(parseNameAddr(invite.to));
    this.body = utf8FromBytes(invite.body);
    this.list = invite.headers.map(([name, value]) => ({ name, value: utf8FromBytes(value) }));
  }

  header(name: string): string | undefined {
    return this.headers(name)[0];
  }

  headers(name: string): string[] {
    return this.list.filter((header) => same(header.name, name)).map(({ value }) => value);
  }

  /** One header more. @throws when it is the engine's own or its name is no token */
  addHeader(name: string, value: string): void {
    if (!isHeaderOfOthers(name)) throw new Error(`header ${name} cannot be set by a route module`);
    this.list.push({ name, value: String(value) });
  }

  /** In place of all of that name. @throws as `addHeader` */
  setHeader(name: string, value: string): void {
    const at = this.list.findIndex((header) => same(header.name, name));
    this.addHeader(name, value);
    if (at < 0) return;
    this.list[at] = this.list.pop() as { name: string; value: string };
    this.list = this.list.filter((header, index) => index === at || !same(header.name, name));
  }

  removeHeader(name: string): void {
    this.list = this.list.filter((header) => !same(header.name, name));
  }

  /** The headers as they go on the wire. */
  onTheWire(): [string, string][] {
    return this.list.map(({ name, value }) => [name, bytesFromUtf8(value)]);
  }
}

function same(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

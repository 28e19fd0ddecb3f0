/** Which flow an initial INVITE enters: the rules of `routes`, first match wins. */
import { BlockList, isIPv6 } from 'node:net';
import type { Routed } from '../core/sip/environment.js';
import type { SipRequest } from '../core/sip/message.js';
import { parseUri, unescapeUri } from '../core/sip/uri.js';
import type { RouteRule } from './config.js';

/** Decides by the request and the IP address that it came from. */
export type Router = (request: SipRequest, source: string) => Routed;

const NO_ROUTE: Routed = { status: 404, reason: 'SIP;cause=404;text="no route matches"' };

/** Without rules the Request-URI's user part is the flow id. */
export function routerOf(rules: readonly RouteRule[]): Router {
  if (rules.length === 0) {
    return (request) => ({
      flow: unescapeUri(parseUri(request.uri)?.user ?? ''),
      param: '',
      media: undefined,
    });
  }
  const compiled = rules.map((rule) => ({ matches: matcherOf(rule.match), routed: outcomeOf(rule) }));
  return (request, source) => compiled.find(({ matches }) => matches(request, source))?.routed ?? NO_ROUTE;
}

function outcomeOf(rule: RouteRule): Routed {
  if (rule.reject !== undefined) {
    const { status, reason } = rule.reject;
    return { status, reason: `SIP;cause=${status};text="${reason.replace(/["\\]/g, '\\$&')}"` };
  }
  return { flow: rule.flow ?? '', param: rule.param ?? '', media: rule.media };
}

function matcherOf(match: RouteRule['match']): (request: SipRequest, source: string) => boolean {
  const user = patternOf(match.user);
  const host = patternOf(match.host, 'i');
  const from = patternOf(match.from);
  const to = patternOf(match.to);
  const headers = Object.entries(match.headers ?? {}).map(([name, value]) => ({
    name: name.toLowerCase(),
    value: patternOf(value),
  }));
  const network = match.source === undefined ? undefined : networkOf(match.source);
  return (request, source) => {
    const uri = parseUri(request.uri);
    return (
      user(unescapeUri(uri?.user ?? '')) &&
      host(uri?.host ?? '') &&
      from(userAtHost(request.from.uri)) &&
      to(userAtHost(request.to.uri)) &&
      headers.every(({ name, value }) => request.headers(name).some(value)) &&
      (network === undefined || network.check(source, isIPv6(source) ? 'ipv6' : 'ipv4'))
    );
  };
}

/** `*` stands for any run of characters; no pattern fits everything. */
function patternOf(pattern: string | undefined, flags = ''): (text: string) => boolean {
  if (pattern === undefined) return () => true;
  const source = pattern.split('*').map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  const expression = new RegExp(`^${source.join('[\\s\\S]*')}$`, flags);
  return (text) => expression.test(text);
}

function networkOf(source: string): BlockList {
  const [address = '', prefix] = source.split('/');
  const family = isIPv6(address) ? 'ipv6' : 'ipv4';
  const list = new BlockList();
  list.addSubnet(address, prefix === undefined ? (family === 'ipv6' ? 128 : 32) : Number(prefix), family);
  return list;
}

function userAtHost(text: string): string {
  const uri = parseUri(text);
  return uri === undefined ? '' : `${unescapeUri(uri.user)}@${uri.host}`;
}

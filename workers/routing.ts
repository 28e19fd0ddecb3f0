/** Which flow an initial INVITE enters: the rules of `routes`, first match wins. */
import { BlockList, isIPv6 } from 'node:net';
import { pathToFileURL } from 'node:url';
import { bytesFromUtf8, utf8FromBytes } from '../core/sip/bytes.js';
import type { Routed } from '../core/sip/environment.js';
import type { SipRequest } from '../core/sip/message.js';
import { parseUri, type Uri, unescapeUri } from '../core/sip/uri.js';
import type { RouteRule } from './config.js';
import { refusal } from './route-handling.js';

/** A module, by its number, is to decide. */
export interface ModuleChosen {
  module: number;
}

/** Decides by the request and the IP address that it came from. */
export type Router = (request: SipRequest, source: string) => Routed | ModuleChosen;

const NO_ROUTE = refusal(404, 'no route matches');

/** URLs of the modules that the rules name, each once; a module's number is its place here. */
export function modulesOf(rules: readonly RouteRule[]): string[] {
  const paths = rules.flatMap(({ module }) => (module === undefined ? [] : [pathToFileURL(module).href]));
  return [...new Set(paths)];
}

/** Without rules the Request-URI's user part is the flow id. */
export function routerOf(rules: readonly RouteRule[]): Router {
  if (rules.length === 0) {
    return (request) => ({
      flow: unescapeUri(parseUri(request.uri)?.user ?? ''),
      param: '',
      media: undefined,
    });
  }
  const modules = modulesOf(rules);
  const compiled = rules.map((rule) => ({
    matches: matcherOf(rule.match),
    routed: outcomeOf(rule, modules),
  }));
  return (request, source) => compiled.find(({ matches }) => matches(request, source))?.routed ?? NO_ROUTE;
}

function outcomeOf(rule: RouteRule, modules: readonly string[]): Routed | ModuleChosen {
  if (rule.reject !== undefined) return refusal(rule.reject.status, rule.reject.reason);
  if (rule.module !== undefined) return { module: modules.indexOf(pathToFileURL(rule.module).href) };
  const { flow = '', media, param = '' } = rule;
  return { flow: bytesFromUtf8(flow), param: bytesFromUtf8(param), media };
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
      user(userOf(uri)) &&
      host(uri?.host ?? '') &&
      from(userAtHost(request.from.uri)) &&
      to(userAtHost(request.to.uri)) &&
      headers.every(({ name, value }) => request.headers(name).some((each) => value(utf8FromBytes(each)))) &&
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
  return uri === undefined ? '' : `${userOf(uri)}@${uri.host}`;
}

/** As people read it. */
function userOf(uri: Uri | undefined): string {
  return utf8FromBytes(unescapeUri(uri?.user ?? ''));
}

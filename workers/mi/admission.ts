/**
 * Who may use the management interface.
 *
 * A web page must not be able to log agents out through the browser of somebody who can reach the
 * engine, so an Origin that is not ours is refused, and a POST must say that it is JSON, which a page
 * cannot without the browser asking first. The Host header decides nothing on loopback, as a page can
 * choose the name its requests carry.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { isLoopback } from '../config-values.js';
import type { Refusal, RequestHead } from './listener.js';

/**
 * Whether a request may come in.
 *
 * @param listen_host the address listened on
 * @param token what `Authorization: Bearer` must carry; '' for nothing
 */
export function admission(listen_host: string, token: string): (head: RequestHead) => Refusal | undefined {
  const on_loopback = isLoopback(listen_host);
  const expected = token === '' ? undefined : digest(token);
  return (head) => {
    if (head.origin !== undefined && !isOwnOrigin(head.origin, on_loopback ? undefined : head.host)) {
      return { status: 403, reason: 'requests of foreign web pages are refused' };
    }
    if (expected !== undefined && !timingSafeEqual(digest(bearer(head.authorization)), expected)) {
      return { status: 401, reason: 'a bearer token is needed' };
    }
    if (head.kind === 'post' && !isJson(head.content_type)) {
      return { status: 415, reason: 'the content type must be application/json' };
    }
    return undefined;
  };
}

/** Hashed, so that comparing takes the same time for every length. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function bearer(authorization: string | undefined): string {
  return /^bearer +(\S+) *$/i.exec(authorization ?? '')?.[1] ?? '';
}

function isOwnOrigin(origin: string, host: string | undefined): boolean {
  if (!/^https?:\/\//i.test(origin) || !URL.canParse(origin)) return false;
  const url = new URL(origin);
  return (
    isLoopback(url.hostname.replace(/^\[|\]$/g, '')) ||
    (host !== undefined && url.host === host.toLowerCase())
  );
}

/** application/json and its kin, such as application/json-rpc or anything ending in +json. */
function isJson(content_type: string | undefined): boolean {
  const essence = (content_type ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  return /^application\/(json|json-rpc|jsonrequest|[\w.-]+\+json)$/.test(essence);
}

/** Requests inside a dialog, and the one that makes it (RFC 3261 12.2.1.1). */
import { buildRequest } from './build.js';
import type { Dialog } from './dialog.js';
import { ALLOW } from './environment.js';
import type { HeaderFields } from './transaction-layer.js';

export interface DialogRequestParts {
  method: string;
  cseq: number;
  branch: string;
  /** `host:port` of the socket that it leaves by. */
  sentBy: string;
  maxForwards: number;
  headers: HeaderFields;
  contentType: string;
  body: string;
}

/** The request's text. INVITE, UPDATE and NOTIFY carry a Contact, which refreshes the peer's target. */
export function dialogRequest(dialog: Dialog, parts: DialogRequestParts): string {
  const { method, cseq, branch, sentBy, maxForwards, headers, contentType, body } = parts;
  const { uri, routes } = dialog.routing();
  const refreshesTarget = method === 'INVITE' || method === 'UPDATE' || method === 'NOTIFY';
  return buildRequest({
    method,
    uri,
    via: `SIP/2.0/UDP ${sentBy};branch=${branch};rport`,
    routes,
    from: dialog.localHeader,
    to: dialog.remoteHeader,
    callId: dialog.callId,
    cseq,
    maxForwards,
    contact: refreshesTarget ? contactOf(sentBy) : undefined,
    headers: method === 'INVITE' ? [['Allow', ALLOW], ...headers] : headers,
    contentType: body === '' ? undefined : contentType,
    body,
  });
}

/** Our Contact at a socket. */
export function contactOf(sentBy: string): string {
  return `<sip:${sentBy}>`;
}

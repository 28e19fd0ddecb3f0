/**
 * A dialog's state (RFC 3261 section 12): identifiers, sequence numbers, remote target and route set.
 * It builds nothing and sends nothing.
 */
import { flatten } from './bytes.js';
import type { SipMessage, SipRequest, SipResponse } from './message.js';
import { parseUri, uriParam } from './uri.js';

/** Longest route set: each element is a header line of its own in every request. */
export const MAX_ROUTES = 64;

export class Dialog {
  /** Highest CSeq of the peer's requests; -1 before the first. */
  remoteCseq = -1;

  constructor(
    readonly callId: string,
    /** Our From (as caller) or To (as callee) value, without its tag. */
    readonly local: string,
    public localTag: string,
    /** The peer's side of the same. */
    readonly remote: string,
    public remoteTag: string,
    /** CSeq of our last request. */
    public localCseq: number,
    /** Remote target: where requests inside the dialog go (12.1, target refresh 12.2). */
    public target: string,
    /** Route set, in the order in which we send it. */
    public routes: readonly string[],
  ) {}

  /** The callee's side of a dialog that `invite` makes (12.1.1). */
  static fromInvite(invite: SipRequest, localTag: string): Dialog {
    const dialog = new Dialog(
      flatten(invite.callId),
      flatten(withoutTag(invite.header('to') ?? '')),
      localTag,
      flatten(withoutTag(invite.header('from') ?? '')),
      flatten(invite.fromTag),
      0,
      flatten(invite.contact?.uri ?? ''),
      invite.list('record-route').map(flatten),
    );
    dialog.remoteCseq = invite.cseq;
    return dialog;
  }

  /** The caller's side of the dialog that a 2xx to a forgotten INVITE of ours makes. */
  static fromAnswer(response: SipResponse): Dialog {
    const dialog = new Dialog(
      flatten(response.callId),
      flatten(withoutTag(response.header('from') ?? '')),
      flatten(response.fromTag),
      flatten(withoutTag(response.header('to') ?? '')),
      '',
      response.cseq,
      flatten(response.contact?.uri ?? ''),
      [],
    );
    dialog.establish(response);
    return dialog;
  }

  /** Fixes the caller's side when the first 2xx has come (12.1.2). */
  establish(response: SipResponse): void {
    this.remoteTag = flatten(response.toTag);
    this.refreshTarget(response);
    this.routes = response.list('record-route').slice(-MAX_ROUTES).map(flatten).reverse();
  }

  /** The value of our From header in requests, of our To header in responses. */
  get localHeader(): string {
    return `${this.local};tag=${this.localTag}`;
  }

  get remoteHeader(): string {
    return this.remoteTag === '' ? this.remote : `${this.remote};tag=${this.remoteTag}`;
  }

  /** Takes the sequence number of a request of the peer; false when it is out of order (12.2.2). */
  accepts(request: SipRequest): boolean {
    if (request.cseq <= this.remoteCseq) return false;
    this.remoteCseq = request.cseq;
    return true;
  }

  /** Target refresh by an INVITE or UPDATE and its 2xx; a Contact that is no URI is no target. */
  refreshTarget(message: SipMessage): void {
    const uri = message.contact?.uri;
    if (uri !== undefined && uri !== this.target && parseUri(uri) !== undefined) this.target = flatten(uri);
  }

  /** Whether a request of the peer's with that From tag is inside this dialog and no other of the same INVITE. */
  isWith(remoteTag: string): boolean {
    return this.remoteTag === '' || this.remoteTag === remoteTag;
  }

  /** Request-URI and Route values of a request inside the dialog, strict routers too (12.2.1.1). */
  routing(): { uri: string; routes: readonly string[] } {
    const first = this.routes[0];
    if (first === undefined) return { uri: this.target, routes: [] };
    const firstUri = bareUri(first);
    const parsed = parseUri(firstUri);
    if (parsed !== undefined && uriParam(parsed, 'lr') === undefined) {
      return { uri: firstUri, routes: [...this.routes.slice(1), `<${this.target}>`] };
    }
    return { uri: this.target, routes: this.routes };
  }

  /** URI of the host that the next request is sent to: the first route, else the target. */
  nextHop(): string {
    const first = this.routes[0];
    return first === undefined ? this.target : bareUri(first);
  }
}

/** The URI of a Route element: what stands between angle brackets. */
export function bareUri(route: string): string {
  const open = route.indexOf('<');
  const close = route.indexOf('>', open);
  return open < 0 || close < 0 ? route.trim() : route.slice(open + 1, close);
}

/** A From or To value less its tag parameter; other parameters stay. */
function withoutTag(value: string): string {
  const close = value.lastIndexOf('>');
  const from = Math.max(close, 0);
  const semicolon = value.indexOf(';', from);
  if (semicolon < 0) return value;
  let kept = value.slice(0, semicolon).trimEnd();
  // Nearly always the tag is all there is.
  if (value.startsWith('tag=', semicolon + 1) && !value.includes(';', semicolon + 1)) return kept;
  for (const param of value.slice(semicolon + 1).split(';')) {
    const name = param.split('=', 1)[0]?.trim().toLowerCase();
    if (name !== '' && name !== 'tag') kept += `;${param.trim()}`;
  }
  return kept;
}

/** Our side's SDP in one dialog: whose o= line it has, and what was sent last (RFC 3264 8). */
import { flatten } from './bytes.js';
import { sameSession, withOrigin } from './sdp.js';

export class OwnDescription {
  /** As last sent, '' before the first or when it has been forgotten. */
  last = '';
  private version = 1;
  private described = false;

  /** @param id session id of the o= line, digits */
  constructor(private readonly id: string) {}

  /** Puts our o= line on `sdp` and remembers it; the version grows with every change. */
  take(sdp: string, sentBy: string): string {
    // What was sent and forgotten counts as another one: versions may grow without a change, not the reverse.
    if (this.described && (this.last === '' || !sameSession(this.last, sdp))) this.version++;
    this.described = true;
    this.last = flatten(this.signed(sdp, sentBy));
    return this.last;
  }

  /** With our o= line, but not remembered: for a dialog that ends with it. */
  signed(sdp: string, sentBy: string): string {
    return withOrigin(sdp, this.id, this.version, hostOf(sentBy));
  }

  /** What was sent last is not needed any more. */
  forget(): void {
    this.last = '';
  }
}

/** The host of `host:port`, an IPv6 address without its brackets. */
function hostOf(hostport: string): string {
  if (hostport.startsWith('[')) return hostport.slice(1, hostport.indexOf(']'));
  const colon = hostport.lastIndexOf(':');
  return colon < 0 ? hostport : hostport.slice(0, colon);
}

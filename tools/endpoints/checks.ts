/**
 * What a far end may not do with the SDP of one dialog, watched by the simulated endpoints: RFC 3264
 * sections 5, 6 and 8 (the o= line's version, the number of m-lines).
 */

export class SdpWatch {
  private origin = '';
  private version = 0;
  private rest = '';
  private streams = 0;

  /**
   * Looks at the next SDP from the far end.
   * @param offer what it answers; '' when it is an offer itself
   * @returns what is wrong with it, undefined when nothing is
   */
  see(sdp: string, offer: string): string | undefined {
    const lines = sdp.split(/\r?\n/);
    const [user, id, version, ...address] = (lines.find((line) => line.startsWith('o=')) ?? '').split(' ');
    const origin = [user, id, ...address].join(' ');
    const rest = lines.filter((line) => !line.startsWith('o=')).join('\n');
    const number = Number(version);
    const streams = countStreams(sdp);
    const before = { origin: this.origin, version: this.version, rest: this.rest, streams: this.streams };
    this.origin = origin;
    this.version = number;
    this.rest = rest;
    this.streams = streams;
    if (!Number.isSafeInteger(number)) return 'an SDP without a version in o=';
    if (offer !== '' && streams !== countStreams(offer)) return 'an answer with another number of m-lines';
    if (before.origin === '') return undefined;
    if (origin !== before.origin) return `o= changed from "${before.origin}" to "${origin}"`;
    if (streams < before.streams) return 'an SDP with fewer m-lines than the one before';
    const expected = rest === before.rest ? before.version : before.version + 1;
    if (number !== expected) return `version ${number} in o=, not ${expected}`;
    return undefined;
  }
}

function countStreams(sdp: string): number {
  return sdp.split('\n').filter((line) => line.startsWith('m=')).length;
}

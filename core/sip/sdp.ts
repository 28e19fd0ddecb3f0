/**
 * As much of SDP as a B2BUA touches (RFC 8866, RFC 3264): the o= line, and number, order and ports of the
 * m-lines. Everything else passes as it is.
 */

export interface SdpMedia {
  /** audio, video, message, ... */
  media: string;
  port: number;
  protocol: string;
  /** The m-line, without its end. */
  line: string;
}

interface Section extends SdpMedia {
  /** The whole section, m-line first, line ends and all. */
  text: string;
}

/** The streams, in order. */
export function sdpMedia(sdp: string): SdpMedia[] {
  return split(sdp).sections;
}

/** What a call with this SDP is: the first stream over RTP decides, else one over MSRP. */
export function sdpKind(sdp: string): 'rtp' | 'msrp' | 'none' {
  const protocols = sdpMedia(sdp).map(({ protocol }) => protocol.toUpperCase());
  if (protocols.some((protocol) => protocol.includes('RTP'))) return 'rtp';
  return protocols.some((protocol) => protocol.includes('MSRP')) ? 'msrp' : 'none';
}

/** The SDP with an o= line of ours. */
export function withOrigin(sdp: string, id: string, version: number, host: string): string {
  const family = host.includes(':') ? 'IP6' : 'IP4';
  const line = `o=- ${id} ${version} IN ${family} ${host}`;
  const at = lineStart(sdp, 'o=');
  if (at < 0) {
    const versionEnd = endOfLine(sdp, 0);
    return `${sdp.slice(0, versionEnd)}${line}\r\n${sdp.slice(versionEnd)}`;
  }
  return `${sdp.slice(0, at)}${line}\r\n${sdp.slice(endOfLine(sdp, at))}`;
}

/** Whether both describe the same session, whoever's o= line they have. */
export function sameSession(a: string, b: string): boolean {
  return a === b || withoutOrigin(a) === withoutOrigin(b);
}

/** The SDP with every stream refused. */
export function withPortsZero(sdp: string): string {
  const { head, sections } = split(sdp);
  return head + sections.map(refused).join('');
}

/** Whether it has no stream that is not refused. */
export function allPortsZero(sdp: string): boolean {
  return sdpMedia(sdp).every(({ port }) => port === 0);
}

/** An answer to `offer` that refuses every stream. */
export function rejectAll(offer: string): string {
  return withPortsZero(offer);
}

/**
 * `answer` with exactly the m-lines of `offer`, in number and order: port 0 where it has no such stream, what it
 * has beyond them dropped (RFC 3264 6).
 */
export function alignTo(offer: string, answer: string): string {
  const { head, sections } = split(answer);
  const wanted = split(offer).sections;
  if (sameLayout(wanted, sections)) return answer;
  return head + arrange(wanted, sections).join('');
}

/**
 * `offer` for a dialog in which `before` was sent last: the streams that were there keep their places, port 0
 * where the offer lacks one, new ones follow (RFC 3264 8).
 */
export function arrangeOffer(before: string, offer: string): string {
  if (before === '') return offer;
  const { head, sections } = split(offer);
  const places = split(before).sections;
  if (sameLayout(places, sections)) return offer;
  const rest = [...sections];
  const placed = arrange(places, rest);
  return head + placed.join('') + rest.map(({ text }) => text).join('');
}

/** For each place the first section of its kind, taken out of `sections`; a refused one where there is none. */
function arrange(places: readonly Section[], sections: Section[]): string[] {
  return places.map((place) => {
    const index = sections.findIndex(
      ({ media, protocol }) => media === place.media && transport(protocol) === transport(place.protocol),
    );
    const found = index < 0 ? undefined : sections.splice(index, 1)[0];
    return found?.text ?? refused(place);
  });
}

function sameLayout(a: readonly Section[], b: readonly Section[]): boolean {
  return (
    a.length === b.length &&
    a.every(
      (section, index) =>
        section.media === b[index]?.media &&
        transport(section.protocol) === transport(b[index]?.protocol ?? ''),
    )
  );
}

/** Profiles of one transport can answer each other's place; RTP and MSRP cannot. */
function transport(protocol: string): string {
  return /RTP/i.test(protocol) ? 'RTP' : /MSRP/i.test(protocol) ? 'MSRP' : protocol;
}

/** A refused stream needs its m-line only. */
function refused(section: SdpMedia): string {
  const [media = '', , ...rest] = section.line.split(' ');
  return `${[media, '0', ...rest].join(' ')}\r\n`;
}

function split(sdp: string): { head: string; sections: Section[] } {
  let at = lineStart(sdp, 'm=');
  const head = at < 0 ? sdp : sdp.slice(0, at);
  const sections: Section[] = [];
  while (at >= 0) {
    const next = nextLineStart(sdp, 'm=', at);
    const text = sdp.slice(at, next < 0 ? sdp.length : next);
    const end = text.indexOf('\n');
    const line = (end < 0 ? text : text.slice(0, end)).trimEnd();
    const [media = '', port = '', protocol = ''] = line.slice(2).split(' ');
    sections.push({
      media,
      port: Number.parseInt(port, 10) || 0,
      protocol,
      line,
      text: end < 0 ? `${text}\r\n` : text,
    });
    at = next;
  }
  return { head, sections };
}

function lineStart(sdp: string, type: string): number {
  return sdp.startsWith(type) ? 0 : nextLineStart(sdp, type, 0);
}

function nextLineStart(sdp: string, type: string, from: number): number {
  const at = sdp.indexOf(`\n${type}`, from);
  return at < 0 ? -1 : at + 1;
}

/** Position after the line end that follows `at`. */
function endOfLine(sdp: string, at: number): number {
  const end = sdp.indexOf('\n', at);
  return end < 0 ? sdp.length : end + 1;
}

function withoutOrigin(sdp: string): string {
  const at = lineStart(sdp, 'o=');
  return at < 0 ? sdp : sdp.slice(0, at) + sdp.slice(endOfLine(sdp, at));
}

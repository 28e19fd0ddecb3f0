/**
 * Session descriptions (RFC 8866), as little of them as a B2BUA touches: whose session it is (o=), and the
 * number, order and ports of its streams (RFC 3264).
 *
 * An SDP here is a byte string of lines that end in CRLF or LF. What comes in is not required to be sound;
 * lines that are not touched pass as they are.
 */
import { clean } from './lex.js';

/** One m= line. */
export interface SdpMedia {
  /** audio, video, message ... as it stands. */
  media: string;
  /** 0 also where it cannot be read. */
  port: number;
  /** RTP/AVP, TCP/MSRP ... as it stands; '' where it is missing. */
  protocol: string;
  /** The whole line, without its end. */
  line: string;
}

/** A stream's m= line and what belongs to it. */
interface Section extends SdpMedia {
  /** m= line and the lines up to the next one, with their ends. */
  text: string;
}

const NO_ADDRESS_LINE = 'c=IN IP4 0.0.0.0\r\n';

/** The streams of an SDP, in order. */
export function sdpMedia(sdp: string): SdpMedia[] {
  return sections(sdp).map(({ media, port, protocol, line }) => ({ media, port, protocol, line }));
}

/**
 * What a session is carried over: `rtp` when a stream's transport contains RTP, else `msrp` when one's contains
 * MSRP, else `none`. Streams that are switched off (port 0) count only where all are.
 */
export function sdpKind(sdp: string): 'rtp' | 'msrp' | 'none' {
  const all = sections(sdp);
  const live = all.filter((s) => s.port !== 0);
  const streams = live.length > 0 ? live : all;
  if (streams.some((s) => s.protocol.toUpperCase().includes('RTP'))) return 'rtp';
  if (streams.some((s) => s.protocol.toUpperCase().includes('MSRP'))) return 'msrp';
  return 'none';
}

/**
 * The SDP with our own o= line in place of its own, or after v= when it has none.
 * @param host our address, IPv6 without brackets, or a name
 */
export function withOrigin(sdp: string, id: string, version: number, host: string): string {
  const line = `o=- ${clean(id)} ${version} IN ${host.includes(':') ? 'IP6' : 'IP4'} ${clean(host)}`;
  const old = originLine(sdp);
  if (old.end > old.start) return `${sdp.slice(0, old.start)}${line}\r\n${sdp.slice(old.end)}`;
  const first = sdp.startsWith('v=') ? lineEnd(sdp, 0) : 0;
  return `${first === 0 ? '' : ended(sdp.slice(0, first))}${line}\r\n${sdp.slice(first)}`;
}

/** Whether two SDPs are the same but for their o= lines. */
export function sameSession(a: string, b: string): boolean {
  const inA = originLine(a);
  const inB = originLine(b);
  return a.slice(0, inA.start) === b.slice(0, inB.start) && a.slice(inA.end) === b.slice(inB.end);
}

/** Whether no stream of the SDP is on; so also when it has none. */
export function allPortsZero(sdp: string): boolean {
  return sections(sdp).every((s) => s.port === 0);
}

/**
 * `answer` with exactly the streams of `offer` in number and order (RFC 3264, 6): each stream of the offer
 * that is on takes the answer's stream in the same place if that is of the same media, else the first one
 * of that media which is left; what the answer lacks gets port 0, and its surplus is dropped.
 */
export function alignTo(offer: string, answer: string): string {
  const wanted = sections(offer);
  const given = sections(answer);
  const taken = match(wanted, given, (s) => s.port !== 0);
  let text = answer.slice(0, sessionEnd(answer));
  const needsAddress = !hasLine(text, 'c=');
  wanted.forEach((stream, i) => {
    const found = taken[i];
    if (found) text += ended(found.text);
    else text += `${portZero(stream)}\r\n${needsAddress ? NO_ADDRESS_LINE : ''}`;
  });
  return text;
}

/**
 * `offer` made to follow `previous` in the same dialog (RFC 3264, 8): its streams take the places that those of
 * their media had, places that are left get port 0, new streams come after them.
 */
export function extendTo(previous: string, offer: string): string {
  const places = sections(previous);
  const given = sections(offer);
  const taken = match(places, given, () => true);
  const used = new Set(taken);
  let text = offer.slice(0, sessionEnd(offer));
  const needsAddress = !hasLine(text, 'c=');
  places.forEach((place, i) => {
    const found = taken[i];
    if (found) text += ended(found.text);
    else text += `${portZero(place)}\r\n${needsAddress ? NO_ADDRESS_LINE : ''}`;
  });
  for (const stream of given) if (!used.has(stream)) text += ended(stream.text);
  return text;
}

/** An answer to `offer` that takes none of its streams. Its o= line is for {@link withOrigin} to replace. */
export function rejectAll(offer: string): string {
  let times = '';
  const session = sessionEnd(offer);
  for (let i = nextLine(offer, 't=', 0); i < session; i = nextLine(offer, 't=', lineEnd(offer, i))) {
    // The answer's time must be the offer's (RFC 3264, 6).
    times += ended(offer.slice(i, lineEnd(offer, i)));
  }
  let text = `v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\n${NO_ADDRESS_LINE}${times || 't=0 0\r\n'}`;
  for (const section of sections(offer)) text += `${portZero(section)}\r\n`;
  return text;
}

/** For each of `places` that `open` admits, the stream of `given` that takes it; each is taken once. */
function match(
  places: readonly Section[],
  given: readonly Section[],
  open: (place: Section) => boolean,
): (Section | undefined)[] {
  const taken: (Section | undefined)[] = places.map((place, i) => {
    const same = given[i];
    return same && open(place) && same.media === place.media ? same : undefined;
  });
  const used = new Set(taken);
  const left = new Map<string, Section[]>();
  for (let i = given.length - 1; i >= 0; i--) {
    const stream = given[i] as Section;
    if (used.has(stream)) continue;
    const others = left.get(stream.media);
    if (others) others.push(stream);
    else left.set(stream.media, [stream]);
  }
  return places.map((place, i) => taken[i] ?? (open(place) ? left.get(place.media)?.pop() : undefined));
}

/** The position after the line that begins at `i`, its end included. */
function lineEnd(sdp: string, i: number): number {
  const lineFeed = sdp.indexOf('\n', i);
  return lineFeed < 0 ? sdp.length : lineFeed + 1;
}

/** Where the next line of a type (`m=`) begins, from the beginning of a line at `i` on; at the end when there is none. */
function nextLine(sdp: string, type: string, i: number): number {
  if (sdp.startsWith(type, i)) return i;
  const before = sdp.indexOf(`\n${type}`, i);
  return before < 0 ? sdp.length : before + 1;
}

/** Where the session's own lines end: at the first m= line, or at the end. */
function sessionEnd(sdp: string): number {
  return nextLine(sdp, 'm=', 0);
}

/** The range of the o= line with its end; an empty one when there is none. */
function originLine(sdp: string): { start: number; end: number } {
  const start = nextLine(sdp, 'o=', 0);
  return start < sessionEnd(sdp) ? { start, end: lineEnd(sdp, start) } : { start: 0, end: 0 };
}

function hasLine(text: string, type: string): boolean {
  return nextLine(text, type, 0) < text.length;
}

/** Text that ends a line, so that another can follow. */
function ended(text: string): string {
  return text.endsWith('\n') ? text : `${text}\r\n`;
}

function sections(sdp: string): Section[] {
  const found: Section[] = [];
  let start = sessionEnd(sdp);
  while (start < sdp.length) {
    const first = lineEnd(sdp, start);
    const end = nextLine(sdp, 'm=', first);
    found.push(section(sdp.slice(start, end), first - start));
    start = end;
  }
  return found;
}

/** `m=<media> <port>[/<count>] <protocol> <format> ...` */
function section(text: string, firstLine: number): Section {
  let length = firstLine;
  while (length > 0 && (text.charCodeAt(length - 1) === 10 || text.charCodeAt(length - 1) === 13)) length--;
  const line = text.slice(0, length);
  const media = wordEnd(line, 2);
  const ports = wordEnd(line, media + 1);
  const port = Number.parseInt(line.slice(media + 1, ports), 10);
  return {
    media: line.slice(2, media),
    port: port > 0 && port <= 65535 ? port : 0,
    protocol: line.slice(ports + 1, wordEnd(line, ports + 1)),
    line,
    text,
  };
}

/** The position of the space after `start`, or the end. */
function wordEnd(line: string, start: number): number {
  const space = line.indexOf(' ', start);
  return space < 0 ? line.length : space;
}

/** The stream's m= line with port 0, without a line end. */
function portZero(stream: SdpMedia): string {
  const port = stream.line.indexOf(' ') + 1;
  if (port === 0) return `${stream.line} 0`;
  const after = stream.line.indexOf(' ', port);
  return `${stream.line.slice(0, port)}0${after < 0 ? '' : stream.line.slice(after)}`;
}

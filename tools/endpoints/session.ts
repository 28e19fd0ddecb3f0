/**
 * The SDP of a simulated endpoint: its offers, and its answers to the offers of others (RFC 3264).
 * The session's name (s=) is the endpoint's own, so that the far end can tell whom it is joined to.
 */

export type SessionMedia = 'rtp' | 'msrp';

export interface SessionOptions {
  /** Goes into s=; no line breaks. */
  name: string;
  /** Address for o=, c= and the media. */
  host: string;
  media_port: number;
  media: SessionMedia;
}

export type Direction = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

const MIRROR: Record<Direction, Direction> = {
  sendrecv: 'sendrecv',
  sendonly: 'recvonly',
  recvonly: 'sendonly',
  inactive: 'inactive',
};

let lastSession = 0;

export class Session {
  private readonly id = ++lastSession;
  private version = 1;
  private lastBody = '';

  constructor(private readonly options: SessionOptions) {}

  /** One stream. `direction` other than sendrecv makes it a hold. */
  offer(direction: Direction = 'sendrecv'): string {
    return this.finish(this.stream(direction));
  }

  /** Takes the first stream of our own kind; every other m-line of the offer is answered with port 0. */
  answer(offer: string): string {
    const kind = this.options.media === 'rtp' ? /RTP/ : /MSRP/;
    let taken = false;
    const streams: string[] = [];
    for (const line of lines(offer)) {
      if (!line.startsWith('m=')) continue;
      const [media = '', port = '', protocol = '', ...formats] = line.slice(2).split(' ');
      if (!taken && port !== '0' && kind.test(protocol)) {
        taken = true;
        streams.push(this.stream(MIRROR[directionOf(offer)]));
      } else {
        streams.push(`m=${media} 0 ${protocol} ${formats.join(' ')}\r\n`);
      }
    }
    return this.finish(streams.join(''));
  }

  /** An answer, or an offer, that refuses every stream. */
  refusal(offer: string): string {
    return this.finish(
      lines(offer)
        .filter((line) => line.startsWith('m='))
        .map((line) => `${line.replace(/^(m=\S+) \S+/, '$1 0')}\r\n`)
        .join(''),
    );
  }

  private stream(direction: Direction): string {
    const { host, media, media_port, name } = this.options;
    if (media === 'msrp') {
      return (
        `m=message ${media_port} TCP/MSRP *\r\n` +
        'a=accept-types:text/plain\r\n' +
        `a=path:msrp://${host}:${media_port}/${name}-${this.id};tcp\r\n`
      );
    }
    return (
      `m=audio ${media_port} RTP/AVP 0 101\r\n` +
      'a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n' +
      `a=${direction}\r\n`
    );
  }

  private finish(streams: string): string {
    const { host, name } = this.options;
    const family = host.includes(':') ? 'IP6' : 'IP4';
    const body = `s=${name}\r\nc=IN ${family} ${host}\r\nt=0 0\r\n${streams}`;
    if (this.lastBody !== '' && body !== this.lastBody) this.version++;
    this.lastBody = body;
    return `v=0\r\no=- ${this.id} ${this.version} IN ${family} ${host}\r\n${body}`;
  }
}

/** The session name (s=) of an SDP; '' when there is none. */
export function sessionName(sdp: string): string {
  return (
    lines(sdp)
      .find((line) => line.startsWith('s='))
      ?.slice(2) ?? ''
  );
}

/** Direction of the first stream that gives one, as RFC 3264 reads it: sendrecv when nothing is said. */
export function directionOf(sdp: string): Direction {
  for (const line of lines(sdp)) {
    if (line === 'a=sendonly') return 'sendonly';
    if (line === 'a=recvonly') return 'recvonly';
    if (line === 'a=inactive') return 'inactive';
  }
  return 'sendrecv';
}

/** Where the peer wants its audio: the first audio stream with a port; undefined when there is none. */
export function audioTarget(sdp: string): { host: string; port: number } | undefined {
  let session = '';
  let port = 0;
  let stream = '';
  for (const line of lines(sdp)) {
    if (line.startsWith('m=')) {
      if (port > 0) break;
      const [media = '', number = ''] = line.slice(2).split(' ');
      port = media === 'audio' ? Number(number) : 0;
    } else if (line.startsWith('c=')) {
      const host = line.split(' ')[2] ?? '';
      if (port > 0) stream = host;
      else session = host;
    }
  }
  const host = stream || session;
  return port > 0 && port < 65_536 && host !== '' ? { host, port } : undefined;
}

function lines(sdp: string): string[] {
  return sdp.split(/\r?\n/);
}

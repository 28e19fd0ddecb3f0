/**
 * A SIP message: a byte string and the positions of its headers. What a header says is read when it is
 * asked for, and remembered.
 */
import { decimal, elementEnd, isLws, isTokenRange, sameName, splitList, unfold } from './lex.js';
import { type NameAddr, nameAddrAt, parseNameAddr } from './name-addr.js';
import { parseVia, type Via, viaAt } from './via.js';

/** Numbers that describe a header line in {@link HeaderIndex.lines}: name's start and length, value's range. */
export const LINE_FIELDS = 4;
/** Set in the field of the name's length when the value runs over several lines. */
export const FOLDED = 0x10000;

/** Where the parser found what. A header's number is the index of its first line in `lines`, -1 if absent. */
export class HeaderIndex {
  readonly lines: number[] = [];
  via = -1;
  from = -1;
  to = -1;
  callId = -1;
  cseq = -1;
  contact = -1;
  maxForwards = -1;
  contentType = -1;
  contentLength = -1;
  /** Name of a header that is there twice and must not be; '' if none. */
  repeated = '';
  bodyStart = 0;
  bodyEnd = 0;
}

/** The registered compact forms (IANA, SIP header fields). */
const COMPACT: ReadonlyMap<string, string> = new Map([
  ['accept-contact', 'a'],
  ['referred-by', 'b'],
  ['content-type', 'c'],
  ['request-disposition', 'd'],
  ['content-encoding', 'e'],
  ['from', 'f'],
  ['call-id', 'i'],
  ['reject-contact', 'j'],
  ['supported', 'k'],
  ['content-length', 'l'],
  ['contact', 'm'],
  ['identity-info', 'n'],
  ['event', 'o'],
  ['refer-to', 'r'],
  ['subject', 's'],
  ['to', 't'],
  ['allow-events', 'u'],
  ['via', 'v'],
  ['session-expires', 'x'],
  ['identity', 'y'],
]);

const NO_ADDRESS: NameAddr = Object.freeze({ display: '', uri: '', params: '', tag: '' });
const NO_VIA: Via = Object.freeze({
  transport: '',
  host: '',
  port: 0,
  branch: '',
  received: '',
  rport: undefined,
  maddr: '',
});
const NO_CONTACT = Symbol('no contact');
const MAX_CSEQ = 0xffffffff;
const MAX_MAX_FORWARDS = 255;

/** The method that `text[start..end)` names; the usual ones without a copy. */
export function methodAt(text: string, start: number, end: number): string {
  switch (end - start) {
    case 3:
      if (text.startsWith('ACK', start)) return 'ACK';
      if (text.startsWith('BYE', start)) return 'BYE';
      break;
    case 4:
      if (text.startsWith('INFO', start)) return 'INFO';
      break;
    case 5:
      if (text.startsWith('REFER', start)) return 'REFER';
      break;
    case 6:
      if (text.startsWith('INVITE', start)) return 'INVITE';
      if (text.startsWith('CANCEL', start)) return 'CANCEL';
      if (text.startsWith('UPDATE', start)) return 'UPDATE';
      if (text.startsWith('NOTIFY', start)) return 'NOTIFY';
      break;
    case 7:
      if (text.startsWith('OPTIONS', start)) return 'OPTIONS';
      if (text.startsWith('MESSAGE', start)) return 'MESSAGE';
      break;
  }
  return text.slice(start, end);
}

export abstract class SipMessage {
  abstract readonly kind: 'request' | 'response';

  private viaCache: Via | undefined = undefined;
  private fromCache: NameAddr | undefined = undefined;
  private toCache: NameAddr | undefined = undefined;
  private contactCache: NameAddr | typeof NO_CONTACT | undefined = undefined;
  private callIdCache: string | undefined = undefined;
  private cseqCache = -2;
  private cseqMethodCache = '';

  constructor(
    /** The whole message, a byte string. */
    readonly text: string,
    /** @internal */ readonly index: HeaderIndex,
  ) {}

  /** A response's is that of its CSeq. */
  abstract get method(): string;

  get callId(): string {
    this.callIdCache ??= this.index.callId < 0 ? '' : this.valueAt(this.index.callId);
    return this.callIdCache;
  }

  /** CSeq's number; 0 when CSeq is malformed, which {@link defect} tells. */
  get cseq(): number {
    if (this.cseqCache === -2) this.readCSeq();
    return Math.max(0, this.cseqCache);
  }

  get from(): NameAddr {
    this.fromCache ??= this.nameAddr(this.index.from);
    return this.fromCache;
  }

  get to(): NameAddr {
    this.toCache ??= this.nameAddr(this.index.to);
    return this.toCache;
  }

  /** '' if none. */
  get fromTag(): string {
    return this.from.tag;
  }

  /** '' if none. */
  get toTag(): string {
    return this.to.tag;
  }

  /** The topmost Via. */
  get via(): Via {
    this.viaCache ??= this.readVia();
    return this.viaCache;
  }

  /** The first Contact; undefined when there is none, it is `*`, or malformed. */
  get contact(): NameAddr | undefined {
    this.contactCache ??= this.readContact();
    return this.contactCache === NO_CONTACT ? undefined : this.contactCache;
  }

  get maxForwards(): number | undefined {
    if (this.index.maxForwards < 0) return undefined;
    const { lines, maxForwards } = this.index;
    const hops = decimal(
      this.text,
      lines[maxForwards + 2] as number,
      lines[maxForwards + 3] as number,
      MAX_MAX_FORWARDS,
    );
    return hops < 0 ? undefined : hops;
  }

  /** In lower case, without parameters, '' if none. */
  get contentType(): string {
    if (this.index.contentType < 0) return '';
    const value = this.valueAt(this.index.contentType);
    let end = value.indexOf(';');
    if (end < 0) end = value.length;
    let type = '';
    let from = 0;
    // White space may stand round the slash.
    for (let i = 0; i <= end; i++) {
      if (i === end || isLws(value.charCodeAt(i))) {
        type += value.slice(from, i);
        from = i + 1;
      }
    }
    return type.toLowerCase();
  }

  get body(): string {
    return this.text.slice(this.index.bodyStart, this.index.bodyEnd);
  }

  /**
   * The first header line of that name, unfolded and trimmed; undefined when there is none.
   * @param name the full form in lower case; the compact form on the wire matches it
   */
  header(name: string): string | undefined {
    const at = this.nextLine(name, COMPACT.get(name), 0);
    return at < 0 ? undefined : this.valueAt(at);
  }

  /** The value of every header line of that name, in order, not split at commas. */
  headers(name: string): string[] {
    const values: string[] = [];
    const compact = COMPACT.get(name);
    for (
      let at = this.nextLine(name, compact, 0);
      at >= 0;
      at = this.nextLine(name, compact, at + LINE_FIELDS)
    ) {
      values.push(this.valueAt(at));
    }
    return values;
  }

  /** Every element of a header that is a comma list, over all its lines. */
  list(name: string): string[] {
    const elements: string[] = [];
    const compact = COMPACT.get(name);
    for (
      let at = this.nextLine(name, compact, 0);
      at >= 0;
      at = this.nextLine(name, compact, at + LINE_FIELDS)
    ) {
      splitList(this.valueAt(at), elements);
    }
    return elements;
  }

  /**
   * What is wrong with the headers without which no message can be handled, undefined when nothing is.
   * What `parseMessage` returned as a message has no defect.
   */
  defect(): string | undefined {
    const index = this.index;
    if (index.via < 0) return 'Missing Via';
    if (index.from < 0) return 'Missing From';
    if (index.to < 0) return 'Missing To';
    if (index.callId < 0) return 'Missing Call-ID';
    if (index.cseq < 0) return 'Missing CSeq';
    if (index.repeated !== '') return `Repeated ${index.repeated}`;
    if (this.via === NO_VIA) return 'Malformed Via';
    if (this.from === NO_ADDRESS) return 'Malformed From';
    if (this.to === NO_ADDRESS) return 'Malformed To';
    if (!this.hasCallId()) return 'Malformed Call-ID';
    if (this.cseqCache === -2) this.readCSeq();
    if (this.cseqCache < 0) return 'Malformed CSeq';
    if (this.kind === 'request') {
      if (this.cseqMethodCache !== this.method) return 'CSeq Method Mismatch';
      if (index.maxForwards >= 0 && this.maxForwards === undefined) return 'Malformed Max-Forwards';
    }
    return undefined;
  }

  /** @internal Whether a response could be made of it: it names its sender and has what is copied. */
  answerable(): boolean {
    const { from, to, callId, cseq } = this.index;
    return from >= 0 && to >= 0 && callId >= 0 && cseq >= 0 && this.via !== NO_VIA;
  }

  /** @internal CSeq's method. */
  protected get cseqMethod(): string {
    if (this.cseqCache === -2) this.readCSeq();
    return this.cseqMethodCache;
  }

  /** @internal The value of the line at `at` of the index, unfolded. */
  valueAt(at: number): string {
    const lines = this.index.lines;
    const value = this.text.slice(lines[at + 2] as number, lines[at + 3] as number);
    return ((lines[at + 1] as number) & FOLDED) !== 0 ? unfold(value) : value;
  }

  /** @internal The first line of that name at or after `from` in the index, -1 when there is none. */
  nextLine(name: string, compact: string | undefined, from: number): number {
    const lines = this.index.lines;
    for (let at = from; at < lines.length; at += LINE_FIELDS) {
      const length = (lines[at + 1] as number) & (FOLDED - 1);
      const start = lines[at] as number;
      if (length === name.length && sameName(this.text, start, name)) return at;
      if (length === 1 && compact !== undefined && sameName(this.text, start, compact)) return at;
    }
    return -1;
  }

  /** Lenient: any bytes above the space. An '@' or more than one makes no difference to a comparison. */
  private hasCallId(): boolean {
    const { lines, callId } = this.index;
    const start = lines[callId + 2] as number;
    const end = lines[callId + 3] as number;
    // Read where it stands: to index a slice is slower than to index what it was cut from.
    for (let i = start; i < end; i++) {
      const c = this.text.charCodeAt(i);
      if (c <= 32 || c === 127) return false;
    }
    return end > start;
  }

  private isFolded(at: number): boolean {
    return ((this.index.lines[at + 1] as number) & FOLDED) !== 0;
  }

  private nameAddr(at: number): NameAddr {
    if (at < 0) return NO_ADDRESS;
    const lines = this.index.lines;
    const address = this.isFolded(at)
      ? parseNameAddr(this.valueAt(at))
      : nameAddrAt(this.text, lines[at + 2] as number, lines[at + 3] as number);
    return address ?? NO_ADDRESS;
  }

  private readVia(): Via {
    const at = this.index.via;
    if (at < 0) return NO_VIA;
    const lines = this.index.lines;
    const via = this.isFolded(at)
      ? parseVia(this.valueAt(at))
      : viaAt(this.text, lines[at + 2] as number, lines[at + 3] as number);
    return via ?? NO_VIA;
  }

  private readContact(): NameAddr | typeof NO_CONTACT {
    const at = this.index.contact;
    if (at < 0) return NO_CONTACT;
    const lines = this.index.lines;
    let text = this.text;
    let start = lines[at + 2] as number;
    let end = lines[at + 3] as number;
    if (this.isFolded(at)) {
      text = this.valueAt(at);
      start = 0;
      end = text.length;
    }
    return nameAddrAt(text, start, elementEnd(text, start, end)) ?? NO_CONTACT;
  }

  private readCSeq(): void {
    this.cseqCache = -1;
    const at = this.index.cseq;
    if (at < 0) return;
    const text = this.text;
    const start = this.index.lines[at + 2] as number;
    const end = this.index.lines[at + 3] as number;
    let digits = start;
    while (digits < end && !isLws(text.charCodeAt(digits))) digits++;
    let method = digits;
    while (method < end && isLws(text.charCodeAt(method))) method++;
    if (!isTokenRange(text, method, end)) return;
    this.cseqMethodCache = methodAt(text, method, end);
    this.cseqCache = decimal(text, start, digits, MAX_CSEQ);
  }
}

export class SipRequest extends SipMessage {
  readonly kind = 'request';

  constructor(
    text: string,
    index: HeaderIndex,
    readonly method: string,
    /** The Request-URI as it stands. */
    readonly uri: string,
  ) {
    super(text, index);
  }
}

export class SipResponse extends SipMessage {
  readonly kind = 'response';

  constructor(
    text: string,
    index: HeaderIndex,
    readonly status: number,
    /** The reason phrase as it stands, maybe ''. */
    readonly reason: string,
  ) {
    super(text, index);
  }

  get method(): string {
    return this.cseqMethod;
  }
}

/**
 * A SIP message: a byte string and the positions of its headers. The headers without which no message can be handled are
 * read by the parser; what another says is read when it is asked for.
 */
import {
  colonAt,
  decimal,
  digits,
  elementEnd,
  isFold,
  isLws,
  sameName,
  skipLws,
  splitList,
  trimEnd,
  unfold,
} from './lex.js';
import { methodOf } from './method.js';
import { type NameAddr, NO_ADDRESS, nameAddrAt, trimmedNameAddrAt } from './name-addr.js';
import { parseVia, type Via, viaAt } from './via.js';

/**
 * Where a header's value stands, in one small integer: start (16 bits), length (14 bits), and whether it is folded.
 * 0 is no value.
 */
export type Span = number;

const LENGTH_BITS = 14;
const LENGTH_MASK = (1 << LENGTH_BITS) - 1;
const START_MASK = 0xffff;
const FOLDED = 1 << 30;

/** @internal `start` and `end` are bounded by the parser's limits. */
export function makeSpan(start: number, end: number, folded: boolean): Span {
  return (start << LENGTH_BITS) | (end - start) | (folded ? FOLDED : 0);
}

/** @internal */
export function startOf(span: Span): number {
  return (span >>> LENGTH_BITS) & START_MASK;
}

/** @internal */
export function endOf(span: Span): number {
  return startOf(span) + (span & LENGTH_MASK);
}

/** Where the parser found the headers that everybody reads: the first of each. Others are looked for when asked. */
export class HeaderIndex {
  via: Span = 0;
  from: Span = 0;
  to: Span = 0;
  callId: Span = 0;
  cseq: Span = 0;
  contact: Span = 0;
  maxForwards: Span = 0;
  contentType: Span = 0;
  contentLength: Span = 0;
  /** Via lines. */
  vias = 0;
  /** Name of a header that is there twice and must not be; '' if none. */
  repeated = '';
  /** Range of the header lines. */
  start = 0;
  end = 0;
  bodyStart = 0;
  bodyEnd = 0;
  /** Of what was first found wrong with the message; 0 when nothing was. */
  status = 0;
  reason = '';

  /** Notes what is wrong, unless something was before. */
  fail(status: number, reason: string): void {
    if (this.status !== 0) return;
    this.status = status;
    this.reason = reason;
  }
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

/** What stands for a Via that is missing or malformed. */
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

export abstract class SipMessage {
  abstract readonly kind: 'request' | 'response';

  /** The topmost Via. */
  via: Via = NO_VIA;
  from: NameAddr = NO_ADDRESS;
  to: NameAddr = NO_ADDRESS;
  /** CSeq's number; 0 when CSeq is malformed. */
  cseq = 0;
  /** CSeq's method; '' when CSeq is malformed. */
  protected cseqMethod = '';
  private contactCache: NameAddr | typeof NO_CONTACT | undefined = undefined;
  private callIdCache: string | undefined = undefined;

  constructor(
    /** The whole message, a byte string. */
    readonly text: string,
    /** @internal */ readonly index: HeaderIndex,
  ) {}

  /** A response's is that of its CSeq. */
  abstract get method(): string;

  get callId(): string {
    this.callIdCache ??= this.value(this.index.callId);
    return this.callIdCache;
  }

  /** '' if none. */
  get fromTag(): string {
    return this.from.tag;
  }

  /** '' if none. */
  get toTag(): string {
    return this.to.tag;
  }

  /** The first Contact; undefined when there is none, it is `*`, or malformed. */
  get contact(): NameAddr | undefined {
    this.contactCache ??= this.readContact();
    return this.contactCache === NO_CONTACT ? undefined : this.contactCache;
  }

  /** undefined when there is none. */
  get maxForwards(): number | undefined {
    const span = this.index.maxForwards;
    return span === 0 ? undefined : decimal(this.text, startOf(span), endOf(span), MAX_MAX_FORWARDS);
  }

  /** In lower case, without parameters, '' if none. */
  get contentType(): string {
    const value = this.value(this.index.contentType);
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
    const line = this.findLine(name, COMPACT.get(name), this.index.start);
    return line < 0 ? undefined : this.lineValue(line);
  }

  /** The value of every header line of that name, in order, not split at commas. */
  headers(name: string): string[] {
    const values: string[] = [];
    const compact = COMPACT.get(name);
    let line = this.findLine(name, compact, this.index.start);
    while (line >= 0) {
      values.push(this.lineValue(line));
      line = this.findLine(name, compact, this.lineAfter(line));
    }
    return values;
  }

  /** Every element of a header that is a comma list, over all its lines. */
  list(name: string): string[] {
    const elements: string[] = [];
    for (const value of this.headers(name)) splitList(value, elements);
    return elements;
  }

  /**
   * @internal Reads the headers without which no message can be handled; says what is wrong with them, undefined when
   * nothing is.
   * @param bytes the message's text once more
   */
  readMandatory(bytes: Uint8Array): string | undefined {
    const index = this.index;
    if (index.via !== 0) this.via = this.readVia(bytes) ?? NO_VIA;
    if (index.from !== 0) this.from = this.readAddress(index.from) ?? NO_ADDRESS;
    if (index.to !== 0) this.to = this.readAddress(index.to) ?? NO_ADDRESS;
    if (index.cseq !== 0) this.readCSeq(bytes);
    if (index.via === 0) return 'Missing Via';
    if (index.from === 0) return 'Missing From';
    if (index.to === 0) return 'Missing To';
    if (index.callId === 0) return 'Missing Call-ID';
    if (index.cseq === 0) return 'Missing CSeq';
    if (index.repeated !== '') return `Repeated ${index.repeated}`;
    if (this.via === NO_VIA) return 'Malformed Via';
    if (this.from === NO_ADDRESS) return 'Malformed From';
    if (this.to === NO_ADDRESS) return 'Malformed To';
    if (!isWord(bytes, startOf(index.callId), endOf(index.callId))) return 'Malformed Call-ID';
    if (this.cseqMethod === '') return 'Malformed CSeq';
    if (this.kind === 'request') {
      if (this.cseqMethod !== this.method) return 'CSeq Method Mismatch';
      const hops = index.maxForwards;
      if (hops !== 0 && digits(bytes, startOf(hops), endOf(hops), MAX_MAX_FORWARDS) < 0) {
        return 'Malformed Max-Forwards';
      }
    }
    return undefined;
  }

  /** @internal Whether a response could be made of it: it names its sender and has what is copied. */
  answerable(): boolean {
    const { from, to, callId, cseq } = this.index;
    return from !== 0 && to !== 0 && callId !== 0 && cseq !== 0 && this.via !== NO_VIA;
  }

  /** @internal A header's value, unfolded; '' when the span is none. */
  value(span: Span): string {
    const value = this.text.slice(startOf(span), endOf(span));
    return (span & FOLDED) !== 0 ? unfold(value) : value;
  }

  /** The start of the first header line of that name at or after the line `from`, -1 when there is none. */
  private findLine(name: string, compact: string | undefined, from: number): number {
    const text = this.text;
    const first = name.charCodeAt(0) | 32;
    const short = compact === undefined ? first : compact.charCodeAt(0);
    // The last line ends with a line feed, so each search stays within the headers.
    for (let line = from; line < this.index.end; line = text.indexOf('\n', line) + 1) {
      const c = text.charCodeAt(line) | 32;
      if (c === first && sameName(text, line, name) && colonAt(text, line + name.length) >= 0) return line;
      if (c === short && compact !== undefined && colonAt(text, line + 1) >= 0) return line;
    }
    return -1;
  }

  /** The line after the header that begins at `line`. */
  private lineAfter(line: number): number {
    return this.text.indexOf('\n', line) + 1;
  }

  /** The value of the header that begins at `line`, unfolded. */
  private lineValue(line: number): string {
    const text = this.text;
    let lineFeed = text.indexOf('\n', line);
    let folded = false;
    while (isFold(text.charCodeAt(lineFeed + 1))) {
      folded = true;
      lineFeed = text.indexOf('\n', lineFeed + 1);
    }
    const start = skipLws(text, text.indexOf(':', line) + 1, lineFeed);
    const value = text.slice(start, trimEnd(text, start, lineFeed));
    return folded ? unfold(value) : value;
  }

  private readAddress(span: Span): NameAddr | undefined {
    if ((span & FOLDED) === 0) return trimmedNameAddrAt(this.text, startOf(span), endOf(span));
    const value = this.value(span);
    return nameAddrAt(value, 0, value.length);
  }

  private readVia(bytes: Uint8Array): Via | undefined {
    const span = this.index.via;
    if ((span & FOLDED) !== 0) return parseVia(this.value(span));
    return viaAt(this.text, bytes, startOf(span), endOf(span));
  }

  private readContact(): NameAddr | typeof NO_CONTACT {
    const span = this.index.contact;
    if (span === 0) return NO_CONTACT;
    if ((span & FOLDED) !== 0) {
      const value = this.value(span);
      return nameAddrAt(value, 0, elementEnd(value, 0, value.length)) ?? NO_CONTACT;
    }
    const start = startOf(span);
    const end = elementEnd(this.text, start, endOf(span));
    return trimmedNameAddrAt(this.text, start, trimEnd(this.text, start, end)) ?? NO_CONTACT;
  }

  private readCSeq(bytes: Uint8Array): void {
    const start = startOf(this.index.cseq);
    const end = endOf(this.index.cseq);
    let space = start;
    while (space < end && (bytes[space] as number) > 32) space++;
    const number = digits(bytes, start, space, MAX_CSEQ);
    if (number < 0 || !isLws(bytes[space] as number)) return;
    const word = this.text.slice(
      (bytes[space + 1] as number) > 32 ? space + 1 : skipLws(this.text, space, end),
      end,
    );
    const method = this.kind === 'request' && word === this.method ? this.method : methodOf(word);
    if (method === undefined) return;
    this.cseqMethod = method;
    this.cseq = number;
  }
}

/** Lenient: whatever is one word will do for a Call-ID, which is only ever compared. */
function isWord(bytes: Uint8Array, start: number, end: number): boolean {
  let i = start;
  while (i < end && (bytes[i] as number) > 32) i++;
  for (; i < end; i++) {
    const c = bytes[i] as number;
    if (c === 0 || isLws(c)) return false;
  }
  return end > start;
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

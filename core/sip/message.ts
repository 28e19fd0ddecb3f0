/**
 * A SIP message as received (RFC 3261 7): the byte string, where its headers lie, and what is read of them.
 *
 * The parser only finds the lines. A header's value is parsed when somebody reads it, and kept.
 */
import { parseDecimal } from './decimal.js';
import { findCompactName } from './header-names.js';
import { equalsIgnoringCase, type NameAddr, parseNameAddr, splitList } from './name-addr.js';
import { parseVia, type Via } from './via.js';

/** Header lines of a message: for line i, offsets[4i..4i+3] = start and end of the name, start and end of the value. */
export type HeaderOffsets = readonly number[];

const NO_VIA: Via = { transport: '', host: '', port: 0, branch: '', received: '', rport: undefined };
const NO_ADDRESS: NameAddr = { display: '', uri: '', params: '', tag: '' };

export abstract class SipMessage {
  abstract readonly kind: 'request' | 'response';
  private fromValue: NameAddr | undefined;
  private toValue: NameAddr | undefined;
  private viaValue: Via | undefined;
  private callIdValue: string | undefined;
  private cseqNumber = -2;
  private cseqMethod = '';
  private contactValue: NameAddr | null | undefined;

  constructor(
    /** The whole message, a byte string. */
    readonly text: string,
    private readonly offsets: HeaderOffsets,
    /** The body as Content-Length delimits it, '' when there is none. */
    readonly body: string,
  ) {}

  abstract readonly method: string;

  /** First header line of that name, unfolded and trimmed. `name` is the full form in lower case. */
  header(name: string): string | undefined {
    const line = this.find(name, 0);
    return line < 0 ? undefined : this.value(line);
  }

  /** The value of every header line of that name, in order, lists not split. */
  headers(name: string): string[] {
    const values: string[] = [];
    for (let line = this.find(name, 0); line >= 0; line = this.find(name, line + 1))
      values.push(this.value(line));
    return values;
  }

  /** Every element of every header line of that name, comma lists split. */
  list(name: string): string[] {
    return this.headers(name).flatMap(splitList);
  }

  get callId(): string {
    this.callIdValue ??= this.header('call-id') ?? '';
    return this.callIdValue;
  }

  get cseq(): number {
    this.readCseq();
    return this.cseqNumber;
  }

  /** Method that the CSeq header names. */
  protected get methodOfCseq(): string {
    this.readCseq();
    return this.cseqMethod;
  }

  get from(): NameAddr {
    this.fromValue ??= parseNameAddr(this.header('from') ?? '') ?? NO_ADDRESS;
    return this.fromValue;
  }

  get to(): NameAddr {
    this.toValue ??= parseNameAddr(this.header('to') ?? '') ?? NO_ADDRESS;
    return this.toValue;
  }

  get fromTag(): string {
    return this.from.tag;
  }

  get toTag(): string {
    return this.to.tag;
  }

  /** The topmost Via. */
  get via(): Via {
    if (this.viaValue === undefined) {
      const value = this.header('via') ?? '';
      this.viaValue = parseVia(value.includes(',') ? (splitList(value)[0] ?? '') : value) ?? NO_VIA;
    }
    return this.viaValue;
  }

  /** The first Contact; undefined when there is none, for `*` too. */
  get contact(): NameAddr | undefined {
    if (this.contactValue === undefined) {
      const value = this.header('contact') ?? '';
      const first = value.includes(',') ? (splitList(value)[0] ?? '') : value;
      this.contactValue = first === '' || first === '*' ? null : (parseNameAddr(first) ?? null);
    }
    return this.contactValue ?? undefined;
  }

  /** Undefined when absent or no number of at most three digits. */
  get maxForwards(): number | undefined {
    const value = this.header('max-forwards');
    if (value === undefined) return undefined;
    const number = parseDecimal(value, 255);
    return number < 0 ? undefined : number;
  }

  /** Type and subtype in lower case, '' when there is none. */
  get contentType(): string {
    const value = this.header('content-type') ?? '';
    const semicolon = value.indexOf(';');
    return (semicolon < 0 ? value : value.slice(0, semicolon)).trim().toLowerCase();
  }

  /** What is wrong with the headers that every message has (RFC 3261 8.1.1); undefined when nothing is. */
  defect(): string | undefined {
    if (this.callId === '') return 'no Call-ID';
    if (this.cseq < 0) return 'bad CSeq';
    if (this.kind === 'request' && this.methodOfCseq !== this.method) return 'CSeq names another method';
    if (this.via === NO_VIA) return 'bad Via';
    if (this.from === NO_ADDRESS) return 'bad From';
    if (this.to === NO_ADDRESS) return 'bad To';
    for (const name of ['call-id', 'cseq', 'from', 'to']) {
      if (this.find(name, this.find(name, 0) + 1) >= 0) return `${name} twice`;
    }
    return undefined;
  }

  private find(name: string, fromLine: number): number {
    const { offsets, text } = this;
    const compact = findCompactName(name);
    const length = name.length;
    for (let i = fromLine * 4; i < offsets.length; i += 4) {
      const start = offsets[i] as number;
      const nameLength = (offsets[i + 1] as number) - start;
      if (
        nameLength === length
          ? equalsIgnoringCase(text, start, name)
          : nameLength === 1 && (text.charCodeAt(start) | 0x20) === compact
      ) {
        return i / 4;
      }
    }
    return -1;
  }

  private value(line: number): string {
    const start = this.offsets[line * 4 + 2] as number;
    const end = this.offsets[line * 4 + 3] as number;
    const value = this.text.slice(start, end);
    return value.includes('\n') ? unfold(value) : value;
  }

  private readCseq(): void {
    if (this.cseqNumber !== -2) return;
    this.cseqNumber = -1;
    const value = this.header('cseq') ?? '';
    let end = 0;
    while (end < value.length && value.charCodeAt(end) > 0x20) end++;
    const number = parseDecimal(value.slice(0, end), 2 ** 31 - 1);
    const method = value.slice(end).trim();
    if (number < 0 || method === '' || end === value.length) return;
    this.cseqNumber = number;
    this.cseqMethod = method;
  }
}

export class SipRequest extends SipMessage {
  readonly kind = 'request';

  constructor(
    text: string,
    offsets: HeaderOffsets,
    body: string,
    readonly method: string,
    /** Request-URI as it came. */
    readonly uri: string,
  ) {
    super(text, offsets, body);
  }
}

export class SipResponse extends SipMessage {
  readonly kind = 'response';

  constructor(
    text: string,
    offsets: HeaderOffsets,
    body: string,
    readonly status: number,
    readonly reason: string,
  ) {
    super(text, offsets, body);
  }

  /** Method of the request that this answers. */
  get method(): string {
    return this.methodOfCseq;
  }
}

/** A folded value on one line (RFC 3261 7.3.1). */
function unfold(value: string): string {
  return value
    .split('\n')
    .map((line) => line.trim())
    .join(' ');
}

/** name-addr and addr-spec: the values of From, To, Contact, Route and their like (RFC 3261, 20.10). */
import { clean, cleanUri, find, findParam, isToken, printable, quotedEnd, skipLws, trimEnd } from './lex.js';

export interface NameAddr {
  /** Byte string, unquoted, unescaped, '' if none. */
  display: string;
  /** As it stands between < and >, or, without them, up to the first semicolon. */
  uri: string;
  /** The header's parameters, raw, starting with ';', or ''. */
  params: string;
  /** '' if none. */
  tag: string;
}

/** Reads one name-addr or addr-spec; undefined when `value` is none, or more than one. */
export function parseNameAddr(value: string): NameAddr | undefined {
  const address = nameAddrAt(value, 0, value.length);
  if (address === undefined) return undefined;
  return { display: address.display, uri: address.uri, params: address.params, tag: address.tag };
}

/** A name-addr that was found good: where its parts stand in `text`. Each is sliced when it is read. */
class NameAddrAt implements NameAddr {
  private tagCache: string | undefined = undefined;

  constructor(
    private readonly text: string,
    /** Quotes included. */
    private readonly displayStart: number,
    private readonly displayEnd: number,
    private readonly uriStart: number,
    private readonly uriEnd: number,
    /** At the first semicolon, or `end`. */
    private readonly paramsStart: number,
    private readonly end: number,
  ) {}

  get display(): string {
    const { text, displayStart, displayEnd } = this;
    return displayEnd > displayStart && text.charCodeAt(displayStart) === 34
      ? unescapeQuoted(text.slice(displayStart + 1, displayEnd - 1))
      : text.slice(displayStart, displayEnd);
  }

  get uri(): string {
    return this.text.slice(this.uriStart, this.uriEnd);
  }

  get params(): string {
    return this.text.slice(this.paramsStart, this.end);
  }

  get tag(): string {
    if (this.tagCache === undefined) {
      this.tagCache = this.paramsStart < this.end ? tagAt(this.text, this.paramsStart, this.end) : '';
    }
    return this.tagCache;
  }
}

/** What stands for a name-addr that is missing or malformed. */
export const NO_ADDRESS: NameAddr = new NameAddrAt('', 0, 0, 0, 0, 0, 0);

/** As {@link parseNameAddr}, of `text[from..to)`; of what is returned, each part is sliced when it is read. */
export function nameAddrAt(text: string, from: number, to: number): NameAddr | undefined {
  const start = skipLws(text, from, to);
  return trimmedNameAddrAt(text, start, trimEnd(text, start, to));
}

/** As {@link nameAddrAt}, of a range with no white space at either end. */
export function trimmedNameAddrAt(text: string, start: number, end: number): NameAddr | undefined {
  if (start === end) return undefined;
  let displayEnd = start;
  let open = start;
  const first = text.charCodeAt(start);
  if (first === 34) {
    let close = text.indexOf('"', start + 1) + 1;
    // A quote that is escaped is not the one; then look properly.
    if (close === 0 || close > end || text.charCodeAt(close - 2) === 92) close = quotedEnd(text, start, end);
    if (close < 0) return undefined;
    displayEnd = close;
    open = text.charCodeAt(close) === 32 ? close + 1 : close;
    if (text.charCodeAt(open) !== 60) open = skipLws(text, close, end);
    if (open >= end || text.charCodeAt(open) !== 60) return undefined;
  } else if (first !== 60) {
    open = find(text, '<', start, end);
    if (open === end) return addrSpecAt(text, start, end);
    if (isInParameter(text, start, open)) {
      const bare = addrSpecAt(text, start, end);
      if (bare !== undefined) return bare;
    }
    // Lenient: a display name that ought to have been quoted is taken as it stands (RFC 4475, 3.1.2.15).
    displayEnd = trimEnd(text, start, open);
  }
  const close = text.indexOf('>', open);
  if (close < 0 || close >= end) return undefined;
  const uriStart = skipLws(text, open + 1, close);
  const uriEnd = trimEnd(text, uriStart, close);
  if (!hasScheme(text, uriStart, uriEnd)) return undefined;
  let rest = close + 1;
  if (rest < end && text.charCodeAt(rest) !== 59) {
    rest = skipLws(text, rest, end);
    if (rest < end && text.charCodeAt(rest) !== 59) return undefined;
  }
  return new NameAddrAt(text, start, displayEnd, uriStart, uriEnd, rest, end);
}

/** Whether the < at `open` may stand in a quoted parameter of an addr-spec, and begin no name-addr. */
function isInParameter(text: string, start: number, open: number): boolean {
  const semicolon = find(text, ';', start, open);
  return find(text, '"', semicolon, open) < open;
}

function tagAt(text: string, semicolon: number, end: number): string {
  // How nearly everybody writes it: the only parameter.
  if (
    text.charCodeAt(semicolon + 4) === 61 &&
    text.charCodeAt(semicolon + 1) === 116 &&
    text.charCodeAt(semicolon + 2) === 97 &&
    text.charCodeAt(semicolon + 3) === 103
  ) {
    const next = text.indexOf(';', semicolon + 5);
    if (next < 0 || next >= end) return text.slice(skipLws(text, semicolon + 5, end), end);
  }
  return findParam(text, semicolon, end, 'tag') ?? '';
}

/** Without < and >, every parameter is the header's, and neither comma nor '?' may be there (RFC 3261, 20). */
function addrSpecAt(text: string, start: number, end: number): NameAddr | undefined {
  const semicolon = find(text, ';', start, end);
  const uriEnd = trimEnd(text, start, semicolon);
  if (!hasScheme(text, start, uriEnd)) return undefined;
  for (let i = start; i < uriEnd; i++) {
    const c = text.charCodeAt(i);
    if (c <= 32 || c === 34 || c === 44 || c === 62 || c === 63) return undefined;
  }
  return new NameAddrAt(text, start, start, start, uriEnd, semicolon, end);
}

/** Whether the range begins with `scheme:` and has something after it. */
function hasScheme(text: string, start: number, end: number): boolean {
  if (
    end > start + 4 &&
    text.charCodeAt(start + 3) === 58 &&
    (text.charCodeAt(start) | 32) === 115 &&
    (text.charCodeAt(start + 1) | 32) === 105 &&
    (text.charCodeAt(start + 2) | 32) === 112
  ) {
    return true;
  }
  for (let i = start; i < end; i++) {
    const c = text.charCodeAt(i);
    if (c === 58) return i > start && i + 1 < end;
    const letter = (c | 32) >= 97 && (c | 32) <= 122;
    if (!letter && (i === start || !((c >= 48 && c <= 57) || c === 43 || c === 45 || c === 46))) return false;
  }
  return false;
}

function unescapeQuoted(inside: string): string {
  let i = inside.indexOf('\\');
  if (i < 0) return inside;
  let plain = '';
  let from = 0;
  while (i >= 0) {
    plain += inside.slice(from, i);
    // What stands after the backslash is kept even if it is another one.
    from = i + 1;
    i = inside.indexOf('\\', i + 2);
  }
  return plain + inside.slice(from);
}

/**
 * Writes `display <uri>params`. The display name (a byte string) is quoted and escaped unless it is a list of
 * tokens; control characters are dropped everywhere, and from the URI also what would end it.
 * @param params raw, starting with ';', or ''
 */
export function formatNameAddr(display: string, uri: string, params = ''): string {
  const address = `<${cleanUri(uri)}>${clean(params)}`;
  const name = printable(display);
  if (name === '') return address;
  for (let i = 0; i < name.length; i++) {
    const c = name.charCodeAt(i);
    // A space at either end would be lost without quotes.
    if (!isToken(c) && !(c === 32 && i > 0 && i < name.length - 1)) {
      return `"${name.replace(/["\\]/g, '\\$&')}" ${address}`;
    }
  }
  return `${name} ${address}`;
}

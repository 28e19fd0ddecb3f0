/**
 * The lexical rules of RFC 3261 section 25.1, as scanners over byte strings.
 *
 * All work on a range of a larger string, make one pass, and return positions, so that nothing is copied
 * which nobody reads. CR and LF count as white space here: a value that was folded reads like any other.
 */
import { asBytes } from './bytes.js';

/** 1 for each byte that may stand in a `token`. */
export const TOKEN = new Uint8Array(256);
for (const c of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~") {
  TOKEN[c.charCodeAt(0)] = 1;
}

/** Whether the byte may stand in a `token`. */
export function isToken(c: number): boolean {
  return TOKEN[c] === 1;
}

/** Whether `text[start..end)` is a `token` (so not empty). */
export function isTokenRange(text: string, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (TOKEN[text.charCodeAt(i)] !== 1) return false;
  return end > start;
}

/** Space, tab, CR or LF. */
export function isLws(c: number): boolean {
  // Nearly every byte that is asked for is above, so one comparison does.
  return c <= 32 && (c === 32 || c === 9 || c === 13 || c === 10);
}

/** Whether a line that begins with the byte continues the one before. */
export function isFold(c: number): boolean {
  return c === 32 || c === 9;
}

/** `at` is behind a header's name: where its colon is, with white space before it allowed; -1 if there is none. */
export function colonAt(text: string, at: number): number {
  let i = at;
  let c = text.charCodeAt(i);
  while (c === 32 || c === 9) c = text.charCodeAt(++i);
  return c === 58 ? i : -1;
}

/** Where `byte` is in `text[i..end)`, else `end`. Found natively, so for ranges longer than a few bytes. */
export function find(text: string, byte: string, i: number, end: number): number {
  const at = text.indexOf(byte, i);
  return at < 0 || at > end ? end : at;
}

/** The first position from `i` that is no white space, at most `end`. */
export function skipLws(text: string, i: number, end: number): number {
  let at = i;
  while (at < end && isLws(text.charCodeAt(at))) at++;
  return at;
}

/** The position after the last byte of `text[start..end)` that is no white space. */
export function trimEnd(text: string, start: number, end: number): number {
  let at = end;
  while (at > start && isLws(text.charCodeAt(at - 1))) at--;
  return at;
}

/** Whether `text` has `name` (given in lower case) at `start`, in any case. */
export function sameName(text: string, start: number, name: string): boolean {
  if (start + name.length > text.length) return false;
  for (let i = 0; i < name.length; i++) {
    const want = name.charCodeAt(i);
    const differ = text.charCodeAt(start + i) ^ want;
    if (differ !== 0 && !(differ === 32 && want >= 97 && want <= 122)) return false;
  }
  return true;
}

/** `text[i]` is a double quote: the position after the one that closes it, -1 when none does. */
export function quotedEnd(text: string, i: number, end: number): number {
  for (let at = i + 1; at < end; at++) {
    const c = text.charCodeAt(at);
    if (c === 34) return at + 1;
    if (c === 92) at++;
  }
  return -1;
}

/** Where the list element that starts at `i` ends: at a comma outside quotes and <>, else at `end`. */
export function elementEnd(text: string, i: number, end: number): number {
  if (find(text, ',', i, end) === end) return end;
  let at = i;
  while (at < end) {
    const c = text.charCodeAt(at);
    if (c === 44) return at;
    if (c === 34) {
      const close = quotedEnd(text, at, end);
      if (close < 0) return end;
      at = close;
    } else if (c === 60) {
      while (at < end && text.charCodeAt(at) !== 62) at++;
      at++;
    } else at++;
  }
  return end;
}

/** Appends the elements of a comma list to `into`, trimmed, empty ones left out. */
export function splitList(value: string, into: string[]): void {
  let i = 0;
  while (i < value.length) {
    const comma = elementEnd(value, i, value.length);
    const start = skipLws(value, i, comma);
    const end = trimEnd(value, start, comma);
    if (end > start) into.push(value.slice(start, end));
    i = comma + 1;
  }
}

/** Where the parameter that starts at `i` ends: at a semicolon or comma outside quotes, else at `end`. */
export function paramEnd(text: string, i: number, end: number): number {
  let at = i;
  while (at < end) {
    const c = text.charCodeAt(at);
    if (c === 59 || c === 44) return at;
    if (c === 34) {
      const close = quotedEnd(text, at, end);
      if (close < 0) return end;
      at = close;
    } else at++;
  }
  return end;
}

/**
 * The value of a header parameter, '' when it stands without one, undefined when it is not there.
 * `text[start..end)` is `;name=value;...`; `name` is given in lower case; quotes stay.
 */
export function findParam(text: string, start: number, end: number, name: string): string | undefined {
  let i = start;
  while (i < end) {
    // At a semicolon.
    const from = skipLws(text, i + 1, end);
    const next = paramEnd(text, from, end);
    if (sameName(text, from, name)) {
      const after = skipLws(text, from + name.length, next);
      if (after >= next) return '';
      if (text.charCodeAt(after) === 61) {
        const value = skipLws(text, after + 1, next);
        return text.slice(value, trimEnd(text, value, next));
      }
    }
    i = next;
  }
  return undefined;
}

/** The decimal number that `text[start..end)` is, -1 when it is none or above `max`. */
export function decimal(text: string, start: number, end: number, max: number): number {
  if (end <= start) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
    if (value > max) return -1;
  }
  return value;
}

/** As {@link decimal}, of a range of bytes. */
export function digits(bytes: Uint8Array, start: number, end: number, max: number): number {
  if (end <= start) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = (bytes[i] as number) - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
    if (value > max) return -1;
  }
  return value;
}

/** The value on one line: each fold becomes one space (RFC 3261, 7.3.1). */
export function unfold(value: string): string {
  let line = '';
  let i = 0;
  while (i < value.length) {
    const lf = value.indexOf('\n', i);
    if (lf < 0) break;
    const end = lf > i && value.charCodeAt(lf - 1) === 13 ? lf - 1 : lf;
    const kept = trimEnd(value, i, end);
    line += `${value.slice(i, kept)} `;
    i = skipLws(value, lf + 1, value.length);
  }
  return line + value.slice(i);
}

/**
 * What may stand in a header line: `value` with a space for each CR, LF and NUL, so that no text from outside
 * begins a line of its own. (A space, because dropping what follows a backslash would make it escape a quote.)
 * Text that is no byte string is taken as text and encoded.
 */
export function clean(value: string): string {
  for (let i = 0; i < value.length; i++) {
    const c = value.charCodeAt(i);
    if (c === 13 || c === 10 || c === 0 || c > 255) return asBytes(value).replace(/[\r\n\0]/g, ' ');
  }
  return value;
}

/** As {@link clean}, for what was sliced from a message, so is a byte string: searched natively. */
export function cleanBytes(bytes: string): string {
  if (!bytes.includes('\r') && !bytes.includes('\n') && !bytes.includes('\0')) return bytes;
  return clean(bytes);
}

/** `value` without control characters, as a byte string. */
export function printable(value: string): string {
  for (let i = 0; i < value.length; i++) {
    const c = value.charCodeAt(i);
    if (c < 32 || c === 127 || c > 255) return asBytes(value).replace(/[\0-\x1f\x7f]+/g, '');
  }
  return value;
}

/** As {@link printable}, for a URI: without what could end <...> or the request line either. */
export function cleanUri(value: string): string {
  for (let i = 0; i < value.length; i++) {
    const c = value.charCodeAt(i);
    if (c <= 32 || c === 60 || c === 62 || c === 34 || c === 127 || c > 255) {
      return asBytes(value).replace(/[\0- <>"\x7f]+/g, '');
    }
  }
  return value;
}

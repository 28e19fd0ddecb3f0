/**
 * Byte strings: inside core all SIP text is a string in which each char code is one byte, 0 to 255.
 *
 * The shell makes one per datagram and everything else is a slice of it. Here is the way to and from text
 * meant for people, and out of the datagram's memory.
 */

const REPLACEMENT = '\ufffd';

/** The text that a UTF-8 byte string says. Each broken sequence becomes one U+FFFD; never throws. */
export function utf8FromBytes(bytes: string): string {
  let first = 0;
  while (first < bytes.length && bytes.charCodeAt(first) < 0x80) first++;
  if (first === bytes.length) return bytes;
  let text = bytes.slice(0, first);
  let i = first;
  while (i < bytes.length) {
    const lead = bytes.charCodeAt(i++);
    if (lead < 0x80) {
      text += String.fromCharCode(lead);
      continue;
    }
    let more = 0;
    let point = 0;
    // The bounds of the second byte rule out overlong forms, surrogates and what is above U+10FFFF.
    let low = 0x80;
    let high = 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf) {
      more = 1;
      point = lead & 0x1f;
    } else if (lead >= 0xe0 && lead <= 0xef) {
      more = 2;
      point = lead & 0x0f;
      if (lead === 0xe0) low = 0xa0;
      if (lead === 0xed) high = 0x9f;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
      more = 3;
      point = lead & 0x07;
      if (lead === 0xf0) low = 0x90;
      if (lead === 0xf4) high = 0x8f;
    }
    let whole = more > 0;
    for (; more > 0; more--) {
      const byte = i < bytes.length ? bytes.charCodeAt(i) : -1;
      if (byte < low || byte > high) {
        whole = false;
        break;
      }
      point = (point << 6) | (byte & 0x3f);
      low = 0x80;
      high = 0xbf;
      i++;
    }
    text += whole ? String.fromCodePoint(point) : REPLACEMENT;
  }
  return text;
}

/** `text` in UTF-8, as a byte string. A lone surrogate becomes U+FFFD. */
export function bytesFromUtf8(text: string): string {
  let first = 0;
  while (first < text.length && text.charCodeAt(first) < 0x80) first++;
  if (first === text.length) return text;
  let bytes = text.slice(0, first);
  for (let i = first; i < text.length; i++) {
    let point = text.codePointAt(i) as number;
    if (point > 0xffff) i++;
    else if (point >= 0xd800 && point <= 0xdfff) point = 0xfffd;
    if (point < 0x80) bytes += String.fromCharCode(point);
    else if (point < 0x800) bytes += String.fromCharCode(0xc0 | (point >> 6), 0x80 | (point & 0x3f));
    else if (point < 0x10000) {
      bytes += String.fromCharCode(0xe0 | (point >> 12), 0x80 | ((point >> 6) & 0x3f), 0x80 | (point & 0x3f));
    } else {
      bytes += String.fromCharCode(
        0xf0 | (point >> 18),
        0x80 | ((point >> 12) & 0x3f),
        0x80 | ((point >> 6) & 0x3f),
        0x80 | (point & 0x3f),
      );
    }
  }
  return bytes;
}

/**
 * `s` itself where it is a byte string, else its UTF-8. For the way out: written as bytes, a char code
 * of 0x10a would become a line feed.
 */
export function asBytes(s: string): string {
  for (let i = 0; i < s.length; i++) if (s.charCodeAt(i) > 255) return bytesFromUtf8(s);
  return s;
}

/** As long as a datagram can be. */
const shared = new Uint8Array(65_536);

/** The bytes of a byte string, to be read at once: the next call uses the same memory. */
export function bytesOf(text: string): Uint8Array {
  const bytes = text.length <= shared.length ? shared.subarray(0, text.length) : new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/**
 * A copy that does not keep the datagram in memory from which `s` was sliced; for what is kept long.
 * An engine represents a slice as a view of its parent, and a joined string as its two parts until somebody looks into
 * it; then it copies them, and the next collection leaves just the copy.
 */
export function flatten(s: string): string {
  const half = s.length >> 1;
  const joined = s.slice(0, half) + s.slice(half);
  joined.charCodeAt(0);
  return joined;
}

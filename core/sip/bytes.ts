/**
 * Byte strings: inside core, SIP text is a string whose char codes are the bytes of the wire. Slices of it cost
 * nothing, and no byte is lost whatever a peer sends. Text for people is UTF-8 within it (RFC 3261 7).
 */

const decoder = new TextDecoder('utf-8');
const encoder = new TextEncoder();
const CHUNK = 4096;

/** The text that the bytes encode; what is no UTF-8 becomes U+FFFD. */
export function utf8FromBytes(bytes: string): string {
  if (isAscii(bytes)) return bytes;
  const octets = new Uint8Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) octets[i] = bytes.charCodeAt(i);
  return decoder.decode(octets);
}

/** The UTF-8 of `text` as a byte string. */
export function bytesFromUtf8(text: string): string {
  if (isAscii(text)) return text;
  const octets = encoder.encode(text);
  let bytes = '';
  for (let i = 0; i < octets.length; i += CHUNK) {
    bytes += String.fromCharCode(...octets.subarray(i, i + CHUNK));
  }
  return bytes;
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

/**
 * A copy that stands alone. A slice keeps the whole datagram that it was cut from alive, so what is kept for the
 * length of a call is copied first. Char codes above 255 do not occur in byte strings.
 */
export function flatten(bytes: string): string {
  if (bytes.length < 13) return bytes; // so short a slice is a copy already
  let copy = '';
  for (let i = 0; i < bytes.length; i += CHUNK) {
    const codes: number[] = [];
    const end = Math.min(bytes.length, i + CHUNK);
    for (let j = i; j < end; j++) codes.push(bytes.charCodeAt(j));
    copy += String.fromCharCode.apply(null, codes);
  }
  return copy;
}

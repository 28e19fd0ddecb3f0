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
 * length of a call is copied first.
 */
export function flatten(bytes: string): string {
  // Joined strings are written out when they are sliced: the result hangs on the copy, not on the datagram.
  return bytes.length < 13 ? bytes : ` ${bytes}`.slice(1);
}

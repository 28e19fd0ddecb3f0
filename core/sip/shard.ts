/**
 * Shards: which part of the Call-ID space a message belongs to. Every message of a call, whatever its leg, lies in
 * the shard of the caller's Call-ID, because the Call-IDs that we mint are made to.
 */
import { equalsIgnoringCase } from './name-addr.js';

export const SHARDS = 256;

const OFFSET = 0x811c9dc5;
const PRIME = 0x01000193;
const DIGITS = '0123456789abcdefghijklmnopqrstuvwxyz';

/** 0 to 255, the same for the same Call-ID in every version of the engine. */
export function shardOf(callId: string): number {
  return finish(hash(OFFSET, callId));
}

/** `prefix` and a short suffix that puts the Call-ID into `shard`. */
export function mintCallId(prefix: string, shard: number): string {
  const base = hash(OFFSET, prefix);
  for (let a = 0; a < DIGITS.length; a++) {
    const first = step(base, DIGITS.charCodeAt(a));
    for (let b = 0; b < DIGITS.length; b++) {
      if (finish(step(first, DIGITS.charCodeAt(b))) === shard) return `${prefix}${DIGITS[a]}${DIGITS[b]}`;
    }
  }
  // One prefix in some hundreds has no suffix of two: a longer prefix has another 1,296 chances.
  return mintCallId(`${prefix}0`, shard);
}

/** The Call-ID of a raw message, without parsing it; undefined when there is none among its headers. */
export function callIdOf(text: string): string | undefined {
  let at = text.indexOf('\n');
  while (at >= 0) {
    const line = at + 1;
    const next = text.indexOf('\n', line);
    if (next < 0 || next <= line + 1) return undefined;
    const first = text.charCodeAt(line) | 0x20;
    const long = first === 0x63 && equalsIgnoringCase(text, line, 'call-id');
    if (long || first === 0x69) {
      let colon = line + (long ? 7 : 1);
      while (text.charCodeAt(colon) === 0x20 || text.charCodeAt(colon) === 0x09) colon++;
      if (text.charCodeAt(colon) === 0x3a) return text.slice(colon + 1, next).trim();
    }
    at = next;
  }
  return undefined;
}

function hash(start: number, text: string): number {
  let value = start;
  for (let i = 0; i < text.length; i++) value = step(value, text.charCodeAt(i));
  return value;
}

function step(value: number, code: number): number {
  return Math.imul(value ^ code, PRIME);
}

/** Spreads all 32 bits over the 8 that count. */
function finish(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) & (SHARDS - 1);
}

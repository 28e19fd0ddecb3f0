/** Shards: which of 256 fixed slots a Call-ID belongs to, and Call-IDs made for a given slot. */
import { assert } from '../assert.js';
import { sameName, skipLws, trimEnd, unfold } from './lex.js';

export const SHARDS = 256;

const SUFFIX = '0123456789abcdefghijklmnopqrstuvwxyz';
const LONGEST_SUFFIX = 4;
/** Stands before the shard of the call that a Call-ID was minted for, where it is not the Call-ID's. */
const ORIGIN = /~([0-9a-f]{2})\.[0-9a-z]{2,4}$/;

/** One step of FNV-1a. */
function mix(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, 0x01000193);
}

/** FNV-1a's low bits know little of the bytes' high ones: spread before taking eight of them. */
function slot(hash: number): number {
  let h = hash ^ (hash >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) & (SHARDS - 1);
}

/** FNV-1a of a byte string. @param basis what to begin with, to go on from another's hash */
export function hashOf(text: string, basis = 0x811c9dc5 | 0): number {
  let hash = basis;
  for (let i = 0; i < text.length; i++) hash = mix(hash, text.charCodeAt(i));
  return hash;
}

/** The shard, 0 to 255, of a Call-ID: the same on every machine, in every version. */
export function shardOf(callId: string): number {
  return slot(hashOf(callId));
}

/**
 * The shard of the call that made a leg of that Call-ID. A leg to a dialog of ours that is of another shard has a
 * Call-ID of that one's: what comes to the port that the leg goes by is for this shard, what comes to a public port is
 * of the dialog's far end, and for {@link shardOf}.
 */
export function originShardOf(callId: string): number {
  const named = callId.includes('~') ? ORIGIN.exec(callId)?.[1] : undefined;
  return named === undefined ? shardOf(callId) : Number.parseInt(named, 16);
}

/**
 * A Call-ID of `shard`, of a leg that a call of `origin` makes: `prefix`, the origin if it is another, and two to four
 * letters or digits. The same arguments give the same Call-ID, so the prefix must be unique.
 */
export function mintCallId(prefix: string, shard: number, origin = shard): string {
  assert(shard >= 0 && shard < SHARDS, 'a shard is one of 256');
  const head = origin === shard ? prefix : `${prefix}~${origin.toString(16).padStart(2, '0')}.`;
  const hash = hashOf(head);
  for (let length = 2; length <= LONGEST_SUFFIX; length++) {
    const suffix = suffixFor(hash, shard, length);
    if (suffix !== undefined) return head + suffix;
  }
  // 1.7 million candidates, of which one in 256 fits.
  assert(false, 'some suffix leads to every shard');
}

function suffixFor(hash: number, shard: number, length: number): string | undefined {
  for (let i = 0; i < SUFFIX.length; i++) {
    const next = mix(hash, SUFFIX.charCodeAt(i));
    if (length === 1) {
      if (slot(next) === shard) return SUFFIX.charAt(i);
      continue;
    }
    const rest = suffixFor(next, shard, length - 1);
    if (rest !== undefined) return SUFFIX.charAt(i) + rest;
  }
  return undefined;
}

/** Which of so many workers a raw message (a byte string) that came to a public port is for; the first where it has no Call-ID. */
export function ownerOf(text: string, workers: number): number {
  const callId = workers > 1 ? callIdOf(text) : undefined;
  return callId === undefined ? 0 : shardOf(callId) % workers;
}

/**
 * The Call-ID of a raw message (a byte string), undefined when its headers have none: what the parser will
 * find, without parsing, for who only has to pass the message on to the shard's owner.
 */
export function callIdOf(text: string): string | undefined {
  let line = 0;
  while (line < text.length && (text.charCodeAt(line) === 13 || text.charCodeAt(line) === 10)) line++;
  line = text.indexOf('\n', line) + 1;
  while (line > 0 && line < text.length) {
    const first = text.charCodeAt(line);
    if (first === 10 || (first === 13 && text.charCodeAt(line + 1) === 10)) return undefined;
    let after = -1;
    if ((first | 32) === 99 && sameName(text, line, 'call-id')) after = line + 7;
    else if ((first | 32) === 105) after = line + 1;
    if (after > 0) {
      while (after < text.length && (text.charCodeAt(after) === 32 || text.charCodeAt(after) === 9)) after++;
      if (after < text.length && text.charCodeAt(after) === 58) return valueAt(text, after + 1);
    }
    line = text.indexOf('\n', line) + 1;
  }
  return undefined;
}

/** The header value that starts at `start`, folded lines included. */
function valueAt(text: string, start: number): string | undefined {
  let end = text.indexOf('\n', start);
  let folded = false;
  while (end >= 0 && (text.charCodeAt(end + 1) === 32 || text.charCodeAt(end + 1) === 9)) {
    folded = true;
    end = text.indexOf('\n', end + 1);
  }
  if (end < 0) end = text.length;
  const from = skipLws(text, start, end);
  const value = text.slice(from, trimEnd(text, from, end));
  if (value === '') return undefined;
  return folded ? unfold(value) : value;
}

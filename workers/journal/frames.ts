/**
 * Frames: how records stand in a journal's file, so that a torn or corrupt tail is noticed. A frame is its
 * length (u32), the CRC-32 of its bytes (u32) and the bytes; little-endian.
 */
import { readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';

export const FRAME_HEADER_BYTES = 8;
/** Longer is corrupt. */
const MAX_FRAME_BYTES = 256 * 1024 * 1024;

/** Writes the header in front of `length` bytes that stand at FRAME_HEADER_BYTES of `buffer`. */
export function sealFrame(buffer: Buffer, length: number): void {
  buffer.writeUInt32LE(length, 0);
  buffer.writeUInt32LE(crc32(buffer.subarray(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + length)), 4);
}

/** The frame that begins at `at`, or undefined when there is none that is whole and true. */
export function frameAt(bytes: Buffer, at: number): Buffer | undefined {
  if (at + FRAME_HEADER_BYTES > bytes.length) return undefined;
  const length = bytes.readUInt32LE(at);
  const start = at + FRAME_HEADER_BYTES;
  if (length === 0 || length > MAX_FRAME_BYTES || start + length > bytes.length) return undefined;
  const frame = bytes.subarray(start, start + length);
  return crc32(frame) === bytes.readUInt32LE(at + 4) ? frame : undefined;
}

/**
 * The frames of a file, oldest first, up to the last good one.
 * @param cut told how many bytes after it were no frame
 */
export function* framesOf(path: string, cut: (bytes: number) => void): Generator<Buffer> {
  const bytes = readFileSync(path);
  let at = 0;
  let frame: Buffer | undefined;
  while ((frame = frameAt(bytes, at)) !== undefined) {
    yield frame;
    at += FRAME_HEADER_BYTES + frame.length;
  }
  if (at < bytes.length) cut(bytes.length - at);
}

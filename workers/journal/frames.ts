/**
 * Frames: how records stand in a journal's file, so that a torn or corrupt tail is noticed. A frame is its
 * length (u32), the CRC-32 of its bytes (u32) and the bytes; little-endian.
 */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { ByteReader } from './bytes.js';

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
  const frame = wholeFrameAt(bytes, at);
  return frame !== undefined && isTrueFrame(bytes, at, frame) ? frame : undefined;
}

/** The same, true or not. */
export function wholeFrameAt(bytes: Buffer, at: number): Buffer | undefined {
  if (at + FRAME_HEADER_BYTES > bytes.length) return undefined;
  const length = bytes.readUInt32LE(at);
  const start = at + FRAME_HEADER_BYTES;
  if (length === 0 || length > MAX_FRAME_BYTES || start + length > bytes.length) return undefined;
  return bytes.subarray(start, start + length);
}

/** Whether the bytes of the frame at `at` are those that were written. */
export function isTrueFrame(bytes: Buffer, at: number, frame: Buffer): boolean {
  return crc32(frame) === bytes.readUInt32LE(at + 4);
}

/** The first frame of a file, of which no more is read; undefined when there is none. */
export function firstFrameOf(path: string): Buffer | undefined {
  const fd = openSync(path, 'r');
  try {
    const head = Buffer.alloc(FRAME_HEADER_BYTES);
    readSync(fd, head, 0, head.length, 0);
    const bytes = Buffer.alloc(FRAME_HEADER_BYTES + Math.min(head.readUInt32LE(0), MAX_FRAME_BYTES));
    return frameAt(bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, 0)), 0);
  } finally {
    closeSync(fd);
  }
}

/**
 * A file's frames up to the last good one, as they stand in it; see {@link inFrames}.
 * @param cut told how many bytes after it were no frame
 */
export function goodFrames(path: string, cut: (bytes: number) => void): Buffer {
  const bytes = readFileSync(path);
  let at = 0;
  let frame: Buffer | undefined;
  while ((frame = frameAt(bytes, at)) !== undefined) at += FRAME_HEADER_BYTES + frame.length;
  if (at < bytes.length) cut(bytes.length - at);
  return bytes.subarray(0, at);
}

/** What is in each frame of files, oldest first, of which {@link goodFrames} has told that they are good. */
export function* inFrames(files: readonly Buffer[]): Generator<ByteReader> {
  for (const bytes of files) {
    for (let end = 0; end < bytes.length; ) {
      const start = end + FRAME_HEADER_BYTES;
      end = start + bytes.readUInt32LE(end);
      yield new ByteReader(bytes, start, end);
    }
  }
}

/**
 * A file's frames, whole, true or not, some of them at a time and of the whole file never much: a large buffer
 * makes the collector begin. What is given is good until the next is asked for.
 * @param slice_bytes about how much is given at a time; what is no frame at the file's end comes last
 */
export async function* frameSlices(path: string, slice_bytes: number): AsyncGenerator<Buffer> {
  const handle = await open(path, 'r');
  try {
    let space = Buffer.allocUnsafeSlow(slice_bytes);
    let held = 0;
    for (;;) {
      const { bytesRead } = await handle.read(space, held, space.length - held);
      held += bytesRead;
      const end = bytesRead === 0 ? held : endOfFrames(space.subarray(0, held));
      if (end > 0) yield space.subarray(0, end);
      if (bytesRead === 0) return;
      space.copyWithin(0, end, held);
      held -= end;
      // A frame longer than all there is room for.
      if (held === space.length) space = Buffer.concat([space], 2 * space.length);
    }
  } finally {
    await handle.close();
  }
}

/** Where the last frame ends that is whole. */
function endOfFrames(bytes: Buffer): number {
  let end = 0;
  let frame: Buffer | undefined;
  while ((frame = wholeFrameAt(bytes, end)) !== undefined) end += FRAME_HEADER_BYTES + frame.length;
  return end;
}

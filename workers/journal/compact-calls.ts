/** Makes one file of many: the entries of calls that still matter become the journal's new base. */
import { open, rename, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { ByteReader, ByteWriter } from './bytes.js';
import { isOf, skipEntry, writeSockets, writeTime } from './call-entries.js';
import { basePath, filesOf, syncFolderSoon } from './files.js';
import { FRAME_HEADER_BYTES, frameSlices, isTrueFrame, sealFrame, wholeFrameAt } from './frames.js';
import { NameSet } from './name-set.js';

const FRAME_BYTES = 256 * 1024;
/** How much is looked at before the calls have their turn, and for how long they have it. */
const SLICE_BYTES = 256 * 1024;
const PAUSE_MS = 3;

/**
 * Replaces the files up to number `last` by a base without the calls in `dead`.
 * @returns the base's size
 * @throws Error when a file is damaged: the files stay as they are
 */
export async function compactCalls(
  folder: string,
  name: string,
  last: number,
  sockets: readonly string[],
  dead: ReadonlySet<string>,
): Promise<number> {
  const target = basePath(folder, name, last);
  const temporary = `${target}.new`;
  const files = filesOf(folder, name).filter((file) => file.number <= last);
  const handle = await open(temporary, 'w');
  const over = new NameSet(dead);
  let bytes = 0;
  try {
    const out = new ByteWriter(FRAME_HEADER_BYTES);
    const flush = async (): Promise<void> => {
      if (out.empty) return;
      sealFrame(out.buffer, out.length - FRAME_HEADER_BYTES);
      bytes += out.length;
      await handle.writeFile(out.buffer.subarray(0, out.length));
      out.clear();
    };
    writeSockets(out, sockets);
    for (const file of files) {
      let before = 0;
      for await (const frames of frameSlices(file.path, SLICE_BYTES)) {
        for (let at = 0; at < frames.length; ) {
          const frame = wholeFrameAt(frames, at);
          // Most hold nothing that is copied: it does not matter what is in them.
          const good =
            frame !== undefined &&
            (!copyLive(new ByteReader(frame), out, over) || isTrueFrame(frames, at, frame));
          if (!good) throw new Error(`${file.path} is damaged at byte ${before + at}`);
          at += FRAME_HEADER_BYTES + frame.length;
          if (out.length >= FRAME_BYTES) await flush();
        }
        before += frames.length;
        await sleep(PAUSE_MS);
      }
    }
    await flush();
    await handle.datasync();
  } finally {
    await handle.close();
  }
  await rename(temporary, target);
  await syncFolderSoon(folder);
  for (const { path } of files) await rm(path);
  return bytes;
}

/** Copies the entries of a frame that are not of those calls. @returns whether there were any */
function copyLive(from: ByteReader, out: ByteWriter, dead: NameSet): boolean {
  const before = out.length;
  let time_ms = Number.NaN;
  let told_ms = Number.NaN;
  while (!from.done) {
    const start = from.at;
    const is_dead = isOf(dead, from);
    const kind = skipEntry(from);
    if (kind === 'time') {
      time_ms = from.buffer.readDoubleLE(start + 1);
      continue;
    }
    if (kind === 'sockets' || is_dead) continue;
    if (told_ms !== time_ms) {
      writeTime(out, time_ms);
      told_ms = time_ms;
    }
    out.raw(from.buffer.subarray(start, from.at));
  }
  return out.length > before;
}

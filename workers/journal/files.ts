/**
 * Where journals lie: `journal/GENERATION/NAME.NUMBER.log` in the data folder, and `NAME.NUMBER.base`, which
 * stands for everything up to that number. A start of the engine makes a new generation, which counts once it
 * is marked complete: until then the one before does, whatever dies when.
 */

import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';

/** Its text is the format of the generation's records. */
const COMPLETE = 'complete';
/** Grows with every change to what is written in journals. */
const FORMAT = '5';

export interface Generations {
  /** Folder of the generation to recover from; undefined when there is none. */
  old: string | undefined;
  /** Folder, made now and empty, of the one that begins. */
  next: string;
}

/**
 * Opens a generation in `data_dir`. What was begun and never completed is removed.
 * @throws Error when the journals that are there were written by a version with another format
 */
export function beginGeneration(data_dir: string): Generations {
  const root = join(data_dir, 'journal');
  mkdirSync(root, { recursive: true });
  const numbers = readdirSync(root)
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);
  const complete = numbers.filter((number) => readdirSync(join(root, String(number))).includes(COMPLETE));
  const current = complete.at(-1);
  if (current !== undefined) mustBeReadable(join(root, String(current)));
  for (const number of numbers)
    if (number !== current) rmSync(join(root, String(number)), { recursive: true });
  const next = join(root, String((numbers.at(-1) ?? 0) + 1));
  mkdirSync(next);
  return { old: current === undefined ? undefined : join(root, String(current)), next };
}

function mustBeReadable(folder: string): void {
  if (readFileSync(join(folder, COMPLETE), 'latin1') === FORMAT) return;
  throw new Error(
    `${folder}: journals of another version of sip-acd; let that version end its calls and stop, then move the folder away`,
  );
}

/** From now on the new generation counts; the old one is removed. */
export function completeGeneration({ old, next }: Generations): void {
  writeFileSync(join(next, COMPLETE), FORMAT);
  syncFolder(next);
  if (old !== undefined) rmSync(old, { recursive: true });
}

/** Makes what was created, renamed or removed in a folder last; the caller's thread does not wait for the disk. */
export async function syncFolderSoon(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The same, at once. */
function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

export interface JournalFile {
  path: string;
  number: number;
  base: boolean;
}

/** All files of the journal of that name, by number, a base after the file that it stands for. */
export function allFilesOf(folder: string, name: string): JournalFile[] {
  const files: JournalFile[] = [];
  for (const entry of readdirSync(folder)) {
    const match = /^(.+)\.(\d+)\.(log|base)$/.exec(entry);
    if (match === null || match[1] !== name) continue;
    files.push({ path: join(folder, entry), number: Number(match[2]), base: match[3] === 'base' });
  }
  return files.sort((a, b) => a.number - b.number || Number(a.base) - Number(b.base));
}

/** The files from which the journal of that name is recovered: the last base and what follows it. */
export function filesOf(folder: string, name: string): JournalFile[] {
  const files = allFilesOf(folder, name);
  const last = files.findLast((file) => file.base);
  if (last === undefined) return files;
  return [last, ...files.filter((file) => !file.base && file.number > last.number)];
}

/** The names of the journals in a folder. */
export function journalNames(folder: string): string[] {
  const names = new Set<string>();
  for (const entry of readdirSync(folder)) {
    const match = /^(.+)\.\d+\.(?:log|base)$/.exec(entry);
    if (match?.[1] !== undefined) names.add(match[1]);
  }
  return [...names].sort();
}

export function logPath(folder: string, name: string, number: number): string {
  return join(folder, `${name}.${String(number).padStart(8, '0')}.log`);
}

export function basePath(folder: string, name: string, number: number): string {
  return join(folder, `${name}.${String(number).padStart(8, '0')}.base`);
}

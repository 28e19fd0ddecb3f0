/** What a worker's journal says of the calls that go on. */
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs';

import type { Recorded } from '../../core/sip/replay.js';
import { callIdOf, shardOf } from '../../core/sip/shard.js';
import { ACD_JOURNAL } from './acd-journal.js';
import { ByteReader, ByteWriter } from './bytes.js';
import {
  type CallEntry,
  isOf,
  readEntry,
  skipEntry,
  writeEntry,
  writeSockets,
  writeTime,
} from './call-entries.js';
import { allFilesOf, basePath, filesOf, journalNames } from './files.js';
import { FRAME_HEADER_BYTES, firstFrameOf, goodFrames, inFrames, sealFrame } from './frames.js';
import { NameSet } from './name-set.js';
import { BACKLOG } from './record-tail.js';
import type { JournalOptions } from './writer.js';

const FRAME_BYTES = 256 * 1024;

/** A journal to recover from. */
export interface CallSource {
  folder: string;
  name: string;
}

/** The workers' journals in a folder of journals. */
export function callSources(folder: string): CallSource[] {
  const names = journalNames(folder).filter((name) => name !== ACD_JOURNAL && name !== BACKLOG);
  return names.map((name) => ({ folder, name }));
}

/** Number of the last report that the dispatcher applied of the worker of each journal, by its name. */
export type Applied = ReadonlyMap<string, number>;

export interface RecoveredCalls {
  /** Inputs, oldest first. */
  inputs: Recorded[];
  /** Ids of their calls. */
  calls: Set<string>;
}

/** Looks through journals in two steps: which calls there are, and what was recorded of those that matter still. */
export class CallRecovery {
  /** By journal, its calls: of one that is over the number of its last report. */
  private readonly found: { name: string; files: Buffer[]; calls: Map<string, number | undefined> }[];

  /**
   * Reads the journals.
   * @param mine whether a shard is this worker's
   */
  constructor(sources: readonly CallSource[], mine: (shard: number) => boolean, log: JournalOptions['log']) {
    this.found = sources.map((source) => {
      const cut = (file: string, bytes: number): void =>
        log('warn', 'the journal ends in the middle of a record, which is left out', { file, bytes });
      const files = framesIn(source, cut);
      return { name: source.name, files, calls: callsOf(files, mine) };
    });
  }

  /**
   * The inputs of those calls that are not over, and of those whose end the dispatcher has not heard of.
   * @param socket the number here of a socket that was named `address port`
   */
  read(applied: Applied, socket: (name: string) => number): RecoveredCalls {
    const calls = new Set<string>();
    const inputs: Recorded[] = [];
    for (const { name, files, calls: known } of this.found) {
      const heard_seq = applied.get(name) ?? 0;
      const wanted = new Set<string>();
      for (const [call, over_seq] of known)
        if (over_seq === undefined || over_seq > heard_seq) wanted.add(call);
      for (const call of wanted) calls.add(call);
      for (const input of inputsOf(files, wanted, socket)) inputs.push(input);
    }
    // Each journal is in order by itself, and no call is in two.
    inputs.sort((a, b) => a.at_ms - b.at_ms);
    return { inputs, calls };
  }
}

/** Writes the inputs as the base of a journal; files that it stands for are removed. */
export function writeCallBase(
  folder: string,
  name: string,
  number: number,
  sockets: readonly string[],
  inputs: readonly Recorded[],
): void {
  const fd = openSync(basePath(folder, name, number), 'w');
  const out = new ByteWriter(FRAME_HEADER_BYTES);
  const flush = (): void => {
    sealFrame(out.buffer, out.length - FRAME_HEADER_BYTES);
    for (let at = 0; at < out.length; ) at += writeSync(fd, out.buffer, at, out.length - at);
    out.clear();
  };
  writeSockets(out, sockets);
  let time_ms = Number.NaN;
  for (const input of inputs) {
    if (input.at_ms !== time_ms || out.empty) {
      time_ms = input.at_ms;
      writeTime(out, time_ms);
    }
    writeEntry(out, input);
    if (out.length >= FRAME_BYTES) flush();
  }
  if (!out.empty) flush();
  fdatasyncSync(fd);
  closeSync(fd);
  for (const file of allFilesOf(folder, name)) {
    if (file.number < number || (file.number === number && !file.base)) rmSync(file.path);
  }
}

/**
 * Ports other than `known` by which calls go that are not over. A journal that names no other is not gone through.
 */
export function portsInUse(sources: readonly CallSource[], known: ReadonlySet<number>): Set<number> {
  const ports = new Set<number>();
  for (const source of sources) {
    if (namedPorts(source).every((port) => known.has(port))) continue;
    const calls = new Map<string, number>();
    for (const entry of livesIn(framesIn(source, () => {}))) {
      if (entry.kind === 'started') calls.set(entry.start.id, entry.start.port);
      else if (entry.kind === 'over') calls.delete(entry.call);
      else if (entry.kind === 'gap') calls.clear();
    }
    for (const port of calls.values()) if (!known.has(port)) ports.add(port);
  }
  return ports;
}

/** Ports of the sockets that a journal's head names. */
function namedPorts({ folder, name }: CallSource): number[] {
  const head = filesOf(folder, name)[0];
  const frame = head && firstFrameOf(head.path);
  const entry = frame && readEntry(new ByteReader(frame), 0);
  return entry?.kind === 'sockets' ? entry.sockets.map((socket) => Number(socket.split(' ')[1])) : [];
}

/** This worker's calls. */
function callsOf(
  files: readonly Buffer[],
  mine: (shard: number) => boolean,
): Map<string, number | undefined> {
  const calls = new Map<string, number | undefined>();
  const begin = (call: string, invite: string): void => {
    if (mine(shardOf(callIdOf(invite) ?? ''))) calls.set(call, undefined);
  };
  for (const entry of livesIn(files)) {
    if (entry.kind === 'gap') calls.clear();
    else if (entry.kind === 'started') begin(entry.start.id, entry.start.text);
    else if (entry.kind === 'undecided') begin(entry.call, entry.text);
    else if (calls.has(entry.call)) calls.set(entry.call, entry.report_seq);
  }
  return calls;
}

/**
 * The frames of a journal, by file.
 * @param cut told which file has bytes at its end that are no frame, and how many
 */
function framesIn({ folder, name }: CallSource, cut: (file: string, bytes: number) => void): Buffer[] {
  return filesOf(folder, name).map(({ path }) => goodFrames(path, (bytes) => cut(path, bytes)));
}

const LIFE = ['undecided', 'started', 'over', 'gap'] as const;
type LifeEntry = Extract<CallEntry, { kind: (typeof LIFE)[number] }>;

function isLife(kind: CallEntry['kind']): boolean {
  return (LIFE as readonly string[]).includes(kind);
}

/** The entries that say which calls there are. */
function* livesIn(files: readonly Buffer[]): Generator<LifeEntry> {
  for (const from of inFrames(files)) {
    while (!from.done) {
      const start = from.at;
      if (!isLife(skipEntry(from))) continue;
      from.at = start;
      yield readEntry(from, 0) as LifeEntry;
    }
  }
}

function* inputsOf(
  files: readonly Buffer[],
  wanted: ReadonlySet<string>,
  socket: (name: string) => number,
): Generator<Recorded> {
  const names = new NameSet(wanted);
  let sockets: number[] = [];
  for (const from of inFrames(files)) {
    let at_ms = 0;
    while (!from.done) {
      if (isOf(names, from) === false) {
        skipEntry(from);
        continue;
      }
      const entry = readEntry(from, at_ms, sockets);
      switch (entry.kind) {
        case 'time':
          at_ms = entry.at_ms;
          break;
        case 'sockets':
          sockets = entry.sockets.map(socket);
          break;
        case 'over':
        case 'gap':
          break;
        case 'unreachable':
          if (wanted.size > 0) yield entry;
          break;
        default:
          yield entry;
      }
    }
  }
}

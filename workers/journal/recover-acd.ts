/** What the dispatcher's journal says: its memory, and where it had come to. */
import type { Memory } from '../../core/acd/memory.js';
import { appliedIn, nextMemory, recordSeq } from './acd-entries.js';
import { ACD_JOURNAL } from './acd-journal.js';
import { filesOf } from './files.js';
import { goodFrames, inFrames } from './frames.js';
import type { JournalOptions } from './writer.js';

export interface RecoveredAcd {
  /** undefined when the journal has no provisioning: there was nothing yet. */
  memory: Memory | undefined;
  /** Number of the last record; 0 when there was none. */
  record_seq: number;
}

/** The frames of the dispatcher's journal in a generation's folder, by file. */
export function acdFrames(folder: string, log: JournalOptions['log']): Buffer[] {
  return filesOf(folder, ACD_JOURNAL).map(({ path }) =>
    goodFrames(path, (bytes) =>
      log('warn', 'the journal ends in the middle of a record, which is left out', { file: path, bytes }),
    ),
  );
}

/** Number of the last report heard from each worker, by the name of its journal: all that the workers wait for. */
export function heardIn(files: readonly Buffer[]): Map<string, number> {
  let applied: [string, number][] = [];
  for (const from of inFrames(files)) applied = appliedIn(from) ?? applied;
  return new Map(applied);
}

/** What there was, from the same files. */
export function recoverAcd(files: readonly Buffer[]): RecoveredAcd {
  let provisioning: Memory['provisioning'] | undefined;
  let engine: Memory['engine'] | undefined;
  const agents = new Map<string, Memory['agents'][number]>();
  const flows = new Map<string, Memory['flows'][number]>();
  const calls = new Map<string, Memory['calls'][number]>();
  const ended: string[] = [];
  let record_seq = 0;
  let last_record: Buffer | undefined;
  let last_cid = 0;
  for (const from of inFrames(files)) {
    // They are numbered in order.
    const record = (bytes: Buffer): void => {
      last_record = bytes;
    };
    for (let entry = nextMemory(from, record); entry !== undefined; entry = nextMemory(from, record)) {
      switch (entry.kind) {
        case 'provisioning':
          provisioning = entry.value;
          break;
        case 'engine':
          engine = entry.value;
          break;
        case 'agent':
          agents.set(entry.value.id, entry.value);
          break;
        case 'flow':
          flows.set(entry.value.id, entry.value);
          break;
        case 'record_seq':
          record_seq = entry.value;
          break;
        case 'call':
          last_cid = entry.value.cid;
          calls.set(entry.value.id, entry.value);
          break;
        case 'ended':
          calls.delete(entry.value);
          ended.push(entry.value);
          break;
      }
    }
  }
  if (last_record !== undefined) record_seq = Math.max(record_seq, recordSeq(last_record));
  if (provisioning === undefined || engine === undefined) return { memory: undefined, record_seq };
  return {
    memory: {
      provisioning,
      // Told from time to time only; cids are given out in order.
      engine: { ...engine, next_cid: last_cid >= engine.next_cid ? last_cid + 1 : engine.next_cid },
      agents: [...agents.values()],
      flows: [...flows.values()],
      calls: [...calls.values()],
      ended,
    },
    record_seq,
  };
}

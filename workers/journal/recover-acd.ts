/** What the dispatcher's journal says: its memory, and where it had come to. */
import { nextCid } from '../../core/acd/cid.js';
import type { Memory } from '../../core/acd/memory.js';
import { appliedIn, callIn, idIn, memoryIn, nextMemory, recordSeq } from './acd-entries.js';
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
  const agents = new Map<string, Buffer>();
  const flows = new Map<string, Buffer>();
  const calls = new Map<string, Buffer>();
  const ended: string[] = [];
  let record_seq = 0;
  let last_record: Buffer | undefined;
  let next_cid = 1;
  for (const from of inFrames(files)) {
    // They are numbered in order.
    const record = (bytes: Buffer): void => {
      last_record = bytes;
    };
    for (let entry = nextMemory(from, record); entry !== undefined; entry = nextMemory(from, record)) {
      const { kind, bytes } = entry;
      switch (kind) {
        case 'provisioning':
          provisioning = memoryIn(kind, bytes);
          break;
        case 'engine':
          engine = memoryIn(kind, bytes);
          next_cid = engine.next_cid;
          break;
        case 'agent':
          agents.set(idIn(bytes), bytes);
          break;
        case 'flow':
          flows.set(idIn(bytes), bytes);
          break;
        case 'record_seq':
          record_seq = memoryIn(kind, bytes);
          break;
        case 'call': {
          const { id, cid } = callIn(bytes);
          // The engine's counters are told from time to time only.
          next_cid = nextCid(next_cid, cid);
          calls.set(id, bytes);
          break;
        }
        case 'ended': {
          const id = memoryIn(kind, bytes);
          calls.delete(id);
          ended.push(id);
          break;
        }
      }
    }
  }
  if (last_record !== undefined) record_seq = Math.max(record_seq, recordSeq(last_record));
  if (provisioning === undefined || engine === undefined) return { memory: undefined, record_seq };
  return {
    memory: {
      provisioning,
      engine: { ...engine, next_cid },
      agents: [...agents.values()].map((bytes) => memoryIn('agent', bytes)),
      flows: [...flows.values()].map((bytes) => memoryIn('flow', bytes)),
      calls: [...calls.values()].map((bytes) => memoryIn('call', bytes)),
      ended,
    },
    record_seq,
  };
}

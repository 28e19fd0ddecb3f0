/** What the dispatcher's journal says: its memory, and where it had come to. */
import { cidIn, type Memory, namesIn } from '../../core/acd/memory.js';
import { appliedIn, nextMemory } from './acd-entries.js';
import { ACD_JOURNAL } from './acd-journal.js';
import { ByteReader } from './bytes.js';
import { filesOf } from './files.js';
import { framesOf } from './frames.js';
import type { JournalOptions } from './writer.js';

export interface RecoveredAcd {
  /** undefined when the journal has no provisioning: there was nothing yet. */
  memory: Memory | undefined;
  /** Number of the last record; 0 when there was none. */
  record_seq: number;
}

/** The frames of the dispatcher's journal in a generation's folder. */
export function acdFrames(folder: string, log: JournalOptions['log']): Buffer[] {
  return filesOf(folder, ACD_JOURNAL).flatMap(({ path }) => {
    const cut = (bytes: number): void =>
      log('warn', 'the journal ends in the middle of a record, which is left out', { file: path, bytes });
    return [...framesOf(path, cut)];
  });
}

/** Number of the last report heard from each worker, by the name of its journal: all that the workers wait for. */
export function heardIn(frames: readonly Buffer[]): Map<string, number> {
  for (let i = frames.length - 1; i >= 0; i--) {
    const applied = appliedIn(new ByteReader(frames[i] as Buffer));
    if (applied !== undefined) return new Map(applied);
  }
  return new Map();
}

/** What there was, from the same frames. */
export function recoverAcd(frames: readonly Buffer[]): RecoveredAcd {
  let provisioning: Memory['provisioning'] | undefined;
  let engine: Memory['engine'] | undefined;
  const agents = new Map<string, unknown[]>();
  const flows = new Map<string, unknown[]>();
  const calls = new Map<string, unknown[]>();
  const ended: string[] = [];
  let record_seq = 0;
  let last_cid = 0;
  for (const frame of frames) {
    const from = new ByteReader(frame);
    const numbered = (seq: number): void => {
      record_seq = Math.max(record_seq, seq);
    };
    for (let entry = nextMemory(from, numbered); entry !== undefined; entry = nextMemory(from, numbered)) {
      switch (entry.kind) {
        case 'provisioning':
          provisioning = entry.value;
          break;
        case 'engine':
          engine = entry.value;
          break;
        case 'agent':
          agents.set(entry.value[0] as string, entry.value);
          break;
        case 'flow':
          flows.set(entry.value[0] as string, entry.value);
          break;
        case 'record_seq':
          numbered(entry.value);
          break;
        case 'call':
          last_cid = cidIn(entry.value);
          calls.set(namesIn(entry.value).id, entry.value);
          break;
        case 'ended':
          calls.delete(entry.value);
          ended.push(entry.value);
          break;
      }
    }
  }
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

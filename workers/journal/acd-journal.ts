/** The dispatcher's journal, live: at the end of each turn, what the turn changed. */
import { open, rename, rm } from 'node:fs/promises';
import { nextCid } from '../../core/acd/cid.js';
import type { Command } from '../../core/acd/commands.js';
import type { Dispatcher } from '../../core/acd/dispatcher.js';
import { agentMemory, callMemory, flowMemory, provisioningMemory } from '../../core/acd/memory.js';
import type { StoreRecord } from '../../core/acd/records.js';
import type { TimerWheel } from '../../core/timers.js';
import { type AcdEntry, writeAcdEntry, writeRecord } from './acd-entries.js';
import { ByteWriter } from './bytes.js';
import { allFilesOf, basePath, syncFolderSoon } from './files.js';
import { FRAME_HEADER_BYTES, sealFrame } from './frames.js';
import { Wait } from './wait.js';
import { type JournalOptions, JournalWriter } from './writer.js';

export const ACD_JOURNAL = 'dispatcher';

const CHECKPOINT_BYTES = 64 * 1024 * 1024;
/** Counters change with every call: they are told this often. */
const COUNTERS_MS = 1000;
/** Entities written before the calls have their turn. */
const SLICE = 200;

export interface AcdJournalOptions extends JournalOptions {
  folder: string;
  /** Whether calls are remembered too. */
  calls: boolean;
  /** Number of the last record that was given out before. */
  record_seq: number;
  /** Number of the last report heard from each worker, by the name of its journal. */
  applied(): [string, number][];
  /** Number of the file that the store is reading: those before it have been written to the database. */
  store_file(): number;
  checkpoint_bytes?: number;
}

export class AcdJournal {
  private readonly writer: JournalWriter;
  private record_seq: number;
  private readonly wait = new Wait();
  // What has changed and is not written.
  private readonly calls = new Set<number>();
  private readonly agents = new Set<number>();
  private readonly flows = new Set<number>();
  private readonly records: StoreRecord[] = [];
  private counters_due_ms = 0;
  /** What a start would take for the next cid, by all that is written. */
  private known_cid = 0;
  private engine_due = false;
  private provisioning_due = false;
  private applied_due = false;
  private closed_bytes = 0;
  private checkpoint: Promise<void> | undefined = undefined;

  constructor(
    private readonly options: AcdJournalOptions,
    private readonly dispatcher: Dispatcher,
    private readonly timers: TimerWheel,
  ) {
    this.record_seq = options.record_seq;
    this.writer = new JournalWriter(options.folder, ACD_JOURNAL, 1, options);
  }

  get full(): boolean {
    return this.writer.full;
  }

  /** Begins the journal with all there is. */
  begin(): Promise<void> {
    this.known_cid = this.dispatcher.nextCid;
    return writeAcdBase(this.options.folder, 0, this.everything());
  }

  /** A command was obeyed. */
  commanded(kind: Command['kind']): void {
    if (kind === 'load') this.provisioning_due = true;
    this.engine_due = true;
  }

  /** Reports were heard. */
  heard(): void {
    this.applied_due = this.options.calls;
  }

  /**
   * The end of a turn: what is in the outbox becomes safe, though it may wait when the turn tells nobody anything.
   * @returns when it wants another turn if there is none before, ms; Infinity when nothing waits
   */
  commit(telling: boolean): number {
    this.gather();
    if (this.nothingNew) return Number.POSITIVE_INFINITY;
    if (!this.wait.goesOn(telling, this.timers.now_ms)) this.write();
    return this.wait.over_ms;
  }

  private write(): void {
    this.writeEntries();
    const { writer } = this;
    const { number, fileBytes } = writer;
    const { length } = writer.batch;
    writer.commit(() => {
      for (const entry of this.everything()) writeAcdEntry(writer.batch, entry);
    });
    if (writer.number === number) return;
    this.closed_bytes += fileBytes + length;
    if (this.closed_bytes >= (this.options.checkpoint_bytes ?? CHECKPOINT_BYTES)) this.takeCheckpoint();
  }

  async close(): Promise<void> {
    await this.checkpoint;
    this.counters_due_ms = 0;
    this.engine_due = true;
    this.commit(true);
    this.writer.close();
  }

  private gather(): void {
    const { out } = this.dispatcher;
    if (this.options.calls) {
      for (const row of out.calls) this.calls.add(row);
      for (const row of out.agents) this.agents.add(row);
    }
    for (const row of out.flows) this.flows.add(row);
    for (const record of out.records) this.records.push(record);
  }

  /** But counters, which wait for something else. */
  private get nothingNew(): boolean {
    const due = this.applied_due || this.engine_due || this.provisioning_due;
    return !due && this.calls.size + this.agents.size + this.records.length === 0;
  }

  private writeEntries(): void {
    const { acd } = this.dispatcher;
    const put = (entry: AcdEntry): void => writeAcdEntry(this.writer.batch, entry);
    if (this.provisioning_due) put({ kind: 'provisioning', value: provisioningMemory(acd) });
    for (const row of this.calls) {
      const call = acd.call_rows.get(row);
      if (call === undefined) continue;
      put({ kind: 'call', value: callMemory(call) });
      this.known_cid = nextCid(this.known_cid, call.cid);
    }
    // Of a call that is gone in the turn in which it came nothing else says it.
    this.engine_due ||= this.known_cid !== this.dispatcher.nextCid;
    for (const row of this.agents) {
      const agent = acd.agent_rows.get(row);
      if (agent !== undefined) put({ kind: 'agent', value: agentMemory(agent) });
    }
    for (const record of this.records) {
      writeRecord(this.writer.batch, ++this.record_seq, record);
      if (record.kind === 'call_gone') put({ kind: 'ended', value: record.call });
    }
    // A set that is cleared gets a new table, also where it was empty.
    for (const rows of [this.calls, this.agents]) if (rows.size > 0) rows.clear();
    this.records.length = 0;
    if (this.timers.now_ms >= this.counters_due_ms) this.writeCounters(put);
    else if (this.engine_due) this.writeEngine(put);
    if (this.applied_due) put({ kind: 'applied', value: this.options.applied() });
    this.provisioning_due = false;
    this.engine_due = false;
    this.applied_due = false;
  }

  private writeCounters(put: (entry: AcdEntry) => void): void {
    if (this.flows.size === 0 && !this.engine_due) return;
    const { acd } = this.dispatcher;
    for (const row of this.flows) {
      const flow = acd.flow_rows.get(row);
      if (flow !== undefined) put({ kind: 'flow', value: flowMemory(flow) });
    }
    this.flows.clear();
    this.writeEngine(put);
    this.counters_due_ms = this.timers.now_ms + COUNTERS_MS;
  }

  private writeEngine(put: (entry: AcdEntry) => void): void {
    const value = this.dispatcher.engineMemory();
    put({ kind: 'engine', value });
    this.known_cid = value.next_cid;
  }

  /**
   * Writes all there is as the base for the files so far, a slice at a time; what changes meanwhile is in the
   * files that follow.
   */
  private takeCheckpoint(): void {
    if (this.checkpoint !== undefined) return;
    this.closed_bytes = 0;
    const last = this.writer.number - 1;
    const { folder, log } = this.options;
    this.checkpoint = writeAcdBase(folder, last, this.everything())
      .then(() => this.removeRead(last))
      .catch((error: Error) => {
        log('warn', `the journal could not be compacted: ${error.message}`, { journal: ACD_JOURNAL });
      })
      .finally(() => {
        this.checkpoint = undefined;
      });
  }

  private *everything(): Generator<AcdEntry> {
    const { acd } = this.dispatcher;
    yield { kind: 'provisioning', value: provisioningMemory(acd) };
    yield { kind: 'engine', value: this.dispatcher.engineMemory() };
    yield { kind: 'applied', value: this.options.applied() };
    yield { kind: 'record_seq', value: this.record_seq };
    for (const agent of [...acd.agents.values()]) yield { kind: 'agent', value: agentMemory(agent) };
    for (const flow of [...acd.flows.values()]) yield { kind: 'flow', value: flowMemory(flow) };
    for (const call of [...acd.calls.values()]) {
      if (call.state !== 'ended') yield { kind: 'call', value: callMemory(call) };
    }
  }

  /** Files that a base stands for are kept until the store has read them. */
  private async removeRead(base: number): Promise<void> {
    const { folder, store_file } = this.options;
    for (const file of allFilesOf(folder, ACD_JOURNAL)) {
      const read = file.base ? file.number < base : file.number <= base && file.number < store_file();
      if (read) await rm(file.path);
    }
  }
}

/** Writes a base that stands for the files up to `number`. */
export async function writeAcdBase(
  folder: string,
  number: number,
  entries: Iterable<AcdEntry>,
): Promise<void> {
  const target = basePath(folder, ACD_JOURNAL, number);
  const handle = await open(`${target}.new`, 'w');
  try {
    const out = new ByteWriter(FRAME_HEADER_BYTES);
    let count = 0;
    const flush = async (): Promise<void> => {
      if (out.empty) return;
      sealFrame(out.buffer, out.length - FRAME_HEADER_BYTES);
      await handle.writeFile(out.buffer.subarray(0, out.length));
      out.clear();
    };
    for (const entry of entries) {
      writeAcdEntry(out, entry);
      if (++count % SLICE === 0) await flush();
    }
    await flush();
    await handle.datasync();
  } finally {
    await handle.close();
  }
  await rename(`${target}.new`, target);
  await syncFolderSoon(folder);
}

/**
 * A worker's journal, live: what the calls' recorder is told goes into the turn's batch, and what calls that
 * are over have left is removed from the files now and then.
 */
import type { Decision } from '../../core/messages.js';
import type { CallScope } from '../../core/sip/call-scope.js';
import type { CallStart, Recorder } from '../../core/sip/recorder.js';
import type { Path } from '../../core/sip/transport.js';
import type { TimerWheel } from '../../core/timers.js';
import {
  writeAnswered,
  writeDatagram,
  writeDecision,
  writeGap,
  writeOver,
  writeStarted,
  writeTime,
  writeUndecided,
  writeUnreachable,
} from './call-entries.js';
import { compactCalls } from './compact-calls.js';
import { Wait } from './wait.js';
import { type JournalOptions, JournalWriter } from './writer.js';

/** Files are gone through when they hold this much, and as much as was left the last time. */
const COMPACT_BYTES = 64 * 1024 * 1024;

export interface CallJournalOptions extends JournalOptions {
  folder: string;
  name: string;
  /** Number of the base that stands for all that was before. */
  base: number;
  /** What the socket numbers mean. */
  sockets: readonly string[];
  compact_bytes?: number;
}

/** Where the worker's reports are. */
export interface ReportLink {
  /** Number of the report sent last. */
  last_seq(): number;
  /** Number of the last one that the dispatcher has applied and journalled. */
  applied_seq(): number;
}

/** A call that is over: the number of its last report, and of the file that says so. */
interface OverCall {
  call: string;
  report_seq: number;
  file: number;
}

export class CallJournal implements Recorder {
  private readonly writer: JournalWriter;
  private time_ms = Number.NaN;
  /** Calls that were over since the last time that anything became safe. */
  private ended: string[] = [];
  private readonly wait = new Wait();
  /** In the order in which they ended. */
  private readonly over_calls: OverCall[] = [];
  private compacting: Promise<void> | undefined = undefined;
  private closed_bytes = 0;
  private base_bytes = 0;

  constructor(
    private readonly options: CallJournalOptions,
    private readonly timers: TimerWheel,
    private readonly reports: ReportLink,
  ) {
    this.writer = new JournalWriter(options.folder, options.name, options.base + 1, options);
  }

  /** The disk takes nothing: no new call may begin. */
  get full(): boolean {
    return this.writer.full;
  }

  undecided(id: string, text: string, path: Path): void {
    this.tellTime();
    writeUndecided(this.writer.batch, id, text, path);
  }

  /** No report says so: it counts as heard. */
  decided(id: string): void {
    this.tellTime();
    this.writeOver(id, 0);
  }

  started(_scope: CallScope, start: CallStart): void {
    this.tellTime();
    writeStarted(this.writer.batch, start);
  }

  datagram(scope: CallScope, text: string, path: Path): void {
    this.tellTime();
    writeDatagram(this.writer.batch, scope.id, text, path);
  }

  decision(scope: CallScope, decision: Decision): void {
    this.tellTime();
    writeDecision(this.writer.batch, scope.id, decision);
  }

  answered(scope: CallScope, question: number, answer: unknown): void {
    this.tellTime();
    writeAnswered(this.writer.batch, scope.id, question, answer);
  }

  unreachable(path: Path): void {
    this.tellTime();
    writeUnreachable(this.writer.batch, path);
  }

  over(scope: CallScope): void {
    this.ended.push(scope.id);
  }

  /** The same, of calls that are over already when the journal begins. */
  overBefore(calls: readonly string[]): void {
    this.ended.push(...calls);
  }

  /**
   * The end of a turn: everything recorded becomes safe, though it may wait when the turn tells nobody anything.
   * @returns when it wants another turn if there is none before, ms; Infinity when nothing waits
   */
  commit(telling: boolean): number {
    const { writer } = this;
    if (writer.batch.empty && this.ended.length === 0) return Number.POSITIVE_INFINITY;
    if (!this.wait.goesOn(telling, this.timers.now_ms)) this.write();
    return this.wait.over_ms;
  }

  async close(): Promise<void> {
    await this.compacting;
    this.commit(true);
    this.writer.close();
  }

  private write(): void {
    const { writer } = this;
    const { number } = writer;
    if (this.ended.length > 0) {
      this.tellTime();
      const report_seq = this.reports.last_seq();
      for (const call of this.ended) this.writeOver(call, report_seq);
      this.ended = [];
    }
    const before = writer.fileBytes;
    const length = writer.batch.length;
    writer.commit(() => {
      writeTime(writer.batch, this.timers.now_ms);
      writeGap(writer.batch);
    });
    this.time_ms = Number.NaN;
    if (writer.number === number) return;
    this.closed_bytes += before + length;
    this.compactWhenDue();
  }

  private writeOver(call: string, report_seq: number): void {
    writeOver(this.writer.batch, call, report_seq);
    this.over_calls.push({ call, report_seq, file: this.writer.number });
  }

  private tellTime(): void {
    const { now_ms } = this.timers;
    if (now_ms === this.time_ms) return;
    this.time_ms = now_ms;
    writeTime(this.writer.batch, now_ms);
  }

  private compactWhenDue(): void {
    const due = Math.max(this.options.compact_bytes ?? COMPACT_BYTES, this.base_bytes);
    if (this.compacting !== undefined || this.closed_bytes < due) return;
    const last = this.writer.number - 1;
    const applied = this.reports.applied_seq();
    const settled = ({ report_seq, file }: OverCall): boolean => file <= last && report_seq <= applied;
    const first_left = this.over_calls.findIndex((over) => !settled(over));
    const count = first_left < 0 ? this.over_calls.length : first_left;
    const dead = new Set(this.over_calls.slice(0, count).map(({ call }) => call));
    this.closed_bytes = 0;
    const { folder, name, sockets, log } = this.options;
    this.compacting = compactCalls(folder, name, last, sockets, dead)
      .then((bytes) => {
        this.base_bytes = bytes;
        this.over_calls.splice(0, count);
      })
      .catch((error: Error) => {
        // The files stay as they are, and are gone through again later.
        log('warn', `the journal could not be compacted: ${error.message}`, { journal: name });
      })
      .finally(() => {
        this.compacting = undefined;
      });
  }
}

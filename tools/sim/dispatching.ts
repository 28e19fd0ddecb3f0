/** The dispatcher's thread of the simulation: what workers/dispatcher-thread.ts does, with the audit looking on. */
import type { CallEvent, Command } from '../../core/acd/commands.js';
import { Dispatcher, type DispatcherOptions } from '../../core/acd/dispatcher.js';
import type { StoreRecord } from '../../core/acd/records.js';
import type { Decision, Report } from '../../core/messages.js';
import { TimerWheel } from '../../core/timers.js';
import { SimAcdJournal } from './acd-journal.js';
import { Audit } from './audit.js';
import type { Clock } from './clock.js';
import { SimRecords } from './records.js';
import { SimThread } from './thread.js';
import { must } from './violation.js';
import type { SimWorker } from './worker.js';

const SPILL_RETRY_MS = 5;
/** So few that a stall of the thread leaves reports in the rings. */
const REPORTS_AT_ONCE = 256;

/** What the dispatcher finds around it. */
export interface DispatcherWorld {
  readonly timers: TimerWheel;
  note(what: string, text: string): void;
  wakeDelay_ms(): number;
  /** Before a decision or a record goes its way: what becomes of it. */
  deciding(decision: Decision): readonly Decision[];
  recording(record: StoreRecord): readonly StoreRecord[];
  /** A call has ended, or was not taken. */
  ended(call: string): void;
  /** A leg, `CALL.NUMBER`, is not needed any more. */
  legEnded(leg: string): void;
  /** A call has been sent on: what is left of it goes on. */
  bridged(call: string): void;
  bridgeEnded(call: string): void;
}

export class SimDispatcher extends SimThread {
  readonly audit: Audit;
  dispatcher: Dispatcher;
  /** Rows for the database, in its journal. */
  readonly records = new SimRecords();
  private readonly journal = new SimAcdJournal();
  private commanded = false;

  constructor(
    private readonly around: DispatcherWorld,
    clock: Clock,
    private readonly options: DispatcherOptions,
    private readonly workers: readonly SimWorker[],
  ) {
    super(around.timers, clock, () => around.wakeDelay_ms());
    this.dispatcher = new Dispatcher(options, this.timers, 1);
    this.audit = new Audit(this.dispatcher, options.wrapup_s);
  }

  /** The process dies. */
  end(): void {
    this.stop();
  }

  /** Another one, from what the journal has. */
  comeBack(): void {
    const memory = this.journal.recover(this.dispatcher);
    this.timers = new TimerWheel(this.clock.shows_ms(this.around.timers.now_ms));
    this.dispatcher = new Dispatcher(this.options, this.timers, 1);
    this.audit.goesOnWith(this.dispatcher);
    this.alive = true;
    this.turn(() => {
      this.dispatcher.restore(memory, this.workers.length);
      this.drain();
    });
  }

  command(command: Command): void {
    this.turn(() => {
      this.around.note('command', JSON.stringify(command));
      this.commanded = command.kind === 'dispatch';
      this.audit.commanded(command);
      this.dispatcher.command(command);
      if (command.kind === 'load') this.journal.loaded(this.dispatcher);
      this.drain();
      this.commanded = false;
      this.audit.obeyed();
    });
  }

  protected override readLinks(): boolean {
    let more = false;
    for (const { index, reports } of this.workers) {
      const read = reports.reader.drain((report) => this.hear(report, index), REPORTS_AT_ONCE);
      more ||= read >= REPORTS_AT_ONCE;
    }
    return more;
  }

  protected override expired(): void {
    this.drain();
  }

  protected override flush(): void {
    let left = false;
    for (const worker of this.workers) {
      const flushed = worker.decisions.flush();
      if (flushed.told) worker.ring();
      left ||= flushed.left;
    }
    if (left) this.timers.set(SPILL_RETRY_MS, () => {});
  }

  /** The worker has died: what it said before counts, and another takes its place. */
  replace(worker: SimWorker): void {
    this.turn(() => {
      while (worker.reports.reader.drain((report) => this.hear(report, worker.index)) > 0);
      this.dispatcher.workerDied(worker.index);
      worker.relink();
    });
  }

  private hear(report: Report, worker: number): void {
    this.around.note(`report, worker ${worker}`, JSON.stringify(report));
    const cid = this.dispatcher.nextCid;
    const { calls } = this.dispatcher.acd;
    const before = calls.size;
    this.audit.hears(report);
    this.dispatcher.report(report, worker);
    if (report.kind === 'all_resumed') must(calls.size === before, 'a worker comes back with all its calls');
    const taken = this.dispatcher.nextCid !== cid;
    this.audit.arrives(report, taken, cid);
    if (report.kind === 'arrived' && !calls.has(report.call)) this.around.ended(report.call);
    else if (report.kind === 'transferred') {
      this.around.bridged(report.call);
      if (report.leg > 0) this.around.legEnded(`${report.call}.${report.leg}`);
    } else if (report.kind === 'bridge_ended') this.around.bridgeEnded(report.call);
    this.drain();
  }

  /** What a turn of the state machine produced goes its way, and is held against the audit's books. */
  private drain(): void {
    const { out } = this.dispatcher;
    if (out.empty) return;
    this.journal.turned(this.dispatcher);
    const events: CallEvent[] = [...out.call_events];
    for (const event of events) {
      this.audit.moved(event, this.commanded);
      // A bridge goes on.
      const { acd } = this.dispatcher;
      if (event.state === 'ended' && !acd.bridges.has(event.call_id)) this.around.ended(event.call_id);
    }
    for (const event of out.events) this.audit.agentIs(event);
    for (const { worker, decision } of out.decisions) {
      this.audit.decided(decision);
      for (const told of this.around.deciding(decision)) this.workers[worker]!.decisions.writer.send(told);
    }
    for (const record of out.records) {
      for (const sent of this.around.recording(record)) {
        const stored = this.records.append(sent);
        this.around.note('record', JSON.stringify(stored));
        this.audit.stored(stored);
      }
    }
    this.audit.turned(out.calls, out.agents, events);
    this.audit.forgetGone();
    out.clear();
  }
}

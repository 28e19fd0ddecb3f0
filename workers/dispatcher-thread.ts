/**
 * The dispatcher's thread: reports of all workers in, decisions, records, events and rows out. The state
 * machine itself is core/acd.
 */
import { once } from 'node:events';
import { setImmediate as turnEnd } from 'node:timers/promises';
import { parentPort } from 'node:worker_threads';
import type { Command, CommandResult, EngineEvent } from '../core/acd/commands.js';
import { Dispatcher, type DispatcherOptions } from '../core/acd/dispatcher.js';
import { assert } from '../core/assert.js';
import type { Decision, Report } from '../core/messages.js';
import { TimerWheel } from '../core/timers.js';
import { decisionCodec, eventCodec, reportCodec } from '../ipc/catalogue.js';
import { type DoorbellDescriptor, DoorbellListener } from '../ipc/doorbell.js';
import { EventInterest, type EventInterestDescriptor } from '../ipc/event-interest.js';
import { type LinkDescriptor, LinkReader, LinkWriter } from '../ipc/link.js';
import type { TableWriter } from '../ipc/shared-table.js';
import { openTables, type TablesDescriptor } from '../ipc/tables.js';
import { AcdJournal } from './journal/acd-journal.js';
import { carryRecords } from './journal/record-tail.js';
import { acdFrames, heardIn, type RecoveredAcd, recoverAcd } from './journal/recover-acd.js';
import type { JournalOptions, JournalSync } from './journal/writer.js';
import { createLogger, type LogLevel } from './log.js';
import { Pace } from './pace.js';
import { now_ms, RETRY_MS, Turns } from './turn.js';

/** The thread's first message. */
export interface DispatcherThreadData {
  options: DispatcherOptions;
  log_level: LogLevel;
  doorbell: DoorbellDescriptor;
  /** By worker. */
  reports: readonly LinkDescriptor[];
  decisions: readonly LinkDescriptor[];
  events: LinkDescriptor;
  event_interest: EventInterestDescriptor;
  tables: TablesDescriptor;
  journal: {
    /** Folder of the generation to recover from. */
    old: string | undefined;
    /** Folder of the one that begins. */
    next: string;
    sync: JournalSync;
    /** Whether calls are recorded. */
    calls: boolean;
    /** Number of the file that the store reads: one Int32. */
    reading: SharedArrayBuffer;
    /** Number of the last report of each worker that is in the journal: a BigInt64 each. */
    applied: SharedArrayBuffer;
    /** Names of the workers' journals. */
    workers: readonly string[];
  };
}

/** Links to and from the worker that takes the place of a dead one. */
interface Replacement {
  worker: number;
  reports: LinkDescriptor;
  decisions: LinkDescriptor;
}

export type DispatcherRequest =
  | { request: number; command: Command }
  /** There was no journal: cids go on from what the database has. */
  | { request: number; next_cid: number }
  /** The worker has died: answered with the number of the last report that was heard from it. */
  | { request: number; retire: number }
  | { request: number; replace: Replacement }
  /** Nobody takes the place of the worker: its calls end. */
  | { request: number; abandon: number }
  | { request: number; stop: true };

/** Said first: what the workers need to bring their calls back. */
export interface DispatcherHeard {
  kind: 'heard';
  /** Number of the last report applied, by the name of the old worker's journal. */
  applied: ReadonlyMap<string, number>;
}

/** Said once, when the state before the restart is back and stands at the head of the new journal. */
export interface DispatcherReady {
  kind: 'ready';
  /** Whether there was anything to recover. */
  recovered: boolean;
  live_calls: string[];
}

export interface DispatcherReply {
  request: number;
  result: CommandResult;
  /** Answer to `retire`. */
  last_seq?: number;
}

const REPORTS_AT_ONCE = 256;
/** With so many reports a second the dispatcher waits for them without its event loop, for so long at a time. */
const PAUSED_FROM_PER_S = 300;
const PAUSE_MS = 2;
/** How long the last rows may wait for room on their way to the store. */
const STOP_MS = 10_000;

class DispatcherThread {
  private readonly timers = new TimerWheel(now_ms());
  private readonly turns = new Turns(this.timers, () => this.flush());
  private readonly dispatcher: Dispatcher;
  private readonly reports: LinkReader<Report>[];
  private readonly decisions: LinkWriter<Decision>[];
  private readonly journal: AcdJournal;
  private readonly applied: BigInt64Array;
  /** Somebody waits for an answer to what the turn does. */
  private asked = false;
  private readonly events: LinkWriter<EngineEvent>;
  private readonly interest: EventInterest;
  private readonly tables;
  private readonly pace = new Pace(PAUSED_FROM_PER_S);
  private readonly bell: DoorbellListener;

  constructor(data: DispatcherThreadData, recovered: RecoveredAcd | undefined) {
    this.dispatcher = new Dispatcher(data.options, this.timers, 1);
    this.reports = data.reports.map((link) => new LinkReader(link, reportCodec));
    this.decisions = data.decisions.map((link) => new LinkWriter(link, decisionCodec));
    this.events = new LinkWriter(data.events, eventCodec);
    this.interest = new EventInterest(data.event_interest);
    this.tables = openTables(data.tables);
    const { journal } = data;
    this.applied = new BigInt64Array(journal.applied);
    const reading = new Int32Array(journal.reading);
    this.journal = new AcdJournal(
      {
        folder: journal.next,
        sync: journal.sync,
        calls: journal.calls,
        // A journal made anew is ahead of any that was before.
        record_seq: recovered?.record_seq || Date.now() * 1000,
        applied: () => this.reports.map((link, worker) => [journal.workers[worker] as string, link.last_seq]),
        store_file: () => Atomics.load(reading, 0),
        log: journalLog,
      },
      this.dispatcher,
      this.timers,
    );
    if (recovered?.memory !== undefined) this.dispatcher.restore(recovered.memory, data.reports.length);
    // It is there for its readers before anything has happened, and where nothing ever does.
    publish(this.tables.engine, 0, this.dispatcher.engineRow());
    this.bell = new DoorbellListener(data.doorbell, () => this.onBell(), {
      pause: { ms: PAUSE_MS, due: () => this.pace.due(this.timers.now_ms) },
    });
    this.turns.begin();
  }

  /** The journal begins with all there is. */
  begin(): Promise<void> {
    return this.journal.begin();
  }

  async request(message: DispatcherRequest): Promise<DispatcherReply> {
    const { request } = message;
    this.asked = true;
    if ('stop' in message) {
      await this.stop();
      return { request, result: { ok: true } };
    }
    const reply: DispatcherReply = { request, result: { ok: true } };
    this.turns.begin();
    if ('next_cid' in message) this.dispatcher.cidsFrom(message.next_cid);
    else if ('replace' in message) this.replace(message.replace);
    else if ('abandon' in message) this.dispatcher.workerGone(message.abandon);
    else if ('retire' in message) reply.last_seq = this.retire(message.retire);
    else {
      reply.result = this.dispatcher.command(message.command);
      this.journal.commanded(message.command.kind);
    }
    // When the turn has ended it is safe, the rows are changed, and decisions have left: those about the calls of a
    // worker that has died by its own link, before there is another.
    await turnEnd();
    return reply;
  }

  /** The worker has died: what it said before counts. @returns the number of its last report */
  private retire(worker: number): number {
    const link = this.reports[worker];
    assert(link !== undefined, 'a worker that dies is one there was');
    while (link.drain((report) => this.dispatcher.report(report, worker)) > 0);
    this.dispatcher.workerDied(worker);
    return link.last_seq;
  }

  private replace({ worker, reports, decisions }: Replacement): void {
    this.reports[worker] = new LinkReader(reports, reportCodec);
    this.decisions[worker] = new LinkWriter(decisions, decisionCodec);
  }

  /** What the workers reported last is still decided, and all that is to be written goes to the store. */
  private async stop(): Promise<void> {
    let more = true;
    for (const until_ms = now_ms() + STOP_MS; now_ms() < until_ms && more; ) {
      more = this.onBell();
      this.flush();
    }
    this.turns.stop();
    this.bell.close();
    await this.journal.close();
  }

  /** True when a worker has more to say. */
  private onBell(): boolean {
    this.turns.begin();
    let more = false;
    for (const [worker, link] of this.reports.entries()) {
      const count = link.drain((report) => this.dispatcher.report(report, worker), REPORTS_AT_ONCE);
      this.pace.tookIn(count);
      more ||= count >= REPORTS_AT_ONCE;
    }
    return more;
  }

  private flush(): number {
    const { out } = this.dispatcher;
    const agent_events = this.interest.wants('agent_report') ? out.events : [];
    const call_events = this.interest.wants('call_report') ? out.call_events : [];
    // What rows show is no news to wait for: after a crash the workers report it again.
    const due_ms = this.remember(
      this.asked || out.decisions.length + agent_events.length + call_events.length > 0,
    );
    this.asked = false;
    for (const { worker, decision } of out.decisions) {
      const link = this.decisions[worker];
      assert(link !== undefined, 'a decision goes to a worker there is');
      link.send(decision);
    }
    for (const event of agent_events) this.events.send(event);
    for (const event of call_events) this.events.send(event);
    this.publishRows();
    out.clear();
    let spilled = false;
    for (const link of this.decisions) spilled = link.flush() || spilled;
    // Nobody waits for events: their readers look by themselves often enough, and a wake-up costs more than a
    // message.
    spilled = this.events.flush({ wake: false }) || spilled;
    return spilled ? Math.min(due_ms, this.timers.now_ms + RETRY_MS) : due_ms;
  }

  /** Nothing that the turn tells is told before it is safe. @returns when the journal wants another turn, ms */
  private remember(telling: boolean): number {
    const { applied, reports, journal } = this;
    const heard = reports.some((link, worker) => applied[worker] !== BigInt(link.last_seq));
    if (heard) journal.heard();
    const due_ms = journal.commit(telling);
    if (heard && due_ms === Number.POSITIVE_INFINITY)
      for (const [worker, link] of reports.entries()) Atomics.store(applied, worker, BigInt(link.last_seq));
    return due_ms;
  }

  /** Copies every row that changed in this turn to the shared tables. */
  private publishRows(): void {
    const { dispatcher, tables } = this;
    const { out } = dispatcher;
    for (const row of out.skills) publish(tables.skills, row, dispatcher.skillRow(row));
    for (const row of out.flows) publish(tables.flows, row, dispatcher.flowRow(row));
    for (const row of out.agents) publish(tables.agents, row, dispatcher.agentRow(row));
    for (const row of out.calls) publish(tables.calls, row, dispatcher.callRow(row));
    if (out.engineChanged) publish(tables.engine, 0, dispatcher.engineRow());
  }
}

function publish<Row>(table: TableWriter<Row>, row: number, values: Row | undefined): void {
  if (values === undefined) table.clear(row);
  else table.write(row, values);
}

assert(parentPort !== null, 'the dispatcher runs in a thread of its own');
const port = parentPort;
const [data] = (await once(port, 'message')) as [DispatcherThreadData];
const log = createLogger('dispatcher', data.log_level);
const journalLog: JournalOptions['log'] = (level, message, fields) => log[level](fields, message);

/** Recovers from the old journal and begins the new one with what was found. */
async function start(): Promise<void> {
  const { old, next } = data.journal;
  const files = old === undefined ? [] : acdFrames(old, journalLog);
  port.postMessage({ kind: 'heard', applied: heardIn(files) } satisfies DispatcherHeard);
  const recovered = old === undefined ? undefined : recoverAcd(files);
  const thread = new DispatcherThread(data, recovered);
  await thread.begin();
  if (old !== undefined) carryRecords(old, next);
  port.on('message', (message: DispatcherRequest) => {
    void thread.request(message).then((reply) => {
      port.postMessage(reply);
      if ('stop' in message) port.close();
    });
  });
  const memory = recovered?.memory;
  port.postMessage({
    kind: 'ready',
    recovered: memory !== undefined,
    live_calls: memory?.calls.map(({ id }) => id) ?? [],
  } satisfies DispatcherReady);
  log.debug('dispatcher ready');
}

await start();

/**
 * The dispatcher's thread: reports of all workers in, decisions, records, events and rows out. The state
 * machine itself is core/acd.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { AgentEvent, Command, CommandResult } from '../core/acd/commands.js';
import { Dispatcher, type DispatcherOptions } from '../core/acd/dispatcher.js';
import type { StoreRecord } from '../core/acd/records.js';
import { assert } from '../core/assert.js';
import type { Decision, Report } from '../core/messages.js';
import { TimerWheel } from '../core/timers.js';
import { decisionCodec, eventCodec, recordCodec, reportCodec } from '../ipc/catalogue.js';
import { type DoorbellDescriptor, DoorbellListener } from '../ipc/doorbell.js';
import { type LinkDescriptor, LinkReader, LinkWriter } from '../ipc/link.js';
import type { TableWriter } from '../ipc/shared-table.js';
import { openTables, type TablesDescriptor } from '../ipc/tables.js';
import { createLogger, type LogLevel } from './log.js';
import { now_ms, Turns } from './turn.js';

export interface DispatcherThreadData {
  options: DispatcherOptions;
  first_cid: number;
  log_level: LogLevel;
  doorbell: DoorbellDescriptor;
  /** By worker. */
  reports: readonly LinkDescriptor[];
  decisions: readonly LinkDescriptor[];
  records: LinkDescriptor;
  events: LinkDescriptor;
  tables: TablesDescriptor;
}

export type DispatcherRequest = { request: number; command: Command } | { request: number; stop: true };
export interface DispatcherReply {
  request: number;
  result: CommandResult;
}

const REPORTS_AT_ONCE = 256;

class DispatcherThread {
  private readonly timers = new TimerWheel(now_ms());
  private readonly turns = new Turns(this.timers, () => this.flush());
  private readonly dispatcher: Dispatcher;
  private readonly reports: LinkReader<Report>[];
  private readonly decisions: LinkWriter<Decision>[];
  private readonly records: LinkWriter<StoreRecord>;
  private readonly events: LinkWriter<AgentEvent>;
  private readonly tables;
  private readonly bell: DoorbellListener;

  constructor(data: DispatcherThreadData) {
    this.dispatcher = new Dispatcher(data.options, this.timers, data.first_cid);
    this.reports = data.reports.map((link) => new LinkReader(link, reportCodec));
    this.decisions = data.decisions.map((link) => new LinkWriter(link, decisionCodec));
    this.records = new LinkWriter(data.records, recordCodec);
    this.events = new LinkWriter(data.events, eventCodec);
    this.tables = openTables(data.tables);
    this.bell = new DoorbellListener(data.doorbell, () => this.onBell());
    this.turns.begin();
  }

  request(message: DispatcherRequest): DispatcherReply {
    this.turns.begin();
    if ('stop' in message) {
      while (this.onBell()) {
        // What the workers reported last is still decided and recorded.
      }
      this.flush();
      this.turns.stop();
      this.bell.close();
      return { request: message.request, result: { ok: true } };
    }
    return { request: message.request, result: this.dispatcher.command(message.command) };
  }

  /** True when a worker has more to say. */
  private onBell(): boolean {
    this.turns.begin();
    let more = false;
    for (const [worker, link] of this.reports.entries()) {
      const count = link.drain((report) => this.dispatcher.report(report, worker), REPORTS_AT_ONCE);
      more ||= count >= REPORTS_AT_ONCE;
    }
    return more;
  }

  private flush(): boolean {
    const { out } = this.dispatcher;
    for (const { worker, decision } of out.decisions) {
      const link = this.decisions[worker];
      assert(link !== undefined, 'a decision goes to a worker there is');
      link.send(decision);
    }
    for (const record of out.records) this.records.send(record);
    for (const event of out.events) this.events.send(event);
    this.publishRows();
    out.clear();
    let spilled = false;
    for (const link of this.decisions) spilled = link.flush() || spilled;
    // Nobody waits for rows and events: their readers look by themselves often enough, and a wake-up costs more
    // than a message.
    spilled = this.records.flush({ wake: false }) || spilled;
    return this.events.flush({ wake: false }) || spilled;
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

const data = workerData as DispatcherThreadData;
const log = createLogger('dispatcher', data.log_level);
const thread = new DispatcherThread(data);
assert(parentPort !== null, 'the dispatcher runs in a thread of its own');
const port = parentPort;
port.on('message', (message: DispatcherRequest) => {
  port.postMessage(thread.request(message));
  if ('stop' in message) port.close();
});
log.debug('dispatcher ready');

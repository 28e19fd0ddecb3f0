/**
 * The thread of the management interface. It reads the shared tables by itself, asks the supervisor for changes, and
 * gives way to calls where cores are short: an answer may be of a megabyte.
 *
 * Start it as a worker thread with {@link MiThreadData}: it loads its code, waits for `go`, answers `listening` or
 * `fatal`, and ends with `stopped` when it is told to `stop`.
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { EngineEvent } from '../../core/acd/commands.js';
import { assert } from '../../core/assert.js';
import { eventCodec } from '../../ipc/catalogue.js';
import { type DoorbellDescriptor, DoorbellListener } from '../../ipc/doorbell.js';
import { EventInterest, type EventInterestDescriptor } from '../../ipc/event-interest.js';
import { type LinkDescriptor, LinkReader } from '../../ipc/link.js';
import { openTables, type TablesDescriptor } from '../../ipc/tables.js';
import type { HostPort } from '../config-values.js';
import { createLogger, type LogLevel } from '../log.js';
import { lowerThisThread } from '../priority.js';
import { now_ms } from '../turn.js';
import { ControlPort } from './control-port.js';
import { startMi } from './server.js';
import { sharedTableView } from './shared-table-view.js';

/** The thread's workerData. */
export interface MiThreadData {
  listen: HostPort;
  token: string;
  log_level: LogLevel;
  tables: TablesDescriptor;
  events: LinkDescriptor;
  event_interest: EventInterestDescriptor;
  doorbell: DoorbellDescriptor;
  /** To who has changes made. */
  control: MessagePort;
}

export type MiThreadOrder = { kind: 'go' } | { kind: 'stop' };
export type MiThreadReply =
  | { kind: 'listening'; address: HostPort }
  | { kind: 'stopped' }
  /** The address cannot be had; the thread ends. */
  | { kind: 'fatal'; reason: string };

/** Events are for people and dashboards. */
const EVENTS_MAX_SLEEP_MS = 20;
const EVENTS_AT_ONCE = 256;

assert(parentPort, 'management is started as a worker thread');
const port = parentPort;
const data = workerData as MiThreadData;

function reply(message: MiThreadReply): void {
  port.postMessage(message);
}

/** Starts it; gives what ends it. */
async function open(): Promise<() => Promise<void>> {
  const interest = new EventInterest(data.event_interest);
  const control = new ControlPort(data.control);
  const mi = await startMi({
    listen: data.listen,
    token: data.token,
    view: sharedTableView(openTables(data.tables), now_ms),
    interest: (kind, wanted) => interest.set(kind, wanted),
    control,
    log: createLogger('mi', data.log_level),
  });
  const reader = new LinkReader<EngineEvent>(data.events, eventCodec);
  const bell = new DoorbellListener(
    data.doorbell,
    () => reader.drain((event) => mi.raise(event), EVENTS_AT_ONCE) >= EVENTS_AT_ONCE,
    { max_sleep_ms: EVENTS_MAX_SLEEP_MS },
  );
  reply({ kind: 'listening', address: mi.address });
  return async () => {
    bell.close();
    await mi.close();
    control.close();
  };
}

let close = async (): Promise<void> => {};
lowerThisThread();
port.on('message', ({ kind }: MiThreadOrder) => {
  if (kind === 'stop') {
    void close().then(() => {
      reply({ kind: 'stopped' });
      port.close();
    });
    return;
  }
  open().then(
    (opened) => {
      close = opened;
    },
    (error: Error) => {
      reply({ kind: 'fatal', reason: error.message });
      // Ends this thread only; what was posted is delivered.
      process.exit(1);
    },
  );
});

/** What a SIP worker is given to begin with, and what it and the supervisor tell each other; no code of its own. */
import type { MessagePort } from 'node:worker_threads';
import type { B2buaOptions } from '../core/sip/environment.js';
import type { DatagramLinkDescriptor } from '../ipc/datagram-link.js';
import type { DoorbellDescriptor } from '../ipc/doorbell.js';
import type { LinkDescriptor } from '../ipc/link.js';
import type { RouteRule } from './config.js';
import type { GateDescriptor } from './gate.js';
import type { KeptDatagram } from './guard.js';
import type { CallSource } from './journal/recover-calls.js';
import type { JournalSync } from './journal/writer.js';
import type { LogLevel } from './log.js';
import type { SocketOptions } from './sip-sockets.js';

export interface SipWorkerTask extends SocketOptions {
  outbound_proxy: string;
  /** New calls a second of one source address; 0 is no limit. */
  source_limit: number;
  options: B2buaOptions;
  routes: readonly RouteRule[];
  /** The way to the modules that `routes` names, where it names any. */
  route_modules: { asks_legs: boolean; port: MessagePort } | undefined;
  log_level: LogLevel;
  doorbell: DoorbellDescriptor;
  reports: LinkDescriptor;
  decisions: LinkDescriptor;
  /** Datagrams for other workers' shards, by worker; none to itself. */
  datagrams_out: readonly (DatagramLinkDescriptor | undefined)[];
  /** From them, and last from the doorman. */
  datagrams_in: readonly (DatagramLinkDescriptor | undefined)[];
  /** How many new calls it lets in, which the doorman is to know, and his doorbell. */
  gate: GateDescriptor;
  doorman: DoorbellDescriptor;
  /** Distinguishes this run's call ids from those of runs before. */
  run: string;
  control: MessagePort;
  /** By worker, an Int32 each: {@link OUT_OF_SERVICE} or 0. */
  services: SharedArrayBuffer;
  journal: {
    folder: string;
    name: string;
    sync: JournalSync;
    /** Whether calls are recorded. */
    calls: boolean;
    /** Number of the base that it begins with. */
    base: number;
    /** What to recover from. */
    sources: readonly CallSource[];
    /** Number of the last report of each worker that the dispatcher has journalled: a BigInt64 each. */
    applied: SharedArrayBuffer;
  };
}

/** A worker that died again and again is not replaced any more. */
export const OUT_OF_SERVICE = 1;

/** What the supervisor tells a worker. */
export type WorkerOrder =
  /** What the dispatcher has heard, by the name of the journal: bring the calls back, and begin a journal with them. */
  | { kind: 'recover'; applied: ReadonlyMap<string, number> }
  /** The journals stand: go on with the calls that came back. */
  | { kind: 'go' }
  /** What came while nobody was there. */
  | { kind: 'datagrams'; datagrams: readonly KeptDatagram[] }
  | { kind: 'drain' }
  | { kind: 'stop' }
  /** End as by a fault, for a drill. */
  | { kind: 'die' };
/** What a worker tells the supervisor. */
export type WorkerNotice =
  /** The sockets are bound. */
  | { kind: 'bound' }
  /** The calls are back, and stand at the head of the new journal. */
  | { kind: 'prepared' }
  | { kind: 'ready'; calls: number };

/**
 * What simulated endpoints sent and received, in the order in which it happened. Several endpoints of
 * one process may share a log, so that a test can tell which of two peers was served first.
 */

export interface LogEntry {
  /** Milliseconds on the process's monotonic clock. */
  at_ms: number;
  /** Name of the endpoint. */
  who: string;
  what: 'sent' | 'received';
  /** Method of the request, or of the request that the response is to. */
  method: string;
  /** 0 for a request. */
  status: number;
  callId: string;
  cseq: number;
  /** A retransmission of something that is in the log already. */
  again: boolean;
}

interface Waiter {
  matches: (entry: LogEntry) => boolean;
  found: (entry: LogEntry) => void;
}

/** Entries kept; beyond, the oldest half is forgotten. */
const MAX_ENTRIES = 50_000;

export class EventLog {
  entries: LogEntry[] = [];
  private waiters: Waiter[] = [];

  add(entry: LogEntry): void {
    if (this.entries.length >= MAX_ENTRIES) this.entries = this.entries.slice(MAX_ENTRIES / 2);
    this.entries.push(entry);
    if (this.waiters.length === 0) return;
    this.waiters = this.waiters.filter((waiter) => {
      if (!waiter.matches(entry)) return true;
      waiter.found(entry);
      return false;
    });
  }

  /** The first entry, past or future, that matches. Waits for as long as it takes. */
  until(matches: (entry: LogEntry) => boolean): Promise<LogEntry> {
    const past = this.entries.find(matches);
    if (past) return Promise.resolve(past);
    return new Promise((found) => this.waiters.push({ matches, found }));
  }

  /** Index of the first entry that matches, -1 if there is none: for comparing what came first. */
  indexOf(matches: (entry: LogEntry) => boolean): number {
    return this.entries.findIndex(matches);
  }
}

/**
 * What carries the management interface: the seam between the methods and the HTTP server in use.
 *
 * A listener accepts `POST /mi` and WebSockets at `/mi`, asks the service whether to let a request in,
 * hands it the text and sends back the answer. It keeps sizes and connections bounded.
 */
import type { Logger } from 'pino';
import type { HostPort } from '../config-values.js';
import type { Subscriber } from './events.js';

export const PATH = '/mi';
/** Largest request, in bytes. */
export const MAX_REQUEST = 1024 * 1024;
/** A body too large is read on so that its sender gets the answer, but not for ever. */
export const MAX_READ = 16 * MAX_REQUEST;
/** Most bytes of events that may wait for a subscriber who does not read. */
export const MAX_UNREAD = 4 * 1024 * 1024;
/** Most connections, of either kind. */
export const MAX_CONNECTIONS = 1024;

/** What decides whether a request is let in; header values as sent, undefined when absent. */
export interface RequestHead {
  kind: 'post' | 'websocket';
  origin: string | undefined;
  host: string | undefined;
  authorization: string | undefined;
  content_type: string | undefined;
}

export interface Refusal {
  /** HTTP status. */
  status: number;
  reason: string;
}

export const NOT_FOUND: Refusal = { status: 404, reason: `only ${PATH} is served` };
export const NOT_ALLOWED: Refusal = { status: 405, reason: 'only POST is allowed' };

/** What goes with a refusal. */
export function refusalHeaders({ status }: Refusal): Record<string, string> {
  return {
    'Content-Type': 'text/plain; charset=utf-8',
    ...(status === 405 ? { Allow: 'POST' } : {}),
    ...(status === 401 ? { 'WWW-Authenticate': 'Bearer' } : {}),
  };
}

/** What a listener serves. */
export interface Service {
  /** Why this request is not let in; undefined lets it in. */
  refuse(head: RequestHead): Refusal | undefined;
  /**
   * Answers a text; undefined when it wants no answer. Never rejects.
   * @param caller the WebSocket it came over; undefined for a POST
   */
  answer(text: string, caller: Subscriber | undefined): Promise<string | undefined>;
  /** The answer to a request of more than MAX_REQUEST bytes. */
  tooLarge(): string;
  /** A WebSocket is gone. */
  gone(caller: Subscriber): void;
}

export interface Listening {
  /** With the port that was taken when 0 was asked for. */
  address: HostPort;
  /** Resolves when nothing is open any more. */
  close(): Promise<void>;
}

/** Starts to listen; rejects with one clear line when the address cannot be had. */
export type Listen = (at: HostPort, service: Service, log: Logger) => Promise<Listening>;

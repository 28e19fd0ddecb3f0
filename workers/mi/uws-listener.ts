/**
 * The listener on uWebSockets.js, an optional native package: fewer microseconds and bytes a request than node:http.
 * It is the same service over other sockets; what differs is that it cannot pause a WebSocket.
 */

import { once } from 'node:events';
import { STATUS_CODES } from 'node:http';
import { createServer } from 'node:net';
import type { Logger } from 'pino';
import type { HostPort } from '../config-values.js';
import type { Subscriber } from './events.js';
import {
  type Listen,
  type Listening,
  MAX_CONNECTIONS,
  MAX_READ,
  MAX_REQUEST,
  MAX_UNREAD,
  NOT_ALLOWED,
  NOT_FOUND,
  PATH,
  type Refusal,
  type RequestHead,
  refusalHeaders,
  type Service,
} from './listener.js';

/** What is used of the package, whose authors keep its types with it. */
export interface Uws {
  App(): UwsApp;
  us_listen_socket_close(socket: object): void;
  us_socket_local_port(socket: object): number;
  /** Without it several processes would share the port. */
  LIBUS_LISTEN_EXCLUSIVE_PORT: number;
}

interface UwsApp {
  post(pattern: string, handler: (response: UwsResponse, request: UwsRequest) => void): UwsApp;
  any(pattern: string, handler: (response: UwsResponse, request: UwsRequest) => void): UwsApp;
  ws(pattern: string, behaviour: UwsBehaviour): UwsApp;
  listen(host: string, port: number, options: number, done: (socket: object | false) => void): UwsApp;
  /** Ends every connection. */
  close(): void;
}

/** Only to be read before its handler returns. */
interface UwsRequest {
  getUrl(): string;
  getHeader(lower_case_name: string): string;
}

/** Not to be touched any more once it is aborted or ended. */
interface UwsResponse {
  cork(work: () => void): void;
  writeStatus(status: string): void;
  writeHeader(name: string, value: string): void;
  end(body: string | undefined, close_connection: boolean): void;
  endWithoutBody(length: number | undefined, close_connection: boolean): void;
  close(): void;
  onAborted(handler: () => void): void;
  /** The chunk's memory is gone when the handler returns. */
  onData(handler: (chunk: ArrayBuffer, is_last: boolean) => void): void;
  upgrade(
    peer: { peer: UwsPeer | undefined },
    key: string,
    protocol: string,
    extensions: string,
    context: object,
  ): void;
}

/** Not to be touched any more once it is closed. */
interface UwsSocket {
  getUserData(): { peer: UwsPeer | undefined };
  /** 0 when the network has not taken all of it. */
  send(text: string, is_binary: boolean, compress: boolean): number;
  getBufferedAmount(): number;
  end(code: number, reason: string): void;
  close(): void;
}

interface UwsBehaviour {
  maxPayloadLength: number;
  maxBackpressure: number;
  idleTimeout: number;
  sendPingsAutomatically: boolean;
  upgrade(response: UwsResponse, request: UwsRequest, context: object): void;
  open(socket: UwsSocket): void;
  message(socket: UwsSocket, message: ArrayBuffer, is_binary: boolean): void;
  drain(socket: UwsSocket): void;
  close(socket: UwsSocket): void;
}

const TOO_MANY: Refusal = { status: 503, reason: `${MAX_CONNECTIONS} connections are open` };
/** Pings keep a peer that is there from falling silent. */
const IDLE_TIMEOUT_S = 120;
/** How long peers have to close their WebSocket at the end. */
const CLOSE_GRACE_MS = 1000;
/** So much of an answer may still wait for the network when the next request is answered. */
const MAX_PENDING = 64 * 1024;

/** The listener on a loaded uWebSockets.js. */
export function listenWithUws(uws: Uws): Listen {
  return async (at, service, log) => {
    await probe(at);
    const listener = new UwsListener(uws, service, log);
    return listener.listen(at);
  };
}

/** It does not tell why it cannot listen, so somebody else is asked to first. */
async function probe({ host, port }: HostPort): Promise<void> {
  const server = createServer();
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`mi.listen: cannot listen on ${host} port ${port}: ${why}`, { cause: error });
  }
  server.close();
  await once(server, 'close');
}

class UwsListener {
  private readonly app: UwsApp;
  private readonly peers = new Set<UwsPeer>();
  /** Requests being answered, and WebSockets. */
  private connections = 0;
  private told_limit = false;
  private closed: () => void = () => {};

  constructor(
    private readonly uws: Uws,
    private readonly service: Service,
    private readonly log: Logger,
  ) {
    this.app = uws.App();
    this.app.ws(PATH, {
      // What is larger is refused with a reason, up to where the connection is cut.
      maxPayloadLength: MAX_READ,
      // Bounded by what is sent: an answer, and the events of a subscriber.
      maxBackpressure: 0,
      idleTimeout: IDLE_TIMEOUT_S,
      sendPingsAutomatically: true,
      upgrade: (response, request, context) => this.upgrade(response, request, context),
      open: (socket) => this.open(socket),
      message: (socket, message, is_binary) => socket.getUserData().peer?.onMessage(message, is_binary),
      drain: (socket) => socket.getUserData().peer?.onDrain(),
      close: (socket) => this.gone(socket.getUserData().peer),
    });
    this.app.post(PATH, (response, request) => this.post(response, request));
    this.app.any('/*', (response, request) =>
      refuse(response, request.getUrl() === PATH ? NOT_ALLOWED : NOT_FOUND),
    );
  }

  listen({ host, port }: HostPort): Listening {
    const { uws, app } = this;
    let socket: object | false = false;
    app.listen(host, port, uws.LIBUS_LISTEN_EXCLUSIVE_PORT, (listening) => {
      socket = listening;
    });
    if (!socket) throw new Error(`mi.listen: cannot listen on ${host} port ${port}`);
    const listening: object = socket;
    return {
      address: { host, port: uws.us_socket_local_port(listening) },
      close: () => this.close(listening),
    };
  }

  private async close(socket: object): Promise<void> {
    this.uws.us_listen_socket_close(socket);
    const all_closed = new Promise<void>((resolve) => {
      this.closed = resolve;
    });
    if (this.peers.size === 0) this.closed();
    for (const peer of [...this.peers]) peer.end(1001, 'shutting down');
    const grace = setTimeout(this.closed, CLOSE_GRACE_MS);
    await all_closed;
    clearTimeout(grace);
    this.app.close();
  }

  private full(): boolean {
    if (this.connections < MAX_CONNECTIONS) return false;
    if (!this.told_limit) this.log.warn(`MI has ${MAX_CONNECTIONS} connections; more are turned away`);
    this.told_limit = true;
    return true;
  }

  private post(response: UwsResponse, request: UwsRequest): void {
    const refusal = this.full() ? TOO_MANY : this.service.refuse(headOf(request, 'post'));
    if (refusal !== undefined) return refuse(response, refusal);
    this.connections++;
    let open = true;
    const over = (): void => {
      if (open) this.connections--;
      open = false;
    };
    response.onAborted(over);
    const answer = (status: number, json: string): void => {
      if (!open) return;
      over();
      respond(response, status, json);
    };
    const chunks: Buffer[] = [];
    let length = 0;
    response.onData((chunk, is_last) => {
      if (!open) return;
      length += chunk.byteLength;
      if (length <= MAX_REQUEST) chunks.push(Buffer.from(chunk.slice(0)));
      else chunks.length = 0;
      if (length > MAX_READ) response.close();
      else if (is_last && length > MAX_REQUEST) answer(413, this.service.tooLarge());
      else if (is_last) {
        void this.service.answer(Buffer.concat(chunks, length).toString('utf8'), undefined).then((text) => {
          answer(text === undefined ? 204 : 200, text ?? '');
        });
      }
    });
  }

  private upgrade(response: UwsResponse, request: UwsRequest, context: object): void {
    const refusal = this.full() ? TOO_MANY : this.service.refuse(headOf(request, 'websocket'));
    if (refusal !== undefined) return refuse(response, refusal);
    const header = (name: string) => request.getHeader(`sec-websocket-${name}`);
    response.upgrade({ peer: undefined }, header('key'), header('protocol'), header('extensions'), context);
  }

  private open(socket: UwsSocket): void {
    this.connections++;
    const peer = new UwsPeer(socket, this.service, this.log);
    socket.getUserData().peer = peer;
    this.peers.add(peer);
  }

  private gone(peer: UwsPeer | undefined): void {
    if (peer === undefined) return;
    this.connections--;
    this.peers.delete(peer);
    peer.onClose();
    if (this.peers.size === 0) this.closed();
  }
}

/** One WebSocket: requests are answered one after the other; what comes meanwhile waits, up to a limit. */
class UwsPeer implements Subscriber {
  open = true;
  private readonly waiting: { text: string; bytes: number }[] = [];
  private waiting_bytes = 0;
  private busy = false;
  private readonly events = new SentEvents();
  private drained: () => void = () => {};

  constructor(
    private readonly socket: UwsSocket,
    private readonly service: Service,
    private readonly log: Logger,
  ) {}

  notify(text: string): void {
    if (!this.open) return;
    if (this.events.unread(this.socket.getBufferedAmount()) > MAX_UNREAD) {
      this.log.warn(`MI cuts off a subscriber who leaves more than ${MAX_UNREAD} bytes of events unread`);
      this.socket.close();
      return;
    }
    this.socket.send(text, false, false);
    this.events.sent(Buffer.byteLength(text), true);
  }

  /** Says goodbye. */
  end(code: number, reason: string): void {
    if (this.open) this.socket.end(code, reason);
  }

  onMessage(message: ArrayBuffer, is_binary: boolean): void {
    if (is_binary) return this.end(1003, 'text only');
    if (message.byteLength > MAX_REQUEST) return this.end(1009, 'message too big');
    if (this.waiting_bytes + message.byteLength > 2 * MAX_REQUEST)
      return this.end(1008, 'too many requests wait');
    const bytes = message.byteLength;
    this.waiting_bytes += bytes;
    this.waiting.push({ text: Buffer.from(message).toString('utf8'), bytes });
    if (this.busy) return;
    this.busy = true;
    void this.answerWaiting();
  }

  onDrain(): void {
    if (this.socket.getBufferedAmount() <= MAX_PENDING) this.drained();
  }

  onClose(): void {
    this.open = false;
    this.waiting.length = 0;
    this.drained();
    this.service.gone(this);
  }

  private async answerWaiting(): Promise<void> {
    for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) {
      this.waiting_bytes -= next.bytes;
      const answer = await this.service.answer(next.text, this);
      if (!this.open) return;
      if (answer !== undefined) await this.send(answer);
    }
    this.busy = false;
  }

  /** Resolves when the network has taken nearly all of the text, or the connection is over. */
  private async send(text: string): Promise<void> {
    this.socket.send(text, false, false);
    this.events.sent(Buffer.byteLength(text), false);
    if (this.socket.getBufferedAmount() <= MAX_PENDING) return;
    await new Promise<void>((resolve) => {
      this.drained = resolve;
    });
  }
}

/** How many bytes of events the network has not taken, of what was sent in order with answers in between. */
class SentEvents {
  private total = 0;
  private pending = 0;
  /** Where each event ends that may still be unread, oldest first, from `first` on. */
  private ends: { at: number; bytes: number }[] = [];
  private first = 0;

  sent(bytes: number, is_event: boolean): void {
    this.total += bytes;
    if (!is_event) return;
    this.pending += bytes;
    this.ends.push({ at: this.total, bytes });
  }

  /** @param buffered bytes of everything that the network has not taken */
  unread(buffered: number): number {
    const taken = this.total - buffered;
    for (let end = this.ends[this.first]; end !== undefined && end.at <= taken; end = this.ends[++this.first])
      this.pending -= end.bytes;
    if (this.first > this.ends.length / 2) {
      this.ends = this.ends.slice(this.first);
      this.first = 0;
    }
    return this.pending;
  }
}

function headOf(request: UwsRequest, kind: RequestHead['kind']): RequestHead {
  // It gives '' for a header that is not there.
  const header = (name: string) => request.getHeader(name) || undefined;
  return {
    kind,
    origin: header('origin'),
    host: header('host'),
    authorization: header('authorization'),
    content_type: header('content-type'),
  };
}

function respond(response: UwsResponse, status: number, json: string): void {
  response.cork(() => {
    response.writeStatus(`${status} ${STATUS_CODES[status] ?? ''}`);
    if (status === 204) return response.endWithoutBody(undefined, false);
    response.writeHeader('Content-Type', 'application/json');
    response.end(json, false);
  });
}

function refuse(response: UwsResponse, refusal: Refusal): void {
  response.cork(() => {
    response.writeStatus(`${refusal.status} ${STATUS_CODES[refusal.status] ?? ''}`);
    for (const [name, value] of Object.entries(refusalHeaders(refusal))) response.writeHeader(name, value);
    response.end(`${refusal.reason}\n`, true);
  });
}

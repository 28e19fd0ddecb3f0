/** The listener on node:http and ws. */
import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { assert } from '../../core/assert.js';
import type { HostPort } from '../config-values.js';
import {
  type Listen,
  type Listening,
  MAX_CONNECTIONS,
  MAX_READ,
  MAX_REQUEST,
  NOT_ALLOWED,
  NOT_FOUND,
  PATH,
  type Refusal,
  type RequestHead,
  refusalHeaders,
  type Service,
} from './listener.js';
import { SocketPeer } from './socket-peer.js';

const REQUEST_TIMEOUT_MS = 10_000;
/** How long peers have to close their WebSocket at the end. */
const CLOSE_GRACE_MS = 1000;
const KEEP_ALIVE_MS = 60_000;

export const listenWithNode: Listen = async (at, service, log) => {
  const server = createServer({
    requestTimeout: REQUEST_TIMEOUT_MS,
    headersTimeout: REQUEST_TIMEOUT_MS,
    connectionsCheckingInterval: REQUEST_TIMEOUT_MS / 2,
  });
  server.maxConnections = MAX_CONNECTIONS;
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_REQUEST, perMessageDeflate: false });
  server.on('connection', (socket) => socket.setKeepAlive(true, KEEP_ALIVE_MS));
  server.once('drop', () => log.warn(`MI has ${MAX_CONNECTIONS} connections; more are turned away`));
  server.on('request', (request, response) => onRequest(request, response, service));
  server.on('upgrade', (request, socket, head) => {
    const refusal = pathOf(request) === PATH ? service.refuse(headOf(request, 'websocket')) : NOT_FOUND;
    if (refusal !== undefined) refuseUpgrade(socket, refusal);
    else sockets.handleUpgrade(request, socket, head, (ws) => new SocketPeer(ws, service, log));
  });
  await bind(server, at);
  const bound = server.address() as AddressInfo | null;
  assert(bound !== null, 'a listening server has an address');
  return listening({ host: at.host, port: bound.port }, server, sockets);
};

async function bind(server: Server, { host, port }: HostPort): Promise<void> {
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`mi.listen: cannot listen on ${host} port ${port}: ${why}`, { cause: error });
  }
}

function listening(address: HostPort, server: Server, sockets: WebSocketServer): Listening {
  return {
    address,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      for (const ws of sockets.clients) ws.close(1001, 'shutting down');
      const grace = setTimeout(() => {
        for (const ws of sockets.clients) ws.terminate();
      }, CLOSE_GRACE_MS);
      await closed;
      clearTimeout(grace);
    },
  };
}

function pathOf(request: IncomingMessage): string {
  const url = request.url ?? '';
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}

function headOf({ headers }: IncomingMessage, kind: RequestHead['kind']): RequestHead {
  return {
    kind,
    origin: headers.origin,
    host: headers.host,
    authorization: headers.authorization,
    content_type: headers['content-type'],
  };
}

function onRequest(request: IncomingMessage, response: ServerResponse, service: Service): void {
  const refusal =
    pathOf(request) !== PATH
      ? NOT_FOUND
      : request.method !== 'POST'
        ? NOT_ALLOWED
        : service.refuse(headOf(request, 'post'));
  if (refusal !== undefined) {
    refuse(request, response, refusal);
    return;
  }
  const chunks: Buffer[] = [];
  let length = 0;
  request.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= MAX_REQUEST) chunks.push(chunk);
    else chunks.length = 0;
    if (length > MAX_READ) request.destroy();
  });
  request.on('end', () => {
    if (length > MAX_REQUEST) {
      respond(response, 413, service.tooLarge());
      return;
    }
    void service.answer(Buffer.concat(chunks, length).toString('utf8'), undefined).then((text) => {
      if (text === undefined) respond(response, 204, '');
      else respond(response, 200, text);
    });
  });
  // A peer that goes away in the middle asked for nothing; without a listener it would end the process.
  request.on('error', () => request.destroy());
}

function respond(response: ServerResponse, status: number, json: string): void {
  if (response.destroyed) return;
  const body = Buffer.from(json);
  response.writeHead(
    status,
    status === 204 ? {} : { 'Content-Type': 'application/json', 'Content-Length': body.length },
  );
  response.end(status === 204 ? undefined : body);
}

function refuse(request: IncomingMessage, response: ServerResponse, refusal: Refusal): void {
  request.on('error', () => request.destroy());
  request.resume();
  const body = `${refusal.reason}\n`;
  response.writeHead(refusal.status, {
    ...refusalHeaders(refusal),
    'Content-Length': Buffer.byteLength(body),
    Connection: 'close',
  });
  response.end(body);
}

function refuseUpgrade(socket: Duplex, refusal: Refusal): void {
  // The peer may be gone already, which is fine: it was to be sent away.
  socket.on('error', () => socket.destroy());
  const body = `${refusal.reason}\n`;
  const headers = Object.entries(refusalHeaders(refusal)).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? ''}\r\n${headers.join('')}` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

/** UDP sockets of a SIP worker. */
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';

/** The default buffer of the kernel holds a few milliseconds of datagrams at carrier rates. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

export interface UdpOptions {
  address: string;
  port: number;
  /** Several workers share the public ports: the one bound last receives, all may send. */
  shared: boolean;
}

/** Binds a UDP socket; rejects with one line that says which address and why. */
export function openUdp(options: UdpOptions): Promise<Socket> {
  const { address, port, shared } = options;
  const family = isIPv6(address) ? 6 : 4;
  const socket = createSocket({
    type: `udp${family}`,
    reuseAddr: shared,
    ipv6Only: family === 6,
    // Peers are addresses by now: Node's own lookup would cost a turn of the event loop per datagram.
    lookup: (host, _options, callback) => callback(null, host, family),
  });
  return new Promise((resolve, reject) => {
    socket.once('error', (error: NodeJS.ErrnoException) => {
      socket.close();
      reject(new Error(bindProblem(address, port, error)));
    });
    socket.bind({ address, port, exclusive: true }, () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
  });
}

/** Sends byte strings to addresses. */
export type SendDatagram = (text: string, host: string, port: number) => void;

/**
 * How to send from a socket.
 * @param failed called, in a turn of its own, when a datagram could not be sent
 */
export function sender(
  socket: Socket,
  failed: (host: string, port: number, why: string) => void,
): SendDatagram {
  // One callback for all: Node says in the error where the datagram was to go, and only here.
  const sent = (error: (Error & { address?: string; port?: number }) | null): void => {
    if (error !== null) failed(error.address ?? '', error.port ?? 0, error.message);
  };
  return (text, host, port) => socket.send(Buffer.from(text, 'latin1'), port, host, sent);
}

/** Asks for a large receive buffer; gives the bytes granted (Linux reports twice what it holds). */
export function enlargeReceiveBuffer(socket: Socket): { granted: number; asked: number } {
  socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
  return { granted: socket.getRecvBufferSize(), asked: RECEIVE_BUFFER_BYTES };
}

/**
 * Fails when anybody has the port, another engine included: engines share their ports among their own workers,
 * so only a bind without address reuse tells.
 */
export async function probeUdp(address: string, port: number): Promise<void> {
  const socket = await openUdp({ address, port, shared: false });
  await new Promise<void>((resolve) => socket.close(() => resolve()));
}

function bindProblem(address: string, port: number, error: NodeJS.ErrnoException): string {
  const where = `udp ${address} port ${port}`;
  if (error.code === 'EADDRINUSE') return `${where} is in use by another process`;
  if (error.code === 'EADDRNOTAVAIL') return `${where}: this host has no such address`;
  if (error.code === 'EACCES') return `${where}: no permission to bind`;
  return `${where}: ${error.message}`;
}

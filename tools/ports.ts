/** Free UDP and TCP ports for engines that are started by tests and by the demo. */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

const ATTEMPTS = 50;

/** Whether a UDP port of this address can be bound by us alone; port 0 stands for any. */
export async function udpPortFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return (await bindUdp(port, host)) > 0;
}

/** Whether a TCP port of this address can be listened on. */
export async function tcpPortFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return (await bindTcp(port, host)) > 0;
}

/** The first of so many consecutive free UDP ports. Throws when none are found. */
export async function freeUdpPorts(count: number, host = '127.0.0.1'): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const first = await bindUdp(0, host);
    if (first + count > 65_536) continue;
    let free = true;
    for (let i = 1; i < count && free; i++) free = await udpPortFree(first + i, host);
    if (free) return first;
  }
  throw new Error(`no ${count} consecutive free UDP ports on ${host}`);
}

/** A free TCP port. */
export async function freeTcpPort(host = '127.0.0.1'): Promise<number> {
  const port = await bindTcp(0, host);
  if (port === 0) throw new Error(`no free TCP port on ${host}`);
  return port;
}

/** Binds and lets go: the port, or 0 when it is taken. */
function bindUdp(port: number, host: string): Promise<number> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  return new Promise((resolve, reject) => {
    socket.once('error', (error: NodeJS.ErrnoException) => {
      socket.close();
      if (taken(error)) resolve(0);
      else reject(error);
    });
    socket.bind({ port, address: host, exclusive: true }, () => {
      const bound = socket.address().port;
      socket.close(() => resolve(bound));
    });
  });
}

function bindTcp(port: number, host: string): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (taken(error)) resolve(0);
      else reject(error);
    });
    server.listen(port, host, () => {
      const address = server.address();
      const bound = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(bound));
    });
  });
}

/** Another's port, or one that takes more rights than ours. */
function taken(error: NodeJS.ErrnoException): boolean {
  return error.code === 'EADDRINUSE' || error.code === 'EACCES';
}

/**
 * How the client reaches a server. Left to itself it dials again at once, without end and without a word,
 * when a server accepts a connection and closes it before it says anything, as a proxy does whose database
 * is away. Here such a close is an error of the next attempt, which then ends.
 */
import { Socket } from 'node:net';

/** The part of the client's options that says where to connect. */
interface Target {
  host: string[];
  port: number[];
  path: string | false | undefined;
}

/** A maker of sockets for the client's `socket` option; several hosts are tried in turn. */
export function dialer(): (target: Target) => Socket {
  let attempts = 0;
  let silent_closes = 0;
  return ({ host, port, path }) => {
    const socket = new Socket();
    if (silent_closes > 0) {
      silent_closes = 0;
      // Later, when the client listens to the socket.
      setImmediate(() => socket.destroy(new SilentClose('the server closed the connection without a word')));
      return socket;
    }
    socket.on('close', (failed) => {
      if (!failed && socket.bytesRead === 0) silent_closes++;
    });
    if (path) return socket.connect(path);
    const index = attempts++ % host.length;
    const hostname = host[index] ?? 'localhost';
    // The client takes the name to verify in a TLS certificate from here.
    Object.assign(socket, { host: hostname, port: port[index] });
    return socket.connect(port[index] ?? 5432, hostname);
  };
}

class SilentClose extends Error {
  readonly code = 'SILENT_CLOSE';
}

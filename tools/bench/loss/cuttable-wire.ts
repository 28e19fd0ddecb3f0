/** A way to a server that can be cut and mended. */
import { type AddressInfo, connect, createServer, type NetConnectOpts, type Socket } from 'node:net';

export class CuttableWire {
  private open = true;
  private readonly sockets = new Set<Socket>();
  private readonly server = createServer((client) => this.bridge(client));

  private constructor(private readonly server_at: NetConnectOpts) {}

  /** Listens on loopback for who wants to reach that server. */
  static async to(server_at: NetConnectOpts): Promise<CuttableWire> {
    const wire = new CuttableWire(server_at);
    await new Promise<void>((resolve) => wire.server.listen(0, '127.0.0.1', resolve));
    return wire;
  }

  get local_port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Ends all connections and takes no new ones. */
  cut(): void {
    this.open = false;
    for (const socket of this.sockets) socket.destroy();
  }

  mend(): void {
    this.open = true;
  }

  close(): void {
    this.cut();
    this.server.close();
  }

  private bridge(client: Socket): void {
    if (!this.open) {
      client.destroy();
      return;
    }
    const upstream = connect(this.server_at);
    const end = (): void => {
      client.destroy();
      upstream.destroy();
      this.sockets.delete(client);
      this.sockets.delete(upstream);
    };
    for (const socket of [client, upstream]) {
      this.sockets.add(socket);
      socket.on('close', end);
      socket.on('error', end);
    }
    client.pipe(upstream);
    upstream.pipe(client);
  }
}

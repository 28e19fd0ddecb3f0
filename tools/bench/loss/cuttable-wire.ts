/** A way to a server that can be cut and mended. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export class CuttableWire {
  private open = true;
  private readonly sockets = new Set<Socket>();
  private readonly server = createServer((client) => this.bridge(client));

  private constructor(
    private readonly host: string,
    private readonly port: number,
  ) {}

  /** Listens on loopback for who wants to reach that server. */
  static async to(host: string, port: number): Promise<CuttableWire> {
    const wire = new CuttableWire(host, port);
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
    const upstream = connect(this.port, this.host);
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

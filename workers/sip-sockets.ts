/**
 * A worker's UDP sockets: the public ones, which all workers share, then its own toward agents and media servers, one
 * on each address.
 */
import type { Socket } from 'node:dgram';
import type { Path } from '../core/sip/transport.js';
import { AddressChooser, hostPort, type ListenAddress } from './addresses.js';
import { enlargeReceiveBuffer, openUdp, type SendDatagram, sender } from './udp.js';

export interface SocketOptions {
  /** Expanded: no wildcards. */
  listen: readonly ListenAddress[];
  /** Port of the worker's own sockets, one on each address. */
  port: number;
  /** Host for Via and Contact instead of the sockets' addresses, and the public port if not 0. */
  advertise: { host: string; port: number } | undefined;
}

/** Who is told. */
export interface SocketUser {
  received(socket: number, datagram: Buffer, host: string, port: number): void;
  /** In a turn of its own. */
  unsendable(path: Path, why: string): void;
  /** The kernel gives a smaller receive buffer than it was asked for. */
  smallBuffer(granted_bytes: number, asked_bytes: number): void;
  broken(name: string, error: Error): void;
}

interface Opened {
  socket: Socket;
  send: SendDatagram;
  address: string;
  port: number;
  sentBy: string;
}

export class SipSockets {
  /** `address port`, by number. */
  readonly names: string[] = [];
  /** Number of the first of the worker's own. */
  readonly firstOwn: number;
  private readonly opened: Opened[] = [];
  private readonly addresses: string[];
  private readonly chooser: AddressChooser;

  constructor(
    private readonly options: SocketOptions,
    private readonly user: SocketUser,
  ) {
    this.firstOwn = options.listen.length;
    this.addresses = [...new Set(options.listen.map(({ address }) => address))];
    this.chooser = new AddressChooser(this.addresses);
  }

  /** Binds them all; rejects with one line that says which cannot be had, and why. */
  async open(): Promise<void> {
    const { listen, port, advertise } = this.options;
    const host = advertise?.host;
    for (const { address, port: publicPort } of listen)
      await this.bind(address, publicPort, hostPort(host ?? address, advertise?.port || publicPort));
    for (const address of this.addresses) await this.bind(address, port, hostPort(host ?? address, port));
  }

  close(): void {
    for (const { socket } of this.opened) socket.close();
  }

  /** The number of the socket of that name; where there is none any more, of one that reaches the same peers. */
  named(name: string): number {
    const known = this.names.indexOf(name);
    return known >= 0 ? known : this.own(this.addresses.indexOf(name.slice(0, name.indexOf(' '))));
  }

  /** The worker's own socket from which that host is reached. */
  toward(host: string): number {
    return this.own(this.chooser.choose(host));
  }

  /** How we name ourselves at a socket: `host:port`. */
  sentBy(socket: number): string {
    return (this.opened[socket] as Opened).sentBy;
  }

  /** @param path its host an IP address, its port not 0: Node throws at others */
  send(path: Path, text: string): void {
    (this.opened[path.socket] as Opened).send(text, path.host, path.port);
  }

  /** A datagram of a socket to itself; where none arrives, nothing is known, and nothing else follows. */
  sound(number: number, sounding: Buffer): void {
    const { socket, address, port } = this.opened[number] as Opened;
    socket.send(sounding, port, address, () => {});
  }

  private own(address: number): number {
    return this.firstOwn + Math.max(0, address);
  }

  private async bind(address: string, port: number, sentBy: string): Promise<void> {
    const { user } = this;
    const socket = await openUdp({ address, port, shared: true });
    const number = this.opened.length;
    const send = sender(socket, (to, toPort, why) =>
      user.unsendable({ socket: number, host: to, port: toPort }, why),
    );
    this.opened.push({ socket, send, address, port, sentBy });
    const name = `${address} ${port}`;
    this.names.push(name);
    const { granted, asked } = enlargeReceiveBuffer(socket);
    // Linux counts its own bookkeeping too and tells twice what was set.
    if (granted < 2 * asked && number === 0) user.smallBuffer(granted, asked);
    socket.on('error', (error) => user.broken(name, error));
    socket.on('message', (datagram, from) => user.received(number, datagram, from.address, from.port));
  }
}

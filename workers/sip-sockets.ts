/**
 * A worker's UDP sockets: the public ones, which all workers share, then its own toward agents and media servers, one
 * on each address. Those of the other workers have numbers too, the same in every worker: a call that has gone by one
 * of them still does when another worker has taken it up, and what it sends there crosses to who has the socket.
 */
import type { Socket } from 'node:dgram';
import { assert } from '../core/assert.js';
import type { Path } from '../core/sip/transport.js';
import { AddressChooser, hostPort, type ListenAddress } from './addresses.js';
import { enlargeReceiveBuffer, openUdp, type SendDatagram, sender } from './udp.js';

export interface SocketOptions {
  /** Expanded: no wildcards. */
  listen: readonly ListenAddress[];
  /**
   * Ports of the workers' own sockets, one on each address: each worker's in their order, then those of former workers
   * by which calls go still. The one at place i is worker i's, modulo their number.
   */
  ports: readonly number[];
  /** The worker's, and how many there are. */
  index: number;
  workers: number;
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

/** A socket, here or in the worker that has it. */
interface Place {
  address: string;
  port: number;
  sentBy: string;
  /** Undefined when all workers have one. */
  owner: number | undefined;
  opened: { socket: Socket; send: SendDatagram } | undefined;
}

export class SipSockets {
  /** `address port`, by number. */
  readonly names: readonly string[];
  /** Number of the first that is not public. */
  private readonly firstOwn: number;
  private readonly places: readonly Place[];
  private readonly numbers: ReadonlyMap<string, number>;
  private readonly addresses: string[];
  private readonly chooser: AddressChooser;

  constructor(
    private readonly options: SocketOptions,
    private readonly user: SocketUser,
  ) {
    const { listen, ports, advertise, workers } = options;
    const place = (address: string, port: number, named: number, owner: number | undefined): Place => ({
      address,
      port,
      sentBy: hostPort(advertise?.host ?? address, named),
      owner,
      opened: undefined,
    });
    this.firstOwn = listen.length;
    this.addresses = [...new Set(listen.map(({ address }) => address))];
    this.chooser = new AddressChooser(this.addresses);
    this.places = [
      ...listen.map(({ address, port }) => place(address, port, advertise?.port || port, undefined)),
      ...ports.flatMap((port, at) =>
        this.addresses.map((address) => place(address, port, port, at % workers)),
      ),
    ];
    this.names = this.places.map(({ address, port }) => `${address} ${port}`);
    this.numbers = new Map(this.names.map((name, number) => [name, number]));
  }

  /** Binds those of this worker; rejects with one line that says which cannot be had, and why. */
  async open(): Promise<void> {
    for (const [number, { owner }] of this.places.entries())
      if (owner === undefined || owner === this.options.index) await this.bind(number);
  }

  close(): void {
    for (const { opened } of this.places) opened?.socket.close();
  }

  /** The number of the socket of that name; where there is none any more, of one that reaches the same peers. */
  named(name: string): number {
    return this.numbers.get(name) ?? this.own(this.addresses.indexOf(name.slice(0, name.indexOf(' '))));
  }

  /** The socket of that port from which the host is reached; where there is none any more, the worker's own. */
  toward(host: string, port: number): number {
    const address = this.chooser.choose(host);
    return this.numbers.get(`${this.addresses[address]} ${port}`) ?? this.own(address);
  }

  /** How we name ourselves at a socket: `host:port`. */
  sentBy(socket: number): string {
    return this.place(socket).sentBy;
  }

  /** The only worker that has the socket; undefined when all have. */
  owner(socket: number): number | undefined {
    return this.place(socket).owner;
  }

  /**
   * From a socket of this worker.
   * @param path its host an IP address, its port not 0: Node throws at others
   */
  send(path: Path, text: string): void {
    const { opened } = this.place(path.socket);
    assert(opened !== undefined, 'a worker sends from its own sockets');
    opened.send(text, path.host, path.port);
  }

  /** A datagram of a socket to itself; where none arrives, nothing is known, and nothing else follows. */
  sound(number: number, sounding: Buffer): void {
    const { opened, address, port } = this.place(number);
    opened?.socket.send(sounding, port, address, () => {});
  }

  private own(address: number): number {
    return this.firstOwn + this.options.index * this.addresses.length + Math.max(0, address);
  }

  private place(socket: number): Place {
    const place = this.places[socket];
    assert(place !== undefined, 'a socket has a number here');
    return place;
  }

  private async bind(number: number): Promise<void> {
    const { user } = this;
    const place = this.place(number);
    const { address, port } = place;
    const socket = await openUdp({ address, port, shared: true });
    const send = sender(socket, (to, toPort, why) =>
      user.unsendable({ socket: number, host: to, port: toPort }, why),
    );
    place.opened = { socket, send };
    const { granted, asked } = enlargeReceiveBuffer(socket);
    // Linux counts its own bookkeeping too and tells twice what was set.
    if (granted < 2 * asked && number === 0) user.smallBuffer(granted, asked);
    socket.on('error', (error) => user.broken(`${address} ${port}`, error));
    socket.on('message', (datagram, from) => user.received(number, datagram, from.address, from.port));
  }
}

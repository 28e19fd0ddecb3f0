/**
 * UDP on Linux with many datagrams to a system call, which Node's own sockets do not do: of what it costs them to receive
 * a request and to refuse it, half are calls, callbacks and objects for each datagram. Here the C library is called.
 */

import { isIPv6 } from 'node:net';
import { endianness } from 'node:os';

/** Datagrams that one call receives or sends. */
export const BATCH = 64;
/** The largest UDP datagram, and somewhat more, so that not all of them begin in the same lines of the processor's cache. */
const STRIDE = 65_536 + 64;
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
/** Addresses whose text, or bytes, are remembered. */
const MAX_REMEMBERED = 10_000;

// Constants and layouts of 64-bit Linux, little-endian: sockaddr_in and sockaddr_in6, iovec, mmsghdr, cmsghdr, timespec.
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_RCVBUF = 8;
const SO_TIMESTAMPNS = 35;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const MSG_DONTWAIT = 0x40;
const EAGAIN = 11;
const EINTR = 4;
const IPV4_NAME_BYTES = 16;
const IPV6_NAME_BYTES = 28;
const IPV4_AT = 4;
const IPV6_AT = 8;
const NAME_STRIDE = 32;
const VECTOR_BYTES = 16;
const HEADER_BYTES = 64;
const HEADER_NAME_BYTES_AT = 8;
const HEADER_VECTOR_AT = 16;
const HEADER_VECTORS_AT = 24;
const HEADER_CONTROL_AT = 32;
const HEADER_CONTROL_BYTES_AT = 40;
const HEADER_LENGTH_AT = 56;
const CONTROL_BYTES = 64;
const CONTROL_SECONDS_AT = 16;
const CONTROL_NANOSECONDS_AT = 24;

type Call = (...args: unknown[]) => number;

/** An optional package: without it this compiles and starts, too. */
const KOFFI: string = 'koffi';

/** What is needed of it. */
interface Koffi {
  load(library: null): { func(prototype: string): Call };
  errno(): number;
  address(buffer: Buffer): bigint;
}

/** What is needed of the C library. */
interface LibC {
  socket: Call;
  bind: Call;
  connect: Call;
  close: Call;
  setsockopt: Call;
  recvmmsg: Call;
  sendmmsg: Call;
  inet_pton: Call;
  inet_ntop: (...args: unknown[]) => unknown;
  errno(): number;
  address(buffer: Buffer): bigint;
}

/** The C library, or why it cannot be had: another system, or what calls it is not installed. */
export async function openLibC(): Promise<LibC | string> {
  const known =
    process.platform === 'linux' && ['x64', 'arm64'].includes(process.arch) && endianness() === 'LE';
  if (!known) return `not known for ${process.platform} on ${process.arch}`;
  try {
    const { default: koffi } = (await import(KOFFI)) as { default: Koffi };
    const lib = koffi.load(null);
    return {
      socket: lib.func('int socket(int, int, int)'),
      bind: lib.func('int bind(int, void *, uint)'),
      connect: lib.func('int connect(int, void *, uint)'),
      close: lib.func('int close(int)'),
      setsockopt: lib.func('int setsockopt(int, int, int, void *, uint)'),
      recvmmsg: lib.func('int recvmmsg(int, void *, uint, int, void *)'),
      sendmmsg: lib.func('int sendmmsg(int, void *, uint, int)'),
      inet_pton: lib.func('int inet_pton(int, void *, void *)'),
      inet_ntop: lib.func('void *inet_ntop(int, void *, void *, uint)'),
      errno: () => koffi.errno(),
      address: (buffer) => koffi.address(buffer),
    };
  } catch (error) {
    return (error as Error).message;
  }
}

/** Room for a batch, and what tells the kernel of it. */
class Messages {
  readonly data = room(STRIDE);
  readonly names = room(NAME_STRIDE);
  readonly vectors = room(VECTOR_BYTES);
  readonly headers = room(HEADER_BYTES);

  constructor(lib: LibC) {
    const [data, names, vectors] = [this.data, this.names, this.vectors].map((buffer) =>
      lib.address(buffer),
    ) as [bigint, bigint, bigint];
    for (let i = 0; i < BATCH; i++) {
      const place = BigInt(i);
      this.vectors.writeBigUInt64LE(data + place * BigInt(STRIDE), i * VECTOR_BYTES);
      this.vectors.writeBigUInt64LE(BigInt(STRIDE), i * VECTOR_BYTES + 8);
      const header = i * HEADER_BYTES;
      this.headers.writeBigUInt64LE(names + place * BigInt(NAME_STRIDE), header);
      this.headers.writeUInt32LE(NAME_STRIDE, header + HEADER_NAME_BYTES_AT);
      this.headers.writeBigUInt64LE(vectors + place * BigInt(VECTOR_BYTES), header + HEADER_VECTOR_AT);
      this.headers.writeBigUInt64LE(1n, header + HEADER_VECTORS_AT);
    }
  }
}

/** Of its own memory, which stays where it is. */
function room(bytes: number): Buffer {
  return Buffer.from(new ArrayBuffer(BATCH * bytes));
}

/** What sockets of a thread have in common: only one of them is read or written at a time. */
export class BatchUdp {
  private readonly received: Messages;
  private readonly toSend: Messages;
  /** When the first of what is received came. */
  private readonly control = Buffer.from(new ArrayBuffer(CONTROL_BYTES));
  private readonly texts = new Map<number | string, string>();
  private readonly names = new Map<string, Buffer>();
  /** How many datagrams are to be sent, and the socket that they leave by. */
  private queued = 0;
  private sending = -1;

  constructor(readonly lib: LibC) {
    this.received = new Messages(lib);
    this.toSend = new Messages(lib);
    this.received.headers.writeBigUInt64LE(lib.address(this.control), HEADER_CONTROL_AT);
  }

  /**
   * Binds a socket to an address that others may have, too: the one bound last receives.
   * @throws an error that says which address and with which number of the system
   */
  open(address: string, port: number): BatchSocket {
    const { lib } = this;
    const isV6 = isIPv6(address);
    const on = Buffer.from([1, 0, 0, 0]);
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(RECEIVE_BUFFER_BYTES);
    const known = this.nameOf(address);
    if (known === undefined) throw new Error(`${address} is no IP address`);
    const name = Buffer.from(known);
    name.writeUInt16BE(port, 2);
    const fd = lib.socket(isV6 ? AF_INET6 : AF_INET, SOCK_DGRAM_CLOEXEC, 0);
    const bound =
      fd >= 0 &&
      lib.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, on, 4) === 0 &&
      (!isV6 || lib.setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, on, 4) === 0) &&
      lib.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, bytes, 4) === 0 &&
      lib.setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, on, 4) === 0 &&
      lib.bind(fd, name, name.length) === 0;
    if (bound) return new BatchSocket(this, fd, name);
    const error = new Error(`udp ${address} port ${port}: error ${lib.errno()}`);
    if (fd >= 0) lib.close(fd);
    throw error;
  }

  /**
   * Receives what has come to a socket, a batch at the most.
   * @returns how many datagrams came
   * @throws where the system does not let it be read
   */
  receive(fd: number): number {
    const { lib, received } = this;
    received.headers.writeUInt32LE(CONTROL_BYTES, HEADER_CONTROL_BYTES_AT);
    const count = lib.recvmmsg(fd, received.headers, BATCH, MSG_DONTWAIT, null);
    if (count >= 0) return count;
    const errno = lib.errno();
    if (errno === EAGAIN || errno === EINTR) return 0;
    throw new Error(`a UDP socket cannot be read: error ${errno}`);
  }

  /** Hands over the datagrams that were received last; the bytes are only there meanwhile. */
  each(count: number, take: (bytes: Buffer, host: string, port: number) => void): void {
    const { data, headers, names } = this.received;
    for (let i = 0; i < count; i++) {
      const header = i * HEADER_BYTES;
      const start = i * STRIDE;
      const end = start + headers.readUInt32LE(header + HEADER_LENGTH_AT);
      headers.writeUInt32LE(NAME_STRIDE, header + HEADER_NAME_BYTES_AT);
      const name = i * NAME_STRIDE;
      take(data.subarray(start, end), this.hostAt(names, name), names.readUInt16BE(name + 2));
    }
  }

  /**
   * Takes a byte string to be sent from a socket, with the next {@link flush} at the latest. Where it is too large, or
   * `host` is no IP address or `port` none, it is lost: what comes from outside may have asked for that.
   */
  send(fd: number, text: string, host: string, port: number): void {
    const name = this.nameOf(host);
    if (name === undefined || !(port > 0 && port <= 65_535) || text.length > STRIDE) return;
    if (fd !== this.sending || this.queued === BATCH) this.flush();
    this.sending = fd;
    const { data, headers, names, vectors } = this.toSend;
    const place = this.queued++;
    data.write(text, place * STRIDE, 'latin1');
    vectors.writeUInt32LE(text.length, place * VECTOR_BYTES + 8);
    const at = place * NAME_STRIDE;
    name.copy(names, at);
    names.writeUInt16BE(port, at + 2);
    headers.writeUInt32LE(name.length, place * HEADER_BYTES + HEADER_NAME_BYTES_AT);
  }

  /** Sends what was taken. What the system refuses is lost, as it may be on its way. */
  flush(): void {
    const { lib, queued, toSend } = this;
    for (let first = 0; first < queued; ) {
      const headers = first === 0 ? toSend.headers : toSend.headers.subarray(first * HEADER_BYTES);
      const sent = lib.sendmmsg(this.sending, headers, queued - first, MSG_DONTWAIT);
      // It stops before one that cannot be sent.
      first += Math.max(sent, 0) + (sent < queued - first ? 1 : 0);
    }
    this.queued = 0;
  }

  /** How long the first of what was received last had waited, ms. */
  get waited_ms(): number {
    const { control } = this;
    const s = Number(control.readBigInt64LE(CONTROL_SECONDS_AT));
    const ns = Number(control.readBigInt64LE(CONTROL_NANOSECONDS_AT));
    return Math.max(0, Date.now() - (s * 1e3 + ns / 1e6));
  }

  /** The address as text, without the zone of a link-local one. */
  private hostAt(names: Buffer, at: number): string {
    const { lib, texts } = this;
    const isV6 = names.readUInt16LE(at) === AF_INET6;
    const key = isV6
      ? names.toString('latin1', at + IPV6_AT, at + IPV6_AT + 16)
      : names.readUInt32LE(at + IPV4_AT);
    const known = texts.get(key);
    if (known !== undefined) return known;
    if (texts.size >= MAX_REMEMBERED) texts.clear();
    const text = Buffer.alloc(64);
    const address = names.subarray(at + (isV6 ? IPV6_AT : IPV4_AT));
    lib.inet_ntop(isV6 ? AF_INET6 : AF_INET, address, text, text.length);
    const host = text.toString('latin1', 0, text.indexOf(0));
    texts.set(key, host);
    return host;
  }

  /** The address as the system has it, with port 0; undefined where it is none, or has a zone. */
  private nameOf(host: string): Buffer | undefined {
    const known = this.names.get(host);
    if (known !== undefined) return known;
    if (this.names.size >= MAX_REMEMBERED) this.names.clear();
    const isV6 = isIPv6(host);
    const family = isV6 ? AF_INET6 : AF_INET;
    const name = Buffer.alloc(isV6 ? IPV6_NAME_BYTES : IPV4_NAME_BYTES);
    name.writeUInt16LE(family);
    const read = this.lib.inet_pton(
      family,
      Buffer.from(`${host}\0`, 'latin1'),
      name.subarray(isV6 ? IPV6_AT : IPV4_AT),
    );
    if (read !== 1) return undefined;
    this.names.set(host, name);
    return name;
  }
}

/** A bound socket. */
export class BatchSocket {
  constructor(
    private readonly udp: BatchUdp,
    private readonly fd: number,
    private readonly name: Buffer,
  ) {}

  /** See {@link BatchUdp.receive}; they are handed over by {@link BatchUdp.each}. */
  receive(): number {
    return this.udp.receive(this.fd);
  }

  /** See {@link BatchUdp.send}. */
  send(text: string, host: string, port: number): void {
    this.udp.send(this.fd, text, host, port);
  }

  /**
   * From now on it receives nothing more, and others that are bound to its address do: a socket with a peer receives from
   * that alone. What has come before can still be read.
   * @param port of the peer, at the socket's own address; nobody is to be there
   * @throws where the system does not let it
   */
  deafen(port: number): void {
    const { lib } = this.udp;
    const peer = Buffer.from(this.name);
    peer.writeUInt16BE(port, 2);
    if (lib.connect(this.fd, peer, peer.length) !== 0)
      throw new Error(`a UDP socket cannot be given a peer: error ${lib.errno()}`);
  }

  close(): void {
    this.udp.lib.close(this.fd);
  }
}

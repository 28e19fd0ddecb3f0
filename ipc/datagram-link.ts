/**
 * Received datagrams on their way to the worker that owns their call, as raw bytes, and how long they wait there.
 *
 * A record is: number of the socket that received it (2 bytes), remote port (2), length of the remote
 * address (1), the address as text, the datagram. All little-endian. As UDP may, a full ring loses the
 * datagram and counts it; the peer's retransmission makes up for it.
 *
 * Now and then a record says since when those before it have waited: its port is 0, to which nothing can be sent, and its
 * datagram the time, a double. The clock is one that all threads share.
 */
import { assert } from '../core/assert.js';
import { Doorbell, type DoorbellDescriptor } from './doorbell.js';
import { createRing, type RingDescriptor, RingReader, RingWriter } from './ring.js';

const HEADER_BYTES = 5;
/** An IPv6 address with a zone: 45 characters, %, and the interface's name. */
const MAX_ADDRESS_BYTES = 64;
const MAX_DATAGRAM_BYTES = 65_535;
/** A quarter of it holds the largest datagram. */
const MIN_RING_BYTES = 512 * 1024;
const DEFAULT_DRAIN = 1024;
const STAMP_MS = 10;

/** Both ends are made from this; may be cloned to any thread. */
export interface DatagramLinkDescriptor {
  ring: RingDescriptor;
  /** The doorbell of the thread that reads. */
  doorbell: DoorbellDescriptor;
}

/** Makes a link over a new ring of at least `bytes` bytes, and never less than 512 KB. */
export function createDatagramLink(bytes: number, doorbell: DoorbellDescriptor): DatagramLinkDescriptor {
  return { ring: createRing(Math.max(bytes, MIN_RING_BYTES)), doorbell };
}

/** The sending end. Exactly one in all threads. */
export class DatagramLinkWriter {
  private readonly ring: RingWriter;
  private readonly stamp = Buffer.alloc(Float64Array.BYTES_PER_ELEMENT);
  private lost = 0;
  /** Whether something was sent since the last record that tells the time, and when that was. */
  private unstamped = false;
  private stamped_ms = 0;

  constructor(link: DatagramLinkDescriptor) {
    this.ring = new RingWriter(link.ring, new Doorbell(link.doorbell));
  }

  /** How many datagrams met a full ring. */
  get dropped(): number {
    return this.lost;
  }

  /**
   * Takes a copy of the datagram for the next {@link flush}.
   * @param socket number of the socket that received it, 0 to 65,535
   * @param port the sender's, 1 to 65,535; of what is to be sent, the receiver's
   * @param address the sender's, as text
   * @returns false when the ring was full and the datagram is lost
   */
  send(socket: number, port: number, address: string, datagram: Uint8Array): boolean {
    assert(port > 0, 'a datagram has a sender');
    this.unstamped = true;
    return this.write(socket, port, address, datagram);
  }

  /**
   * Ends the turn: what was sent becomes visible to the reader, who is woken once.
   * @param wait_ms how long it has waited before
   */
  flush(wait_ms = 0): void {
    if (this.unstamped) this.stampNow(wait_ms);
    this.ring.publish();
  }

  private stampNow(wait_ms: number): void {
    const now_ms = sharedClock_ms();
    if (now_ms - this.stamped_ms < STAMP_MS) return;
    this.stamp.writeDoubleLE(now_ms - wait_ms);
    if (!this.write(0, 0, '', this.stamp)) return;
    this.stamped_ms = now_ms;
    this.unstamped = false;
  }

  private write(socket: number, port: number, address: string, datagram: Uint8Array): boolean {
    assert(address.length <= MAX_ADDRESS_BYTES, 'an address fits its place');
    assert(datagram.length <= MAX_DATAGRAM_BYTES, 'a datagram is one');
    const { ring } = this;
    let at = ring.claim(HEADER_BYTES + address.length + datagram.length);
    if (at < 0) {
      this.lost++;
      return false;
    }
    at = ring.bytes.writeUInt16LE(socket, at);
    at = ring.bytes.writeUInt16LE(port, at);
    at = ring.bytes.writeUInt8(address.length, at);
    at += ring.bytes.write(address, at, 'latin1');
    ring.bytes.set(datagram, at);
    ring.commit();
    return true;
  }
}

/** The bytes are the handler's to keep. */
export type DatagramHandler = (socket: number, port: number, address: string, datagram: Buffer) => void;

/** The receiving end. Exactly one in all threads. */
export class DatagramLinkReader {
  private readonly ring: RingReader;

  /** @param waited told now and then how long what is read has waited, in the ring and before, ms */
  constructor(
    link: DatagramLinkDescriptor,
    private readonly waited: (wait_ms: number) => void = () => {},
  ) {
    this.ring = new RingReader(link.ring);
  }

  /** Whether a datagram waits: what a doorbell's listener returns after draining a bounded amount. */
  get pending(): boolean {
    return this.ring.pending;
  }

  /** Hands over up to `max` datagrams in order; returns how many records there were. */
  drain(handler: DatagramHandler, max = DEFAULT_DRAIN): number {
    return this.ring.drain((view, start, end) => {
      const socket = view.readUInt16LE(start);
      const port = view.readUInt16LE(start + 2);
      const address_at = start + HEADER_BYTES;
      const datagram_at = address_at + view.readUInt8(start + 4);
      assert(datagram_at <= end, 'a forwarded datagram is whole');
      if (port === 0) return this.waited(sharedClock_ms() - view.readDoubleLE(datagram_at));
      const address = view.toString('latin1', address_at, datagram_at);
      const datagram = Buffer.allocUnsafe(end - datagram_at);
      view.copy(datagram, 0, datagram_at, end);
      handler(socket, port, address, datagram);
    }, max);
  }
}

function sharedClock_ms(): number {
  const [s, ns] = process.hrtime();
  return s * 1e3 + ns / 1e6;
}

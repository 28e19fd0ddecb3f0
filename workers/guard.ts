/**
 * Sockets behind the workers' sockets: bound first, they receive only while a worker is gone. What comes then is
 * kept for the one that takes its place, so that no datagram finds a closed port.
 */
import type { Socket } from 'node:dgram';
import { ownerOf } from '../core/sip/shard.js';
import { unavailable } from '../core/sip/unavailable.js';
import { openUdp } from './udp.js';

/** A datagram as it was received. */
export interface KeptDatagram {
  /** `address port` of the socket. */
  socket: string;
  datagram: Uint8Array;
  host: string;
  port: number;
}

const MAX_KEPT = 20_000;

export class Guard {
  private readonly sockets: Socket[] = [];
  private readonly kept = new Map<number, KeptDatagram[]>();

  constructor(
    private readonly workers: number,
    /** Whether a worker is not coming back: what is asked of it is refused. */
    private readonly isOutOfService: (worker: number) => boolean,
  ) {}

  /**
   * Binds one more; others may bind the same after it.
   * @param owner whose own socket it is: what comes there it takes or passes on
   */
  async bind(address: string, port: number, owner?: number): Promise<void> {
    const socket = await openUdp({ address, port, shared: true });
    socket.on('message', (datagram, from) =>
      this.receive(socket, `${address} ${port}`, owner, datagram, from),
    );
    socket.on('error', () => {
      // Whoever owns the port now tells of it.
    });
    this.sockets.push(socket);
  }

  /** What came for the worker while it was gone. */
  take(worker: number): KeptDatagram[] {
    const kept = this.kept.get(worker) ?? [];
    this.kept.delete(worker);
    return kept;
  }

  close(): void {
    for (const socket of this.sockets) socket.close();
  }

  private receive(
    socket: Socket,
    name: string,
    owner: number | undefined,
    datagram: Buffer,
    from: { address: string; port: number },
  ): void {
    const text = datagram.toString('latin1');
    const worker = owner ?? ownerOf(text, this.workers);
    const { address: host, port } = from;
    if (this.isOutOfService(worker)) {
      const answer = unavailable(text, { socket: 0, host, port });
      if (answer === undefined) return;
      const { target } = answer;
      // Nobody is left to tell of a failure.
      socket.send(Buffer.from(answer.text, 'latin1'), target.port, target.host, () => {});
      return;
    }
    let kept = this.kept.get(worker);
    if (kept === undefined) this.kept.set(worker, (kept = []));
    if (kept.length < MAX_KEPT) kept.push({ socket: name, datagram, host, port });
  }
}

/**
 * The SIP workers of the simulation together: whose a datagram and a socket are, and how many workers there are, which
 * a restart may change.
 */
import { callIdOf, originShardOf, shardOf } from '../../core/sip/shard.js';
import type { Path } from '../../core/sip/transport.js';
import { PUBLIC_SOCKET, type SimWorker } from './worker.js';

export class SimFleet {
  /** Those there are, by their index. */
  readonly workers: SimWorker[];

  /**
   * @param all as many as there may ever be
   * @param cross does something in another worker's thread, a little later
   */
  constructor(
    private readonly all: readonly SimWorker[],
    count: number,
    private readonly cross: (act: () => void) => void,
  ) {
    this.workers = all.slice(0, count);
  }

  /** Which worker has the calls of that Call-ID. */
  ownerOf(callId: string): SimWorker {
    return this.workerOf(shardOf(callId));
  }

  private workerOf(shard: number): SimWorker {
    return this.workers[shard % this.workers.length] as SimWorker;
  }

  /** Who receives what comes to a socket: of the public one the last worker, of a former worker's one that there is. */
  private holderOf(socket: number): SimWorker {
    const { workers } = this;
    return (socket === PUBLIC_SOCKET ? workers.at(-1) : workers[(socket - 1) % workers.length]) as SimWorker;
  }

  /** A datagram comes to one of the sockets; the Call-ID says whose it is. */
  arrive(text: string, path: Path): void {
    const own = path.socket !== PUBLIC_SOCKET;
    const receiver = this.holderOf(path.socket);
    if (own && !receiver.alive) return receiver.whenBack(() => this.arrive(text, path));
    const callId = callIdOf(text);
    const owner =
      callId === undefined ? receiver : this.workerOf(own ? originShardOf(callId) : shardOf(callId));
    if (owner === receiver) return owner.receive(text, path);
    this.cross(() => owner.receive(text, path));
  }

  /** What a worker sends leaves by that socket, which another may have. */
  leave(worker: SimWorker, socket: number, act: () => void): void {
    const holder = socket === PUBLIC_SOCKET ? worker : this.holderOf(socket);
    if (holder === worker) return act();
    this.cross(() => {
      if (holder.alive) act();
      else holder.whenBack(act);
    });
  }

  /** While all are dead: from now on there are so many, and each has the calls of its own shards. */
  resize(count: number): void {
    const { all, workers } = this;
    const moved = workers.flatMap(({ journal }) => journal.handOver());
    workers.splice(0, workers.length, ...all.slice(0, count));
    for (const call of moved) this.ownerOf(call.callId).journal.takeOver(call);
  }
}

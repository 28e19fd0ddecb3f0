/** A link between two simulated threads: the engine's own ring and catalogue, so small that it fills up. */
import type { Codec } from '../../ipc/codec.js';
import { createDoorbell } from '../../ipc/doorbell.js';
import { createLink, LinkReader, LinkWriter } from '../../ipc/link.js';

export class SimLink<T> {
  readonly writer: LinkWriter<T>;
  readonly reader: LinkReader<T>;
  private flushed_seq: number;

  /** @param first_seq number of the first message; of a link in the place of another one, where that stopped */
  constructor(name: string, bytes: number, codec: Codec<T>, first_seq = 1) {
    const descriptor = createLink(name, bytes, createDoorbell(), first_seq);
    this.flushed_seq = first_seq - 1;
    this.writer = new LinkWriter(descriptor, codec);
    this.reader = new LinkReader(descriptor, codec);
  }

  /** How many messages have been sent and not read. */
  get underWay(): number {
    return this.writer.last_seq - this.reader.last_seq;
  }

  /** Ends the writer's turn. `told` says that the reader is to be woken, `left` that the ring was full. */
  flush(): { told: boolean; left: boolean } {
    const told = this.writer.last_seq > this.flushed_seq || this.writer.spilled > 0;
    this.flushed_seq = this.writer.last_seq;
    return { told, left: this.writer.flush() };
  }
}

/** A set of names that is asked about names as they stand in a journal: looking one up makes no string. */
import type { ByteReader } from './bytes.js';

export class NameSet {
  /** Hash table, a power of two long and at most half full: where the name stands in `names`, or NONE. */
  private readonly slots: Int32Array;
  /** The names, each after its length (u8). */
  private readonly names: Buffer;

  /** @param names of up to 255 bytes */
  constructor(names: ReadonlySet<string>) {
    let bytes = 0;
    for (const name of names) bytes += 1 + name.length;
    this.names = Buffer.allocUnsafeSlow(bytes);
    this.slots = new Int32Array(2 ** Math.ceil(Math.log2(2 * names.size + 1))).fill(NONE);
    let at = 0;
    for (const name of names) {
      this.names[at] = name.length;
      this.names.write(name, at + 1, 'latin1');
      this.slots[this.slotOf(this.names, at)] = at;
      at += 1 + name.length;
    }
  }

  /** Whether the name is there that stands at `at` of a reader's bytes, as {@link ByteReader.name} reads it. */
  has(from: ByteReader, at: number): boolean {
    return this.slots[this.slotOf(from.buffer, at)] !== NONE;
  }

  /** The slot that holds the name, or the free one where it would be. */
  private slotOf(buffer: Buffer, at: number): number {
    const mask = this.slots.length - 1;
    let slot = hash(buffer, at) & mask;
    for (;;) {
      const place = this.slots[slot] as number;
      if (place === NONE || this.same(place, buffer, at)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  private same(place: number, buffer: Buffer, at: number): boolean {
    const { names } = this;
    const length = names[place] as number;
    for (let i = 0; i <= length; i++) if (names[place + i] !== buffer[at + i]) return false;
    return true;
  }
}

const NONE = -1;

/** FNV-1a of the name's bytes. */
function hash(buffer: Buffer, at: number): number {
  const end = at + 1 + (buffer[at] as number);
  let bits = 0x811c9dc5;
  for (let i = at + 1; i < end; i++) bits = Math.imul(bits ^ (buffer[i] as number), 0x01000193);
  // The low bits alone say which slot.
  return bits ^ (bits >>> 15);
}

/** Fields of journal entries, written to and read from bytes; little-endian. */

const FIRST_BYTES = 64 * 1024;

/** Grows as needed and is used again. */
export class ByteWriter {
  buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  length: number;

  /** @param head bytes left free at the start */
  constructor(private readonly head: number) {
    this.length = head;
  }

  clear(): void {
    this.length = this.head;
  }

  get empty(): boolean {
    return this.length === this.head;
  }

  u8(value: number): void {
    this.room(1);
    this.buffer[this.length++] = value;
  }

  u16(value: number): void {
    this.room(2);
    this.length = this.buffer.writeUInt16LE(value, this.length);
  }

  u32(value: number): void {
    this.room(4);
    this.length = this.buffer.writeUInt32LE(value >>> 0, this.length);
  }

  f64(value: number): void {
    this.room(8);
    this.length = this.buffer.writeDoubleLE(value, this.length);
  }

  /** A byte string. */
  text(value: string): void {
    this.room(4 + value.length);
    this.length = this.buffer.writeUInt32LE(value.length, this.length);
    this.length += this.buffer.write(value, this.length, 'latin1');
  }

  /** A short one, up to 255 bytes. */
  name(value: string): void {
    this.room(1 + value.length);
    this.buffer[this.length++] = value.length;
    this.length += this.buffer.write(value, this.length, 'latin1');
  }

  bytes(value: Uint8Array): void {
    this.room(4 + value.length);
    this.length = this.buffer.writeUInt32LE(value.length, this.length);
    this.buffer.set(value, this.length);
    this.length += value.length;
  }

  /** Bytes that are entries already. */
  raw(value: Uint8Array): void {
    this.room(value.length);
    this.buffer.set(value, this.length);
    this.length += value.length;
  }

  private room(bytes: number): void {
    const needed = this.length + bytes;
    if (needed <= this.buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
  }
}

export class ByteReader {
  constructor(
    readonly buffer: Buffer,
    public at = 0,
    private readonly end = buffer.length,
  ) {}

  get done(): boolean {
    return this.at >= this.end;
  }

  u8(): number {
    return this.buffer.readUInt8(this.at++);
  }

  u16(): number {
    this.at += 2;
    return this.buffer.readUInt16LE(this.at - 2);
  }

  u32(): number {
    this.at += 4;
    return this.buffer.readUInt32LE(this.at - 4);
  }

  f64(): number {
    this.at += 8;
    return this.buffer.readDoubleLE(this.at - 8);
  }

  text(): string {
    return this.bytes().toString('latin1');
  }

  name(): string {
    const length = this.u8();
    this.at += length;
    return this.buffer.toString('latin1', this.at - length, this.at);
  }

  skipName(): void {
    const length = this.u8();
    this.at += length;
  }

  skipBytes(): void {
    const length = this.u32();
    this.at += length;
  }

  /** A view, not a copy. */
  bytes(): Buffer {
    const length = this.u32();
    this.at += length;
    return this.buffer.subarray(this.at - length, this.at);
  }
}

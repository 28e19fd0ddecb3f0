/** Fields of journal entries, written to and read from bytes; little-endian. */

const FIRST_BYTES = 64 * 1024;
/** A number that is a whole one below this is one byte, every other this byte and f64. */
const NO_SMALL_NUMBER = 0xff;
const SHORT_TEXT = 64;

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

  /** A short one, up to 255 bytes: too short for a call of native code to be worth it. */
  name(value: string): void {
    const { length } = value;
    this.room(1 + length);
    const { buffer } = this;
    let at = this.length;
    buffer[at++] = length;
    for (let i = 0; i < length; i++) buffer[at++] = value.charCodeAt(i);
    this.length = at;
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

  /** Leaves room for the length of what follows. @returns the place to be given to {@link close} */
  open(): number {
    this.room(4);
    this.length += 4;
    return this.length;
  }

  close(at: number): void {
    this.buffer.writeUInt32LE(this.length - at, at - 4);
  }

  flag(value: boolean): void {
    this.u8(value ? 1 : 0);
  }

  /** Any number; a small whole one, as most are, is short. */
  number(value: number): void {
    this.room(9);
    const { buffer } = this;
    if (value >= 0 && value < NO_SMALL_NUMBER && value === (value | 0) && !Object.is(value, -0)) {
      buffer[this.length++] = value;
      return;
    }
    buffer[this.length] = NO_SMALL_NUMBER;
    this.length = buffer.writeDoubleLE(value, this.length + 1);
  }

  /** Any text; most is short and ASCII, which needs no call of native code. */
  utf8(value: string): void {
    const { length } = value;
    if (length > SHORT_TEXT) return this.longUtf8(value);
    this.room(1 + length);
    const { buffer } = this;
    const at = this.length + 1;
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code > 0x7f) return this.longUtf8(value);
      buffer[at + i] = code;
    }
    buffer[at - 1] = length;
    this.length = at + length;
  }

  list(values: readonly string[]): void {
    this.number(values.length);
    for (const value of values) this.utf8(value);
  }

  private longUtf8(value: string): void {
    const bytes = Buffer.byteLength(value, 'utf8');
    this.number(bytes);
    this.room(bytes);
    this.length += this.buffer.write(value, this.length, 'utf8');
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

  flag(): boolean {
    return this.u8() !== 0;
  }

  number(): number {
    const first = this.u8();
    return first === NO_SMALL_NUMBER ? this.f64() : first;
  }

  utf8(): string {
    const length = this.number();
    this.at += length;
    return this.buffer.toString('utf8', this.at - length, this.at);
  }

  list(): string[] {
    return Array.from({ length: this.number() }, () => this.utf8());
  }

  /** All that is left: a view, not a copy. */
  rest(): Buffer {
    const { at } = this;
    this.at = this.end;
    return this.buffer.subarray(at, this.end);
  }

  /** A view, not a copy. */
  bytes(): Buffer {
    const length = this.u32();
    this.at += length;
    return this.buffer.subarray(this.at - length, this.at);
  }
}

/**
 * Random bits of one call, all from one seed: the same seed gives the same tags, branches and delays in the
 * same order, which is what lets a call be played again from its journal. (sfc32, a small chaotic counter
 * generator. Its seed is what must not be guessed; it comes from the shell.)
 */

/** Four 32-bit numbers. */
export type Seed = readonly [number, number, number, number];

const WARM_UP = 12;

export class Randomness {
  private a: number;
  private b: number;
  private c: number;
  private counter: number;

  constructor(seed: Seed) {
    [this.a, this.b, this.c, this.counter] = seed;
    for (let i = 0; i < WARM_UP; i++) this.next();
  }

  /** A fraction, 0 <= n < 1. */
  fraction(): number {
    return this.next() / 2 ** 32;
  }

  /** 96 bits as 24 characters of [0-9a-f]. */
  token(): string {
    const a = this.next();
    const b = this.next();
    const c = this.next();
    // Numbers of 32 bits are no small integers to V8, and written by its slow way.
    return (
      hex3(a >>> 20) +
      hex3((a >>> 8) & 0xfff) +
      hex3(((a & 0xff) << 4) | (b >>> 28)) +
      hex3((b >>> 16) & 0xfff) +
      hex3((b >>> 4) & 0xfff) +
      hex3(((b & 0xf) << 8) | (c >>> 24)) +
      hex3((c >>> 12) & 0xfff) +
      hex3(c & 0xfff)
    );
  }

  private next(): number {
    const { a, b, c } = this;
    const sum = (a + b + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = b ^ (b >>> 9);
    this.b = (c + (c << 3)) | 0;
    this.c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }
}

/** Three hexadecimal digits, by what they say. */
const HEX3: readonly string[] = Array.from({ length: 1 << 12 }, (_, bits) =>
  bits.toString(16).padStart(3, '0'),
);

function hex3(bits: number): string {
  return HEX3[bits] as string;
}

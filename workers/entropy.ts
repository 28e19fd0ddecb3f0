/** Random bits for tags, branches and seeds, cut from blocks: a call into the generator costs more than a token. */
import { randomBytes } from 'node:crypto';
import { flatten } from '../core/sip/bytes.js';
import type { Seed } from '../core/sip/randomness.js';

/** 80 bits: no two of a network's dialogs share a tag. */
const TOKEN_CHARACTERS = 20;
const SEED_BYTES = 16;
const BLOCK_BYTES = 4096;

export class Entropy {
  private tokens = '';
  private tokensAt = 0;
  private seeds: Buffer = Buffer.alloc(0);
  private seedsAt = 0;

  /** A token of 20 characters of [0-9a-f]. */
  token(): string {
    if (this.tokensAt + TOKEN_CHARACTERS > this.tokens.length) {
      this.tokens = randomBytes(BLOCK_BYTES).toString('hex');
      this.tokensAt = 0;
    }
    this.tokensAt += TOKEN_CHARACTERS;
    return flatten(this.tokens.slice(this.tokensAt - TOKEN_CHARACTERS, this.tokensAt));
  }

  seed(): Seed {
    if (this.seedsAt + SEED_BYTES > this.seeds.length) {
      this.seeds = randomBytes(BLOCK_BYTES);
      this.seedsAt = 0;
    }
    const at = this.seedsAt;
    this.seedsAt += SEED_BYTES;
    const { seeds } = this;
    return [
      seeds.readUInt32LE(at),
      seeds.readUInt32LE(at + 4),
      seeds.readUInt32LE(at + 8),
      seeds.readUInt32LE(at + 12),
    ];
  }
}

/**
 * Messages as bytes: a msgpack array [kind number, sequence number, field, field, ...].
 *
 * A catalogue (catalogue.ts) lists for each kind its number and its fields; the compiler holds it
 * against the message types, so that a forgotten or misspelt field or kind does not compile. Names of
 * kinds and fields do not travel. Text is UTF-8 on the way: a lone surrogate arrives as U+FFFD.
 */
import { Packr, RESET_BUFFER_MODE, REUSE_BUFFER_MODE } from 'msgpackr';
import { AssertionError, assert } from '../core/assert.js';

/** How a field of type V travels. A union of names is listed with a small number for each name. */
export type FieldSpec<V> = [V] extends [boolean]
  ? 'boolean'
  : [V] extends [number]
    ? 'number'
    : [V] extends [string]
      ? string extends V
        ? 'text'
        : { readonly [N in V]: number }
      : [V] extends [string | undefined]
        ? 'text?'
        : never;

/** Every field of T but its kind, in the order in which they travel. */
export type FieldTable<T> = { readonly [F in Exclude<keyof T, 'kind'>]-?: FieldSpec<T[F]> };

/** Every kind of the union U. Numbers must not be used twice, also not in another catalogue. */
export type Catalogue<U extends { kind: string }> = {
  readonly [K in U['kind']]: {
    readonly number: number;
    readonly fields: FieldTable<Extract<U, { kind: K }>>;
  };
};

/** The scratch memory that holds an encoded message until the next one is encoded. */
export type EncodedBytes = Buffer & { readonly start: number; readonly end: number };

/** A message with the number it has on its link. */
export interface Numbered<T> {
  seq: number;
  message: T;
}

type Values = Record<string, unknown>;

interface Field {
  readonly name: string;
  readonly spec: 'boolean' | 'number' | 'text' | 'text?' | 'name';
  /** For `name`: the number of each name, and back. */
  readonly number_of: Readonly<Record<string, number>>;
  readonly name_of: readonly (string | undefined)[];
}

interface Variant {
  readonly kind: string;
  readonly fields: readonly Field[];
  /** The array that is packed, used again for each message. */
  readonly positions: unknown[];
}

const packr = new Packr({ useRecords: false, encodeUndefinedAsNil: true });
const REUSE = REUSE_BUFFER_MODE | RESET_BUFFER_MODE;
const FIRST_FIELD = 2;

/** Turns messages of type T into bytes and back. */
export class Codec<T> {
  private readonly by_kind = new Map<string, Variant>();
  private readonly by_number: (Variant | undefined)[] = [];

  /** @internal use {@link unionCodec} */
  constructor(variants: readonly { kind: string; number: number; fields: object }[]) {
    for (const { kind, number, fields } of variants) {
      assert(this.by_number[number] === undefined, `kind number ${number} is used once`);
      const list = Object.entries(fields).map(([name, spec]) => field(name, spec));
      const positions = new Array<unknown>(FIRST_FIELD + list.length).fill(0);
      positions[0] = number;
      const variant = { kind, fields: list, positions };
      this.by_kind.set(kind, variant);
      this.by_number[number] = variant;
    }
  }

  /** The bytes of a message, valid until the next call of any codec in this thread. */
  encode(seq: number, message: T): EncodedBytes {
    const values = message as Values;
    const variant = this.by_kind.get(values.kind as string);
    assert(variant !== undefined, 'the catalogue knows every kind that is sent');
    const { fields, positions } = variant;
    positions[1] = seq;
    for (let i = 0; i < fields.length; i++) {
      const { name, spec, number_of } = fields[i]!;
      const value = values[name];
      positions[FIRST_FIELD + i] = spec === 'name' ? number_of[value as string] : value;
    }
    return packr.pack(positions, REUSE) as EncodedBytes;
  }

  /**
   * The message in the first `length` bytes of `bytes`. These should be private memory: the native
   * text reader refuses shared memory, and each refusal costs 8 microseconds.
   * @param where for the error's text: whose bytes they are
   * @throws AssertionError when the bytes are not a message of this codec
   */
  decode(bytes: Uint8Array, length: number, where: string): Numbered<T> {
    let positions: unknown;
    try {
      positions = packr.unpack(bytes, length);
    } catch (cause) {
      return corrupt(where, 'is no msgpack', cause);
    }
    if (!Array.isArray(positions)) return corrupt(where, 'is no array');
    const variant = this.by_number[positions[0] as number];
    const seq: unknown = positions[1];
    if (variant === undefined || typeof seq !== 'number')
      return corrupt(where, 'has no known kind and number');
    const { kind, fields } = variant;
    if (positions.length !== FIRST_FIELD + fields.length) return corrupt(where, 'lacks fields');
    const values: Values = { kind };
    for (let i = 0; i < fields.length; i++) {
      const { name, spec, name_of } = fields[i]!;
      const value: unknown = positions[FIRST_FIELD + i];
      let ok: boolean;
      let result: unknown = value;
      switch (spec) {
        case 'text':
          ok = typeof value === 'string';
          break;
        case 'text?':
          ok = typeof value === 'string' || value === null;
          if (value === null) result = undefined;
          break;
        case 'name':
          ok = (result = name_of[value as number]) !== undefined;
          break;
        default:
          ok = typeof value === spec;
      }
      if (!ok) return corrupt(where, `has a bad ${name}`);
      values[name] = result;
    }
    return { seq, message: values as T };
  }
}

/** A codec for a union of kinds. */
export function unionCodec<U extends { kind: string }>(catalogue: Catalogue<U>): Codec<U> {
  const entries = Object.entries(catalogue) as [string, { number: number; fields: object }][];
  return new Codec<U>(entries.map(([kind, { number, fields }]) => ({ kind, number, fields })));
}

function corrupt(where: string, how: string, cause?: unknown): never {
  throw new AssertionError(`invariant broken: ${where}: a record ${how}`, { cause });
}

function field(name: string, spec: unknown): Field {
  if (spec === 'boolean' || spec === 'number' || spec === 'text' || spec === 'text?') {
    return { name, spec, number_of: {}, name_of: [] };
  }
  const number_of = spec as Record<string, number>;
  const name_of: (string | undefined)[] = [];
  for (const [text, number] of Object.entries(number_of)) {
    assert(name_of[number] === undefined, `the names of ${name} have a number each`);
    name_of[number] = text;
  }
  return { name, spec: 'name', number_of, name_of };
}

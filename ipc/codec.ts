/**
 * Messages as bytes: a msgpack array [kind number, sequence number, field, field, ...].
 *
 * A catalogue (catalogue.ts) lists for each kind its number and its fields; the compiler holds it
 * against the message types, so that a forgotten or misspelt field or kind does not compile. Names of
 * kinds and fields do not travel. Text is UTF-8 on the way: a lone surrogate arrives as U+FFFD.
 */
import { Packr, RESET_BUFFER_MODE, REUSE_BUFFER_MODE } from 'msgpackr';
import { AssertionError, assert } from '../core/assert.js';
import { compiled } from './compiled.js';

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

interface Field {
  readonly name: string;
  readonly spec: 'boolean' | 'number' | 'text' | 'text?' | 'name';
  /** For `name`: the number of each name, and back. */
  readonly number_of: Readonly<Record<string, number>>;
  readonly name_of: readonly (string | undefined)[];
}

/** One kind of message. */
interface Variant<T> {
  /** The array that is packed, used again for each message. */
  readonly positions: unknown[];
  /** Puts the fields of a message in that array. */
  readonly fill: (positions: unknown[], message: T) => void;
  /** The message that such an array says. @throws AssertionError when a field is none */
  readonly read: (positions: unknown[], where: string) => T;
}

const packr = new Packr({ useRecords: false, encodeUndefinedAsNil: true });
const REUSE = REUSE_BUFFER_MODE | RESET_BUFFER_MODE;
const FIRST_FIELD = 2;
const TYPE_OF = { boolean: 'boolean', number: 'number', text: 'string', 'text?': 'string' } as const;

/** Turns messages of type T into bytes and back. */
export class Codec<T> {
  private readonly by_kind = new Map<string, Variant<T>>();
  private readonly by_number: (Variant<T> | undefined)[] = [];

  /** @internal use {@link unionCodec} */
  constructor(variants: readonly { kind: string; number: number; fields: object }[]) {
    for (const { kind, number, fields } of variants) {
      assert(this.by_number[number] === undefined, `kind number ${number} is used once`);
      const list = Object.entries(fields).map(([name, spec]) => field(name, spec));
      const positions = new Array<unknown>(FIRST_FIELD + list.length).fill(0);
      positions[0] = number;
      const variant: Variant<T> = { positions, ...compile<T>(kind, list) };
      this.by_kind.set(kind, variant);
      this.by_number[number] = variant;
    }
  }

  /** The bytes of a message, valid until the next call of any codec in this thread. */
  encode(seq: number, message: T): EncodedBytes {
    const variant = this.by_kind.get((message as { kind: string }).kind);
    assert(variant !== undefined, 'the catalogue knows every kind that is sent');
    const { positions } = variant;
    positions[1] = seq;
    variant.fill(positions, message);
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
    if (positions.length !== variant.positions.length) return corrupt(where, 'lacks fields');
    return { seq, message: variant.read(positions, where) };
  }
}

/** What fills and reads the array of a kind. */
function compile<T>(kind: string, fields: readonly Field[]): Pick<Variant<T>, 'fill' | 'read'> {
  const fills: string[] = [];
  const checks: string[] = [];
  const values = [`kind: '${kind}'`];
  for (const [index, { name, spec }] of fields.entries()) {
    const place = `positions[${FIRST_FIELD + index}]`;
    const value = `v${index}`;
    const named = spec === 'name';
    fills.push(`${place} = ${named ? `fields[${index}].number_of[message.${name}]` : `message.${name}`};`);
    checks.push(`let ${value} = ${named ? `fields[${index}].name_of[${place}]` : place};`);
    if (spec === 'text?') checks.push(`if (${value} === null) ${value} = undefined; else`);
    const wrong = named ? `${value} === undefined` : `typeof ${value} !== '${TYPE_OF[spec]}'`;
    checks.push(`if (${wrong}) corrupt(where, 'has a bad ${name}');`);
    values.push(`${name}: ${value}`);
  }
  const read = [...checks, `return { ${values.join(', ')} };`];
  return compiled(
    `{
      fill(positions, message) { ${fills.join('\n')} },
      read(positions, where) { ${read.join('\n')} },
    }`,
    { fields, corrupt },
  );
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

/**
 * A table in shared memory: one thread writes rows, every other reads them without asking anybody.
 *
 * Each row has a sequence word, odd while the row is being written. A reader decodes the row and throws
 * the result away if the word was odd or has moved. A writer is done in a microsecond, unless the system
 * has taken its core away: after some tries a reader sleeps, so that it may have this one. Both ends look at
 * the word with read-modify-write operations: they order the plain accesses in between also on processors
 * that would reorder them around a plain atomic load or store.
 *
 * Memory: one word with the number of rows ever used, then rows of a fixed size: sequence word, word
 * "used", f64 columns, i32 columns, text lengths, then bytes (text, flags, enums).
 */
import { assert } from '../core/assert.js';
import { compiled } from './compiled.js';

/** A column that holds values of type V; see {@link i32}, {@link f64}, {@link utf8}, {@link flag}, {@link oneOf}. */
export interface Column<V> {
  readonly type: 'i32' | 'f64' | 'utf8' | 'flag' | 'enum';
  /** For utf8: the most bytes it holds. */
  readonly bytes: number;
  /** For enum: the names. */
  readonly names: readonly string[];
  /** Never set: makes the compiler hold V against the row's type both ways. */
  readonly holds?: (value: V) => V;
}

/** An integer of 32 bits. */
export const i32: Column<number> = { type: 'i32', bytes: 4, names: [] };
/** Any number. */
export const f64: Column<number> = { type: 'f64', bytes: 8, names: [] };
/** Yes or no. */
export const flag: Column<boolean> = { type: 'flag', bytes: 1, names: [] };
/** Text, cut at a character's boundary to `bytes` bytes of UTF-8 (1 to 65,535). */
export function utf8(bytes: number): Column<string> {
  assert(bytes >= 1 && bytes <= 65_535, 'text has 1 to 65,535 bytes');
  return { type: 'utf8', bytes, names: [] };
}
/** One of up to 256 names. */
export function oneOf<const V extends string>(names: readonly V[]): Column<V> {
  assert(names.length >= 1 && names.length <= 256, 'an enum has 1 to 256 names');
  return { type: 'enum', bytes: 1, names };
}

/** The columns of a row, each of its field's type. */
export type Columns<Row> = { readonly [F in keyof Row]-?: Column<Row[F]> };

/** Shared memory of a table; may be cloned to any thread. Its columns come with the code. */
export interface TableDescriptor {
  rows: number;
  memory: SharedArrayBuffer;
}

const HEADER_BYTES = 64;
/** A reader sleeps after so many tries, this long, and so often: five seconds. */
const TRIES = 8;
const NAP_MS = 1;
const NAPS = 5000;

interface Place {
  readonly name: string;
  readonly type: Column<unknown>['type'];
  /** Bytes from the start of the row. */
  readonly offset: number;
  /** For utf8: where its length stands, and its most bytes. */
  readonly length_offset: number;
  readonly bytes: number;
  readonly names: readonly string[];
  readonly index_of: ReadonlyMap<string, number>;
}

interface Layout {
  readonly places: readonly Place[];
  readonly row_bytes: number;
}

function layOut(columns: Record<string, Column<unknown>>): Layout {
  const list = Object.entries(columns);
  const offsets = new Map<string, number>();
  let end = 8;
  const put = (
    suits: (type: Place['type']) => boolean,
    prefix: string,
    bytes: (c: Column<unknown>) => number,
  ) => {
    for (const [name, column] of list) {
      if (!suits(column.type)) continue;
      offsets.set(prefix + name, end);
      end += bytes(column);
    }
  };
  put(
    (type) => type === 'f64',
    '',
    () => 8,
  );
  put(
    (type) => type === 'i32',
    '',
    () => 4,
  );
  put(
    (type) => type === 'utf8',
    'length of ',
    () => 2,
  );
  put(
    (type) => type === 'utf8' || type === 'flag' || type === 'enum',
    '',
    (column) => column.bytes,
  );
  const places = list.map(([name, { type, bytes, names }]) => ({
    name,
    type,
    bytes,
    names,
    offset: offsets.get(name)!,
    length_offset: offsets.get(`length of ${name}`) ?? -1,
    index_of: new Map(names.map((text, index) => [text, index])),
  }));
  return { places, row_bytes: (end + 7) & ~7 };
}

/** Memory for `rows` empty rows. What is never written costs address space only. */
export function createTable<Row extends object>(columns: Columns<Row>, rows: number): TableDescriptor {
  assert(Number.isInteger(rows) && rows >= 1, 'a table has rows');
  const { row_bytes } = layOut(columns as Record<string, Column<unknown>>);
  return { rows, memory: new SharedArrayBuffer(HEADER_BYTES + rows * row_bytes) };
}

/** What every thread may do with a table. */
export interface TableReader<Row> {
  /** How many rows there are to number from 0. */
  readonly rows: number;
  /** One more than the highest row ever written. */
  readonly high_water: number;
  /** A copy of the row, undefined when it is empty. While it is being written the thread waits, milliseconds at most. */
  read(row: number): Row | undefined;
  /** Every row that is not empty, in order. */
  scan(each: (row: Row, index: number) => void): void;
}

/** What the one thread that owns a table may do besides. */
export interface TableWriter<Row> extends TableReader<Row> {
  /** Writes all columns. Text too long for its column is cut. */
  write(row: number, values: Row): void;
  /** Makes the row empty. */
  clear(row: number): void;
}

/** Both ends of a table: the owner uses the type {@link TableWriter}, everybody else {@link TableReader}. */
export class SharedTable<Row extends object> implements TableWriter<Row> {
  readonly rows: number;
  private readonly row_bytes: number;
  private readonly code: RowCode<Row>;
  private readonly memory: Memory;
  private readonly words: Int32Array;

  constructor(columns: Columns<Row>, descriptor: TableDescriptor) {
    const layout = layOut(columns as Record<string, Column<unknown>>);
    const { rows, memory } = descriptor;
    assert(memory.byteLength === HEADER_BYTES + rows * layout.row_bytes, 'a table is opened as it was made');
    this.rows = rows;
    this.row_bytes = layout.row_bytes;
    this.code = compile(layout.places);
    this.words = new Int32Array(memory);
    this.memory = {
      words: this.words,
      numbers: new Float64Array(memory),
      bytes: Buffer.from(memory),
    };
  }

  get high_water(): number {
    return Atomics.load(this.words, 0);
  }

  read(row: number): Row | undefined {
    const base = this.base(row);
    const word = base >> 2;
    const { words } = this;
    for (let tries = 1; tries <= TRIES * NAPS; tries++) {
      const before = Atomics.load(words, word);
      if ((before & 1) === 0) {
        const values = words[word + 1] === 0 ? undefined : this.code.take(this.memory, base);
        if (Atomics.compareExchange(words, word, before, before) === before) return values;
      }
      if (tries % TRIES === 0) Atomics.wait(words, word, before, NAP_MS);
    }
    assert(false, 'a row that is being written is finished');
  }

  scan(each: (row: Row, index: number) => void): void {
    const end = this.high_water;
    for (let row = 0; row < end; row++) {
      const values = this.read(row);
      if (values !== undefined) each(values, row);
    }
  }

  write(row: number, values: Row): void {
    const base = this.base(row);
    const word = base >> 2;
    Atomics.add(this.words, word, 1);
    this.code.put(this.memory, base, values);
    this.words[word + 1] = 1;
    Atomics.add(this.words, word, 1);
    if (row >= this.words[0]!) Atomics.store(this.words, 0, row + 1);
  }

  clear(row: number): void {
    const word = this.base(row) >> 2;
    if (this.words[word + 1] === 0) return;
    Atomics.add(this.words, word, 1);
    this.words[word + 1] = 0;
    Atomics.add(this.words, word, 1);
  }

  /** Where a row starts, in bytes. */
  private base(row: number): number {
    assert(Number.isInteger(row) && row >= 0 && row < this.rows, 'a row has a number that the table has');
    return HEADER_BYTES + row * this.row_bytes;
  }
}

/** A table's memory as its rows are written and read. */
interface Memory {
  readonly words: Int32Array;
  readonly numbers: Float64Array;
  readonly bytes: Buffer;
}

interface RowCode<Row> {
  /** Puts all columns in the row that starts at `base`. */
  put(memory: Memory, base: number, row: Row): void;
  /** The row as it stands, perhaps torn: the caller checks the sequence word and drops it then. */
  take(memory: Memory, base: number): Row;
}

/** What writes and reads a row. */
function compile<Row>(places: readonly Place[]): RowCode<Row> {
  const puts: string[] = [];
  const takes: string[] = [];
  for (const [index, { name, type, offset, length_offset, bytes }] of places.entries()) {
    const at = `base + ${offset}`;
    const value = `row.${name}`;
    switch (type) {
      case 'f64':
        puts.push(`numbers[(${at}) >> 3] = ${value};`);
        takes.push(`numbers[(${at}) >> 3]`);
        break;
      case 'i32':
        puts.push(`if (${value} !== (${value} | 0)) assert(false, '${name} is an integer of 32 bits');`);
        puts.push(`words[(${at}) >> 2] = ${value};`);
        takes.push(`words[(${at}) >> 2]`);
        break;
      case 'flag':
        puts.push(`bytes[${at}] = ${value} === true ? 1 : 0;`);
        takes.push(`bytes[${at}] === 1`);
        break;
      case 'enum':
        puts.push(`const i${index} = places[${index}].index_of.get(${value});`);
        puts.push(`if (i${index} === undefined) assert(false, '${name} is one of its names');`);
        puts.push(`bytes[${at}] = i${index};`);
        takes.push(`places[${index}].names[bytes[${at}]]`);
        break;
      case 'utf8':
        puts.push(`putText(bytes, ${at}, ${bytes}, base + ${length_offset}, ${value});`);
        takes.push(`takeText(bytes, ${at}, base + ${length_offset})`);
    }
  }
  const row = places.map(({ name }, index) => `${name}: ${takes[index]}`);
  const memory = 'const { words, numbers, bytes } = memory;';
  return compiled(
    `{
      put(memory, base, row) { ${memory} ${puts.join('\n')} },
      take(memory, base) { ${memory} return { ${row.join(',\n')} }; },
    }`,
    { places, assert, putText, takeText },
  );
}

/** Writes text, most of it short and ASCII, and its length in bytes. */
function putText(bytes: Buffer, at: number, most: number, length_at: number, text: string): void {
  const length = putShort(bytes, at, most, text) ?? bytes.write(text, at, most, 'utf8');
  bytes[length_at] = length & 0xff;
  bytes[length_at + 1] = length >> 8;
}

/** The length of the text; undefined when it is long, or more than ASCII. */
function putShort(bytes: Buffer, at: number, most: number, text: string): number | undefined {
  if (text.length > most || text.length > 64) return undefined;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return undefined;
    bytes[at + i] = code;
  }
  return text.length;
}

function takeText(bytes: Buffer, at: number, length_at: number): string {
  const length = bytes[length_at]! | (bytes[length_at + 1]! << 8);
  return length === 0 ? '' : bytes.toString('utf8', at, at + length);
}

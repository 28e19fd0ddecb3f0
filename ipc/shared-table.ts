/**
 * A table in shared memory: one thread writes rows, every other reads them without asking anybody.
 *
 * Each row has a sequence word, odd while the row is being written. A reader decodes the row and throws
 * the result away if the word was odd or has moved; after eight tries it gives up and says so. Both
 * ends look at the word with read-modify-write operations: they order the plain accesses in between
 * also on processors that would reorder them around a plain atomic load or store.
 *
 * Memory: one word with the number of rows ever used, then rows of a fixed size: sequence word, word
 * "used", f64 columns, i32 columns, text lengths, then bytes (text, flags, enums).
 */
import { assert } from '../core/assert.js';

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
const READ_TRIES = 8;

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
  /** How many reads gave up because the row kept changing. */
  readonly busy_reads: number;
  /** A copy of the row, undefined when it is empty, `busy` when it changed under every try. */
  read(row: number): Row | 'busy' | undefined;
  /** Every row that is not empty, in order; returns how many were left out as busy. */
  scan(each: (row: Row, index: number) => void): number;
}

/** What the one thread that owns a table may do besides. */
export interface TableWriter<Row> extends TableReader<Row> {
  /** Writes all columns. Text too long for its column is cut. */
  write(row: number, values: Row): void;
  /** Writes some columns of a row that is not empty. */
  patch(row: number, values: Partial<Row>): void;
  /** Makes the row empty. */
  clear(row: number): void;
}

/** Both ends of a table: the owner uses the type {@link TableWriter}, everybody else {@link TableReader}. */
export class SharedTable<Row extends object> implements TableWriter<Row> {
  readonly rows: number;
  private readonly places: readonly Place[];
  private readonly by_name: ReadonlyMap<string, Place>;
  private readonly row_bytes: number;
  private readonly words: Int32Array;
  private readonly numbers: Float64Array;
  private readonly bytes: Buffer;
  private busy = 0;

  constructor(columns: Columns<Row>, descriptor: TableDescriptor) {
    const layout = layOut(columns as Record<string, Column<unknown>>);
    const { rows, memory } = descriptor;
    assert(memory.byteLength === HEADER_BYTES + rows * layout.row_bytes, 'a table is opened as it was made');
    this.rows = rows;
    this.places = layout.places;
    this.by_name = new Map(layout.places.map((place) => [place.name, place]));
    this.row_bytes = layout.row_bytes;
    this.words = new Int32Array(memory);
    this.numbers = new Float64Array(memory);
    this.bytes = Buffer.from(memory);
  }

  get high_water(): number {
    return Atomics.load(this.words, 0);
  }

  get busy_reads(): number {
    return this.busy;
  }

  read(row: number): Row | 'busy' | undefined {
    const base = this.base(row);
    const word = base >> 2;
    const { words } = this;
    for (let tries = 0; tries < READ_TRIES; tries++) {
      const before = Atomics.load(words, word);
      if ((before & 1) !== 0) continue;
      const values = words[word + 1] === 0 ? undefined : this.decode(base);
      if (Atomics.compareExchange(words, word, before, before) === before) return values;
    }
    this.busy++;
    return 'busy';
  }

  scan(each: (row: Row, index: number) => void): number {
    const end = this.high_water;
    let busy = 0;
    for (let row = 0; row < end; row++) {
      const values = this.read(row);
      if (values === 'busy') busy++;
      else if (values !== undefined) each(values, row);
    }
    return busy;
  }

  write(row: number, values: Row): void {
    const base = this.base(row);
    const word = base >> 2;
    const source = values as Record<string, unknown>;
    Atomics.add(this.words, word, 1);
    for (const place of this.places) this.put(base, place, source[place.name]);
    this.words[word + 1] = 1;
    Atomics.add(this.words, word, 1);
    if (row >= this.words[0]!) Atomics.store(this.words, 0, row + 1);
  }

  patch(row: number, values: Partial<Row>): void {
    const base = this.base(row);
    const word = base >> 2;
    assert(this.words[word + 1] === 1, 'only a row that is not empty is patched');
    const source = values as Record<string, unknown>;
    Atomics.add(this.words, word, 1);
    for (const name in source) {
      const place = this.by_name.get(name);
      assert(place !== undefined, 'a column is one of the table');
      this.put(base, place, source[name]);
    }
    Atomics.add(this.words, word, 1);
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

  private put(base: number, place: Place, value: unknown): void {
    const at = base + place.offset;
    switch (place.type) {
      case 'f64':
        this.numbers[at >> 3] = value as number;
        break;
      case 'i32':
        if (value !== ((value as number) | 0)) assert(false, `${place.name} is an integer of 32 bits`);
        this.words[at >> 2] = value as number;
        break;
      case 'flag':
        this.bytes[at] = value === true ? 1 : 0;
        break;
      case 'enum': {
        const index = place.index_of.get(value as string);
        if (index === undefined) assert(false, `${place.name} is one of its names`);
        this.bytes[at] = index;
        break;
      }
      case 'utf8': {
        const length = this.putText(at, place.bytes, value as string);
        this.bytes[base + place.length_offset] = length & 0xff;
        this.bytes[base + place.length_offset + 1] = length >> 8;
      }
    }
  }

  /** Writes text, most of it short and ASCII, and returns its length in bytes. */
  private putText(at: number, most: number, text: string): number {
    if (text.length > most || text.length > 64) return this.bytes.write(text, at, most, 'utf8');
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) return this.bytes.write(text, at, most, 'utf8');
      this.bytes[at + i] = code;
    }
    return text.length;
  }

  /** The row as it stands, perhaps torn: the caller checks the sequence word and drops it then. */
  private decode(base: number): Row {
    const { bytes } = this;
    const values: Record<string, unknown> = {};
    for (const { name, type, offset, length_offset, names } of this.places) {
      const at = base + offset;
      switch (type) {
        case 'f64':
          values[name] = this.numbers[at >> 3];
          break;
        case 'i32':
          values[name] = this.words[at >> 2];
          break;
        case 'flag':
          values[name] = bytes[at] === 1;
          break;
        case 'enum':
          values[name] = names[bytes[at]!];
          break;
        case 'utf8': {
          const length = bytes[base + length_offset]! | (bytes[base + length_offset + 1]! << 8);
          values[name] = length === 0 ? '' : bytes.toString('utf8', at, at + length);
        }
      }
    }
    return values as Row;
  }
}

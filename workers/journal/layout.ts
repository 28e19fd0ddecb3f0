/** Values with a fixed set of fields as bytes: one after the other, without their names. */
import { compiled } from '../../ipc/compiled.js';
import type { ByteReader, ByteWriter } from './bytes.js';

/** How a field of type V is written: the method of {@link ByteWriter} and {@link ByteReader}. */
type Way<V> = [V] extends [boolean]
  ? 'flag'
  : [V] extends [number]
    ? 'number'
    : [V] extends [string]
      ? 'utf8'
      : [V] extends [string[]]
        ? 'list'
        : never;

/** Every field of T, in the order in which they are written. */
type Fields<T> = { readonly [K in keyof T]-?: Way<T[K]> };

export interface Layout<T> {
  write(out: ByteWriter, value: T): void;
  read(from: ByteReader): T;
}

/** The layout that a table says. */
export function layout<T>(fields: Fields<T>): Layout<T> {
  const ways = Object.entries<string>(fields);
  const writes = ways.map(([name, way]) => `out.${way}(value.${name});`);
  const reads = ways.map(([name, way]) => `${name}: from.${way}(),`);
  return compiled(`{
    write(out, value) { ${writes.join('\n')} },
    read(from) { return { ${reads.join('\n')} }; },
  }`);
}

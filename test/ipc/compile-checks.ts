/**
 * What must not compile: the build fails when the compiler takes any of these.
 *
 * Nothing here is run.
 */
import type { Catalogue, FieldTable } from '../../ipc/codec.js';
import { type Columns, f64, flag, oneOf, utf8 } from '../../ipc/shared-table.js';

type Message =
  | { kind: 'a'; text: string; how: 'x' | 'y' }
  | { kind: 'b'; count: number; maybe: string | undefined };

const b = { number: 2, fields: { count: 'number', maybe: 'text?' } } as const;

export const complete: Catalogue<Message> = {
  a: { number: 1, fields: { text: 'text', how: { x: 0, y: 1 } } },
  b,
};
// @ts-expect-error: the kind b is missing
export const kindMissing: Catalogue<Message> = { a: complete.a };
// @ts-expect-error: there is no kind c
export const kindUnknown: Catalogue<Message> = { ...complete, c: { number: 3, fields: {} } };

type A = FieldTable<Extract<Message, { kind: 'a' }>>;
// @ts-expect-error: the field how is missing
export const fieldMissing: A = { text: 'text' };
// @ts-expect-error: the field text is misspelt
export const fieldMisspelt: A = { txt: 'text', how: { x: 0, y: 1 } };
// @ts-expect-error: text is no number
export const fieldOfWrongType: A = { text: 'number', how: { x: 0, y: 1 } };
// @ts-expect-error: the name y is missing
export const nameMissing: A = { text: 'text', how: { x: 0 } };
type B = FieldTable<Extract<Message, { kind: 'b' }>>;
// @ts-expect-error: a field that may be absent must travel as such
export const optionalAsRequired: B = { count: 'number', maybe: 'text' };

interface Row {
  id: string;
  on: boolean;
  state: 'p' | 'q';
}

export const row: Columns<Row> = { id: utf8(8), on: flag, state: oneOf(['p', 'q']) };
// @ts-expect-error: the column on is missing
export const columnMissing: Columns<Row> = { id: utf8(8), state: oneOf(['p', 'q']) };
// @ts-expect-error: on is no number
export const columnOfWrongType: Columns<Row> = { ...row, on: f64 };
// @ts-expect-error: the state q cannot be written
export const columnLacksName: Columns<Row> = { ...row, state: oneOf(['p']) };
// @ts-expect-error: the state r cannot be read
export const columnHasStrangeName: Columns<Row> = { ...row, state: oneOf(['p', 'q', 'r']) };

/** Parameters of a method: bound to names whether they came by name or by position, and read as a type. */
import { invalidParams, type Params } from './json-rpc.js';

/** Values by parameter name; one left out is not in it. */
export type Bound = ReadonlyMap<string, unknown>;

/**
 * Binds parameters to one of a method's parameter lists: by position the one of that length, by name the
 * one with those names. Throws -32602 when none fits.
 */
export function bind(lists: readonly (readonly string[])[], params: Params): Bound {
  const given = params ?? [];
  if (isList(given)) {
    const names = lists.find((list) => list.length === given.length);
    if (names !== undefined) return new Map(names.map((name, i) => [name, given[i]]));
  } else {
    const keys = Object.keys(given);
    const fits = lists.some((list) => list.length === keys.length && list.every((n) => keys.includes(n)));
    if (fits) return new Map(Object.entries(given));
  }
  throw invalidParams('Too few or too many parameters');
}

function isList(
  params: readonly unknown[] | Readonly<Record<string, unknown>>,
): params is readonly unknown[] {
  return Array.isArray(params);
}

/** A text; a number is taken for its digits, as ids are often numbers. */
export function textParam(bound: Bound, name: string): string {
  const value = bound.get(name);
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  throw invalidParams(`${name}: expected a string`);
}

/** A whole number, also written as a string. */
export function wholeParam(bound: Bound, name: string): number {
  const value = bound.get(name);
  const number = typeof value === 'string' && /^\s*[+-]?\d{1,15}\s*$/.test(value) ? Number(value) : value;
  if (typeof number === 'number' && Number.isSafeInteger(number)) return number;
  throw invalidParams(`${name}: expected a whole number`);
}

/** A list of texts. */
export function textsParam(bound: Bound, name: string): string[] {
  const value = bound.get(name);
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw invalidParams(`${name}: expected an array of strings`);
}

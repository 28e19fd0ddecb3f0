/** Something that must hold does not. */
export class Violation extends Error {}

export function must(holds: boolean, check: string): asserts holds {
  if (!holds) throw new Violation(check);
}

/** The value, which must be there. */
export function found<T>(value: T | undefined, check: string): T {
  must(value !== undefined, check);
  return value;
}

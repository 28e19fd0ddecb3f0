/** Something that must hold does not. */
export class Violation extends Error {}

/** @param about what the check is about, where it does not say so itself */
export function must(holds: boolean, check: string, about?: string): asserts holds {
  if (!holds) throw new Violation(about === undefined ? check : `${check}: ${about}`);
}

/** The value, which must be there. */
export function found<T>(value: T | undefined, check: string): T {
  must(value !== undefined, check);
  return value;
}

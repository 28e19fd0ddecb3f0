/** An invariant broken inside the engine: fails loudly, never caught to be hidden. */
export class AssertionError extends Error {}

/** Throws {@link AssertionError} unless `condition` holds. */
export function assert(condition: unknown, what: string): asserts condition {
  if (!condition) throw new AssertionError(`invariant broken: ${what}`);
}

/** For the default branch of an exhaustive switch: the compiler rejects a forgotten case. */
export function unreachable(value: never): never {
  throw new AssertionError(`unexpected value: ${JSON.stringify(value)}`);
}

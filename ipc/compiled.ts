/**
 * Code that is made from a table of fields, once: as fast as if it had been written out by hand. A loop over names looks
 * each of them up anew and builds objects field by field, for several times as much.
 */

/**
 * The value of an expression.
 * @param expression JavaScript made from this program's own names, never from what comes from outside
 * @param scope what it may name
 */
export function compiled<T>(expression: string, scope: Readonly<Record<string, unknown>> = {}): T {
  return new Function(...Object.keys(scope), `return ${expression};`)(...Object.values(scope)) as T;
}

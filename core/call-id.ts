/**
 * Ids of calls. An id says where its call began, a worker of one run of the engine, and which call of that
 * place it is: so whoever has seen later ones knows an old call from a new one.
 */

/** @param origin unique over restarts, of token characters @param serial grows with every call of the origin */
export function callId(origin: string, serial: number): string {
  return `${origin}-${serial.toString(36)}`;
}

/** The two parts of an id made by {@link callId}; of any other text, itself and NaN. */
export function partsOfCallId(id: string): { origin: string; serial: number } {
  const dash = id.lastIndexOf('-');
  if (dash < 0) return { origin: id, serial: Number.NaN };
  return { origin: id.slice(0, dash), serial: Number.parseInt(id.slice(dash + 1), 36) };
}

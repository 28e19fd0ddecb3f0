/** Errors of the databases, sorted by what can be done about them and said in one line. */
import postgres from 'postgres';

/** Something outside the engine is wrong; the message is one line for the operator and holds no password. */
export class StoreError extends Error {}

/**
 * Whether the rows themselves made a statement fail (data exception, integrity, check option, a trigger's
 * exception, a program limit), so that the same statement would fail again while others would not.
 * Everything else (connection, permissions, disk, locks, read-only standby) may pass.
 */
export function isDataError(error: unknown): boolean {
  if (!(error instanceof postgres.PostgresError)) return false;
  const sqlstate_class = error.code.slice(0, 2);
  return (
    sqlstate_class === '22' ||
    sqlstate_class === '23' ||
    sqlstate_class === '44' ||
    sqlstate_class === '54' ||
    sqlstate_class === 'P0'
  );
}

/** Whether a connection broke, or could not be made: the server has not said so itself. */
export function isBroken(error: unknown): boolean {
  return isOutside(error) && !(error instanceof StoreError || error instanceof postgres.PostgresError);
}

/** Whether `error` came out of the world (server, socket, file system) and not out of a fault in this program. */
export function isOutside(error: unknown): boolean {
  return (
    error instanceof StoreError ||
    error instanceof postgres.PostgresError ||
    (error instanceof Error && 'code' in error && typeof error.code === 'string')
  );
}

/** The reason in one line. A refused connection to a host of several addresses has its reasons inside. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  const text = error instanceof Error ? error.message || error.name : String(error);
  return text.replace(/\s+/g, ' ').trim();
}

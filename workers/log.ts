/** The log: JSON lines on standard output, each with the name of the thread or part that says it. */
import pino from 'pino';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

/**
 * A logger called `name` that writes lines of at least `level`. Lines are written at once, so that the last
 * ones before a thread dies are not lost.
 */
export function createLogger(name: string, level: LogLevel): pino.Logger {
  return pino({ name, level, base: {} }, pino.destination({ fd: 1, sync: true }));
}

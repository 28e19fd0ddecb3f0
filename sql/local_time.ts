/**
 * Moments as local date and time, for columns without a time zone.
 *
 * The offset is asked of Intl once for each quarter of an hour (no zone changes its clock at another
 * moment), so that formatting a row costs no more than a division.
 */
import { StoreError } from './errors.js';

const QUARTER_MS = 15 * 60 * 1000;

/**
 * A function that writes ms since the epoch as `YYYY-MM-DD HH:MM:SS` in `timezone` (IANA name; undefined is
 * the system's). Throws {@link StoreError} for a name that nobody knows.
 */
export function localTimeWriter(timezone: string | undefined): (at_ms: number) => string {
  const format = makeFormat(timezone);
  let quarter = Number.NaN;
  let offset_ms = 0;
  return (at_ms) => {
    const now = Math.floor(at_ms / QUARTER_MS);
    if (now !== quarter) {
      quarter = now;
      offset_ms = offsetAt(format, now * QUARTER_MS);
    }
    return new Date(at_ms + offset_ms).toISOString().slice(0, 19).replace('T', ' ');
  };
}

function makeFormat(timezone: string | undefined): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-US', {
      ...(timezone === undefined ? {} : { timeZone: timezone }),
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new StoreError(
      `sql.timezone: '${timezone}' is not a time zone (expected a name like Europe/Berlin)`,
    );
  }
}

function offsetAt(format: Intl.DateTimeFormat, at_ms: number): number {
  const part: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {};
  for (const { type, value } of format.formatToParts(at_ms)) part[type] = Number(value);
  const local_ms = Date.UTC(
    part.year ?? 0,
    (part.month ?? 1) - 1,
    part.day ?? 1,
    part.hour ?? 0,
    part.minute ?? 0,
    part.second ?? 0,
  );
  return local_ms - at_ms;
}

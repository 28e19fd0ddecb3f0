/** What the benchmarks share: rounds in turn, the best of them, and the size of the heap. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Nanoseconds on a clock that only goes forward. */
export function now_ns(): number {
  return Number(process.hrtime.bigint());
}

/**
 * The best of so many rounds of each contender, in ns: what the machine's other work slowed is left out.
 * They take turns, so that what lasts longer than a round disturbs all alike.
 * @param contenders each does its work once and returns the ns it took
 */
export function bestOfRounds(rounds: number, contenders: readonly (() => number)[]): number[] {
  const best = contenders.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < rounds; round++) {
    for (const [index, run] of contenders.entries()) best[index] = Math.min(best[index]!, run());
  }
  return best;
}

let collect: (() => void) | undefined;

/** Bytes of the heap in use after a full collection. */
export function heapBytes(): number {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  collect();
  return process.memoryUsage().heapUsed;
}

export function rounded(value: number, digits = 2): number {
  return Number(value.toFixed(digits));
}

/** A table for people: the first row is the heading, numbers stand to the right. */
export function table(rows: readonly (readonly (string | number)[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => String(row[column]).length)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => {
        const text = String(cell);
        return column === 0 ? text.padEnd(widths[column]!) : text.padStart(widths[column]!);
      })
      .join('  '),
  );
  return `${lines.join('\n')}\n`;
}

/** The chart of a load: what was carried and how long the callers waited for an answer, second by second, as SVG. */

export interface Answer {
  /** When the 200 came, ms on any clock. */
  at_ms: number;
  /** After how long, ms. */
  took_ms: number;
}

interface Second {
  answers: number;
  p50_ms: number;
  p99_ms: number;
}

const WIDTH = 720;
const PANEL = 150;
const LEFT = 60;
const RIGHT = 20;
const TOP = 40;
const GAP = 50;
const INK = '#24292f';
const COLOURS = { answers: '#57606a', p50_ms: '#0969da', p99_ms: '#cf222e' } as const;

/** Two panels over time: calls answered a second, and their setup time, p50 and p99. */
export function chartOf(title: string, answers: readonly Answer[]): string {
  const seconds = bySecond(answers);
  const height = TOP + 2 * PANEL + GAP + 40;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12" fill="${INK}">`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    `<text x="${LEFT}" y="20" font-size="14">${escaped(title)}</text>`,
    panel(TOP, 'calls answered a second', seconds, ['answers']),
    panel(TOP + PANEL + GAP, 'ms from INVITE to 200: p50 (blue), p99 (red)', seconds, ['p50_ms', 'p99_ms']),
    `<text x="${WIDTH - RIGHT}" y="${height - 6}" text-anchor="end">seconds</text>`,
    '</svg>\n',
  ].join('\n');
}

function bySecond(answers: readonly Answer[]): Second[] {
  const start_ms = Math.min(...[answers[0]?.at_ms ?? 0, ...answers.slice(0, 1000).map(({ at_ms }) => at_ms)]);
  const times: number[][] = [];
  for (const { at_ms, took_ms } of answers) {
    const second = Math.max(0, Math.floor((at_ms - start_ms) / 1000));
    while (times.length <= second) times.push([]);
    times[second]?.push(took_ms);
  }
  return times.map((of) => {
    const sorted = of.sort((a, b) => a - b);
    const at = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? 0;
    return { answers: sorted.length, p50_ms: at(0.5), p99_ms: at(0.99) };
  });
}

function panel(
  top: number,
  label: string,
  seconds: readonly Second[],
  lines: readonly (keyof Second)[],
): string {
  const highest = Math.max(1, ...seconds.flatMap((second) => lines.map((line) => second[line])));
  const x = (n: number): number => LEFT + ((WIDTH - LEFT - RIGHT) * n) / Math.max(1, seconds.length - 1);
  const y = (value: number): number => top + PANEL - (PANEL * value) / highest;
  const marks = [0, 0.5, 1].map((share) => {
    const at = y(share * highest);
    return `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}" y2="${at}" stroke="#d0d7de"/><text x="${LEFT - 6}" y="${at + 4}" text-anchor="end">${Math.round(share * highest)}</text>`;
  });
  const ticks = [0, Math.floor((seconds.length - 1) / 2), seconds.length - 1].map(
    (n) => `<text x="${x(n)}" y="${top + PANEL + 16}" text-anchor="middle">${n}</text>`,
  );
  const paths = lines.map((line) => {
    const points = seconds.map((second, n) => `${x(n).toFixed(1)},${y(second[line]).toFixed(1)}`).join(' ');
    return `<polyline fill="none" stroke="${COLOURS[line]}" stroke-width="1.5" points="${points}"/>`;
  });
  return [`<text x="${LEFT}" y="${top - 6}">${label}</text>`, ...marks, ...ticks, ...paths].join('\n');
}

function escaped(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;');
}

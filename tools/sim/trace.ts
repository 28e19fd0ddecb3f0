/**
 * What happened in a simulation: every event goes into a running hash, the last ones are kept to be shown,
 * and all of them are written where somebody reads along.
 */
import { createHash } from 'node:crypto';

/** So many events are shown with a violation. */
const KEPT = 60;
const CHUNK = 1 << 13;

interface Event {
  at_ms: number;
  what: string;
  /** A whole SIP message or a line of text. */
  text: string;
}

export class Trace {
  private readonly hash = createHash('sha256');
  private chunk = '';
  private readonly ring: (Event | undefined)[] = new Array<undefined>(KEPT).fill(undefined);
  private count = 0;

  /** @param write gets every event as a readable line, when somebody reads along */
  constructor(private readonly write: ((line: string) => void) | undefined) {}

  add(at_ms: number, what: string, text: string): void {
    this.chunk += `${at_ms} ${what} ${text}\n`;
    if (this.chunk.length > CHUNK) this.flush();
    const event = { at_ms, what, text };
    this.ring[this.count++ % KEPT] = event;
    this.write?.(line(event));
  }

  /** The last events, oldest first, as readable lines. */
  last(): string[] {
    const lines: string[] = [];
    for (let i = Math.max(0, this.count - KEPT); i < this.count; i++) lines.push(line(this.ring[i % KEPT]!));
    return lines;
  }

  /** The hash over everything so far; nothing may be added afterwards. */
  digest(): string {
    this.flush();
    return this.hash.digest('hex').slice(0, 32);
  }

  private flush(): void {
    this.hash.update(this.chunk, 'latin1');
    this.chunk = '';
  }
}

function line({ at_ms, what, text }: Event): string {
  const seconds = (at_ms / 1000).toFixed(3).padStart(10);
  if (!text.includes('\r\n')) return `${seconds}  ${what.padEnd(26)} ${text}`;
  const first = text.slice(0, text.indexOf('\r\n'));
  const cseq = /\r\nCSeq: *([^\r]*)/i.exec(text)?.[1] ?? '';
  const call = /\r\n(?:Call-ID|i): *([^\r]*)/i.exec(text)?.[1] ?? '';
  return `${seconds}  ${what.padEnd(26)} ${first}  [${cseq}; ${call}]`;
}

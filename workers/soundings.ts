/**
 * How long datagrams wait in the kernel before a worker reads them: each socket in use now and then gets one from
 * itself, which waits among the others.
 */
import { randomBytes } from 'node:crypto';

/** libuv reads this many datagrams of a socket in one turn, and no more: after a turn with fewer none is left. */
const FULL_TURN = 32;
const INTERVAL_MS = 20;
/** So many may be under way: those of a full buffer are lost. */
const UNDER_WAY = 64;
const SECRET_BYTES = 16;
/** No SIP message begins with it. */
const MARK = 0;
const NUMBER_AT = 1;
const SECRET_AT = 5;
const SOUNDING_BYTES = SECRET_AT + SECRET_BYTES;

class Line {
  /** Datagrams read in this turn. */
  read = 0;
  used = false;
  /** Number of the next sounding, and of the first that may still come back. */
  next = 0;
  first = 0;
  /** When each was sent, by its number's remainder. */
  readonly sent_ms = new Float64Array(UNDER_WAY).fill(Number.NEGATIVE_INFINITY);
}

export class Soundings {
  private readonly lines: Line[] = [];
  private readonly secret = randomBytes(SECRET_BYTES);

  /**
   * @param send sends the bytes from a socket to itself
   * @param waited told how long a sounding of a socket was under way, or is already, ms
   */
  constructor(
    private readonly send: (socket: number, sounding: Buffer) => void,
    private readonly waited: (socket: number, wait_ms: number) => void,
  ) {}

  /** A datagram was read. @returns true when it was one of ours, and nothing else is to be done with it */
  received(socket: number, datagram: Uint8Array, now_ms: () => number): boolean {
    const line = this.line(socket);
    line.read++;
    if (datagram.length !== SOUNDING_BYTES || datagram[0] !== MARK || !this.isOurs(datagram)) {
      line.used = true;
      return false;
    }
    const number = numberOf(datagram);
    if (number >= line.first && number < line.next) {
      line.first = number + 1;
      this.waited(socket, now_ms() - (line.sent_ms[number % UNDER_WAY] as number));
    }
    return true;
  }

  /** The end of a turn of the event loop. */
  turned(now_ms: number): void {
    for (const [socket, line] of this.lines.entries()) {
      // All that was sent before this turn has been read: what has not come back was lost, and tells nothing.
      if (line.read < FULL_TURN) line.first = line.next;
      else if (line.first < line.next)
        this.waited(socket, now_ms - (line.sent_ms[line.first % UNDER_WAY] as number));
      line.read = 0;
      const last_ms = line.sent_ms[(line.next + UNDER_WAY - 1) % UNDER_WAY] as number;
      if (line.used && now_ms - last_ms >= INTERVAL_MS) this.sound(socket, line, now_ms);
    }
  }

  private sound(socket: number, line: Line, now_ms: number): void {
    // Of 50 a second for two years; then they begin anew.
    if (line.next === 2 ** 32 - 1) this.lines[socket] = new Line();
    const number = line.next++;
    line.first = Math.max(line.first, line.next - UNDER_WAY);
    line.used = false;
    line.sent_ms[number % UNDER_WAY] = now_ms;
    const sounding = Buffer.alloc(SOUNDING_BYTES);
    sounding[0] = MARK;
    sounding.writeUInt32LE(number, NUMBER_AT);
    this.secret.copy(sounding, SECRET_AT);
    this.send(socket, sounding);
  }

  private line(socket: number): Line {
    let line = this.lines[socket];
    if (line === undefined) {
      while (this.lines.length <= socket) this.lines.push(new Line());
      line = this.lines[socket] as Line;
    }
    return line;
  }

  private isOurs(datagram: Uint8Array): boolean {
    return this.secret.equals(datagram.subarray(SECRET_AT));
  }
}

function numberOf(sounding: Uint8Array): number {
  return Buffer.from(sounding.buffer, sounding.byteOffset, sounding.length).readUInt32LE(NUMBER_AT);
}

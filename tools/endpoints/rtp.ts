/**
 * Tones over RTP (RFC 3550, PCMU of RFC 3551), so that a softphone in a demo hears something: packets
 * of 20 ms, one ticker and one socket for all legs.
 */
import { createSocket, type Socket } from 'node:dgram';
import type { Call } from './call.js';
import { audioTarget, directionOf } from './session.js';
import type { Address } from './transactions.js';

const SAMPLES_PER_SECOND = 8000;
const PACKET_MS = 20;
const PACKET_SAMPLES = (SAMPLES_PER_SECOND * PACKET_MS) / 1000;
/** Every tone that is a multiple of 40 Hz repeats after so many samples. */
const PERIOD_SAMPLES = 200;
const HEADER_BYTES = 12;
const AMPLITUDE = 6000;
/** Packets caught up after the process was held up; what is later than that is left out. */
const MAX_CATCH_UP = 5;

interface Leg {
  target: Address | undefined;
  readonly tone: Buffer;
  readonly packet: Buffer;
  sequence: number;
  samples: number;
}

export class RtpSender {
  private readonly legs = new Set<Leg>();
  private ticker: NodeJS.Timeout | undefined;
  private due_ms = 0;
  private lastSource = 0;

  private constructor(private readonly socket: Socket) {}

  /** Binds a free port of this address. Rejects when it cannot. */
  static async open(host = '127.0.0.1'): Promise<RtpSender> {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(0, host, () => {
        socket.off('error', reject);
        resolve();
      });
    });
    return new RtpSender(socket);
  }

  /** What SDPs name as the media port. */
  get port(): number {
    return this.socket.address().port;
  }

  /** Starts a leg; it is silent until `retarget`. @param hertz a multiple of 40 */
  start(hertz: number): { retarget(target: Address | undefined): void; stop(): void } {
    const packet = Buffer.alloc(HEADER_BYTES + PACKET_SAMPLES);
    packet[0] = 0x80;
    packet.writeUInt32BE(++this.lastSource, 8);
    const leg: Leg = { target: undefined, tone: toneOf(hertz), packet, sequence: 0, samples: 0 };
    this.legs.add(leg);
    if (!this.ticker) {
      this.due_ms = performance.now();
      this.ticker = setInterval(() => this.tick(), PACKET_MS);
    }
    return {
      retarget: (target) => {
        leg.target = target;
      },
      stop: () => {
        this.legs.delete(leg);
        if (this.legs.size > 0) return;
        clearInterval(this.ticker);
        this.ticker = undefined;
      },
    };
  }

  close(): Promise<void> {
    clearInterval(this.ticker);
    this.legs.clear();
    return new Promise((resolve) => this.socket.close(() => resolve()));
  }

  private tick(): void {
    const now_ms = performance.now();
    this.due_ms = Math.max(this.due_ms, now_ms - MAX_CATCH_UP * PACKET_MS);
    for (; this.due_ms <= now_ms; this.due_ms += PACKET_MS) for (const leg of this.legs) this.send(leg);
  }

  private send(leg: Leg): void {
    const { packet, target, tone } = leg;
    const start = leg.samples % PERIOD_SAMPLES;
    leg.sequence = (leg.sequence + 1) & 0xffff;
    leg.samples = (leg.samples + PACKET_SAMPLES) >>> 0;
    if (!target) return;
    packet.writeUInt16BE(leg.sequence, 2);
    packet.writeUInt32BE(leg.samples, 4);
    tone.copy(packet, HEADER_BYTES, start, start + PACKET_SAMPLES);
    // The kernel may still hold the last packet's memory: each goes out as a copy.
    this.socket.send(Buffer.from(packet), target.port, target.host);
  }
}

/** Plays a tone to whoever the call is joined to, until it ends; silent while the far end holds. */
export function playTo(call: Call, sender: RtpSender, hertz: number): void {
  const leg = sender.start(hertz);
  call.onRemoteSdp = (sdp) => {
    const direction = directionOf(sdp);
    leg.retarget(direction === 'sendonly' || direction === 'inactive' ? undefined : audioTarget(sdp));
  };
  void call.ended.then(() => leg.stop());
}

/** Two periods and a packet's length of a tone, as u-law. */
function toneOf(hertz: number): Buffer {
  const samples = PERIOD_SAMPLES * 2 + PACKET_SAMPLES;
  return Buffer.from(
    Array.from({ length: samples }, (_, i) =>
      muLaw(AMPLITUDE * Math.sin((2 * Math.PI * hertz * i) / SAMPLES_PER_SECOND)),
    ),
  );
}

/** One sample of 16-bit range as G.711 u-law: sign, 3 bits of segment, 4 of step, all inverted. */
export function muLaw(sample: number): number {
  const sign = sample < 0 ? 0x80 : 0;
  const magnitude = Math.min(Math.abs(Math.round(sample)), 32_635) + 132;
  const segment = 31 - Math.clz32(magnitude) - 7;
  return ~(sign | (segment << 4) | ((magnitude >> (segment + 3)) & 0x0f)) & 0xff;
}

/**
 * The doorman: while workers have too much to do he stands in front of them. What comes to the public ports comes to
 * him; he turns new calls away as their gates say, and passes everything else on, so that it costs a worker nothing to
 * refuse, and a machine of several cores has another one for that.
 */
import { assert } from '../core/assert.js';
import { beginsCall, isNewCall } from '../core/sip/new-call.js';
import { parseMessage } from '../core/sip/parser.js';
import { ownerOf } from '../core/sip/shard.js';
import type { Path } from '../core/sip/transport.js';
import { acknowledgesTurnedAway, turnedAway } from '../core/sip/turned-away.js';
import { unavailable } from '../core/sip/unavailable.js';
import type { Gate } from './gate.js';
import { inviteNumber } from './invite-memory.js';

/** Nobody's datagram, or one that has been answered. */
export const DONE = -1;

export class Doorman {
  /**
   * @param gates of the workers
   * @param isOutOfService whether a worker is not coming back
   * @param send sends an answer
   */
  constructor(
    private readonly gates: readonly Gate[],
    private readonly isOutOfService: (worker: number) => boolean,
    private readonly send: (path: Path, text: string) => void,
  ) {}

  /** A datagram, a byte string, has come to a public socket. @returns the worker whose it is, or {@link DONE} */
  receive(text: string, path: Path, now_ms: number): number {
    if (acknowledgesTurnedAway(text)) return DONE;
    const worker = ownerOf(text, this.gates.length);
    const gate = this.gates[worker];
    assert(gate, 'every shard has a worker');
    if (this.isOutOfService(worker)) this.answer(unavailable(text, path));
    else if (!this.turnsAway(gate, text, path, now_ms)) return worker;
    return DONE;
  }

  /** Whether it is a new call that may not come in, and has been told so; at all else the worker looks. */
  private turnsAway(gate: Gate, text: string, path: Path, now_ms: number): boolean {
    if (gate.state.isOpen || !text.startsWith('INVITE ')) return false;
    const message = parseMessage(text);
    if (message.kind === 'failure' || !beginsCall(message) || !isNewCall(message)) return false;
    if (gate.admits(inviteNumber(message), path.host, now_ms)) return false;
    this.answer(turnedAway(message, path, Math.random()));
    return true;
  }

  private answer(answer: { target: Path; text: string } | undefined): void {
    if (answer !== undefined) this.send(answer.target, answer.text);
  }
}

/**
 * The doorman: while workers have too much to do he stands in front of them. What comes to the public ports comes to
 * him; he turns new calls away as their gates say, and passes everything else on, so that it costs a worker nothing to
 * refuse, and a machine of several cores has another one for that.
 */
import { assert } from '../core/assert.js';
import { inviteNumber } from '../core/sip/invite-memory.js';
import { beginsCall, isNewCall } from '../core/sip/new-call.js';
import { parseMessage } from '../core/sip/parser.js';
import { callIdOf, shardOf } from '../core/sip/shard.js';
import type { Path } from '../core/sip/transport.js';
import { acknowledgesTurnedAway, turnedAway } from '../core/sip/turned-away.js';
import type { Gate } from './gate.js';

/** Nobody's datagram, or one that has been answered. */
export const DONE = -1;

export class Doorman {
  /**
   * @param gates of the workers
   * @param send sends an answer
   */
  constructor(
    private readonly gates: readonly Gate[],
    private readonly send: (path: Path, text: string) => void,
  ) {}

  /** A datagram, a byte string, has come to a public socket. @returns whose it is, or {@link DONE} */
  receive(text: string, path: Path, now_ms: number): number {
    if (acknowledgesTurnedAway(text)) return DONE;
    const worker = this.workerOf(text);
    const gate = this.gates[worker];
    assert(gate, 'every shard has a worker');
    if (gate.state.isOpen || !text.startsWith('INVITE ')) return worker;
    const message = parseMessage(text);
    if (message.kind === 'failure' || !beginsCall(message) || !isNewCall(message)) return worker;
    if (gate.admits(inviteNumber(message), path.host, now_ms)) return worker;
    const answer = turnedAway(message, path, Math.random());
    this.send(answer.target, answer.text);
    return DONE;
  }

  /** Whose a datagram is. */
  workerOf(text: string): number {
    const { length } = this.gates;
    const callId = length > 1 ? callIdOf(text) : undefined;
    return callId === undefined ? 0 : shardOf(callId) % length;
  }
}

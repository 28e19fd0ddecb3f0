/** Agents in a process of their own, each at a socket of his own, who note how long they waited for their next call. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AgentSeed } from '../../provision.js';
import { BenchError, type Child, type Children } from './children.js';

/** From the answer to the agent's BYE; one who hangs up within a second has refused the call. */
export const TALK_MS = 1_100;

const PROGRAM = fileURLToPath(new URL('./desk-process.js', import.meta.url));
/** Short collections, and no thread that works on them beside the engine's. */
const NODE_OPTIONS = ['--single-threaded-gc', '--max-semi-space-size=1'];

/** What the process is started with, as JSON. */
export interface DeskTask {
  count: number;
  talk_ms: number;
}
/** All gaps since it was asked the last time. */
export interface DeskQuestion {
  kind: 'gaps';
}
export type DeskAnswer = { kind: 'open'; uris: string[] } | { kind: 'gaps'; gaps_ms: number[] };

export class Desks {
  private constructor(
    private readonly child: Child,
    private readonly uris: readonly string[],
  ) {}

  /** Opens so many, each on a free port. */
  static async open(children: Children, folder: string, count: number): Promise<Desks> {
    const task: DeskTask = { count, talk_ms: TALK_MS };
    const args = [...NODE_OPTIONS, PROGRAM, JSON.stringify(task)];
    const child = await children.start(process.execPath, args, join(folder, 'desks.log'), { talks: true });
    const answer = await nextAnswer(child);
    if (answer.kind !== 'open') throw new BenchError('the desks speak before they are open');
    return new Desks(child, answer.uris);
  }

  /** Their rows: logged in. */
  seeds(skill: string): AgentSeed[] {
    return this.uris.map((location, index) => ({
      ...{ agentid: `agent${index}`, location, skills: skill, logstate: 1 },
    }));
  }

  /** From each BYE to the next INVITE since the last look, ms, in order of time. */
  async takeGaps_ms(): Promise<number[]> {
    this.child.process.send({ kind: 'gaps' } satisfies DeskQuestion);
    const answer = await nextAnswer(this.child);
    if (answer.kind !== 'gaps') throw new BenchError('the desks do not answer what they were asked');
    return answer.gaps_ms;
  }
}

function nextAnswer(child: Child): Promise<DeskAnswer> {
  return new Promise((resolve, reject) => {
    child.process.once('message', (message) => resolve(message as DeskAnswer));
    void child.ended.then(() => reject(new BenchError(`the desks are gone: ${child.tail()}`)));
  });
}

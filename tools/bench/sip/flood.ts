/**
 * Callers in a process of their own, as many a second as is asked for, who are answered and talk for a second or are
 * turned away. They cost less than SIPp's: in an overload nearly all of them are refused, and on a machine that
 * runs both, what they take the engine cannot have.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BenchError, type Children } from './children.js';

const PROGRAM = fileURLToPath(new URL('./flood-process.js', import.meta.url));
/** Collections by no thread beside the engine's, and few. */
const NODE_OPTIONS = ['--single-threaded-gc', '--max-semi-space-size=8'];

/** What the process is started with, as JSON. */
export interface FloodTask {
  /** Called at that port of this machine. */
  user: string;
  port: number;
  /** New calls a second, for so long. */
  rate: number;
  duration_s: number;
  /** The time after that in which the last of them must end. */
  grace_s: number;
}

/** How many took so many whole milliseconds, by those. */
export type Times = number[];

/** What the process says when it ends. */
export interface FloodReport {
  offered: number;
  /** From the first INVITE to the last. */
  offering_ms: number;
  /** Until the last INVITE: calls answered, and cores that the process used. */
  answered_meanwhile: number;
  cpu: number;
  answered: number;
  /** Turned away with 503 and Retry-After. */
  refused: number;
  /** Neither, in all. */
  failed: number;
  /** Of these: nobody answered the INVITE, or the BYE. */
  unanswered: number;
  /** Another message came than one to be expected. */
  unexpected: number;
  /** A 503 came without Retry-After. */
  unfit: number;
  /** INVITEs and BYEs sent again. */
  resent: number;
  /** INVITE to 503; INVITE to 200; BYE to 200. */
  refusals: Times;
  setups: Times;
  byes: Times;
  /** The first lines of messages that were not expected, a few of them. */
  remarks: string[];
}

/**
 * Starts it; the report comes when all its calls are over, at last `grace_s` after the last was offered.
 * @throws {@link BenchError} when it ends without one
 */
export async function flood(
  children: Children,
  folder: string,
  task: FloodTask,
): Promise<{ report: Promise<FloodReport> }> {
  const args = [...NODE_OPTIONS, PROGRAM, JSON.stringify(task)];
  const child = await children.start(process.execPath, args, join(folder, 'flood.log'), { talks: true });
  const report = new Promise<FloodReport>((resolve, reject) => {
    child.process.once('message', (message) => resolve(message as FloodReport));
    void child.ended.then(() => reject(new BenchError(`the callers are gone: ${child.tail()}`)));
  });
  return { report };
}

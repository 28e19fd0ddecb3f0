/**
 * What one call has to itself in a worker: its randomness, the questions that it has asked of the world, its
 * sessions. With it a call can be played again from what was recorded of it, alone or among others, and it is
 * known when the call is over for good.
 */
import type { Report } from '../messages.js';
import type { Timer, TimerWheel } from '../timers.js';
import type { B2buaEnvironment, Routed, Target } from './environment.js';
import type { SipRequest } from './message.js';
import { Randomness } from './randomness.js';
import type { CallIdentity, Recorder } from './recorder.js';
import type { Session } from './session.js';
import type { Registry, ServerTx } from './session-user.js';
import type { Path } from './transport.js';

/** A question whose answer comes from outside, by DNS for one. */
interface Question {
  ask(): void;
  answered(answer: unknown): void;
}

export class CallScope implements B2buaEnvironment, Registry {
  readonly id: string;
  /** Call-IDs of those who have come to take somebody's place. */
  readonly newcomers: string[] = [];
  private readonly randomness: Randomness;
  private readonly port: number;
  private questions = 0;
  private open: Map<number, Question> | undefined = undefined;
  private sessions = 0;
  private ended = false;
  private closed = false;
  /** For how long the peer may still ask for the final answer that he has not acknowledged. */
  private answerKept: Timer | undefined = undefined;

  constructor(
    private readonly base: B2buaEnvironment,
    identity: CallIdentity,
    /** Call-ID of the caller's leg. */
    readonly callerCallId: string,
    /** The caller's INVITE. */
    private readonly invite: ServerTx,
    private readonly registry: Registry,
    /** Called once, when the call has ended, its sessions are forgotten and its INVITE's answer is acknowledged. */
    private readonly over: (scope: CallScope) => void,
  ) {
    this.id = identity.id;
    this.port = identity.port;
    this.randomness = new Randomness(identity.seed);
  }

  /** The call has ended; what is left are farewells. */
  callEnded(): void {
    this.ended = true;
    this.settle();
  }

  // Questions.

  resolve(uri: string, found: (targets: readonly Target[]) => void, first: boolean): void {
    this.ask((answer) => this.base.resolve(uri, answer, first), found);
  }

  /** Undefined where nobody wants to see legs. */
  get onLeg(): B2buaEnvironment['onLeg'] {
    if (this.base.onLeg === undefined) return undefined;
    return (invite, done) => this.ask((answer) => this.base.onLeg?.(invite, answer), done);
  }

  /**
   * Asks what only the world outside can tell. An answer given at once follows from the question; one that comes
   * later is an input of the call, and recorded.
   */
  ask<T>(put: (answer: (value: T) => void) => void, found: (value: T) => void): void {
    const number = this.questions++;
    let waiting = false;
    let done = false;
    const answer = (value: T): void => {
      if (done) return;
      done = true;
      if (waiting) {
        this.open?.delete(number);
        if (!this.closed) this.base.recorder?.answered(this, number, value);
      }
      found(value);
    };
    put(answer);
    if (done) return;
    waiting = true;
    this.open ??= new Map();
    this.open.set(number, { ask: () => put(answer), answered: (value) => answer(value as T) });
  }

  /** A recorded answer. False when nothing was asked under that number. */
  answer(question: number, value: unknown): boolean {
    const asked = this.open?.get(question);
    asked?.answered(value);
    return asked !== undefined;
  }

  /** Puts the questions that are still open once more: who was asked before is gone. */
  askAgain(): void {
    for (const question of [...(this.open?.values() ?? [])]) question.ask();
  }

  // Sessions.

  set(key: string, session: Session): void {
    this.sessions++;
    this.registry.set(key, session);
  }

  delete(key: string): boolean {
    const known = this.registry.delete(key);
    if (known) this.sessions--;
    this.settle();
    return known;
  }

  private settle(): void {
    if (!this.ended || this.closed || this.sessions > 0 || this.answerKept?.pending) return;
    if (this.invite.state === 'completed')
      this.answerKept = this.timers.set(ANSWER_KEPT_MS, () => this.close());
    else this.close();
  }

  private close(): void {
    this.closed = true;
    this.over(this);
  }

  // The rest of the environment, which all calls share.

  token(): string {
    return this.randomness.token();
  }

  random(): number {
    return this.randomness.fraction();
  }

  get timers(): TimerWheel {
    return this.base.timers;
  }

  get recorder(): Recorder | undefined {
    return this.base.recorder;
  }

  send(path: Path, text: string): void {
    this.base.send(path, text);
  }

  socketFor(host: string): number {
    return this.base.socketFor(host, this.port);
  }

  sentBy(socket: number): string {
    return this.base.sentBy(socket);
  }

  route(request: SipRequest, path: Path, done: (routed: Routed) => void): void {
    this.base.route(request, path, done);
  }

  accepting(): boolean {
    return this.base.accepting();
  }

  admits(invite: SipRequest, path: Path): boolean {
    return this.base.admits(invite, path);
  }

  report(report: Report): void {
    this.base.report(report);
  }

  newCall(): CallIdentity {
    return this.base.newCall();
  }

  log(level: 'info' | 'warn' | 'error', message: string, fields?: Record<string, string | number>): void {
    this.base.log(level, message, fields);
  }
}

/** Timer H: who has not acknowledged by then has given up too. */
const ANSWER_KEPT_MS = 32_000;

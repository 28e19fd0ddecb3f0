/**
 * Calls played again from what a {@link Recorder} was told: the same inputs at the same times make the same
 * dialogs, transactions, tags and deadlines, while nothing is sent and nobody is asked. Afterwards the calls
 * go on as if nothing had happened.
 */
import type { Decision, Report } from '../messages.js';
import type { TimerWheel } from '../timers.js';
import type { B2bua } from './b2bua.js';
import type { B2buaEnvironment } from './environment.js';
import type { SipRequest } from './message.js';
import type { CallStart } from './recorder.js';
import type { Path } from './transport.js';

/** One input, with its time in ms on the timer wheel's clock. */
export type Recorded = { at_ms: number } & (
  | { kind: 'started'; start: CallStart }
  | { kind: 'undecided'; call: string; text: string; path: Path }
  | { kind: 'datagram'; call: string; text: string; path: Path }
  | { kind: 'decision'; call: string; decision: Decision }
  | { kind: 'answered'; call: string; question: number; answer: unknown }
  | { kind: 'unreachable'; path: Path }
);

/** Playing an input again did not lead where it had led before, or failed. */
export class ReplayError extends Error {
  override name = 'ReplayError';

  constructor(
    /** The call whose input it was. */
    readonly call: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** An environment that is deaf and dumb while recorded inputs are played, and after `goLive` is the real one. */
export class ReplayEnvironment implements B2buaEnvironment {
  /** What the calls reported, in order; they do so again once all is played. */
  readonly reports: Report[] = [];
  private live = false;

  constructor(private readonly real: B2buaEnvironment) {}

  goLive(): void {
    this.live = true;
  }

  get timers(): TimerWheel {
    return this.real.timers;
  }

  get recorder(): B2buaEnvironment['recorder'] {
    return this.live ? this.real.recorder : undefined;
  }

  send(path: Path, text: string): void {
    if (this.live) this.real.send(path, text);
  }

  report(report: Report): void {
    if (this.live) this.real.report(report);
    else this.reports.push(report);
  }

  resolve: B2buaEnvironment['resolve'] = (uri, found, first) => {
    if (this.live) return this.real.resolve(uri, found, first);
    // Of an address the answer comes at once; of a name it was recorded.
    let deaf = false;
    this.real.resolve(
      uri,
      (targets) => {
        if (!deaf) found(targets);
      },
      first,
    );
    deaf = true;
  };

  get onLeg(): B2buaEnvironment['onLeg'] {
    // What was answered has been recorded.
    return this.live || this.real.onLeg === undefined ? this.real.onLeg : () => {};
  }

  accepting(): boolean {
    return this.real.accepting();
  }

  admits(invite: SipRequest, path: Path): boolean {
    return this.real.admits(invite, path);
  }

  token(): string {
    return this.real.token();
  }

  random(): number {
    return this.real.random();
  }

  socketFor(host: string, port: number): number {
    return this.real.socketFor(host, port);
  }

  sentBy(socket: number): string {
    return this.real.sentBy(socket);
  }

  route: B2buaEnvironment['route'] = (request, path, done) => this.real.route(request, path, done);

  newCall: B2buaEnvironment['newCall'] = () => this.real.newCall();

  log: B2buaEnvironment['log'] = (level, message, fields) => {
    if (this.live) this.real.log(level, message, fields);
  };
}

/**
 * Plays recorded inputs, oldest first; the timer wheel of `env` is at or before the first. @throws ReplayError
 */
export function replay(b2bua: B2bua, env: ReplayEnvironment, inputs: Iterable<Recorded>): void {
  for (const input of inputs) {
    env.timers.advance(input.at_ms);
    const call = nameOf(input);
    let done: boolean;
    try {
      done = play(b2bua, input);
    } catch (cause) {
      throw new ReplayError(call, (cause as Error).message, { cause });
    }
    if (!done) throw new ReplayError(call, `${input.kind} did not lead where it had led before`);
  }
}

function nameOf(input: Recorded): string {
  if (input.kind === 'started') return input.start.id;
  return input.kind === 'unreachable' ? '' : input.call;
}

function play(b2bua: B2bua, input: Recorded): boolean {
  switch (input.kind) {
    case 'started':
      return b2bua.restart(input.start);
    case 'undecided':
      b2bua.routeAgain(input.call, input.text, input.path);
      return true;
    case 'datagram':
      b2bua.receive(input.text, input.path);
      return true;
    case 'decision':
      b2bua.decide(input.decision);
      return true;
    case 'answered':
      return b2bua.answer(input.call, input.question, input.answer);
    case 'unreachable':
      b2bua.transportFailed(input.path);
      return true;
  }
}

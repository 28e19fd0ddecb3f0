/**
 * Server transaction of every request but INVITE and ACK: RFC 3261 figure 8, with the limits that RFC 4320 sets.
 */
import { unreachable } from '../assert.js';
import type { SipRequest } from './message.js';
import { ServerTransaction, type TransactionContext } from './transaction.js';
import type { Path } from './transport.js';

type State = 'trying' | 'proceeding' | 'completed' | 'terminated';

/** `deadline` is the state's own: the client's Timer F, Timer J. */
type Input = 'request' | '100' | '101-199' | '200-699' | '408' | 'deadline';

export class ServerNonInvite<Owner> extends ServerTransaction<Owner> {
  readonly isInvite = false;
  state: State = 'trying';

  constructor(
    context: TransactionContext<Owner>,
    key: string,
    request: SipRequest,
    path: Path,
    target: Path,
  ) {
    super(context, key, request, path, target);
    context.longDeadlines.add(this);
  }

  override respond(status: number, text: string): void {
    if (status === 408) this.step('408');
    else this.step(status === 100 ? '100' : status < 200 ? '101-199' : '200-699', text);
  }

  override retransmit(): void {}

  override whenConfirmed(): void {}

  override onRequest(): void {
    this.step('request');
  }

  override expire(): void {
    this.step('deadline');
  }

  protected override resendDue(): void {}

  private step(input: Input, text = ''): void {
    const { counters, env } = this.context;
    switch (this.state) {
      case 'trying':
      case 'proceeding':
        switch (input) {
          case 'request':
            counters.absorbed++;
            if (this.state === 'proceeding') env.send(this.target, this.last);
            break;
          case '100':
            if (!this.path.reliable && this.age_ms < this.context.quiet_ms) return;
            this.state = 'proceeding';
            this.send(text);
            break;
          case '101-199':
            break;
          case '200-699':
            this.send(text);
            this.enterCompleted();
            break;
          case '408':
            // The client has given up by then or soon will; a 408 would only make its proxy blame us.
            this.last = '';
            this.enterCompleted();
            break;
          case 'deadline':
            counters.timeouts++;
            this.terminate();
            break;
          default:
            unreachable(input);
        }
        break;

      case 'completed':
        switch (input) {
          case 'request':
            counters.absorbed++;
            if (this.last !== '') env.send(this.target, this.last);
            break;
          case 'deadline':
            this.terminate();
            break;
          default:
            break;
        }
        break;

      case 'terminated':
        break;
      default:
        unreachable(this.state);
    }
  }

  /** Time since the request, told by the deadline that was set then. */
  private get age_ms(): number {
    const { env, longDeadlines } = this.context;
    return env.timers.now_ms - (this.expires_ms - longDeadlines.duration_ms);
  }

  private send(text: string): void {
    this.last = text;
    this.context.env.send(this.target, text);
  }

  private enterCompleted(): void {
    this.original = undefined;
    this.owner = undefined;
    if (this.path.reliable) {
      this.terminate();
    } else {
      this.state = 'completed';
      this.context.longDeadlines.add(this);
    }
  }

  private terminate(): void {
    this.state = 'terminated';
    this.clearTimers();
    this.original = undefined;
    this.last = '';
    this.context.removeServer(this);
  }
}

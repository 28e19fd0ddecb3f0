/**
 * Client transaction of every request but INVITE and ACK: RFC 3261 figure 6.
 */
import { assert, unreachable } from '../assert.js';
import type { SipResponse } from './message.js';
import { ClientTransaction, type TransactionContext } from './transaction.js';
import type { Path } from './transport.js';

type State = 'trying' | 'proceeding' | 'completed' | 'terminated';

/** `deadline` is the state's own: Timer F, Timer K. */
type Input = '1xx' | '200-699' | 'timer E' | 'deadline' | 'transport error';

export class ClientNonInvite<Owner> extends ClientTransaction<Owner> {
  state: State = 'trying';

  /** @param owner undefined for the layer's own CANCEL, about which the user hears nothing */
  constructor(
    context: TransactionContext<Owner>,
    key: string,
    method: string,
    branch: string,
    callId: string,
    text: string,
    path: Path,
    owner: Owner | undefined,
  ) {
    super(context, key, method, branch, callId, text, path);
    this.owner = owner;
    context.env.send(path, text);
    if (path.reliable !== true) this.startResending(context.times.t1_ms);
    context.longDeadlines.add(this);
  }

  override cancel(): boolean {
    return false;
  }

  override leave(): void {}

  override onResponse(response: SipResponse): void {
    this.step(response.status < 200 ? '1xx' : '200-699', response);
  }

  override onTransportError(): void {
    this.step('transport error');
  }

  /** @internal As if it had been answered. */
  repeatNoMore(): void {
    if (this.state === 'trying' || this.state === 'proceeding') this.enterCompleted();
  }

  override expire(): void {
    this.step('deadline');
  }

  protected override resendDue(): void {
    this.step('timer E');
  }

  private step(input: Input, response?: SipResponse): void {
    const { counters, env, times, user } = this.context;
    switch (this.state) {
      case 'trying':
      case 'proceeding':
        switch (input) {
          case '1xx':
            this.state = 'proceeding';
            this.report(response);
            break;
          case '200-699':
            this.enterCompleted();
            this.report(response);
            this.owner = undefined;
            break;
          case 'timer E':
            counters.resent++;
            env.send(this.path, this.sent);
            if (this.state === 'trying') this.resendLater(times.t2_ms);
            else this.startResending(times.t2_ms);
            break;
          case 'deadline':
            this.terminate();
            counters.timeouts++;
            if (this.reported) user.timeout(this);
            break;
          case 'transport error':
            this.terminate();
            counters.transportErrors++;
            if (this.reported) user.transportError(this);
            break;
          default:
            unreachable(input);
        }
        break;

      case 'completed':
        switch (input) {
          case '200-699':
            counters.absorbed++;
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

  private enterCompleted(): void {
    this.clearTimers();
    this.context.reached(this);
    this.sent = '';
    if (this.path.reliable) {
      this.terminate();
    } else {
      this.state = 'completed';
      this.context.t4Deadlines.add(this);
    }
  }

  private get reported(): boolean {
    return this.method !== 'CANCEL';
  }

  private report(response: SipResponse | undefined): void {
    assert(response, 'a response is reported');
    if (this.reported) this.context.user.response(this, response);
  }

  private terminate(): void {
    this.state = 'terminated';
    this.clearTimers();
    this.context.reached(this);
    this.context.removeClient(this);
    this.sent = '';
  }
}

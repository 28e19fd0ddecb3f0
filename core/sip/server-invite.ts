/**
 * INVITE server transaction: RFC 3261 figure 7 with the Accepted state of RFC 6026 figure 2.
 */
import { unreachable } from '../assert.js';
import { buildResponse } from './build.js';
import type { SipRequest } from './message.js';
import { ServerTransaction, type TransactionContext } from './transaction.js';
import type { Path } from './transport.js';

type State = 'proceeding' | 'accepted' | 'completed' | 'confirmed' | 'terminated';

/** `deadline` is the state's own: Timer L, Timer H, Timer I. */
type Input = 'INVITE' | 'ACK' | 'CANCEL' | '1xx' | '2xx' | '300-699' | 'timer G' | 'deadline';

export class ServerInvite<Owner> extends ServerTransaction<Owner> {
  readonly isInvite = true;
  state: State = 'proceeding';
  private confirmed: (() => void) | undefined = undefined;

  /** Answers 100 at once: the engine always asks somebody else, which takes longer than 200 ms. */
  constructor(
    context: TransactionContext<Owner>,
    key: string,
    request: SipRequest,
    path: Path,
    target: Path,
  ) {
    super(context, key, request, path, target);
    this.send(buildResponse(request, path, 100));
  }

  override respond(status: number, text: string): void {
    this.step(status < 200 ? '1xx' : status < 300 ? '2xx' : '300-699', text);
  }

  override retransmit(text: string): void {
    if (this.state !== 'accepted') return;
    this.context.counters.resent++;
    this.context.env.send(this.target, text);
  }

  override whenConfirmed(then: () => void): void {
    this.confirmed = then;
  }

  override onRequest(): void {
    this.step('INVITE');
  }

  /** @internal @param ack for the user when it acknowledges a 2xx with the INVITE's own branch, as old clients do */
  onAck(ack: SipRequest, path: Path): void {
    this.step('ACK', '', ack, path);
  }

  /** @internal The CANCEL has been answered. */
  onCancel(cancel: SipRequest): void {
    this.step('CANCEL', '', cancel);
  }

  override expire(): void {
    this.step('deadline');
  }

  protected override resendDue(): void {
    this.step('timer G');
  }

  private step(input: Input, text = '', request?: SipRequest, path = this.path): void {
    const { counters, env, times, user } = this.context;
    switch (this.state) {
      case 'proceeding':
        switch (input) {
          case 'INVITE':
            counters.absorbed++;
            env.send(this.target, this.last);
            break;
          case 'CANCEL':
            if (request) user.cancel(this, request);
            break;
          case '1xx':
            this.send(text);
            break;
          case '2xx':
            this.enterAccepted(text);
            break;
          case '300-699':
            this.enterCompleted(text);
            break;
          default:
            break;
        }
        break;

      case 'accepted':
        switch (input) {
          case 'INVITE':
            counters.absorbed++;
            break;
          case 'ACK':
            if (request) user.ack(request, path);
            break;
          case '2xx':
            env.send(this.target, text);
            break;
          case 'deadline':
            this.terminate();
            break;
          default:
            break;
        }
        break;

      case 'completed':
        switch (input) {
          case 'INVITE':
            counters.absorbed++;
            env.send(this.target, this.last);
            break;
          case 'ACK':
            this.enterConfirmed();
            break;
          case 'timer G':
            counters.resent++;
            env.send(this.target, this.last);
            this.resendLater(times.t2_ms);
            break;
          case 'deadline':
            counters.timeouts++;
            this.terminate();
            break;
          default:
            break;
        }
        break;

      case 'confirmed':
        switch (input) {
          case 'INVITE':
          case 'ACK':
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

  private send(text: string): void {
    this.last = text;
    this.context.env.send(this.target, text);
  }

  private enterAccepted(text: string): void {
    this.state = 'accepted';
    this.context.env.send(this.target, text);
    this.letGo();
    this.last = '';
    this.context.longDeadlines.add(this);
  }

  private enterCompleted(text: string): void {
    this.state = 'completed';
    this.send(text);
    this.letGo();
    if (!this.path.reliable) this.startResending(this.context.times.t1_ms);
    this.context.longDeadlines.add(this);
  }

  private enterConfirmed(): void {
    this.clearTimers();
    this.last = '';
    if (this.path.reliable) {
      this.terminate();
    } else {
      this.state = 'confirmed';
      this.context.t4Deadlines.add(this);
      this.tellConfirmed();
    }
  }

  private tellConfirmed(): void {
    const { confirmed } = this;
    this.confirmed = undefined;
    confirmed?.();
  }

  private letGo(): void {
    this.original = undefined;
    this.owner = undefined;
  }

  private terminate(): void {
    this.state = 'terminated';
    this.clearTimers();
    this.last = '';
    this.context.removeServer(this);
    this.tellConfirmed();
  }
}

/**
 * INVITE client transaction: RFC 3261 figure 5 with the Accepted state of RFC 6026 figure 1.
 */
import { assert, unreachable } from '../assert.js';
import { buildRequest, type RequestParts } from './build.js';
import type { SipResponse } from './message.js';
import { type Ack, ClientTransaction, type HeaderFields, type TransactionContext } from './transaction.js';
import type { Path } from './transport.js';

type State = 'calling' | 'proceeding' | 'accepted' | 'completed' | 'terminated';

/** `deadline` is the state's own: Timer B, 64*T1 after a CANCEL, Timer M, Timer D. */
type Input = '1xx' | '2xx' | '300-699' | 'timer A' | 'deadline' | 'transport error';

export class ClientInvite<Owner> extends ClientTransaction<Owner> {
  state: State = 'calling';
  /** Header fields of a CANCEL that waits for the first provisional response. */
  private cancelWaiting: HeaderFields | undefined = undefined;
  private cancelled = false;
  /** To tag of the answer, once the user has left, and its ACK. */
  private left: string | undefined = undefined;
  private ack: Ack | undefined = undefined;

  constructor(
    context: TransactionContext<Owner>,
    branch: string,
    callId: string,
    text: string,
    path: Path,
    owner: Owner,
  ) {
    super(context, branch, 'INVITE', branch, callId, text, path);
    this.owner = owner;
    context.env.send(path, text);
    if (path.reliable !== true) this.startResending(context.times.t1_ms);
    context.longDeadlines.add(this);
  }

  override cancel(headers: HeaderFields = []): boolean {
    if (this.state !== 'calling' && this.state !== 'proceeding') return false;
    if (this.cancelled || this.cancelWaiting) return true;
    this.cancelWaiting = headers;
    if (this.state === 'proceeding') this.sendCancel(headers);
    return true;
  }

  override leave(toTag: string, ack?: Ack): void {
    if (this.state !== 'accepted') return;
    this.left = toTag;
    this.ack = ack;
    this.owner = undefined;
  }

  override onResponse(response: SipResponse): void {
    const status = response.status;
    this.step(status < 200 ? '1xx' : status < 300 ? '2xx' : '300-699', response);
  }

  override onTransportError(): void {
    this.step('transport error');
  }

  override expire(): void {
    this.step('deadline');
  }

  protected override resendDue(): void {
    this.step('timer A');
  }

  private step(input: Input, response?: SipResponse): void {
    switch (this.state) {
      case 'calling':
      case 'proceeding':
        switch (input) {
          case '1xx':
            if (this.state === 'calling') this.enterProceeding();
            this.report(response);
            break;
          case '2xx':
            this.enterAccepted();
            this.report(response);
            break;
          case '300-699':
            this.enterCompleted(response);
            this.report(response);
            this.owner = undefined;
            break;
          case 'timer A':
            this.context.counters.resent++;
            this.context.env.send(this.path, this.sent);
            this.resendLater(Number.POSITIVE_INFINITY);
            break;
          case 'deadline':
            this.terminate();
            this.context.counters.timeouts++;
            this.context.user.timeout(this);
            break;
          case 'transport error':
            // An answer has come in Proceeding: the peer has the INVITE, and Timer C guards the rest.
            if (this.state === 'proceeding') return;
            this.terminate();
            this.context.counters.transportErrors++;
            this.context.user.transportError(this);
            break;
          default:
            unreachable(input);
        }
        break;

      case 'accepted':
        switch (input) {
          case '2xx':
            if (this.left === undefined) this.report(response);
            else this.acceptedAgain(response);
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
          case '2xx':
            // A proxy may forward a fork's 2xx after a failure (RFC 3261 section 16.7); nobody else would end it.
            assert(response, 'a 2xx comes with its response');
            this.context.user.stray(response, this.path);
            break;
          case '300-699':
            this.context.counters.absorbed++;
            this.context.env.send(this.path, this.sent);
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

  private enterProceeding(): void {
    this.state = 'proceeding';
    this.clearTimers();
    this.context.reached(this);
    if (this.cancelWaiting) this.sendCancel(this.cancelWaiting);
  }

  private enterAccepted(): void {
    this.state = 'accepted';
    this.clearTimers();
    this.context.reached(this);
    this.sent = '';
    this.cancelOver();
    this.context.longDeadlines.add(this);
  }

  private enterCompleted(response: SipResponse | undefined): void {
    assert(response, 'a final response comes with the input');
    this.clearTimers();
    this.context.reached(this);
    const ack = acknowledge(this.sent, response);
    this.context.env.send(this.path, ack);
    this.cancelOver();
    if (this.path.reliable) {
      this.terminate();
    } else {
      this.state = 'completed';
      this.sent = ack;
      this.context.timerD.add(this);
    }
  }

  private cancelOver(): void {
    this.cancelWaiting = undefined;
    if (this.cancelled) this.context.endCancel(this);
  }

  private sendCancel(headers: HeaderFields): void {
    this.cancelWaiting = undefined;
    this.cancelled = true;
    this.context.sendCancel(this, headers);
    this.context.longDeadlines.add(this);
  }

  private acceptedAgain(response: SipResponse | undefined): void {
    assert(response, 'a 2xx comes with its response');
    const { ack, context } = this;
    if (response.toTag !== this.left) context.user.stray(response, this.path);
    else if (ack !== undefined) context.env.send(ack.path, ack.text);
  }

  private report(response: SipResponse | undefined): void {
    assert(response, 'a response is reported');
    this.context.user.response(this, response);
  }

  private terminate(): void {
    this.state = 'terminated';
    this.clearTimers();
    this.context.reached(this);
    this.context.removeClient(this);
    this.sent = '';
  }
}

/** The ACK for a failure response, which goes the INVITE's own way: RFC 3261 section 17.1.1.3. */
function acknowledge(inviteText: string, response: SipResponse): string {
  const to = response.header('to') ?? '';
  return buildRequest({ ...ownRequest(inviteText), method: 'ACK', to });
}

/** The CANCEL of an INVITE: RFC 3261 section 9.1. */
export function cancelOf(inviteText: string, headers: HeaderFields): string {
  return buildRequest({ ...ownRequest(inviteText), method: 'CANCEL', headers });
}

/**
 * What we sent ourselves is read again only for the few INVITEs that fail or are cancelled. It holds what peers
 * gave us, a route set of any length for one, so it need not be what the parser would take; but each header
 * stands on a line of its own.
 */
function ownRequest(text: string): RequestParts {
  const [start = '', ...lines] = text.slice(0, text.indexOf('\r\n\r\n')).split('\r\n');
  const values = (name: string): string[] =>
    lines.filter((line) => line.startsWith(name)).map((line) => line.slice(name.length));
  const value = (name: string): string => values(name)[0] ?? '';
  return {
    method: 'INVITE',
    uri: start.slice(start.indexOf(' ') + 1, start.lastIndexOf(' ')),
    via: value('Via: '),
    routes: values('Route: '),
    from: value('From: '),
    to: value('To: '),
    callId: value('Call-ID: '),
    cseq: Number.parseInt(value('CSeq: '), 10),
  };
}

/** The SIP worker's end of the way to route modules: questions out by message port, answers back by callback. */
import type { MessagePort } from 'node:worker_threads';
import type { LegAnswer, LegInvite, Routed } from '../core/sip/environment.js';
import type { NumberedAnswer, NumberedAsk, RouteAnswer, RouteAsk } from './route-messages.js';

export class RouteClient {
  private readonly waiting = new Map<number, (answer: RouteAnswer) => void>();
  private count = 0;

  constructor(private readonly port: MessagePort) {
    port.on('message', ({ id, answer }: NumberedAnswer) => {
      const done = this.waiting.get(id);
      this.waiting.delete(id);
      done?.(answer);
    });
  }

  /** Has a module decide. The pool answers each question, so that none waits for ever. */
  decide(module: number, request: string, source: string, done: (routed: Routed) => void): void {
    this.ask({ kind: 'decide', module, request, source }, done as (answer: RouteAnswer) => void);
  }

  /** Shows an INVITE that starts a leg to the modules that want to see it. */
  changeLeg(invite: LegInvite, done: (answer: LegAnswer) => void): void {
    this.ask({ kind: 'leg', invite }, done as (answer: RouteAnswer) => void);
  }

  close(): void {
    this.port.close();
  }

  private ask(ask: RouteAsk, done: (answer: RouteAnswer) => void): void {
    const id = this.count++;
    this.waiting.set(id, done);
    this.port.postMessage({ id, ask } satisfies NumberedAsk);
  }
}

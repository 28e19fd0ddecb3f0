/**
 * One WebSocket: its requests are answered one after the other, the next one read only when the answer
 * to the one before is out; events are sent in between.
 */
import type { Logger } from 'pino';
import type { RawData, WebSocket } from 'ws';
import type { Subscriber } from './events.js';
import { MAX_UNREAD, type Service } from './listener.js';

export class SocketPeer implements Subscriber {
  /** Received while one was being answered: no more than one read of the socket brings. */
  private readonly waiting: string[] = [];
  private busy = false;
  /** Bytes of events given to the socket and not yet taken by the network. */
  private unread = 0;

  constructor(
    private readonly ws: WebSocket,
    private readonly service: Service,
    private readonly log: Logger,
  ) {
    ws.on('message', (data, is_binary) => this.onMessage(data, is_binary));
    ws.on('close', () => service.gone(this));
    ws.on('error', (error) => log.info(`MI closes a WebSocket: ${error.message}`));
  }

  get open(): boolean {
    return this.ws.readyState === this.ws.OPEN;
  }

  notify(text: string): void {
    if (!this.open) return;
    if (this.unread > MAX_UNREAD) {
      this.log.warn(`MI cuts off a subscriber who leaves more than ${MAX_UNREAD} bytes of events unread`);
      this.ws.terminate();
      return;
    }
    const bytes = Buffer.byteLength(text);
    this.unread += bytes;
    this.ws.send(text, () => {
      this.unread -= bytes;
    });
  }

  private onMessage(data: RawData, is_binary: boolean): void {
    if (is_binary) {
      this.ws.close(1003, 'text only');
      return;
    }
    this.waiting.push(data.toString());
    if (this.busy) return;
    this.busy = true;
    this.ws.pause();
    void this.answerWaiting();
  }

  private async answerWaiting(): Promise<void> {
    for (let text = this.waiting.shift(); text !== undefined; text = this.waiting.shift()) {
      const answer = await this.service.answer(text, this);
      if (!this.open) return;
      if (answer !== undefined) await this.send(answer);
    }
    this.busy = false;
    this.ws.resume();
  }

  /** Resolves when the network has taken the text, or the connection is over. */
  private send(text: string): Promise<void> {
    return new Promise((resolve) => this.ws.send(text, () => resolve()));
  }
}

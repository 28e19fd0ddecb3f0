/** The supervisor's end of a thread: questions with answers, and its end. */
import type { Worker } from 'node:worker_threads';

type Message = Record<string, unknown>;

export class ThreadPeer {
  /** Resolves when the thread has ended by itself without an error, rejects otherwise. */
  readonly ended: Promise<void>;
  private readonly asked = new Map<number, { resolve(reply: Message): void; reject(error: Error): void }>();
  private readonly awaited = new Map<
    string,
    { resolve(message: Message): void; reject(error: Error): void }
  >();
  private requests = 0;
  /** Why nothing can be asked any more. */
  private failure: Error | undefined = undefined;

  constructor(private readonly worker: Worker) {
    this.ended = new Promise((resolve, reject) => {
      worker.once('error', (error: Error) => {
        this.fail(error);
        reject(error);
      });
      worker.once('exit', (code) => {
        const error = new Error(`thread ended with code ${code}`);
        this.fail(error);
        if (code === 0) resolve();
        else reject(error);
      });
    });
    this.ended.catch(() => {});
    worker.on('message', (message: Message) => this.receive(message));
  }

  /** Tells what needs no answer. */
  tell(message: object): void {
    this.worker.postMessage(message);
  }

  /** Resolves with the first message of that kind. */
  once(kind: string): Promise<Message> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    return new Promise((resolve, reject) => this.awaited.set(kind, { resolve, reject }));
  }

  /** Asks and resolves with the answer; rejects when it is a failure or the thread ends. */
  ask(message: Message): Promise<Message> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    const request = ++this.requests;
    return new Promise((resolve, reject) => {
      this.asked.set(request, { resolve, reject });
      this.worker.postMessage({ ...message, request });
    });
  }

  /** Tells it to stop; resolves when it has said `stopped` and ended. */
  async stop(): Promise<void> {
    const stopped = this.once('stopped');
    this.worker.postMessage({ kind: 'stop' });
    await stopped;
    await this.ended;
  }

  /** Ends the thread at once. */
  async terminate(): Promise<void> {
    await this.worker.terminate();
  }

  private receive(message: Message): void {
    const { kind, request } = message;
    if (kind === 'fatal') return this.fail(new Error(String(message.reason)));
    if (typeof request === 'number') {
      const waiting = this.asked.get(request);
      this.asked.delete(request);
      if (kind === 'failed') waiting?.reject(new Error(String(message.reason)));
      else waiting?.resolve(message);
      return;
    }
    if (typeof kind !== 'string') return;
    this.awaited.get(kind)?.resolve(message);
    this.awaited.delete(kind);
  }

  private fail(error: Error): void {
    this.failure ??= error;
    for (const { reject } of [...this.asked.values(), ...this.awaited.values()]) reject(error);
    this.asked.clear();
    this.awaited.clear();
  }
}

/** What management asks for, by message port to the thread that can have it done, and the answers back. */
import type { MessagePort } from 'node:worker_threads';
import type { Command, CommandResult } from '../../core/acd/commands.js';
import type { EngineControl } from './source.js';

/** A command, or without one a reload. */
interface Question {
  id: number;
  command?: Command;
}
type Answer = { id: number; result: CommandResult } | { id: number; reason: string };

/** The asking end. */
export class ControlPort implements EngineControl {
  private readonly waiting = new Map<
    number,
    { resolve(result: CommandResult): void; reject(error: Error): void }
  >();
  private count = 0;

  constructor(private readonly port: MessagePort) {
    port.on('message', (answer: Answer) => {
      const asked = this.waiting.get(answer.id);
      this.waiting.delete(answer.id);
      if ('result' in answer) asked?.resolve(answer.result);
      else asked?.reject(new Error(answer.reason));
    });
  }

  reload(): Promise<CommandResult> {
    return this.ask({});
  }

  command(command: Command): Promise<CommandResult> {
    return this.ask({ command });
  }

  close(): void {
    this.port.close();
  }

  private ask(question: Omit<Question, 'id'>): Promise<CommandResult> {
    const id = this.count++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.port.postMessage({ id, ...question } satisfies Question);
    });
  }
}

/** The end that has it done. */
export function serveControl(port: MessagePort, control: EngineControl): void {
  const done = async ({ command }: Question): Promise<CommandResult> =>
    command === undefined ? control.reload() : control.command(command);
  port.on('message', (question: Question) => {
    const { id } = question;
    done(question).then(
      (result) => port.postMessage({ id, result } satisfies Answer),
      (error: Error) => port.postMessage({ id, reason: error.message } satisfies Answer),
    );
  });
}

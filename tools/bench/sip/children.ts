/** The processes that a benchmark starts: none outlives it, however it ends. */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** What the user is told on one line. */
export class BenchError extends Error {
  override name = 'BenchError';
}

const GRACE_MS = 5_000;
const TAIL_CHARACTERS = 2_000;

export interface Child {
  pid: number;
  /** For messages to and from one that talks. */
  process: ChildProcess;
  /** Exit code, -1 after a signal; undefined while it runs. */
  code: number | undefined;
  /** Resolves to the exit code. */
  ended: Promise<number>;
  /** The last that it said on standard error. */
  tail(): string;
}

export class Children {
  private readonly running = new Map<number, { process: ChildProcess; ended: Promise<number> }>();
  private interrupted: NodeJS.Signals | undefined;
  private readonly onSignal = (signal: NodeJS.Signals): void => {
    this.interrupted ??= signal;
  };
  private readonly onExit = (): void => {
    for (const { process: child } of this.running.values()) child.kill('SIGKILL');
  };

  constructor() {
    process.on('SIGINT', this.onSignal);
    process.on('SIGTERM', this.onSignal);
    process.on('exit', this.onExit);
  }

  /**
   * Starts a program with its standard error in `log`; one of Node's that `talks` gets a channel for messages.
   * @throws {@link BenchError} when it cannot be started
   */
  async start(
    program: string,
    args: readonly string[],
    log: string,
    { talks, ...options }: { cwd?: string; env?: NodeJS.ProcessEnv; talks?: boolean } = {},
  ): Promise<Child> {
    const file = openSync(log, 'w');
    // A group of its own: Ctrl-C reaches the benchmark, which ends its children in order.
    const stdio: StdioOptions = ['ignore', 'ignore', file, ...(talks ? (['ipc'] as const) : [])];
    const started = spawn(program, args, { ...options, stdio, detached: true });
    closeSync(file);
    await new Promise<void>((resolve, reject) => {
      started.once('spawn', resolve);
      started.once('error', (error: NodeJS.ErrnoException) => {
        const why = error.code === 'ENOENT' ? 'it is not installed' : error.message;
        reject(new BenchError(`cannot run ${basename(program)}: ${why}`));
      });
    });
    const pid = started.pid!;
    const child: Child = {
      pid,
      process: started,
      code: undefined,
      tail: () => readFileSync(log, 'utf8').slice(-TAIL_CHARACTERS).trim(),
      ended: new Promise((resolve) => {
        started.once('exit', (code) => {
          this.running.delete(pid);
          child.code = code ?? -1;
          resolve(child.code);
        });
      }),
    };
    this.running.set(pid, { process: started, ended: child.ended });
    return child;
  }

  /** Tells a child to end, kills it when it has not within `grace_ms`. Gives the exit code. */
  async end(child: Child, signal: NodeJS.Signals = 'SIGTERM', grace_ms = GRACE_MS): Promise<number> {
    const entry = this.running.get(child.pid);
    if (entry === undefined) return child.ended;
    entry.process.kill(signal);
    const timer = setTimeout(() => entry.process.kill('SIGKILL'), grace_ms);
    const code = await child.ended;
    clearTimeout(timer);
    return code;
  }

  /** Ends all that are left, and lets go of the signals. */
  async close(): Promise<void> {
    await Promise.all(
      [...this.running.values()].map(async ({ process: child, ended }) => {
        child.kill('SIGTERM');
        const timer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
        await ended;
        clearTimeout(timer);
      }),
    );
    process.off('SIGINT', this.onSignal);
    process.off('SIGTERM', this.onSignal);
    process.off('exit', this.onExit);
  }

  /**
   * Waits until `condition` holds.
   * @returns false when it did not within `limit_ms`
   * @throws {@link BenchError} when the user interrupts
   */
  async until(
    condition: () => boolean | Promise<boolean>,
    limit_ms: number,
    every_ms = 50,
  ): Promise<boolean> {
    const end_ms = performance.now() + limit_ms;
    for (;;) {
      if (this.interrupted !== undefined) throw new BenchError(`interrupted (${this.interrupted})`);
      if (await condition()) return true;
      if (performance.now() > end_ms) return false;
      await sleep(every_ms);
    }
  }

  /** Lets time pass, unless the user interrupts. */
  async pause(ms: number): Promise<void> {
    await this.until(() => false, ms);
  }
}

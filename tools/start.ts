/** `sip-acd start`: runs the engine until it is told to stop. */
import type { Command } from 'commander';
import { bootThreads, endThreads } from '../workers/boot.js';
import type { Config } from '../workers/config.js';
import { lowerHelpers } from '../workers/priority.js';
import type { Engine } from '../workers/supervisor.js';

/** Adds the command `start`. */
export function registerStart(program: Command): void {
  program
    .command('start')
    .description('run the engine; SIGTERM lets calls end and stops it, a second one stops it at once')
    .option(
      '--config <file>',
      'YAML or JSON file; without it defaults, SIP_ACD_ variables and the embedded database',
    )
    .action(async (options: { config?: string }) => {
      const engine = await bootEngine(options.config);
      let signals = 0;
      for (const signal of ['SIGTERM', 'SIGINT'] as const) {
        process.on(signal, () => {
          if (++signals > 1) process.exit(1);
          void engine.stop();
        });
      }
      await engine.finished;
    });
}

/** The code for it is loaded while the threads load theirs. */
async function bootEngine(file: string | undefined): Promise<Engine> {
  lowerHelpers();
  const threads = bootThreads();
  let config: Config;
  try {
    const { loadConfig } = await import('../workers/config.js');
    config = loadConfig({ file, env: process.env });
  } catch (error) {
    await endThreads(threads);
    throw error;
  }
  const { startEngine } = await import('../workers/supervisor.js');
  return startEngine(config, threads);
}

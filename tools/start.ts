/** `sip-acd start`: runs the engine until it is told to stop. */
import type { Command } from 'commander';
import { loadConfig } from '../workers/config.js';
import { startEngine } from '../workers/supervisor.js';

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
      const engine = await startEngine(loadConfig({ file: options.config, env: process.env }));
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

/** `sip-acd check`: tells whether a configuration can be used, without starting anything. */
import type { Command } from 'commander';
import { loadConfig } from '../workers/config.js';

/** Adds the command `check`. */
export function registerCheck(program: Command): void {
  program
    .command('check')
    .description('check a configuration and the environment: prints OK, or one line with what is wrong')
    .requiredOption('--config <file>', 'YAML or JSON file')
    .action((options: { config: string }) => {
      loadConfig({ file: options.config, env: process.env });
      process.stdout.write('OK\n');
    });
}

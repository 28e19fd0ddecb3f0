/** `sip-acd check`: tells whether a configuration can be used, without starting anything. */
import type { Command } from 'commander';
import { loadConfig } from '../workers/config.js';
import { createLogger } from '../workers/log.js';
import { checkModules } from '../workers/route-pool.js';
import { modulesOf } from '../workers/routing.js';

/** Adds the command `check`. */
export function registerCheck(program: Command): void {
  program
    .command('check')
    .description(
      'check a configuration, the environment and route modules: prints OK, or one line with what is wrong',
    )
    .requiredOption('--config <file>', 'YAML or JSON file')
    .action(async (options: { config: string }) => {
      const config = loadConfig({ file: options.config, env: process.env });
      await checkModules(modulesOf(config.routes), createLogger('check', config.log.level));
      process.stdout.write('OK\n');
    });
}

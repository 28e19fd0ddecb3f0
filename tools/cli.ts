#!/usr/bin/env node
/** The `sip-acd` command. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { ConfigError } from '../workers/config.js';
import { EngineError } from '../workers/supervisor.js';
import { registerBench } from './bench.js';
import { registerCheck } from './check.js';
import { registerDemo } from './demo.js';
import { MiError, registerMi } from './mi.js';
import { registerSim } from './sim.js';
import { registerStart } from './start.js';

function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

const program = new Command('sip-acd')
  .description('inbound contact-centre engine for SIP')
  .version(packageVersion());
registerStart(program);
registerCheck(program);
registerMi(program);
registerDemo(program);
registerBench(program);
registerSim(program);

try {
  await program.parseAsync();
} catch (error) {
  // What the user can mend is one line; anything else is a defect and shows where it is.
  if (!(error instanceof ConfigError || error instanceof MiError || error instanceof EngineError))
    throw error;
  process.stderr.write(`sip-acd: ${error.message}\n`);
  process.exitCode = 1;
}

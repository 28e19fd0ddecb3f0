#!/usr/bin/env node
/** The `sip-acd` command. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';

/** A command's code is loaded when it is asked for: an engine that starts again has no time for that of the others. */
const COMMANDS: Record<string, () => Promise<(program: Command) => void>> = {
  start: async () => (await import('./start.js')).registerStart,
  check: async () => (await import('./check.js')).registerCheck,
  mi: async () => (await import('./mi.js')).registerMi,
  demo: async () => (await import('./demo.js')).registerDemo,
  bench: async () => (await import('./bench.js')).registerBench,
  sim: async () => (await import('./sim.js')).registerSim,
};
/** Errors that the user can mend, by name: their classes are in that code. */
const ONE_LINE = new Set(['ConfigError', 'MiError', 'EngineError']);

function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

const program = new Command('sip-acd')
  .description('inbound contact-centre engine for SIP')
  .version(packageVersion());
const named = COMMANDS[process.argv[2] ?? ''];
for (const load of named === undefined ? Object.values(COMMANDS) : [named]) (await load())(program);

try {
  await program.parseAsync();
} catch (error) {
  // What the user can mend is one line; anything else is a defect and shows where it is.
  if (!(error instanceof Error && ONE_LINE.has(error.name))) throw error;
  process.stderr.write(`sip-acd: ${error.message}\n`);
  process.exitCode = 1;
}

/** `sip-acd sim`: the engine in virtual time among people and a network that do everything wrong. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { simulate } from './sim/world.js';

interface Flags {
  seed: number;
  calls: number;
  faults: 'all' | 'none';
  json?: true;
  trace?: true;
}

/** Adds the command `sim`; exit code 1 when a check failed. */
export function registerSim(program: Command): void {
  program
    .command('sim')
    .description('run the engine in virtual time among failing peers, and check everything it does')
    .option('--seed <n>', 'what decides everything that happens', whole, 1)
    .option('--calls <n>', 'so many callers', whole, 2_000)
    .addOption(new Option('--faults <which>', 'of the network').choices(['all', 'none']).default('all'))
    .option('--json', 'one JSON object')
    .option('--trace', 'every event as a line')
    .action((flags: Flags) => run(flags));
}

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0 || value >= 2 ** 31)
    throw new InvalidArgumentError('a whole number is expected');
  return value;
}

function run({ seed, calls, faults, json, trace }: Flags): void {
  const print = (line: string): void => {
    process.stdout.write(`${line}\n`);
  };
  const { result, failure } = simulate({ seed, calls, faults, ...(trace ? { write: print } : {}) }, () =>
    performance.now(),
  );
  if (failure !== undefined) {
    for (const line of failure.last) process.stderr.write(`${line}\n`);
    process.stderr.write(`seed ${seed}, step ${failure.step}: ${failure.check}\n`);
    process.exitCode = 1;
  }
  if (json) print(JSON.stringify(result));
  else for (const [name, value] of Object.entries(result)) print(`${name.padEnd(16)} ${value}`);
}

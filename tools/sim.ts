/** `sip-acd sim`: the engine in virtual time among people and a network that do everything wrong. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { fuzz } from './sim/fuzz/fuzz.js';
import { type SimFailure, simulate } from './sim/simulate.js';

interface Flags {
  seed: number;
  seeds: number;
  calls: number;
  faults: 'all' | 'none';
  fuzz?: number;
  json?: true;
  trace?: true;
}

/** Adds the command `sim`; exit code 1 when a check failed. */
export function registerSim(program: Command): void {
  program
    .command('sim')
    .description('run the engine in virtual time among failing peers, and check everything it does')
    .option('--seed <n>', 'what decides everything that happens', whole, 1)
    .option('--seeds <n>', 'so many seeds, one after the other', whole, 1)
    .option('--calls <n>', 'so many callers', whole, 2_000)
    .addOption(new Option('--faults <which>', 'of the network').choices(['all', 'none']).default('all'))
    .option(
      '--fuzz <n>',
      'instead: so many damaged and made-up messages through the parser and a centre',
      whole,
    )
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

async function run(flags: Flags): Promise<void> {
  if (flags.fuzz !== undefined) return runFuzz(flags, flags.fuzz);
  const { calls, faults, seeds, trace } = flags;
  for (let seed = flags.seed; seed < flags.seed + seeds; seed++) {
    const options = { seed, calls, faults, ...(trace ? { write: print } : {}) };
    const { result, failure } = await simulate(options, () => performance.now());
    if (failure !== undefined) show(seed, failure);
    report(result, flags);
  }
}

async function runFuzz(flags: Flags, messages: number): Promise<void> {
  const { result, failures } = await fuzz(flags.seed, messages, () => performance.now());
  for (const line of failures) process.stderr.write(`${line}\n`);
  if (failures.length > 0) process.exitCode = 1;
  report(result, flags);
}

function show(seed: number, { check, last, step }: SimFailure): void {
  for (const line of last) process.stderr.write(`${line}\n`);
  process.stderr.write(`seed ${seed}, step ${step}: ${check}\n`);
  process.exitCode = 1;
}

function report(result: object, { json }: Flags): void {
  if (json) print(JSON.stringify(result));
  else for (const [name, value] of Object.entries(result)) print(`${name.padEnd(16)} ${value}`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

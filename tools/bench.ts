/** `sip-acd bench`: the measurements that the documentation quotes. */
import { Command, InvalidArgumentError } from 'commander';
import { benchDelivery } from './bench/delivery.js';

/** Adds the command `bench` and its subcommands. */
export function registerBench(program: Command): void {
  const bench = new Command('bench').description('measure the engine on this machine, over loopback');
  bench
    .command('delivery')
    .description('from the BYE of an agent to his next INVITE, with many calls waiting')
    .option('--waiting <calls>', 'calls in the queue', whole, 1000)
    .option('--deliveries <count>', 'deliveries to measure', whole, 1000)
    .option('--agents <count>', 'agents, each at a socket of his own', whole, 50)
    .option('--json', 'print one JSON object')
    .action(async (options: { waiting: number; deliveries: number; agents: number; json?: boolean }) => {
      print(await benchDelivery(options), options.json === true);
    });
  program.addCommand(bench);
}

function print(figures: object, json: boolean): void {
  if (json) process.stdout.write(`${JSON.stringify(figures)}\n`);
  else
    for (const [name, value] of Object.entries(figures))
      process.stdout.write(`${name.padEnd(28)} ${value}\n`);
}

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('a whole number of at least 1');
  return value;
}

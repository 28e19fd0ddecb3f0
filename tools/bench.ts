/** `sip-acd bench`: the measurements that the documentation quotes. */
import { Command, InvalidArgumentError } from 'commander';
import { benchDelivery } from './bench/delivery.js';
import { benchDispatcher, type DispatcherBenchOptions, dispatcherTable } from './bench/dispatcher.js';
import { benchIpc, type IpcOptions, ipcTable } from './bench/ipc.js';
import { benchParser, type ParserOptions, parserTable } from './bench/parser.js';
import { registerSipBench } from './bench/sip/register.js';

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
  bench
    .command('parser')
    .description('reading SIP messages, next to the npm packages sip, drachtio-sip and jssip')
    .option('--messages <count>', 'different messages of each kind', whole, 1000)
    .option('--rounds <count>', 'rounds, of which the best counts', whole, 60)
    .option('--neighbours <dir>', 'folder whose node_modules has the other packages')
    .option('--json', 'print one JSON object')
    .action((options: ParserOptions & { json?: boolean }) => {
      const figures = benchParser(options);
      if (options.json === true) print(figures, true);
      else process.stdout.write(parserTable(figures));
    });
  bench
    .command('ipc')
    .description('messages between threads: the ring next to postMessage')
    .option('--burst <messages>', 'messages sent in one go, at most 2000', whole, 1800)
    .option('--rounds <count>', 'rounds, of which the best counts', whole, 60)
    .option('--json', 'print one JSON object')
    .action(async (options: IpcOptions & { json?: boolean }) => {
      const figures = await benchIpc({ burst: options.burst, rounds: options.rounds });
      if (options.json === true) print(figures, true);
      else process.stdout.write(ipcTable(figures));
    });
  bench
    .command('dispatcher')
    .description('the dispatcher alone, with 100, 10,000 and 100,000 calls waiting')
    .option('--agents <count>', 'agents, all of them busy', whole, 10_000)
    .option('--flows <count>', 'flows', whole, 1000)
    .option('--decisions <count>', 'decisions in a round', whole, 5000)
    .option('--rounds <count>', 'rounds, of which the best counts', whole, 20)
    .option('--json', 'print one JSON object')
    .action((options: DispatcherBenchOptions & { json?: boolean }) => {
      const figures = benchDispatcher(options);
      if (options.json === true) print(figures, true);
      else process.stdout.write(dispatcherTable(figures));
    });
  registerSipBench(bench);
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

/** The subcommands of `sip-acd bench` that put a whole engine under SIPp's load. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { benchDeath, type DeathOptions } from '../loss/death.js';
import { benchKill, type KillOptions } from '../loss/kill.js';
import { benchOutage, type OutageOptions } from '../loss/outage.js';
import { table } from '../measure.js';
import { SCENARIOS } from './callees.js';
import { BenchError } from './children.js';
import { benchJournal, type JournalBenchOptions } from './journal.js';
import { benchLoad, type LoadOptions } from './load.js';
import { benchMi, type MiOptions } from './mi.js';
import { benchOverload, type OverloadOptions, WARM_S } from './overload.js';
import { searchRate } from './search.js';
import { benchWaiting, type WaitingOptions } from './waiting.js';

/** Adds `bench sip`, `bench mi` and `bench waiting`. */
export function registerSipBench(bench: Command): void {
  bench
    .command('sip')
    .description('a fresh engine under a load of real calls; needs SIPp')
    .addOption(
      new Option('--scenario <name>', 'what becomes of the calls').choices(SCENARIOS).default('direct'),
    )
    .option('--rate <calls>', 'new calls a second; with --search, to begin with', whole, 100)
    .option('--duration <seconds>', 'how long calls come and are measured', whole, 30)
    .option('--warmup <seconds>', 'how long they come before that', whole, 10)
    .option('--chart <file>', 'write a chart of the load, as SVG')
    .option('--db <url>', 'embedded, or a PostgreSQL server on which to make a database', 'embedded')
    .option('--agents <count>', 'agents, instead of as many as the scenario needs', agentCount)
    .option('--search', 'find the highest rate without a failed call, in steps of 10 s and as much warm-up')
    .option('--json', 'print one JSON object')
    .action((options: LoadOptions & { search?: boolean; json?: boolean }) =>
      reported(options.json === true, () =>
        options.search === true ? searchRate(options, say) : benchLoad(options, say),
      ),
    );
  bench
    .command('mi')
    .description('what polling the management interface does to deliveries; needs SIPp')
    .option('--agents <count>', 'agents listed', agentCount, 10_000)
    .option('--waiting <calls>', 'calls in the queue', whole, 10_000)
    .option('--mi-poll <requests>', 'requests a second, for the agents and the queue in turn', whole, 10)
    .option('--duration <seconds>', 'how long, with and without polling in all', whole, 60)
    .option('--db <url>', 'embedded, or a PostgreSQL server on which to make a database', 'embedded')
    .option('--json', 'print one JSON object')
    .action((options: MiOptions & { json?: boolean }) =>
      reported(options.json === true, () => benchMi(options, say)),
    );
  bench
    .command('waiting')
    .description('the memory that a call in the queue takes; needs SIPp')
    .option('--calls <count>', 'calls in the queue', whole, 10_000)
    .option('--rate <calls>', 'how many come a second', whole, 200)
    .option('--db <url>', 'embedded, or a PostgreSQL server on which to make a database', 'embedded')
    .option('--json', 'print one JSON object')
    .action((options: WaitingOptions & { json?: boolean }) =>
      reported(options.json === true, () => benchWaiting(options, say)),
    );
  bench
    .command('overload')
    .description('many times what the engine can do is offered to it, twice; needs SIPp')
    .option('--capacity <calls>', 'calls a second that it can do, as `bench sip --search` finds', whole, 400)
    .option('--factor <times>', 'how many times that is offered', whole, 10)
    .option('--duration <seconds>', 'how long', whole, 30)
    .option(
      '--warm <seconds>',
      'how long half of that comes before; 0 floods an engine that has just started',
      seconds,
      WARM_S,
    )
    .option('--db <url>', 'embedded, or a PostgreSQL server on which to make a database', 'embedded')
    .option('--json', 'print one JSON object')
    .action((options: OverloadOptions & { json?: boolean }) =>
      reported(options.json === true, () => benchOverload(options, say)),
    );
  bench
    .command('journal')
    .description(
      'what the journals of calls cost: two engines side by side, one with them and one without; needs SIPp',
    )
    .addOption(
      new Option('--scenario <name>', 'what becomes of the calls')
        .choices(['direct', 'bridged'])
        .default('bridged'),
    )
    .option('--rate <calls>', 'new calls a second at each engine', whole, 200)
    .option('--warmup <seconds>', 'how long they come before anything is counted', whole, 25)
    .option('--rounds <count>', 'how often CPU time is looked at', whole, 7)
    .option('--slice <seconds>', 'how long is counted in a round', whole, 8)
    .option('--db <url>', 'embedded, or a PostgreSQL server on which to make databases', 'embedded')
    .option('--json', 'print one JSON object')
    .action((options: JournalBenchOptions & { json?: boolean }) =>
      reported(options.json === true, () => benchJournal(options, say)),
    );
  scene(bench, 'kill', 'the engine is killed again and again amid calls: what is lost by it')
    .option('--kills <count>', 'how often', whole, 20)
    .action((options: KillOptions & { json?: boolean }) =>
      reported(options.json === true, () => benchKill(options, say)),
    );
  scene(bench, 'death', 'a SIP worker dies amid calls: whether those of the others notice')
    .option('--workers <count>', 'SIP workers', whole, 2)
    .addOption(
      new Option('--victim <number>', 'which of them dies; 0 receives for all').argParser(Number).default(0),
    )
    .option('--kills <count>', 'how often; more than twice a minute it is not replaced', whole, 2)
    .action((options: DeathOptions & { json?: boolean }) =>
      reported(options.json === true, () => benchDeath(options, say)),
    );
  scene(bench, 'outage', 'the way to the PostgreSQL server of --db is cut amid calls, and mended')
    .option('--outage <seconds>', 'how long', whole, 60)
    .action((options: OutageOptions & { json?: boolean }) =>
      reported(options.json === true, () => benchOutage(options, say)),
    );
}

/** A measurement of what is lost by something that goes wrong. */
function scene(bench: Command, name: string, description: string): Command {
  return bench
    .command(name)
    .description(description)
    .option('--rate <calls>', 'new calls a second', whole, 50)
    .option('--agents <count>', 'agents', agentCount, 1500)
    .option('--talk <seconds>', 'longest talk', whole, 40)
    .option('--db <url>', 'embedded, or a PostgreSQL server on which to make a database', 'embedded')
    .option('--json', 'print one JSON object');
}

async function reported(json: boolean, measure: () => Promise<object>): Promise<void> {
  try {
    const figures = await measure();
    if (json) process.stdout.write(`${JSON.stringify(figures)}\n`);
    else process.stdout.write(table([['figure', 'value'], ...rows(figures)]));
  } catch (error) {
    if (!(error instanceof BenchError)) throw error;
    process.stderr.write(`sip-acd: ${error.message}\n`);
    process.exitCode = 1;
  }
}

function rows(figures: object): [string, string | number][] {
  return Object.entries(figures).map(([name, value]) => [name, (value as string | number | null) ?? '-']);
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('a whole number of at least 1');
  return value;
}

function seconds(text: string): number {
  return text === '0' ? 0 : whole(text);
}

function agentCount(text: string): number {
  const count = whole(text);
  if (count > 16_000) throw new InvalidArgumentError('at most 16,000');
  return count;
}

/** The command line of the contract: its commands, their help, and which of them speak JSON. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import t from 'tap';
import { registerBench } from '../../tools/bench.js';
import { registerCheck } from '../../tools/check.js';
import { registerDemo } from '../../tools/demo.js';
import { registerMi } from '../../tools/mi.js';
import { registerSim } from '../../tools/sim.js';
import { registerStart } from '../../tools/start.js';

const CLI = fileURLToPath(new URL('../../tools/cli.js', import.meta.url));

/** A process of the command. */
function run(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('SIP_ACD_')),
  );
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [CLI, ...args], { env }, (_, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}

const program = new Command('sip-acd');
for (const register of [registerStart, registerCheck, registerMi, registerDemo, registerBench, registerSim])
  register(program);

/** What --help says of a command. */
function helpOf(...names: string[]): string {
  const found = names.reduce<Command | undefined>(
    (above, name) => above?.commands.find((command) => command.name() === name),
    program,
  );
  return found?.helpInformation() ?? '';
}

const BENCHES = ['sip', 'dispatcher', 'parser', 'ipc'];

t.test('start, demo, mi, bench, sim and check: each tells how it is used', async (t) => {
  const { code, stdout } = await run('--help');
  t.equal(code, 0);
  for (const command of ['start', 'demo', 'mi', 'bench', 'sim', 'check']) {
    t.match(stdout, new RegExp(`^  ${command}\\b`, 'm'));
    t.match(helpOf(command), new RegExp(`^Usage: sip-acd ${command}\\b[\\s\\S]*--help`));
  }
  for (const bench of BENCHES) t.match(helpOf('bench', bench), `Usage: sip-acd bench ${bench}`);
  t.match(await run('check'), { code: 1, stdout: '', stderr: /--config <file>/ });
});

t.test('what measures or simulates can answer with one JSON object', async (t) => {
  for (const names of [['demo'], ['sim'], ...BENCHES.map((bench) => ['bench', bench])]) {
    t.match(helpOf(...names), /--json/, names.join(' '));
  }
  const json = await run('sim', '--seed', '3', '--calls', '50', '--faults', 'all', '--json');
  t.match(json, { code: 0, stderr: '' });
  t.match(JSON.parse(json.stdout), { seed: 3, calls: 50, violations: 0 });
  const table = await run('sim', '--seed', '3', '--calls', '50', '--faults', 'all');
  t.match(table, { code: 0 });
  t.throws(() => JSON.parse(table.stdout) as unknown, 'a table for people without it');
});

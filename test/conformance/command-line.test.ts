/** The command line of the contract: its commands, their help, and which of them speak JSON. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const CLI = fileURLToPath(new URL('../../tools/cli.js', import.meta.url));

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

const BENCHES = ['sip', 'dispatcher', 'parser', 'ipc'];

t.test('start, demo, mi, bench, sim and check: each tells how it is used', async (t) => {
  const { stdout } = await run('--help');
  for (const command of ['start', 'demo', 'mi', 'bench', 'sim', 'check']) {
    t.match(stdout, new RegExp(`^  ${command}\\b`, 'm'));
    const help = await run(command, '--help');
    t.match(help, { code: 0, stderr: '' }, command);
    t.match(help.stdout, new RegExp(`^Usage: sip-acd ${command}`));
  }
  for (const bench of BENCHES) t.match((await run('bench', bench, '--help')).stdout, /Usage: sip-acd bench /);
  t.match(await run('start', '--config'), { code: 1, stderr: /argument missing/ });
  t.match(await run('check'), { code: 1, stderr: /--config <file>/ });
});

t.test('what measures or simulates can answer with one JSON object', async (t) => {
  for (const args of [['demo'], ['sim'], ...BENCHES.map((bench) => ['bench', bench])]) {
    t.match((await run(...args, '--help')).stdout, /--json/, args.join(' '));
  }
  const [table, json] = [
    await run('sim', '--seed', '3', '--calls', '50', '--faults', 'all'),
    await run('sim', '--seed', '3', '--calls', '50', '--faults', 'all', '--json'),
  ];
  t.match(json, { code: 0, stderr: '' });
  t.match(JSON.parse(json.stdout), { seed: 3, calls: 50, violations: 0 });
  t.match(table, { code: 0 });
  t.throws(() => JSON.parse(table.stdout) as unknown, 'a table for people without it');
});

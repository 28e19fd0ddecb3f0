import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { paramsOf, urlOf } from '../../tools/mi.js';
import { agentRow, Bench } from '../workers/mi/support.js';

const CLI = fileURLToPath(new URL('../../tools/cli.js', import.meta.url));

interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs the command with nothing of ours in its environment but `env`. */
function run(args: string[], env: Record<string, string> = {}): Promise<Outcome> {
  const clean = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('SIP_ACD_')),
  );
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [CLI, ...args],
      { env: { ...clean, ...env } },
      (_error, stdout, stderr) => resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}

t.test('the command is executable, tells its version and helps with each part', async (t) => {
  t.match(readFileSync(CLI, 'utf8'), /^#!\/usr\/bin\/env node\n/);
  const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  t.same(await run(['--version']), { code: 0, stdout: `${version}\n`, stderr: '' });
  t.match(await run(['--help']), { code: 0, stdout: /check .*\n[\s\S]*mi / });
  t.match(await run(['check', '--help']), { code: 0, stdout: /--config <file>/ });
  t.match(await run(['mi', '--help']), { code: 0, stdout: /--url <url>[\s\S]*--token <token>/ });
  t.match(await run(['fly']), { code: 1, stderr: /unknown command 'fly'/ });
});

t.test('check says OK, or on one line what is wrong', async (t) => {
  const file = join(t.testdir(), 'c.yaml');
  writeFileSync(file, 'sip: { workers: 2 }');
  t.same(await run(['check', '--config', file]), { code: 0, stdout: 'OK\n', stderr: '' });
  t.same(await run(['check', '--config', file], { SIP_ACD_SIP_OFFER: 'never' }), {
    code: 1,
    stdout: '',
    stderr: 'sip-acd: SIP_ACD_SIP_OFFER: sip.offer = "never": expected one of late, early\n',
  });
  const module = join(t.testdirName, 'routes.mjs');
  writeFileSync(file, 'routes: [{ module: routes.mjs }]');
  writeFileSync(module, 'export default () => {};');
  t.same(await run(['check', '--config', file]), { code: 0, stdout: 'OK\n', stderr: '' });
  writeFileSync(module, 'export default 1;');
  t.match(await run(['check', '--config', file]), {
    code: 1,
    stdout: '',
    stderr: /^sip-acd: routes: \S+routes\.mjs cannot be used: it has no function as its default export\n$/,
  });
});

t.test('mi prints the result of a method', async (t) => {
  const bench = await Bench.start(t);
  bench.engine.agentRows = [agentRow({ id: 'alice' })];
  const at = (...args: string[]) => run(['mi', '--url', bench.url, ...args]);
  const listed = await at('cc_list_agents');
  t.equal(listed.code, 0);
  t.same(JSON.parse(listed.stdout), { Agents: [{ id: 'alice', Ref: 0, 'Loged in': 'YES', State: 'free' }] });
  t.match(await at('cc_agent_login', 'agent_id=alice', 'state=0'), { code: 0, stdout: '"OK"\n' });
  t.same(bench.engine.commands.pop(), { kind: 'agent_login', agent_id: 'alice', logged_in: false });
  t.same(JSON.parse((await at('get_statistics', 'ccg_awt', 'ccg_load')).stdout), {
    'call_center:ccg_awt': 0,
    'call_center:ccg_load': 0,
  });
  bench.engine.result = { ok: false, code: 404, message: 'Agent not found' };
  t.same(await at('cc_agent_login', 'bob', '1'), {
    code: 1,
    stdout: '',
    stderr: 'sip-acd: Agent not found (404)\n',
  });
  t.match(await at('cc_agent_login', 'bob', 'state=1'), { code: 1, stderr: /name=value or none/ });
});

t.test('mi finds engine and token in the configuration', async (t) => {
  const bench = await Bench.start(t, { token: 'correct-horse' });
  const env = { SIP_ACD_MI_LISTEN: bench.authority };
  const token = { SIP_ACD_MI_TOKEN: 'correct-horse' };
  t.match(await run(['mi', 'events_list'], { ...env, ...token }), { code: 0, stdout: /AGENT_REPORT/ });
  t.match(await run(['mi', 'events_list', '--token', 'wrong-horse'], env), {
    code: 1,
    stderr: /answers 401: a bearer token is needed\n$/,
  });
});

t.test('mi says in one line that nobody answers', async (t) => {
  const server = createServer((_request, response) => response.end('<html>'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const url = `http://127.0.0.1:${port}/mi`;
  t.match(await run(['mi', '--url', url, 'which']), {
    code: 1,
    stderr: /does not answer with JSON: <html>\n$/,
  });
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
  t.match(await run(['mi', '--url', url, 'which']), {
    code: 1,
    stderr: /cannot be reached: .*ECONNREFUSED.*\n$/,
  });
  t.match(await run(['mi', '--url', 'localhost', 'which']), { code: 1, stderr: /is not a URL/ });
});

t.test('words of the command line become parameters', async (t) => {
  t.same(paramsOf('cc_reload', []), []);
  t.same(paramsOf('cc_agent_login', ['alice', '1']), ['alice', '1']);
  t.same(paramsOf('cc_agent_login', ['agent_id=a=b', 'state=']), { agent_id: 'a=b', state: '' });
  t.same(paramsOf('get_statistics', ['ccg_awt', 'all']), [['ccg_awt', 'all']]);
  t.same(paramsOf('statistics:get', ['["ccg_awt"]']), [['ccg_awt']]);
  t.same(paramsOf('list_statistics', ['statistics=ccg_awt,all']), { statistics: ['ccg_awt', 'all'] });
  t.same(paramsOf('list_statistics', []), []);
  t.same(paramsOf('cc_agent_login', ['[alice', '1']), ['[alice', '1']);
});

t.test('a wildcard address is reached on this machine', async (t) => {
  t.equal(urlOf({ host: '0.0.0.0', port: 1 }), 'http://127.0.0.1:1/mi');
  t.equal(urlOf({ host: '::', port: 1 }), 'http://[::1]:1/mi');
  t.equal(urlOf({ host: 'localhost', port: 1 }), 'http://localhost:1/mi');
});

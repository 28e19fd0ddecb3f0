/** `sip-acd start` as a service manager uses it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { stringify } from 'yaml';
import { callMi } from '../../tools/mi.js';
import { freeTcpPort, freeUdpPorts } from '../../tools/ports.js';
import { readCdrs, seedDatabase } from '../../tools/provision.js';
import { eventually, within } from '../support/settle.js';
import { Site } from './site.js';

const CLI = fileURLToPath(new URL('../../tools/cli.js', import.meta.url));

const site = await Site.open(t, {});
await seedDatabase(
  site.data_dir,
  [{ flowid: 'sales', skill: 'sales', message_queue: site.media.uri('queue') }],
  [{ agentid: 'ann', skills: 'sales', location: site.agent('ann').uri, logstate: 1, wrapup_time: 1 }],
);
/** A process that opens the embedded database takes its time on a busy machine. */
const SLOW_MS = 60_000;

let last_cdr = 0;

/** The command with a file, serving; killed at the end of `t` should it still run. */
async function start(t: Test, drain_timeout: number): Promise<ChildProcess> {
  const mi_port = await freeTcpPort();
  const file = join(t.testdir(), 'acd.yaml');
  const config = {
    data_dir: site.data_dir,
    drain_timeout,
    sip: {
      listen: [`udp:${new URL(site.uri('x').replace('sip:', 'http://')).host}`],
      workers: 1,
      worker_ports: await freeUdpPorts(1),
    },
    mi: { listen: `127.0.0.1:${mi_port}` },
    log: { level: 'error' },
  };
  writeFileSync(file, stringify(config));
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('SIP_ACD_')),
  );
  const engine = spawn(process.execPath, [CLI, 'start', '--config', file], { env, stdio: 'ignore' });
  t.teardown(() => engine.kill('SIGKILL'));
  const target = { url: `http://127.0.0.1:${mi_port}/mi`, token: '' };
  const serves = () =>
    callMi(target, 'cc_list_agents', []).then(
      () => true,
      () => false,
    );
  await eventually(serves, (yes) => yes, 'the engine serves', SLOW_MS);
  return engine;
}

/** Resolves, with the Retry-After, when new calls are refused. */
async function refused(): Promise<string | undefined> {
  const late = await eventually(
    async () => {
      const call = site.call('sales', 'late');
      void call.answered.then(() => call.hangup());
      await within(call.ended, 'a late caller is answered');
      return { status: call.final?.status, retry: call.final?.header('retry-after') };
    },
    ({ status }) => status === 503,
    'new calls are refused',
  );
  return late.retry;
}

async function newCdrs(): Promise<string[]> {
  const cdrs = await readCdrs(site.data_dir, last_cdr);
  last_cdr = cdrs.at(-1)?.id ?? last_cdr;
  return cdrs.map(({ caller, call_type }) => `${caller} ${call_type}`);
}

t.test(
  'SIGTERM: new calls are refused, those there are end in their time, all is written, exit 0',
  async (t) => {
    const engine = await start(t, 60);
    const exit = once(engine, 'exit');
    const call = site.call('sales', 'talks');
    await within(call.hears('ann'), 'ann answers');
    engine.kill('SIGTERM');
    t.match(await refused(), /^[1-3]$/, 'with Retry-After');
    t.equal(call.state, 'answered');
    t.equal((await within(call.hangup(), 'the talk ends')).status, 200);
    t.same(await within(exit, 'the process ends', SLOW_MS), [0, null]);
    t.same(
      (await newCdrs()).filter((cdr) => !cdr.startsWith('late')),
      ['talks 0'],
    );
  },
);

t.test('calls that go on longer than drain_timeout are hung up, with their CDR', async (t) => {
  const engine = await start(t, 0.5);
  const exit = once(engine, 'exit');
  const call = site.call('sales', 'stays');
  await within(call.hears('ann'), 'ann answers');
  engine.kill('SIGTERM');
  t.equal((await within(call.ended, 'the caller is hung up on')).how, 'remote-bye');
  t.same(await within(exit, 'the process ends', SLOW_MS), [0, null]);
  t.same(await newCdrs(), ['stays -1']);
});

t.test('what was written before a stop is there after it, and a stop at once stops', async (t) => {
  for (const user of ['one', 'two']) {
    await site.start();
    await site.agentIs('ann', 'free');
    const call = site.call('sales', user);
    await within(call.hears('ann'), 'ann answers');
    await within(call.hangup(), 'the talk ends');
    await within(site.stop(), 'the engine stops, be its database open yet or not', SLOW_MS);
    t.same(await newCdrs(), [`${user} 0`]);
  }
});

t.test('logins made at run time survive a restart', async (t) => {
  await site.start();
  await site.mi('cc_agent_login', ['ann', 0]);
  await site.stop();
  await site.start();
  t.match(await site.listedAgent('ann'), { 'Loged in': 'NO' });
  t.equal(await site.mi('cc_reload'), 'OK', 'which waits for the database that is still being opened');
  t.match(await site.listedAgent('ann'), { 'Loged in': 'NO' }, 'and a reload after it');
  await site.mi('cc_agent_login', ['ann', 1]);
  await site.stop();
});

t.test('a second SIGTERM does not wait', async (t) => {
  const engine = await start(t, 60);
  const exit = once(engine, 'exit');
  const call = site.call('sales', 'left');
  await within(call.hears('ann'), 'ann answers');
  engine.kill('SIGTERM');
  await refused();
  engine.kill('SIGTERM');
  t.same(await within(exit, 'the process ends', SLOW_MS), [1, null]);
});

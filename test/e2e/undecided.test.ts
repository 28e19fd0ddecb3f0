/** The process is killed while a route module decides about a call: the caller, who has his 100, is asked about again. */
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { Children } from '../../tools/bench/sip/children.js';
import { EngineProcess } from '../../tools/bench/sip/engine.js';
import { Agent } from '../../tools/endpoints/agent.js';
import { Endpoint } from '../../tools/endpoints/endpoint.js';
import { MediaServer } from '../../tools/endpoints/media.js';
import { freeTcpPort, freeUdpPorts } from '../../tools/ports.js';
import { seedDatabase } from '../../tools/provision.js';
import { eventually, within } from '../support/settle.js';

t.setTimeout(60_000);

/** Notes each question; the first one kills the process, when the caller has been told to wait. */
const moduleIn = (folder: string): string => `
import { appendFileSync, readFileSync } from 'node:fs';
const asked = ${JSON.stringify(join(folder, 'asked'))};
export default async ({ request, ccHandleCall }) => {
  const first = readFileSync(asked).length === 0;
  appendFileSync(asked, request.callId + '\\n');
  if (first) await new Promise((resolve) => setTimeout(resolve, 200));
  if (first) process.kill(process.pid, 'SIGKILL');
  return ccHandleCall('support');
};`;

t.test('a call that a module was deciding about is answered by the next process', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sip-acd-undecided-'));
  writeFileSync(join(folder, 'routes.mjs'), moduleIn(folder));
  writeFileSync(join(folder, 'asked'), '');
  const asked = (): string[] => readFileSync(join(folder, 'asked'), 'latin1').split('\n').filter(Boolean);
  const children = new Children();
  const [phones, callers, server] = (await Promise.all(
    ['phones', 'callers', 'server'].map((name) => Endpoint.open({ name })),
  )) as [Endpoint, Endpoint, Endpoint];
  t.teardown(async () => {
    await children.close();
    for (const endpoint of [phones, callers, server]) await endpoint.close();
    await rm(folder, { recursive: true, force: true });
  });
  const media = new MediaServer(server);
  const agent = new Agent(phones, 'bob', { answer_after_ms: 0 });
  const data_dir = join(folder, 'data');
  await seedDatabase(
    data_dir,
    [{ flowid: 'support', skill: 'support', message_queue: media.uri('queue') }],
    [{ agentid: 'bob', skills: 'support', location: agent.uri, logstate: 1 }],
  );
  const ports = { sip: await freeUdpPorts(2), mi: await freeTcpPort() };
  const start = (): Promise<EngineProcess> =>
    EngineProcess.start(children, {
      ...{ folder, data_dir, ports, db_url: 'embedded', wrapup_s: 1, reject_on_no_agents: false, workers: 1 },
      env: { SIP_ACD_ROUTES: JSON.stringify([{ module: join(folder, 'routes.mjs') }]) },
    });
  const first = await start();
  const call = callers.dial(`sip:any@127.0.0.1:${ports.sip}`, { user: 'ann' });
  await eventually(
    async () => first.child.code,
    (code) => code !== undefined,
    'the process is killed',
  );
  t.equal(call.provisionals.length, 1, 'the caller has his 100: he will not send his INVITE again');
  const second = await start();
  const talk = await within(agent.nextCall(), 'he is delivered');
  t.ok(await within(call.answered, 'the caller is answered'));
  await call.hangup();
  t.equal((await within(talk.ended, 'the call ends')).how, 'remote-bye');
  t.equal(asked().length, 2, 'the next process has asked again');
  t.equal(new Set(asked()).size, 1, 'about the same call');
  await second.kill();
  const third = await start();
  t.equal(asked().length, 2, 'a call that was decided about is not asked about again');
  t.equal((await third.census('free')).calls, 0);
  t.same(
    [phones, callers, server].flatMap(({ violations }) => violations),
    [],
  );
});

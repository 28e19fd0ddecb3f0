/** Interop: SIPp as caller, agent and media server at once, every call as its scenario says. */
import t from 'tap';
import { freeUdpPorts } from '../../tools/ports.js';
import type { AgentSeed } from '../../tools/provision.js';
import { HOST, TestEngine } from '../support/engine.js';
import { SippServer, sippCalls, sippInstalled } from '../support/sipp.js';

const CALLS = { calls: 100, rate_per_s: 25 };
/** More than are ever busy: 1 s of talk and 1 s of wrapup a call. */
const AGENTS = 200;

if (!sippInstalled()) t.comment('sipp is not installed here: nothing to talk to');
else {
  const [agents_port, queue_port, welcome_port, ringing_port] = await sippPorts();
  const servers = [
    await SippServer.start('uas', agents_port),
    await SippServer.start('uas', queue_port),
    await SippServer.start('welcome', welcome_port),
    await SippServer.start('agent-rings', ringing_port),
  ];
  const at = (user: string, port: number) => `sip:${user}@${HOST}:${port}`;
  const agent = (agentid: string, skills: string, port: number): AgentSeed => ({
    agentid,
    skills,
    location: at(agentid, port),
    logstate: 1,
    wrapup_time: 1,
  });
  const message_queue = at('queue', queue_port);
  const engine = await TestEngine.start({
    flows: [
      { flowid: 'direct', skill: 'talk', message_queue },
      { flowid: 'bridged', skill: 'talk', message_queue, message_welcome: at('welcome', welcome_port) },
      { flowid: 'ringing', skill: 'ring', message_queue },
    ],
    agents: [
      ...Array.from({ length: AGENTS }, (_, i) => agent(`talker-${i}`, 'talk', agents_port)),
      ...Array.from({ length: 20 }, (_, i) => agent(`ringer-${i}`, 'ring', ringing_port)),
    ],
  });

  t.test('callers are joined to an agent at once', async (t) => {
    t.same(await sippCalls('caller-direct', { user: 'direct', port: engine.port }, CALLS), {
      exit: 0,
      errors: '',
    });
  });

  t.test('callers hear the welcome message and are moved to an agent', async (t) => {
    t.same(await sippCalls('caller-bridged', { user: 'bridged', port: engine.port }, CALLS), {
      exit: 0,
      errors: '',
    });
  });

  t.test('callers give up while the agent rings', async (t) => {
    const volume = { calls: 20, rate_per_s: 20 };
    t.same(await sippCalls('caller-cancels', { user: 'ringing', port: engine.port }, volume), {
      exit: 0,
      errors: '',
    });
  });

  t.test('every call has its CDR', async (t) => {
    const cdrs = await engine.finish();
    for (const server of servers) await server.stop();
    const count = (flow: string, type: number) =>
      cdrs.filter((cdr) => cdr.flow_id === flow && cdr.call_type === type).length;
    t.equal(count('direct', 0), CALLS.calls);
    t.equal(count('bridged', 0), CALLS.calls);
    t.equal(count('ringing', 1), 20);
    t.equal(cdrs.length, 2 * CALLS.calls + 20, 'and none more');
  });
}

/** Four ports for SIPp's servers. */
async function sippPorts(): Promise<[number, number, number, number]> {
  const first = await freeUdpPorts(4);
  return [first, first + 1, first + 2, first + 3];
}

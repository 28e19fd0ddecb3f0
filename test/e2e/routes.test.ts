/** A route module in the running engine: what callers are answered, what the legs carry, what a bad one costs. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { loadConfig } from '../../workers/config.js';
import { startEngine } from '../../workers/supervisor.js';
import { Center } from '../support/center.js';
import { environment, HOST, withDataDir } from '../support/engine.js';
import { eventually, within } from '../support/settle.js';

const MODULE = `
const NIGHT = { status: 403, reason: 'closed at night' };
export default async ({ request, source, ccHandleCall, ccAgentLogin }) => {
  switch (request.user) {
    case 'front': return ccHandleCall('open', 'gold');
    case 'second-best': return ccHandleCall('lonely') === -4 && ccHandleCall('open', 'silver');
    case 'night': return NIGHT;
    case 'loop': for (;;);
    case 'throw': throw new Error('no such thing');
    case 'login': {
      const known = await ccAgentLogin('late-agent', 1);
      const unknown = await ccAgentLogin('nobody', 1);
      return ccHandleCall(known === 1 && unknown === -3 ? 'late' : '');
    }
    case 'slow': await new Promise((resolve) => setTimeout(resolve, 300)); return ccHandleCall('open');
    case 'video': return ccHandleCall('open', '', 'video');
    case 'nothing': return;
    default: return ccHandleCall(request.user === 'none' ? undefined : request.user);
  }
};
export const onLeg = ({ state, call, leg, request, ctx }) => {
  if (ctx.acd === 'gold' && leg.role === 'agent') request.setHeader('X-Priority', 'gold');
  request.addHeader('X-Leg', [state, leg.role, ctx.acd, call === request.callId.split('.')[0]].join(' '));
  if (request.from.user === 'leg-caller') throw new Error('no leg');
};`;

const folder = t.testdir();
writeFileSync(join(folder, 'routes.mjs'), MODULE);
const center = await Center.start(
  {
    open: { welcome: 'welcome', agents: { 'open-agent': {} } },
    lonely: { agents: { 'absent-agent': { logged_in: false } } },
    late: { agents: { 'late-agent': { logged_in: false } } },
  },
  {
    SIP_ACD_ROUTES: JSON.stringify([
      { match: { user: 'plain' }, flow: 'open' },
      { module: join(folder, 'routes.mjs') },
    ]),
    SIP_ACD_CALL_CENTER_B2B_LOGIC_CTX_PARAM: 'acd',
    SIP_ACD_LOG_LEVEL: 'silent',
  },
);

t.test('a module gives a call to a flow, and its parameter and state go with each leg', async (t) => {
  const call = center.call('front', 'front-caller');
  await within(call.hears('welcome'), 'the welcome plays');
  const welcome = await within(center.media.nextCall('welcome'), 'its leg is found');
  t.equal(welcome.invitation?.header('x-leg'), 'welcome media gold true');
  t.equal(welcome.invitation?.header('x-priority'), undefined);
  await within(call.hears('open-agent'), 'the agent is there');
  const agent = await within(center.agent('open-agent').nextCall(), 'his leg is found');
  t.equal(agent.invitation?.header('x-leg'), 'toagent agent gold true');
  t.equal(agent.invitation?.header('x-priority'), 'gold');
  await within(call.hangup(), 'the BYE is answered');
  await center.engine.mi('cc_release_agent', { agent_id: 'open-agent' });
});

t.test('a module tries another flow where nobody is logged in for the first', async (t) => {
  const call = center.call('second-best', 'second-caller');
  await within(call.hears('welcome'), 'the other flow has the call');
  const leg = await within(center.media.nextCall('welcome'), 'its leg is found');
  t.equal(leg.invitation?.header('x-leg'), 'welcome media silver true');
  await within(call.hangup(), 'the BYE is answered');
});

t.test('a module logs an agent in, whom the flow then has', async (t) => {
  const call = center.call('login', 'login-caller');
  await within(call.hears('late-agent'), 'the agent is there');
  t.equal(center.agent('late-agent').inbox.count, 1);
  await within(call.hangup(), 'the BYE is answered');
});

const socket = createSocket('udp4');
socket.bind(0, HOST);
await once(socket, 'listening');
t.teardown(() => socket.close());
const answers = new Map<string, (response: string) => void>();
socket.on('message', (data) => {
  const text = data.toString();
  if (!/^SIP\/2\.0 1/.test(text)) answers.get(/^Call-ID: (.*)\r$/m.exec(text)?.[1] ?? '')?.(text);
});
let sent = 0;

/** The final response to an INVITE of these parts, made by hand. */
async function answer(user: string, parts: { from?: string; body?: string } = {}) {
  const { from = '<sip:packet@127.0.0.1>', body = '' } = parts;
  const callId = `raw${sent++}`;
  const { port } = socket.address();
  const text = [
    `INVITE ${center.engine.uri(user)} SIP/2.0`,
    `Via: SIP/2.0/UDP ${HOST}:${port};branch=z9hG4bK-${callId};rport`,
    'Max-Forwards: 70',
    `From: ${from};tag=p`,
    `To: <${center.engine.uri(user)}>`,
    `Call-ID: ${callId}`,
    'CSeq: 1 INVITE',
    `Contact: <sip:packet@${HOST}:${port}>`,
    ...(body === '' ? [] : ['Content-Type: application/sdp']),
    `Content-Length: ${body.length}`,
    '',
    body,
  ].join('\r\n');
  const final = new Promise<string>((resolve) => answers.set(callId, resolve));
  socket.send(text, center.engine.port, HOST);
  const response = await within(final, `${user} is answered`);
  const header = (name: string) => new RegExp(`^${name}: (.*)\r$`, 'm').exec(response)?.[1];
  return { status: Number(response.slice(8, 11)), reason: header('Reason'), retry: header('Retry-After') };
}

const BFCP = 'v=0\r\no=- 1 1 IN IP4 x\r\ns=-\r\nc=IN IP4 x\r\nt=0 0\r\nm=application 9 UDP/BFCP *\r\n';

t.test('every return code of ccHandleCall has its answer, with the reason', async (t) => {
  for (const [code, user, parts, status, why] of [
    [-1, 'none', {}, 404, 'no flow id given'],
    [-2, 'open', { from: '<mailto:ann@example.com>' }, 400, 'unusable From URI'],
    [-3, 'nowhere', {}, 404, 'no such flow'],
    [-4, 'lonely', {}, 480, 'no agent logged in'],
    [-6, 'open', { body: 'v=0\r\n' }, 488, 'no usable media'],
    [-7, 'open', { body: BFCP }, 488, 'no usable media'],
    [-7, 'video', {}, 488, 'no usable media'],
    [0, 'nothing', {}, 404, 'no flow was chosen'],
    [0, 'night', {}, 403, 'closed at night'],
  ] as const) {
    const { status: answered, reason } = await answer(user, parts);
    t.same([answered, reason], [status, `SIP;cause=${status};text="${why}"`], `${code} ${user}`);
  }
});

t.test('a call that was refused for its media counts as one of the flow', async (t) => {
  const asked = { statistics: ['ccf_incalls-open'] };
  const before = (await center.engine.mi('get_statistics', asked)) as Record<string, number>;
  await answer('video');
  await answer('lonely');
  await eventually(
    async () => (await center.engine.mi('get_statistics', asked)) as Record<string, number>,
    (now) => now['call_center:ccf_incalls-open'] === before['call_center:ccf_incalls-open']! + 1,
    'the call is counted',
  );
  t.pass();
});

t.test('a module that loops or throws costs its own calls and no other', async (t) => {
  const looping = [answer('loop'), answer('throw')];
  const plain = center.call('plain', 'plain-caller');
  await within(plain.hears('welcome'), 'a rule before the module decides meanwhile');
  const routed = center.call('front', 'beside-caller');
  await within(routed.hears('welcome'), 'the module decides about others');
  for (const { status, reason, retry } of await Promise.all(looping)) {
    t.same([status, reason], [500, 'SIP;cause=500;text="route module failed"']);
    t.match(retry, /^[123]$/);
  }
  await within(Promise.all([plain.hangup(), routed.hangup()]), 'the BYEs are answered');
});

t.test('a caller may give up while the module decides', async (t) => {
  const call = center.call('slow', 'slow-caller');
  await eventually(
    async () => call.provisionals.length,
    (count) => count > 0,
    'the caller is told that he is waited for',
  );
  t.same(await within(call.hangup(), 'the CANCEL is answered'), { how: 'cancelled', status: 487 });
  const { Calls } = (await center.engine.mi('cc_list_calls')) as { Calls: unknown[] };
  t.same(Calls, []);
});

t.test('an onLeg that throws costs its call', async (t) => {
  const call = center.call('front', 'leg-caller');
  t.same(await within(call.ended, 'the call is over'), { how: 'rejected', status: 500 });
});

t.test('a module that cannot be loaded ends the start with one line', async (t) => {
  const broken = join(t.testdir({ 'broken.mjs': 'export default (' }), 'broken.mjs');
  const line = await withDataDir(async (data_dir) => {
    const env = { ...(await environment(data_dir)), SIP_ACD_ROUTES: JSON.stringify([{ module: broken }]) };
    const engine = await startEngine(loadConfig({ env })).catch((error: Error) => error);
    if (engine instanceof Error) return engine.message;
    await engine.stop();
    return 'started';
  });
  t.match(line, /broken\.mjs cannot be used: SyntaxError/);
});

t.test('every call has its CDR, and nothing on the wire was wrong', async (t) => {
  const violations = center.violations();
  const cdrs = await center.finish();
  const types = (caller: string) => cdrs.get(caller)?.map(({ call_type, flow_id }) => [call_type, flow_id]);
  t.same(types('front-caller'), [[0, 'open']]);
  t.same(types('login-caller'), [[0, 'late']]);
  t.same(types('leg-caller'), [[-1, 'open']], 'an internal error');
  t.equal(cdrs.get('slow-caller'), undefined, 'there was no call yet');
  t.equal(cdrs.get('packet'), undefined);
  t.same(violations, []);
});

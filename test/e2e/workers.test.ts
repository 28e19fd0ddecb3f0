/** Several SIP workers: one port, calls spread over all of them, and each message finds its call's owner. */
import t from 'tap';
import { WebSocket } from 'ws';
import { freeUdpPorts } from '../../tools/ports.js';
import { Center } from '../support/center.js';
import { within } from '../support/settle.js';

const WORKERS = 3;
const CALLS = 24;

const agents = Object.fromEntries(
  Array.from({ length: CALLS }, (_, index) => [`agent${index}`, { temper: { answer_after_ms: 0 } }]),
);
const center = await Center.start(
  { greeted: { welcome: 'welcome', agents } },
  {
    SIP_ACD_SIP_WORKERS: String(WORKERS),
    SIP_ACD_SIP_WORKER_PORTS: String(await freeUdpPorts(WORKERS)),
  },
);
t.teardown(() => center.finish());

t.test('calls at one port are served by all workers, each by one', async (t) => {
  const socket = new WebSocket(center.engine.mi_url.replace('http', 'ws'));
  const reports: Record<string, unknown>[] = [];
  await new Promise((resolve) => socket.once('open', resolve));
  socket.on('message', (data) => {
    const { method, params } = JSON.parse(String(data)) as {
      method?: string;
      params: Record<string, unknown>;
    };
    if (method === 'E_CALLCENTER_AGENT_REPORT') reports.push(params);
  });
  const subscribed = new Promise((resolve) => socket.once('message', resolve));
  socket.send(
    JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'event_subscribe',
      params: ['E_CALLCENTER_AGENT_REPORT'],
    }),
  );
  await within(subscribed, 'the subscription is answered');

  const calls = Array.from({ length: CALLS }, (_, index) => center.call('greeted', `caller${index}`));
  // Each is moved from the welcome message to an agent, so that every dialog has requests both ways.
  await within(
    Promise.all(
      calls.map(
        (call) =>
          new Promise<void>((resolve) => {
            const look = (): void => {
              if (call.peer.startsWith('agent')) resolve();
              else setTimeout(look, 20);
            };
            look();
          }),
      ),
    ),
    'every caller hears an agent',
  );
  t.equal(new Set(calls.map((call) => call.peer)).size, CALLS, 'each an agent of his own');

  const { Calls } = (await center.engine.mi('cc_list_calls')) as { Calls: { id: string; State: string }[] };
  t.equal(Calls.length, CALLS);
  const owners = new Set(Calls.map(({ id }) => id.split('-')[1]));
  t.equal(owners.size, WORKERS, 'the call ids tell their workers');

  await within(Promise.all(calls.map((call) => call.hangup())), 'every BYE is answered');
  const incall = reports.filter(({ state, flow_id }) => state === 'incall' && flow_id === 'greeted');
  t.equal(incall.length, CALLS, 'each delivery was reported to the subscriber');
  socket.close();
  t.same(center.violations(), []);
});

/** What the keys under `sip` change on the wire. */
import t from 'tap';
import { seedDatabase } from '../../tools/provision.js';
import { within } from '../support/settle.js';
import { Site } from './site.js';

const site = await Site.open(t, { SIP_ACD_CALL_CENTER_REJECT_ON_NO_AGENTS: '0' });
const { media } = site;
const message_queue = media.uri('queue');
const elsewhere = (name: string) => `sip:${name}@nowhere.invalid`;
await seedDatabase(
  site.data_dir,
  [
    { flowid: 'waits', skill: 'none', message_queue },
    { flowid: 'moves', skill: 'sales', message_queue, message_welcome: media.uri('welcome') },
    {
      flowid: 'proxied',
      skill: 'far',
      message_queue: elsewhere('queue'),
      message_welcome: elsewhere('welcome'),
    },
  ],
  [
    { agentid: 'ann', skills: 'sales', location: site.agent('ann').uri, logstate: 1, wrapup_time: 1 },
    {
      agentid: 'far',
      skills: 'far',
      location: elsewhere(site.agent('far').name),
      logstate: 1,
      wrapup_time: 1,
    },
  ],
);

/** Runs an engine with this configuration around `work`. */
async function engine(env: Record<string, string>, work: () => Promise<void>): Promise<void> {
  await site.start(env);
  try {
    await work();
  } finally {
    await site.stop();
  }
}

t.test('advertise stands in Via and Contact instead of the address', async (t) => {
  await engine({ SIP_ACD_SIP_ADVERTISE: 'localhost' }, async () => {
    const call = site.call('waits', 'caller');
    await within(call.hears('queue'), 'the queue message plays');
    const { port } = new URL(site.uri('x').replace('sip:', 'http://'));
    t.match(call.final?.header('contact'), `<sip:localhost:${port}>`);
    const leg = await media.nextCall('queue');
    t.match(leg.invitation?.header('contact'), /^<sip:localhost:\d+>/);
    t.match(leg.invitation?.header('via'), / localhost:\d+/);
    await within(call.hangup(), 'a request to that Contact arrives');
    t.equal((await within(leg.ended, 'the message is ended')).how, 'remote-bye');
  });
});

t.test('worker_ports is where the legs to agents and media servers come from', async (t) => {
  await engine({}, async () => {
    const call = site.call('waits', 'caller');
    await within(call.hears('queue'), 'the queue message plays');
    const leg = await media.nextCall('queue');
    t.match(leg.invitation?.header('via'), ` 127.0.0.1:${site.worker_port}`);
    t.match(leg.invitation?.header('contact'), `127.0.0.1:${site.worker_port}`);
    await within(call.hangup(), 'the caller leaves');
  });
});

t.test('an outbound proxy gets every INVITE of the engine, whatever the host of its URI', async (t) => {
  const { host, port } = new URL(media.uri('x').replace('sip:', 'http://'));
  const proxy = `sip:${host.includes(':') ? host : `${host}:${port}`}`;
  await engine({ SIP_ACD_SIP_OUTBOUND_PROXY: proxy }, async () => {
    const call = site.call('proxied', 'caller');
    await within(call.hears('welcome'), 'the message is reached by way of the proxy');
    t.equal((await media.nextCall('welcome')).invitation?.uri, elsewhere('welcome'));
    await within(call.hears('queue'), 'so is the next');
    await within(call.hangup(), 'the caller leaves');
  });
});

for (const [name, env, body] of [
  ['late', {}, false],
  ['early', { SIP_ACD_SIP_OFFER: 'early' }, true],
  ['late, the host listed for early offers', { SIP_ACD_SIP_EARLY_OFFER_HOSTS: 'x.invalid,127.0.0.1' }, true],
] as const) {
  t.test(
    `offer ${name}: the agent of an answered caller is asked ${body ? 'with' : 'without'} SDP`,
    async (t) => {
      await engine(env, async () => {
        const call = site.call('moves', 'caller');
        await within(call.hears('ann'), 'ann answers');
        const delivered = await site.agent('ann').nextCall();
        t.equal((delivered.invitation?.body ?? '') !== '', body);
        await within(call.hangup(), 'the caller leaves');
        await site.agentIs('ann', 'free');
      });
    },
  );
}

t.test('max_calls: the call beyond is told to come back', async (t) => {
  await engine({ SIP_ACD_SIP_MAX_CALLS: '1' }, async () => {
    const first = site.call('waits', 'first');
    await within(first.hears('queue'), 'the first waits');
    const second = site.call('waits', 'second');
    t.match(await within(second.ended, 'the second is refused'), { how: 'rejected', status: 503 });
    t.match(second.final?.header('retry-after'), /^[1-3]$/);
    await within(first.hangup(), 'the first leaves');
    await site.idle();
    const third = site.call('waits', 'third');
    await within(third.hears('queue'), 'there is room again');
    await within(third.hangup(), 'the third leaves');
  });
});

t.test('agent_no_response_timeout and agent_ring_timeout send the call on', async (t) => {
  const env = { SIP_ACD_SIP_AGENT_NO_RESPONSE_TIMEOUT: '0.3', SIP_ACD_SIP_AGENT_RING_TIMEOUT: '0.6' };
  await engine(env, async () => {
    const ann = site.agent(
      'ann',
      (nth) => [{ silent: true }, {}, { answer_after_ms: 0 }][nth - 3] ?? { silent: true },
    );
    const call = site.call('moves', 'caller');
    await within(call.hears('ann'), 'the third time she answers', 30_000);
    t.equal(ann.inbox.count, 6, 'three answered before, over restarts of the engine, three more');
    t.match(await site.statistics(['cca_rej_incalls-ann', 'cca_answ_incalls-ann']), {
      'cca_rej_incalls-ann': 2,
      'cca_answ_incalls-ann': 4,
    });
    await within(call.hangup(), 'the caller leaves');
  });
  t.same(site.violations(), []);
});

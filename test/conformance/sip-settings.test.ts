/** What the keys under `sip` change on the wire. */
import t, { type Test } from 'tap';
import { seedDatabase } from '../../tools/provision.js';
import { eventually, within } from '../support/settle.js';
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

/** Runs an engine with this configuration around the tests of `work`. */
function engine(env: Record<string, string>, work: (t: Test) => Promise<void>): void {
  t.test(`an engine with ${Object.keys(env).join(', ')}`, async (t) => {
    await site.start(env);
    try {
      await work(t);
    } finally {
      await site.stop();
    }
  });
}

engine({ SIP_ACD_SIP_ADVERTISE: 'localhost' }, async (t) => {
  await t.test('advertise stands in Via and Contact instead of the address', async (t) => {
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

  await t.test('worker_ports is where the legs to agents and media servers come from', async (t) => {
    const call = site.call('waits', 'caller');
    await within(call.hears('queue'), 'the queue message plays');
    const leg = await media.nextCall('queue');
    t.match(leg.invitation?.header('via'), ` localhost:${site.worker_port};`);
    t.match(leg.invitation?.header('contact'), `localhost:${site.worker_port}>`);
    await within(call.hangup(), 'the caller leaves');
  });
});

/** A caller is moved from the welcome to ann: whether her INVITE had SDP. */
async function annIsOfferedTo(): Promise<boolean> {
  const call = site.call('moves', 'caller');
  await within(call.hears('ann'), 'ann answers');
  const delivered = await site.agent('ann').nextCall();
  await within(call.hangup(), 'the caller leaves');
  await site.agentIs('ann', 'free');
  return (delivered.invitation?.body ?? '') !== '';
}

const { host: media_address } = new URL(media.uri('x').replace('sip:', 'http://'));
engine({ SIP_ACD_SIP_OUTBOUND_PROXY: `sip:${media_address}` }, async (t) => {
  await t.test(
    'an outbound proxy gets every INVITE of the engine, whatever the host of its URI',
    async (t) => {
      const call = site.call('proxied', 'caller');
      await within(call.hears('welcome'), 'the message is reached by way of the proxy');
      t.equal((await media.nextCall('welcome')).invitation?.uri, elsewhere('welcome'));
      await within(call.hears('queue'), 'so is the next');
      await within(call.hangup(), 'the caller leaves');
    },
  );
});

engine({ SIP_ACD_SIP_OFFER: 'early', SIP_ACD_SIP_MAX_CALLS: '1' }, async (t) => {
  await t.test('offer early: the agent of an answered caller is asked with SDP', async (t) => {
    t.equal(await annIsOfferedTo(), true);
  });

  await t.test('max_calls: the call beyond is told to come back', async (t) => {
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

const timeouts = { SIP_ACD_SIP_AGENT_NO_RESPONSE_TIMEOUT: '0.5', SIP_ACD_SIP_AGENT_RING_TIMEOUT: '1' };
engine(timeouts, async (t) => {
  await t.test('offer late, as it is unless set: the agent is asked without SDP', async (t) => {
    t.equal(await annIsOfferedTo(), false);
  });

  await t.test('agent_no_response_timeout and agent_ring_timeout send the call on', async (t) => {
    const names = ['cca_rej_incalls-ann', 'cca_answ_incalls-ann'];
    const counts = () => site.statistics(names);
    const grown = (from: Record<string, number>, to: Record<string, number>) =>
      names.map((name) => (to[name] ?? 0) - (from[name] ?? 0));
    const before = await counts();
    const ann = site.agent('ann');
    const first = ann.inbox.count;
    ann.temper = (nth) => [{ silent: true }, {}, { answer_after_ms: 0 }][nth - first] ?? { silent: true };
    const call = site.call('moves', 'caller');
    await within(call.hears('ann'), 'the third time she answers', 30_000);
    t.equal(ann.inbox.count, first + 3);
    for (let taken = 0; taken < 3; taken++) await ann.nextCall();
    await eventually(
      counts,
      (after) => grown(before, after).join() === '2,1',
      'two refusals and one answer are counted',
    );
    await within(call.hangup(), 'the caller leaves');
    ann.temper = { answer_after_ms: 0 };
  });
});

engine({ SIP_ACD_SIP_EARLY_OFFER_HOSTS: 'x.invalid,127.0.0.1' }, async (t) => {
  await t.test('early_offer_hosts: the agent there is asked with SDP', async (t) => {
    await site.agentIs('ann', 'free');
    t.equal(await annIsOfferedTo(), true);
  });
});

t.test('nothing on the wire was wrong', async (t) => t.same(site.violations(), []));

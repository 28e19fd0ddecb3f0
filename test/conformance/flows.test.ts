/** What a flow's row makes of real calls: messages, thresholds, position, prefix, chats. */
import t from 'tap';
import type { Call } from '../../tools/endpoints/call.js';
import { type AgentSeed, readCdrs, seedDatabase } from '../../tools/provision.js';
import { eventually, within } from '../support/settle.js';
import { Site } from './site.js';

const site = await Site.open(
  t,
  { SIP_ACD_CALL_CENTER_REJECT_ON_NO_AGENTS: '0', SIP_ACD_CALL_CENTER_QUEUE_POS_PARAM: 'cc_pos' },
  { short: { length_ms: 1_300 }, counted: {} },
);
const { media } = site;
const queue = { message_queue: media.uri('queue') };
const dissuading = { ...queue, message_dissuading: media.uri('dissuading') };

/** An agent of each of these skills, logged out; `both` has both media. */
function desk(skills: string, both = false): AgentSeed {
  const { uri } = site.agent(`${skills}-agent`);
  const chat = both ? { msrp_location: uri } : {};
  return { agentid: `${skills}-agent`, skills, location: uri, ...chat, logstate: 0, wrapup_time: 1 };
}

await seedDatabase(
  site.data_dir,
  [
    { flowid: 'onhold', skill: 'onhold', ...dissuading, dissuading_onhold_th: 1 },
    { flowid: 'ewt', skill: 'ewt', ...dissuading, dissuading_ewt_th: 5 },
    { flowid: 'ewt-end', skill: 'ewt-end', ...dissuading, dissuading_ewt_th: 5, dissuading_hangup: 1 },
    { flowid: 'onhold-end', skill: 'x', ...dissuading, dissuading_onhold_th: 1, dissuading_hangup: 1 },
    { flowid: 'qsize', skill: 'x', ...dissuading, dissuading_qsize_th: 1 },
    { flowid: 'counted', skill: 'counted', message_queue: media.uri('counted') },
    { flowid: 'counted-vip', skill: 'counted', priority: 1, message_queue: media.uri('counted') },
    { flowid: 'short', skill: 'x', message_queue: media.uri('short') },
    { flowid: 'refused', skill: 'x', ...queue, message_welcome: media.uri('refuse') },
    { flowid: 'chat', skill: 'chat', ...queue, message_welcome: media.uri('welcome') },
  ],
  [desk('onhold'), desk('ewt'), desk('ewt-end'), desk('counted'), desk('chat', true)],
);
await site.start();

const login = (agent_id: string) => site.mi('cc_agent_login', { agent_id, state: 1 });

/** The states that a flow's calls are in. */
async function stateIn(flow: string, state: string): Promise<void> {
  await eventually(
    () => site.list('cc_list_calls'),
    (calls) => calls.some((call) => call.Flow === flow && call.State === state),
    `a call of ${flow} is in ${state}`,
  );
}

async function leaves(call: Call): Promise<void> {
  await within(call.hangup(), 'the caller leaves');
}

t.test('who waits longer than dissuading_onhold_th hears the message, waits on and is served', async (t) => {
  const call = site.call('onhold', 'onhold-caller');
  await within(call.hears('queue'), 'the queue message plays');
  await within(call.hears('dissuading'), 'the dissuading message plays');
  await stateIn('onhold', 'dissuading1');
  await eventually(
    async () => call.peer,
    (peer) => peer === 'queue',
    'the queue message plays again',
  );
  await stateIn('onhold', 'queued');
  await login('onhold-agent');
  await within(call.hears('onhold-agent'), 'the agent is there');
  t.same(call.peers.slice(0, 3), ['queue', 'dissuading', 'queue']);
  await leaves(call);
});

t.test('an estimated wait above dissuading_ewt_th is told at arrival', async (t) => {
  const call = site.call('ewt', 'ewt-caller');
  await within(call.hears('dissuading'), 'the dissuading message plays first');
  await within(call.hears('queue'), 'then the queue message');
  await leaves(call);
  t.same(call.peers, ['dissuading', 'queue']);
});

t.test('with dissuading_hangup the message is the last that the caller hears', async (t) => {
  const [ewt, onhold] = [
    site.call('ewt-end', 'ewt-end-caller'),
    site.call('onhold-end', 'onhold-end-caller'),
  ];
  await within(ewt.hears('dissuading'), 'the message plays');
  t.equal((await within(ewt.ended, 'and the call is hung up')).how, 'remote-bye');
  await within(onhold.hears('dissuading'), 'the message plays to who waited too long');
  t.equal((await within(onhold.ended, 'and the call is hung up')).how, 'remote-bye');
  t.same(onhold.peers, ['queue', 'dissuading']);
});

t.test('a queue of dissuading_qsize_th calls is full', async (t) => {
  const first = site.call('qsize', 'qsize-first');
  await within(first.hears('queue'), 'the first waits');
  const second = site.call('qsize', 'qsize-second');
  await within(second.hears('dissuading'), 'the second is told');
  await within(second.hears('queue'), 'and waits too');
  t.same([first.peers, second.peers], [['queue'], ['dissuading', 'queue']]);
  await leaves(first);
  await leaves(second);
});

t.test('each caller in the queue is told his position, 0 to the next one', async (t) => {
  const asked: string[] = [];
  const calls: Call[] = [];
  for (const [flow, user] of [
    ['counted', 'c1'],
    ['counted', 'c2'],
    ['counted-vip', 'v1'],
    ['counted', 'c3'],
  ] as const) {
    calls.push(site.call(flow, user));
    const leg = await within(media.nextCall('counted'), 'the message is asked for');
    asked.push(`${user} ${/;cc_pos=(\d+)$/.exec(leg.invitation?.uri ?? '')?.[1]}`);
  }
  t.same(asked, ['c1 0', 'c2 1', 'v1 0', 'c3 3']);
  t.same(
    (await site.list('cc_list_queue'))
      .filter((call) => call.Skill === 'counted')
      .map((call) => call['Caller username']),
    ['v1', 'c1', 'c2', 'c3'],
    'the queue is listed in that order',
  );
  for (const call of calls) await leaves(call);
});

t.test('a media server that hangs up on the endless message is asked again, the caller stays', async (t) => {
  const call = site.call('short', 'short-caller');
  await within(call.hears('short'), 'the message plays');
  await eventually(
    async () => media.count('short'),
    (count) => count >= 3,
    'it is asked for again and again',
  );
  t.equal(call.state, 'answered');
  await leaves(call);
});

t.test('a welcome that is refused is left out', async (t) => {
  const call = site.call('refused', 'refused-caller');
  await within(call.hears('queue'), 'the queue message plays');
  t.same(call.peers, ['queue']);
  await leaves(call);
});

t.test('a chat goes through welcome and queue to the agent, and audio waits meanwhile', async (t) => {
  const chat = site.call('chat', 'chat-caller', { media: 'msrp' });
  await within(chat.hears('welcome'), 'the welcome is there');
  await within(chat.hears('queue'), 'the queue message is there');
  t.match(await site.statistics(['ccf_onhold_calls-chat', 'ccf_onhold_chats-chat']), {
    'ccf_onhold_calls-chat': 1,
    'ccf_onhold_chats-chat': 1,
  });
  await login('chat-agent');
  await within(chat.hears('chat-agent'), 'the agent is there');
  t.match(chat.remoteSdp, /m=message \d+ TCP\/MSRP/);
  const second = site.call('chat', 'chat-second', { media: 'msrp' });
  await within(second.hears('chat-agent'), 'the agent takes a second chat');
  const audio = site.call('chat', 'audio-caller');
  await within(audio.hears('queue'), 'audio waits while he chats');
  t.match(await site.listedAgent('chat-agent'), { State: 'inchat', 'Ongoing chats': 2, 'Free chats': 2 });
  await leaves(chat);
  await leaves(second);
  await within(audio.hears('chat-agent'), 'after the chats and their wrapup');
  t.match(await site.listedAgent('chat-agent'), { State: 'incall' });
  await leaves(audio);
});

t.test('the CDRs tell who was dissuaded, who left and who was served', async (t) => {
  await site.idle();
  await site.stop();
  const told = (await readCdrs(site.data_dir)).map((cdr) => [
    cdr.caller,
    cdr.call_type,
    cdr.fstats,
    cdr.media,
  ]);
  t.same(
    new Set(told.map((row) => row.join(' '))),
    new Set([
      'onhold-caller 0 7 1',
      'ewt-caller 1 9 1',
      'ewt-end-caller 1 1 1',
      'onhold-end-caller 1 1 1',
      'qsize-first 1 9 1',
      'qsize-second 1 9 1',
      'c1 1 9 1',
      'c2 1 9 1',
      'v1 1 9 1',
      'c3 1 9 1',
      'short-caller 1 9 1',
      'refused-caller 1 9 1',
      'chat-caller 0 7 2',
      'chat-second 0 7 2',
      'audio-caller 0 7 1',
    ]),
  );
  t.same(site.violations(), []);
});

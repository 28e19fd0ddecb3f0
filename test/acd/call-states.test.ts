/** Each row of the table of call states. */
import t from 'tap';
import { agentConfig, Centre, flowConfig } from './centre.js';

const WELCOME = 'sip:welcome@media';
const DISSUADE = 'sip:dissuade@media';
const QUEUE = 'sip:queue@media';

const welcomed = flowConfig({ message_welcome: WELCOME });
const ann = agentConfig({ id: 'ann' });
const off = agentConfig({ id: 'ann', logged_in: false });
const open = { reject_on_no_agents: false };

t.test('a call of a flow with a welcome hears it before anything else', async (t) => {
  const c = new Centre([welcomed], [ann]);
  c.arrive('a');
  t.equal(c.where('a'), 'welcome');
  t.same(c.uris('a'), [WELCOME]);
  c.connected('a', 1);
  t.equal(c.where('a'), 'welcome');
});

for (const how of ['ended', 'refused'] as const) {
  t.test(`after a welcome that ${how} the call goes to a free agent`, async (t) => {
    const c = new Centre([welcomed], [ann]);
    c.arrive('a');
    if (how === 'ended') {
      c.connected('a', 1);
      c.ended('a', 1);
    } else c.failed('a', 1, 503);
    t.equal(c.where('a'), 'toagent ann');
    t.same(c.uris('a'), [WELCOME, 'sip:ann@desk']);
  });

  t.test(`after a welcome that ${how} the call waits where no agent is free`, async (t) => {
    const c = new Centre([welcomed], [off], open);
    c.arrive('a');
    if (how === 'ended') {
      c.connected('a', 1);
      c.ended('a', 1);
    } else c.failed('a', 1, 503);
    t.equal(c.where('a'), 'queued');
    t.same(c.uris('a'), [WELCOME, QUEUE]);
  });
}

t.test('a call without welcome goes straight to the agent, with its event, or to the queue', async (t) => {
  const c = new Centre([flowConfig()], [ann]);
  c.arrive('a');
  c.arrive('b');
  t.equal(c.where('a'), 'toagent ann');
  t.equal(c.where('b'), 'queued');
  t.match(c.call_events, [
    { call_id: 'a', state: 'toagent', agent_id: 'ann', flow_id: 'sales', media: 'rtp', caller: 'bob' },
    { call_id: 'b', state: 'queued', agent_id: '' },
  ]);
});

t.test('an estimated wait above the threshold dissuades at arrival', async (t) => {
  const flow = flowConfig({ message_dissuading: DISSUADE, dissuading_ewt_s: 5 });
  const c = new Centre([flow], [ann]);
  c.talk('talked', 10);
  c.arrive('a');
  t.equal(c.where('a'), 'queued', 'nobody waits yet: the estimate is 0');
  c.arrive('b');
  t.equal(c.call('b')?.eta_s, 10);
  t.equal(c.where('b'), 'dissuading1');
  t.same(c.uris('b'), [DISSUADE]);
});

t.test('an estimated wait is endless where nobody is logged in', async (t) => {
  const c = new Centre([flowConfig({ message_dissuading: DISSUADE, dissuading_ewt_s: 5 })], [off], open);
  c.arrive('a');
  t.equal(c.call('a')?.eta_s, 2147483647);
  t.equal(c.where('a'), 'dissuading1');
});

t.test('a full queue dissuades after the welcome, to the end with dissuading_hangup', async (t) => {
  const flow = flowConfig({
    message_welcome: WELCOME,
    message_dissuading: DISSUADE,
    dissuading_qsize: 1,
    dissuading_hangup: true,
  });
  const c = new Centre([flow], [off], open);
  c.arrive('a');
  c.failed('a', 1);
  t.equal(c.where('a'), 'queued');
  c.arrive('b');
  c.failed('b', 1);
  t.equal(c.where('b'), 'dissuading2');
});

t.test('a threshold without a dissuading message dissuades nobody', async (t) => {
  const c = new Centre([flowConfig({ dissuading_ewt_s: 1, dissuading_onhold_s: 1 })], [off], open);
  c.arrive('a');
  c.pass(60);
  t.equal(c.where('a'), 'queued');
});

t.test('dissuading1 that ends, or is refused, leads to a free agent or into the queue', async (t) => {
  const flow = flowConfig({ message_dissuading: DISSUADE, dissuading_ewt_s: 1 });
  const c = new Centre([flow], [off], open);
  c.arrive('a');
  c.arrive('b');
  c.connected('a', 1);
  c.ended('a', 1);
  t.equal(c.where('a'), 'queued');
  c.gone('a');
  c.login('ann', true);
  t.equal(c.where('b'), 'dissuading1', 'it is heard to its end');
  c.failed('b', 1, 404);
  t.equal(c.where('b'), 'toagent ann');
});

t.test(
  'a call that waited longer than dissuading_onhold_th is dissuaded, then waits at its old place',
  async (t) => {
    const flow = flowConfig({ message_dissuading: DISSUADE, dissuading_onhold_s: 10 });
    const c = new Centre([flow], [off], open);
    c.arrive('a');
    c.connected('a', 1);
    c.pass(5);
    c.arrive('b');
    c.pass(4.999);
    t.equal(c.where('a'), 'queued');
    c.pass(0.001);
    t.equal(c.where('a'), 'dissuading1');
    c.connected('a', 2);
    c.pass(1);
    c.ended('a', 2);
    t.equal(c.where('a'), 'queued');
    c.login('ann', true);
    t.equal(c.where('a'), 'toagent ann', 'before b, who arrived later');
  },
);

t.test('a dissuading message that is refused leaves the queue message playing', async (t) => {
  const flow = flowConfig({ message_dissuading: DISSUADE, dissuading_onhold_s: 10 });
  const c = new Centre([flow], [off], open);
  c.arrive('a');
  c.connected('a', 1);
  c.pass(10);
  c.failed('a', 2);
  t.equal(c.where('a'), 'queued');
  t.same(c.uris('a'), [QUEUE, DISSUADE], 'no further leg');
  c.pass(10);
  t.equal(c.where('a'), 'dissuading1', 'and again after the same time');
  c.ended('a', 1);
  t.equal(c.where('a'), 'dissuading1', 'the end of the old message does not matter any more');
});

for (const how of ['ended', 'refused'] as const) {
  t.test(`dissuading2 that ${how} ends the call, CDR 1, not abandoned`, async (t) => {
    const flow = flowConfig({
      message_dissuading: DISSUADE,
      dissuading_onhold_s: 10,
      dissuading_hangup: true,
    });
    const c = new Centre([flow], [off], open);
    c.arrive('a');
    c.connected('a', 1);
    c.pass(10);
    t.equal(c.where('a'), 'dissuading2');
    if (how === 'ended') {
      c.connected('a', 2);
      c.pass(3);
      c.ended('a', 2);
    } else c.failed('a', 2);
    t.equal(c.where('a'), 'ended');
    t.match(c.cdrs, [
      { call_type: 1, fstats: 1, wait_s: how === 'ended' ? 13 : 10, agent_id: '', talk_s: 0 },
    ]);
    t.match(c.decisions.at(-1), { kind: 'end', call: 'a' });
    t.equal(c.flow().aban_incalls, 0);
  });
}

t.test(
  'a waiting call goes to the agent who becomes free, and hears the queue until he answers',
  async (t) => {
    const c = new Centre([flowConfig({ prependcid: 'Sales' })], [off], open);
    c.arrive('a');
    c.connected('a', 1);
    c.login('ann', true);
    t.match(c.connect('a'), { role: 'agent', uri: 'sip:ann@desk', display: 'Sales Bob', leg: 2 });
    c.pass(5);
    t.same(c.uris('a'), [QUEUE, 'sip:ann@desk']);
    c.connected('a', 2);
    t.equal(c.flow().answ_incalls, 1);
    t.notOk(c.decisions.some((d) => d.kind === 'drop'));
  },
);

t.test('queue media that fails is tried again after 0, 1, 2, 4, 8, 16, 30 and 30 s', async (t) => {
  const c = new Centre([flowConfig()], [off], open);
  c.arrive('a');
  let leg = 1;
  for (const wait_s of [0, 1, 2, 4, 8, 16, 30, 30]) {
    c.failed('a', leg, 503);
    if (wait_s > 0) {
      c.pass(wait_s - 0.001);
      t.equal(c.connect('a').leg, leg, `not before ${wait_s} s`);
      c.pass(0.001);
    }
    t.equal(c.connect('a').leg, ++leg, `after ${wait_s} s`);
    t.equal(c.where('a'), 'queued');
  }
  t.equal(c.decisions.filter((d) => d.kind === 'progress').length, 8, 'the unanswered caller is told');
});

t.test(
  'queue media that has played begins anew at once, and a quick end is not repeated without pause',
  async (t) => {
    const c = new Centre([flowConfig()], [off], open);
    c.arrive('a');
    for (let leg = 1; leg < 6; leg++) {
      c.connected('a', leg);
      c.pass(5);
      c.ended('a', leg);
      t.equal(c.connect('a').leg, leg + 1);
    }
    c.connected('a', 6);
    c.ended('a', 6);
    t.equal(c.connect('a').leg, 6);
    c.pass(1);
    t.equal(c.connect('a').leg, 7);
    t.notOk(c.decisions.some((d) => d.kind === 'progress'));
  },
);

t.test('a call whose queue media is down is still delivered', async (t) => {
  const c = new Centre([flowConfig()], [off], open);
  c.arrive('a');
  c.failed('a', 1);
  c.failed('a', 2);
  c.login('ann', true);
  t.equal(c.where('a'), 'toagent ann');
  c.pass(5);
  t.same(c.uris('a'), [QUEUE, QUEUE, 'sip:ann@desk'], 'an unanswered caller hears the ringing');
});

t.test('while an agent rings, ended queue media starts again and the agent goes on ringing', async (t) => {
  const c = new Centre([flowConfig()], [off], open);
  c.arrive('a');
  c.connected('a', 1);
  c.login('ann', true);
  c.pass(2);
  c.ended('a', 1);
  t.match(c.connect('a'), { role: 'media', uri: QUEUE, leg: 3 });
  t.equal(c.where('a'), 'toagent ann');
  c.connected('a', 2);
  t.match(c.decisions.at(-1), { kind: 'drop', leg: 3 }, 'what was being set up is dropped');
});

t.test('queue media that answers as an agent is found is what the caller hears while he rings', async (t) => {
  const c = new Centre([flowConfig()], [off], open);
  c.arrive('a');
  c.login('ann', true);
  t.equal(c.connect('a').leg, 2);
  c.connected('a', 1);
  c.pass(2);
  t.equal(c.connect('a').leg, 2, 'nothing else is to play');
  c.ended('a', 1);
  t.match(c.connect('a'), { role: 'media', uri: QUEUE, leg: 3 }, 'until it ends');
  c.connected('a', 2);
  t.match(c.decisions.at(-1), { kind: 'drop', leg: 3 });
});

t.test(
  'a message that answers as the next one is asked for is what the caller goes on to hear',
  async (t) => {
    const dissuading = { message_dissuading: 'sip:sorry@media', dissuading_onhold_s: 5 };
    const c = new Centre([flowConfig(dissuading)], [off], open);
    c.arrive('a');
    c.connected('a', 1);
    c.pass(4);
    c.ended('a', 1);
    c.pass(1);
    t.match(c.connect('a'), { uri: 'sip:sorry@media', leg: 3 });
    c.connected('a', 2);
    c.failed('a', 3);
    t.equal(c.where('a'), 'queued');
    t.equal(c.connect('a').leg, 3, 'the queue’s media goes on');
    c.pass(1);
    c.ended('a', 2);
    t.match(c.connect('a'), { uri: QUEUE, leg: 4 });
  },
);

t.test('queue media that answers as it is dropped for the agent is not what the caller hears', async (t) => {
  const c = new Centre([welcomed], [ann], open);
  c.arrive('a');
  c.connected('a', 1);
  c.pass(3);
  c.ended('a', 1);
  c.pass(1);
  t.match(c.connect('a'), { role: 'media', leg: 3 });
  c.connected('a', 2);
  t.match(c.decisions.at(-1), { kind: 'drop', leg: 3 });
  c.ended('a', 2);
  t.match(c.connect('a'), { role: 'media', leg: 4 }, 'he hung up at once: back to the queue');
  c.connected('a', 3);
  c.failed('a', 4);
  c.pass(1);
  t.match(c.connect('a'), { role: 'media', leg: 5 }, 'and it is tried again');
});

t.test(
  'an agent who answers as he is freed by management leaves the caller to the queue’s media',
  async (t) => {
    const c = new Centre([flowConfig()], [off], open);
    c.arrive('a');
    c.connected('a', 1);
    c.pass(5);
    c.login('ann', true);
    t.match(c.connect('a'), { role: 'agent', leg: 2 });
    c.command({ kind: 'internal_dispatching', on: false });
    c.command({ kind: 'release_agent', agent_id: 'ann' });
    t.match(c.decisions.at(-1), { kind: 'drop', leg: 2 });
    t.equal(c.where('a'), 'queued');
    // What he heard before was let go when he was joined to the agent.
    c.connected('a', 2);
    t.match(c.connect('a'), { role: 'media', uri: QUEUE, leg: 3 });
    c.connected('a', 3);
    c.connected('a', 2);
    c.pass(5);
    t.equal(c.connect('a').leg, 3, 'heard again after a restart it changes nothing');
  },
);

t.test('after a welcome, queue media plays once the agent has rung 500 ms', async (t) => {
  const c = new Centre([welcomed], [ann], { queue_pos_param: 'pos' });
  c.arrive('a');
  c.connected('a', 1);
  c.pass(3);
  c.ended('a', 1);
  c.pass(0.499);
  t.same(c.uris('a'), [WELCOME, 'sip:ann@desk']);
  c.pass(0.001);
  t.same(c.uris('a'), [WELCOME, 'sip:ann@desk', `${QUEUE};pos=0`]);
  c.connected('a', 3);
  c.connected('a', 2);
  t.ok(c.agent('ann').answ_incalls);
});

t.test('an agent who answers within 500 ms of a welcome spares the queue media', async (t) => {
  const c = new Centre([welcomed], [ann]);
  c.arrive('a');
  c.connected('a', 1);
  c.ended('a', 1);
  c.pass(0.4);
  c.connected('a', 2);
  c.pass(10);
  t.same(c.uris('a'), [WELCOME, 'sip:ann@desk']);
});

t.test('a talk that either side ends is handled: CDR 0 with wait, ringing and talk', async (t) => {
  const c = new Centre([flowConfig()], [off], open);
  c.pass(0.5);
  c.arrive('a');
  c.pass(7.4);
  c.login('ann', true);
  c.pass(3.2);
  c.connected('a', 2);
  c.pass(12.9);
  c.ended('a', 2);
  t.match(c.cdrs, [
    {
      caller: 'bob',
      received_ms: 1_700_000_000_500,
      wait_s: 10,
      pickup_s: 3,
      talk_s: 12,
      flow_id: 'sales',
      agent_id: 'ann',
      call_type: 0,
      rejected: 0,
      fstats: 7,
      cid: 1,
      media: 1,
    },
  ]);
  t.match(c.decisions.at(-1), { kind: 'end', call: 'a' }, 'the caller is hung up on');
  c.pass(30);
  c.talk('b', 0.3);
  t.match(c.cdrs.at(-1), { call_type: 0, talk_s: 0, cid: 2 }, 'a caller who leaves at once was handled');
  t.not(c.decisions.at(-1)?.kind, 'end', 'the worker has let go of everything itself');
});

t.test('the caller may leave in every state before the answer: abandoned, CDR 1', async (t) => {
  const flow = flowConfig({ message_welcome: WELCOME, message_dissuading: DISSUADE, dissuading_onhold_s: 5 });
  for (const state of ['welcome', 'queued', 'dissuading1', 'toagent'] as const) {
    const c = new Centre([flow], [off], open);
    c.arrive('a');
    if (state !== 'welcome') c.failed('a', 1);
    if (state === 'dissuading1') c.pass(5);
    if (state === 'toagent') c.login('ann', true);
    t.equal(c.call('a')?.state, state);
    c.pass(2.5);
    c.gone('a');
    t.equal(c.where('a'), 'ended');
    const ringing = state === 'toagent';
    t.match(c.cdrs, [
      {
        call_type: 1,
        fstats: ringing ? 11 : 9,
        agent_id: ringing ? 'ann' : '',
        pickup_s: ringing ? 2 : 0,
        wait_s: state === 'dissuading1' ? 7 : 2,
      },
    ]);
    t.equal(c.flow().aban_incalls, 1);
    t.equal(c.agent('ann').aban_incalls, ringing ? 1 : 0);
    t.equal(c.agent('ann').state, 'free', 'a ringing agent is free at once');
    t.equal(c.records.at(-1)?.kind, 'call_gone');
  }
});

t.test('the caller may leave in dissuading2: abandoned', async (t) => {
  const flow = flowConfig({ message_dissuading: DISSUADE, dissuading_ewt_s: 5, dissuading_hangup: true });
  const c = new Centre([flow], [off], open);
  c.arrive('a');
  c.gone('a');
  t.match(c.cdrs, [{ call_type: 1, fstats: 9 }]);
});

t.test('a call that the worker lost ends with CDR -1, wherever it was', async (t) => {
  const c = new Centre([flowConfig()], [ann]);
  c.arrive('ringing');
  c.arrive('waiting');
  const lose = (call: string) => c.report({ kind: 'call_lost', call, at_ms: c.now_ms, why: 'test' });
  lose('waiting');
  lose('ringing');
  t.equal(c.agent('ann').state, 'free');
  c.arrive('talking');
  c.connected('talking', 1);
  c.pass(9);
  lose('talking');
  t.equal(c.agent('ann').state, 'wrapup');
  t.match(c.cdrs, [
    { call_type: -1, agent_id: '', fstats: 1 },
    { call_type: -1, agent_id: 'ann', fstats: 3 },
    { call_type: -1, agent_id: 'ann', fstats: 7, talk_s: 0, wait_s: 0 },
  ]);
});

t.test(
  'reports about legs no longer wanted change nothing, those about unknown calls end them',
  async (t) => {
    const c = new Centre([flowConfig()], [ann]);
    c.arrive('a');
    c.connected('a', 1);
    c.forgetOutput();
    for (const leg of [0, 2, 99]) {
      c.failed('a', leg);
      c.ended('a', leg);
      c.connected('a', leg);
    }
    t.same(c.decisions, []);
    t.equal(c.where('a'), 'toagent ann');
    c.ended('nobody', 1);
    t.match(c.decisions, [{ kind: 'end', call: 'nobody' }]);
  },
);

t.test('cc_calls follows the call from its arrival to its end', async (t) => {
  const c = new Centre([welcomed], [ann]);
  c.arrive('a');
  c.connected('a', 1);
  c.pass(4);
  c.ended('a', 1);
  c.pass(2);
  c.connected('a', 2);
  c.gone('a');
  t.match(c.callRecords, [
    { state: 1, agent_id: '', setup_s: -1, param: 'p', caller_user: 'bob', caller_display: 'Bob', media: 0 },
    { state: 6, agent_id: 'ann', setup_s: -1, last_start_ms: c.now_ms - 2000, received_ms: c.now_ms - 6000 },
    { state: 6, last_start_ms: c.now_ms - 1500 },
    { state: 6, setup_s: 2 },
  ]);
  t.match(
    c.records.filter((record) => record.kind === 'call_gone'),
    [{ call: 'a' }],
  );
});

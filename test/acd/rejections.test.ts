/** Why an agent's leg fails decides who pays, and what becomes of the call. */
import t from 'tap';
import { agentConfig, Centre, flowConfig } from './centre.js';

const ann = agentConfig({ id: 'ann' });
const ben = agentConfig({ id: 'ben' });

for (const status of [486, 480, 600, 603, 408, 302, 503, 500, 404]) {
  t.test(`${status} is the agent's own: wrapup, CDR -2, the call waits at the top`, async (t) => {
    const c = new Centre([flowConfig()], [ann]);
    c.arrive('a');
    c.pass(2.5);
    c.failed('a', 1, status);
    t.equal(c.agent('ann').state, 'wrapup');
    t.equal(c.agent('ann').rej_incalls, 1);
    t.equal(c.where('a'), 'queued');
    t.match(c.cdrs, [
      { call_type: -2, agent_id: 'ann', rejected: 0, wait_s: 2, pickup_s: 2, talk_s: 0, fstats: 3 },
    ]);
    t.match(c.connect('a'), { role: 'media', leg: 2 }, 'it hears the queue');
    c.pass(30);
    t.equal(c.where('a'), 'toagent ann', 'again, when nobody else fits');
  });
}

for (const status of [400, 415, 420, 488, 606]) {
  t.test(`${status} is the call's own: the agent is free at once for another call`, async (t) => {
    const c = new Centre([flowConfig()], [ann, ben]);
    c.arrive('a');
    c.failed('a', 1, status);
    t.equal(c.where('a'), 'toagent ben');
    t.equal(c.agent('ann').state, 'free');
    t.equal(c.agent('ann').rej_incalls, 0);
    t.match(c.cdrs, [{ call_type: -2, agent_id: 'ann', rejected: 0 }]);
    c.arrive('b');
    t.equal(c.where('b'), 'toagent ann');
  });
}

t.test('a caller who refuses to be moved to the agent costs the agent nothing', async (t) => {
  const c = new Centre([flowConfig()], [ann, ben]);
  c.arrive('a');
  c.failed('a', 1, 486, 'caller');
  t.equal(c.agent('ann').state, 'free');
  t.equal(c.where('a'), 'toagent ben');
  t.match(c.cdrs, [{ call_type: -2, agent_id: 'ann' }]);
});

t.test(
  'an agent who hangs up within 1 s has refused: the caller waits on, unanswered by anybody',
  async (t) => {
    const c = new Centre([flowConfig()], [ann]);
    c.arrive('a');
    c.pass(4);
    c.connected('a', 1);
    c.pass(0.9);
    c.ended('a', 1);
    t.equal(c.agent('ann').state, 'wrapup');
    t.equal(c.where('a'), 'queued');
    t.match(c.cdrs, [{ call_type: -2, pickup_s: 4, wait_s: 4, talk_s: 0, fstats: 7 }], 'it was answered');
    c.pass(3);
    c.gone('a');
    t.match(c.cdrs.at(-1), { call_type: 1, fstats: 11, rejected: 1, agent_id: '', wait_s: 7, cid: 1 });
  },
);

t.test('a call answered twice is counted as answered once', async (t) => {
  const c = new Centre([flowConfig()], [ann, ben]);
  c.arrive('a');
  c.connected('a', 1);
  c.ended('a', 1);
  c.connected('a', c.connect('a').leg);
  t.equal(c.flow().answ_incalls, 1);
  t.equal(c.flow().dist_incalls, 2, 'deliveries are counted each');
  t.equal(c.dispatcher.engineRow().answ_incalls, 1);
});

t.test('a refused call goes before all others, whatever their priority', async (t) => {
  const c = new Centre([flowConfig(), flowConfig({ id: 'vip', priority: 0 })], [ann]);
  c.arrive('a');
  c.arrive('b', 'vip');
  c.failed('a', 1);
  c.pass(30);
  t.equal(c.where('a'), 'toagent ann');
  t.equal(c.where('b'), 'queued');
});

t.test('of two refused calls the higher priority goes first', async (t) => {
  const c = new Centre([flowConfig(), flowConfig({ id: 'vip', priority: 0 })], [ann, ben]);
  c.arrive('a');
  c.arrive('b', 'vip');
  c.failed('a', 1);
  c.failed('b', 1);
  c.pass(30);
  t.equal(c.where('b'), 'toagent ann');
  t.equal(c.where('a'), 'toagent ben');
});

t.test('a call does not go back to who refused it while another is free', async (t) => {
  const c = new Centre([flowConfig()], [ann, ben], { wrapup_s: 0 });
  c.arrive('a');
  c.failed('a', 1);
  t.equal(c.where('a'), 'toagent ben', 'ann is free again, and idle for less long');
  c.failed('a', 2);
  t.equal(c.where('a'), 'toagent ann', 'all have refused it: the longest idle');
  c.failed('a', 3);
  t.equal(c.where('a'), 'toagent ben');
});

t.test('a call that too many have refused ends with CDR -1', async (t) => {
  const c = new Centre([flowConfig()], [ann], { max_rejections: 3, wrapup_s: 0 });
  c.arrive('a');
  for (let leg = 1; leg <= 3; leg++) {
    t.equal(c.where('a'), 'toagent ann');
    c.failed('a', leg);
  }
  t.equal(c.where('a'), 'ended');
  t.match(
    c.cdrs.map((cdr) => [cdr.call_type, cdr.rejected, cdr.agent_id]),
    [
      [-2, 0, 'ann'],
      [-2, 1, 'ann'],
      [-2, 2, 'ann'],
      [-1, 3, ''],
    ],
  );
  t.match(c.decisions.at(-1), { kind: 'end', status: 480 });
});

t.test('the queue media that played on is not made again for a refused call', async (t) => {
  const c = new Centre([flowConfig()], [agentConfig({ id: 'ann', logged_in: false })], {
    reject_on_no_agents: false,
  });
  c.arrive('a');
  c.connected('a', 1);
  c.login('ann', true);
  c.failed('a', 2);
  t.equal(c.where('a'), 'queued');
  c.pass(10);
  t.same(c.uris('a'), ['sip:queue@media', 'sip:ann@desk']);
});

t.test(
  'an unanswered caller has one destination at a time and hears the queue between two agents',
  async (t) => {
    const c = new Centre([flowConfig()], [ann]);
    c.arrive('a');
    c.failed('a', 1);
    c.pass(30);
    t.same(c.uris('a'), ['sip:ann@desk', 'sip:queue@media', 'sip:ann@desk']);
    c.failed('a', 2, 487);
    t.equal(c.where('a'), 'toagent ann', 'the end of the leg that gave way does not matter');
    c.pass(5);
    t.equal(c.connect('a').leg, 3);
  },
);

/** Chats: several at a time, two policies, accumulated wrapup, no audio meanwhile. */
import t from 'tap';
import { agentConfig, Centre, flowConfig } from './centre.js';

function chatter(id: string, msrp_max_sessions: number) {
  return agentConfig({ id, msrp_location: `sip:${id}@chat`, msrp_max_sessions });
}

function arriveChats(c: Centre, ...calls: string[]): string[] {
  for (const call of calls) c.arrive(call, 'sales', 'msrp');
  return calls.map((call) => c.where(call));
}

t.test('balancing: a chat goes to whose last chat is longest ago', async (t) => {
  const c = new Centre([flowConfig()], [chatter('ann', 2), chatter('ben', 3)]);
  t.same(arriveChats(c, 'a', 'b', 'c', 'd', 'e', 'f'), [
    'toagent ann',
    'toagent ben',
    'toagent ann',
    'toagent ben',
    'toagent ben',
    'queued',
  ]);
});

t.test('full-load: a chat goes to whom the fewest sessions are left', async (t) => {
  const c = new Centre([flowConfig()], [chatter('ann', 3), chatter('ben', 2)], {
    chat_dispatch_policy: 'full-load',
  });
  t.same(arriveChats(c, 'a', 'b', 'c', 'd', 'e', 'f'), [
    'toagent ben',
    'toagent ben',
    'toagent ann',
    'toagent ann',
    'toagent ann',
    'queued',
  ]);
});

t.test('audio and chat exclude each other', async (t) => {
  const c = new Centre([flowConfig()], [chatter('ann', 2)]);
  c.arrive('audio');
  t.same(arriveChats(c, 'chat'), ['queued']);
  c.gone('audio');
  t.equal(c.where('chat'), 'toagent ann');
  c.arrive('audio2');
  t.equal(c.where('audio2'), 'queued');
  t.match(c.agent('ann'), { state: 'inchat', ongoing_chats: 1, refs: 1 });
});

t.test('audio and chat wait in one order', async (t) => {
  const c = new Centre([flowConfig()], [chatter('ann', 2)], { wrapup_s: 0 });
  c.arrive('a');
  arriveChats(c, 'chat1');
  c.arrive('b');
  arriveChats(c, 'chat2');
  c.gone('a');
  t.same(
    ['chat1', 'chat2', 'b'].map((call) => c.where(call)),
    ['toagent ann', 'toagent ann', 'queued'],
  );
  c.gone('chat1');
  t.equal(c.where('b'), 'queued');
  c.gone('chat2');
  t.equal(c.where('b'), 'toagent ann');
});

t.test('the wrapup of chats adds up, takes one session while it runs, and ends in free', async (t) => {
  const c = new Centre([flowConfig()], [chatter('ann', 3)]);
  arriveChats(c, 'a', 'b', 'c', 'd');
  for (const call of ['a', 'b', 'c']) c.connected(call, 1);
  c.pass(10);
  const end_ms = c.now_ms + 30_000;
  c.gone('a');
  t.match(c.agent('ann'), { state: 'inchat', ongoing_chats: 2, wrapup_end_ms: end_ms });
  t.equal(c.where('d'), 'queued', 'the session that became free is the one left unused');
  c.gone('b');
  t.equal(c.agent('ann').wrapup_end_ms, end_ms + 30_000);
  t.equal(c.where('d'), 'toagent ann');
  c.gone('d');
  c.gone('c');
  t.match(c.agent('ann'), { state: 'inchat', ongoing_chats: 0, wrapup_end_ms: end_ms + 60_000 });
  c.arrive('audio');
  t.equal(c.where('audio'), 'queued', 'no audio while a wrapup runs');
  c.pass(89);
  t.equal(c.where('audio'), 'queued');
  c.pass(1);
  t.equal(c.where('audio'), 'toagent ann');
});

t.test('when the wrapup ends, the session that it held takes the next chat', async (t) => {
  const c = new Centre([flowConfig()], [chatter('ann', 2)]);
  arriveChats(c, 'a', 'b', 'c');
  c.connected('a', 1);
  c.gone('a');
  t.equal(c.where('c'), 'queued');
  c.pass(30);
  t.equal(c.where('c'), 'toagent ann');
});

t.test('an agent with one session gets no chat before the wrapup is over', async (t) => {
  const c = new Centre([flowConfig()], [chatter('ann', 1)]);
  arriveChats(c, 'a', 'b');
  c.connected('a', 1);
  c.gone('a');
  c.pass(29);
  t.equal(c.where('b'), 'queued');
  c.pass(1);
  t.equal(c.where('b'), 'toagent ann');
});

t.test('a chat whose caller left while it rang costs no wrapup, a refused one does', async (t) => {
  const c = new Centre([flowConfig()], [chatter('ann', 2)]);
  arriveChats(c, 'a');
  c.gone('a');
  t.equal(c.agent('ann').state, 'free');
  arriveChats(c, 'b');
  c.failed('b', 1);
  t.match(c.agent('ann'), { state: 'inchat', ongoing_chats: 1, wrapup_end_ms: c.now_ms + 30_000 });
  t.equal(c.where('b'), 'toagent ann', 'nobody else, and there is a session');
});

t.test('logging out lets chats end and takes no more', async (t) => {
  const c = new Centre([flowConfig()], [chatter('ann', 3)], { reject_on_no_agents: false });
  arriveChats(c, 'a');
  c.connected('a', 1);
  c.login('ann', false);
  t.same(arriveChats(c, 'b'), ['queued']);
  c.login('ann', true);
  t.equal(c.where('b'), 'toagent ann');
  c.login('ann', false);
  c.gone('a');
  c.gone('b');
  c.pass(30);
  t.match(c.agent('ann'), { state: 'free', logged_in: false });
});

t.test('chats are told apart in statistics, events and CDRs', async (t) => {
  const c = new Centre([flowConfig()], [chatter('ann', 2)]);
  arriveChats(c, 'a', 'b', 'c');
  c.connected('a', 1);
  t.match(c.flow(), { answ_incalls: 1, answ_inchats: 1, onhold_calls: 1, onhold_chats: 1 });
  c.arrive('audio');
  t.match(c.dispatcher.engineRow(), { onhold_calls: 2, onhold_chats: 1 });
  t.match(
    c.agent_events.map((event) => [event.state, event.ongoing_sessions, event.flow_id]),
    [
      ['inchat', 1, 'sales'],
      ['inchat', 2, 'sales'],
    ],
  );
  c.gone('a');
  t.match(c.cdrs, [{ media: 2, call_type: 0 }]);
  t.match(c.callRecords[0], { media: 1 });
});

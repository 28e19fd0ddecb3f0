/** Reload while calls run: what changes for whom, and what stays. */
import t from 'tap';
import { agentConfig, Centre, flowConfig } from './centre.js';

const QUEUE = 'sip:queue@media';
const DISSUADE = 'sip:dissuade@media';
const ann = agentConfig({ id: 'ann' });
const ben = agentConfig({ id: 'ben' });
const off = agentConfig({ id: 'ann', logged_in: false });
const open = { reject_on_no_agents: false };

t.test('the time after which callers are dissuaded is the new one, also for those who wait', async (t) => {
  const c = new Centre([flowConfig({ message_dissuading: DISSUADE, dissuading_onhold_s: 60 })], [off], open);
  c.arrive('a');
  c.pass(15);
  c.arrive('b');
  c.load([flowConfig({ message_dissuading: DISSUADE, dissuading_onhold_s: 20 })], [off]);
  c.pass(4.9);
  t.equal(c.where('a'), 'queued');
  c.pass(0.1);
  t.equal(c.where('a'), 'dissuading1', '20 s after he entered the queue');
  t.equal(c.where('b'), 'queued');
  c.load([flowConfig({ message_dissuading: DISSUADE })], [off]);
  c.pass(100);
  t.equal(c.where('b'), 'queued', 'switched off');
  c.load([flowConfig({ message_dissuading: DISSUADE, dissuading_onhold_s: 30 })], [off]);
  c.pass(0.001);
  t.equal(c.where('b'), 'dissuading1', 'he has waited longer than that already');
});

t.test('a dissuading message that is taken away dissuades nobody any more', async (t) => {
  const c = new Centre([flowConfig({ message_dissuading: DISSUADE, dissuading_onhold_s: 20 })], [off], open);
  c.arrive('a');
  c.load([flowConfig({ dissuading_onhold_s: 20 })], [off]);
  c.pass(60);
  t.equal(c.where('a'), 'queued');
  c.load([flowConfig({ message_dissuading: DISSUADE, dissuading_onhold_s: 20 })], [off]);
  c.pass(0.001);
  t.equal(c.where('a'), 'dissuading1', 'and back again');
});

t.test(
  'new messages, ceilings and prefixes serve the calls that come, and those there are when due',
  async (t) => {
    const c = new Centre([flowConfig()], [ann]);
    c.arrive('talks');
    c.connected('talks', 1);
    c.arrive('waits');
    c.connected('waits', 1);
    const changed = flowConfig({
      message_queue: 'sip:new@media',
      message_welcome: 'sip:hello@media',
      max_wrapup_s: 4,
    });
    c.load([changed], [ann]);
    c.ended('waits', 1);
    c.pass(1);
    t.same(c.uris('waits'), [QUEUE, 'sip:new@media'], 'the next leg is to the new message');
    c.arrive('comes');
    t.same(c.uris('comes'), ['sip:hello@media']);
    c.gone('talks');
    t.equal(c.agent('ann').wrapup_end_ms, c.now_ms + 4000, 'the ceiling that is in force when the talk ends');
  },
);

t.test('skills move between agents: each next call goes by the new ones', async (t) => {
  const flows = [flowConfig(), flowConfig({ id: 'tech', skill: 'tech' })];
  const c = new Centre(flows, [ann, agentConfig({ id: 'tim', skills: ['tech'] })], { wrapup_s: 0 });
  c.arrive('s1');
  c.arrive('t1', 'tech');
  c.arrive('s2');
  c.arrive('t2', 'tech');
  t.same([c.where('s1'), c.where('t1')], ['toagent ann', 'toagent tim']);
  c.load(flows, [
    agentConfig({ id: 'ann', skills: ['tech'] }),
    agentConfig({ id: 'tim', skills: ['sales'] }),
  ]);
  t.same([c.where('s1'), c.where('t1')], ['toagent ann', 'toagent tim'], 'what rings goes on');
  c.connected('s1', 1);
  c.gone('s1');
  t.equal(c.where('t2'), 'toagent ann');
  t.equal(c.where('s2'), 'queued');
  c.gone('t1');
  t.equal(c.where('s2'), 'toagent tim');
});

t.test('a skill nobody has any more closes its flow to new calls, and keeps those that wait', async (t) => {
  const c = new Centre([flowConfig()], [ann]);
  c.arrive('a');
  c.arrive('b');
  c.load([flowConfig()], [agentConfig({ id: 'ann', skills: [] })]);
  c.gone('a');
  c.pass(60);
  t.equal(c.where('b'), 'queued');
  c.arrive('c');
  t.match(c.decisions.at(-1), { kind: 'end', call: 'c', status: 480 });
  c.load([flowConfig()], [ann]);
  t.equal(c.where('b'), 'toagent ann');
});

t.test('a new place, number of sessions and wrapup of an agent serve from the next call on', async (t) => {
  const chatty = { msrp_location: 'sip:ann@chat', msrp_max_sessions: 1 };
  const c = new Centre([flowConfig()], [{ ...ann, ...chatty }]);
  c.arrive('a', 'sales', 'msrp');
  c.arrive('b', 'sales', 'msrp');
  c.arrive('c', 'sales', 'msrp');
  t.equal(c.where('b'), 'queued');
  c.load([flowConfig()], [{ ...ann, msrp_location: 'sip:ann@new', msrp_max_sessions: 2, wrapup_s: 5 }]);
  t.equal(c.where('b'), 'toagent ann', 'there is room for a second one');
  t.same([c.connect('a').uri, c.connect('b').uri], ['sip:ann@chat', 'sip:ann@new']);
  c.load([flowConfig()], [{ ...ann, ...chatty, wrapup_s: 5 }]);
  c.gone('a');
  t.equal(c.where('c'), 'queued', 'fewer sessions: those too many end by themselves');
  c.connected('b', c.connect('b').leg);
  c.gone('b');
  t.equal(c.agent('ann').wrapup_end_ms, c.now_ms + 5000);
});

t.test('an agent who loses a medium finishes what he has of it', async (t) => {
  const c = new Centre([flowConfig()], [{ ...ann, msrp_location: 'sip:ann@chat' }], { wrapup_s: 0 });
  c.arrive('a');
  c.connected('a', 1);
  c.load([flowConfig()], [{ ...ann, location: '', msrp_location: 'sip:ann@chat' }]);
  t.equal(c.where('a'), 'toagent ann');
  c.gone('a');
  c.arrive('b');
  t.equal(c.where('b'), 'queued');
  c.arrive('c', 'sales', 'msrp');
  t.equal(c.where('c'), 'toagent ann');
});

t.test('a removed agent who rings, or talks, lives until that is over and takes nothing more', async (t) => {
  for (const answered of [false, true]) {
    const c = new Centre([flowConfig()], [ann, ben]);
    const row = c.dispatcher.acd.agents.get('ann')?.row ?? -1;
    c.arrive('a');
    c.arrive('b');
    c.arrive('c');
    if (answered) c.connected('a', 1);
    c.load([flowConfig()], [ben]);
    t.equal(c.where('a'), 'toagent ann');
    t.match(c.agent_events.at(-1), { agent_id: 'ann', state: 'offline' });
    c.pass(5);
    if (answered) c.ended('a', 1);
    else c.failed('a', 1);
    t.match(c.cdrs, [{ agent_id: 'ann', call_type: answered ? 0 : -2 }]);
    t.equal(c.dispatcher.agentRow(row), undefined, 'gone with it');
    t.equal(c.where('c'), 'queued');
    c.gone('b');
    t.equal(c.where(answered ? 'c' : 'a'), 'toagent ben');
  }
});

t.test('a removed flow whose caller talks or hears a message lives as long', async (t) => {
  const c = new Centre([flowConfig(), flowConfig({ id: 'old', message_welcome: 'sip:w@m' })], [ann]);
  c.arrive('a', 'old');
  const row = c.call('a')?.flow ?? -1;
  c.load([flowConfig()], [ann]);
  c.connected('a', 1);
  c.ended('a', 1);
  t.equal(c.where('a'), 'toagent ann');
  c.connected('a', 2);
  c.pass(9);
  t.equal(c.dispatcher.flowRow(row)?.ongoing, 1);
  c.ended('a', 2);
  t.match(c.cdrs, [{ flow_id: 'old', call_type: 0, talk_s: 9 }]);
  t.equal(c.dispatcher.flowRow(row), undefined);
});

t.test('counters and means survive a reload that changes everything else', async (t) => {
  const c = new Centre([flowConfig()], [ann]);
  c.talk('a', 10);
  c.pass(30);
  c.arrive('b');
  c.failed('b', 1);
  c.gone('b');
  c.pass(30);
  const flow = c.flow();
  const agent = c.agent('ann');
  const engine = c.dispatcher.engineRow();
  c.load(
    [flowConfig({ priority: 1, skill: 'tech', prependcid: 'x', max_wrapup_s: 9, message_queue: 'sip:n@m' })],
    [{ ...ann, skills: ['tech'], location: 'sip:n@m', wrapup_s: 3, msrp_location: 'sip:ann@chat' }],
  );
  t.match(c.flow(), { ...flow, priority: 1, skill: c.flow().skill });
  t.same(c.agent('ann'), agent);
  t.same(c.dispatcher.engineRow(), engine);
});

t.test('the end of a wrapup that the table names counts for new agents only', async (t) => {
  const c = new Centre([flowConfig()], [ann]);
  c.load([flowConfig()], [{ ...ann, wrapup_end_time_s: c.now_ms / 1000 + 100 }]);
  t.equal(c.agent('ann').state, 'free');
  c.load([flowConfig()], [ann, { ...ben, wrapup_end_time_s: c.now_ms / 1000 + 100 }]);
  t.equal(c.agent('ben').state, 'wrapup');
});

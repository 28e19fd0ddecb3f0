/** The thresholds of a flow against its own load, and the way back into the queue. */
import t from 'tap';
import { agentConfig, Centre, flowConfig } from './centre.js';

const DISSUADE = 'sip:dissuade@media';
const QUEUE = 'sip:queue@media';
const off = agentConfig({ id: 'ann', logged_in: false });
const ann = agentConfig({ id: 'ann' });
const open = { reject_on_no_agents: false };

t.test('dissuading_qsize_th counts the calls in the queue of its own flow', async (t) => {
  const full = flowConfig({ id: 'full', message_dissuading: DISSUADE, dissuading_qsize: 2 });
  const c = new Centre([flowConfig(), full], [off], open);
  for (const call of ['1', '2', '3']) c.arrive(call);
  c.arrive('a', 'full');
  c.arrive('b', 'full');
  t.same([c.where('a'), c.where('b')], ['queued', 'queued'], 'three of another flow wait for the same skill');
  c.arrive('c', 'full');
  t.equal(c.where('c'), 'dissuading1', 'two of its own do');
  c.gone('a');
  c.arrive('d', 'full');
  t.equal(c.where('d'), 'queued', 'who hears the message is not in the queue');
});

t.test('a threshold of 0 is off', async (t) => {
  const c = new Centre([flowConfig({ message_dissuading: DISSUADE })], [off], open);
  for (const call of ['1', '2', '3']) c.arrive(call);
  t.equal(c.call('3')?.eta_s, 2147483647);
  c.pass(100_000);
  t.same([c.where('1'), c.where('3')], ['queued', 'queued']);
});

t.test('a threshold that is not passed dissuades nobody', async (t) => {
  const flow = flowConfig({ message_dissuading: DISSUADE, dissuading_ewt_s: 10 });
  const c = new Centre([flow], [ann]);
  c.talk('talked', 10);
  c.arrive('a');
  c.arrive('b');
  t.match(c.call('b'), { eta_s: 10, state: 'queued' }, 'as long as the threshold is not longer');
});

for (const hangup of [false, true]) {
  const state = hangup ? 'dissuading2' : 'dissuading1';
  const thresholds = {
    dissuading_ewt_th: { dissuading_ewt_s: 1 },
    dissuading_qsize_th: { dissuading_qsize: 1 },
    dissuading_onhold_th: { dissuading_onhold_s: 8 },
  };
  for (const [name, threshold] of Object.entries(thresholds)) {
    t.test(`${name} leads to ${state} ${hangup ? 'with' : 'without'} dissuading_hangup`, async (t) => {
      const flow = flowConfig({ message_dissuading: DISSUADE, dissuading_hangup: hangup, ...threshold });
      const c = new Centre([flow], [ann], { wrapup_s: 0 });
      c.talk('talked', 5);
      c.arrive('rings');
      c.arrive('waits');
      t.equal(c.where('waits'), 'queued');
      c.arrive('a');
      c.pass(8);
      t.equal(c.where('a'), state);
      const { leg, uri } = c.connect('a');
      t.equal(uri, DISSUADE);
      c.connected('a', leg);
      c.pass(3);
      c.gone('rings');
      t.equal(c.where('a'), state, 'nobody is taken from his message');
      c.ended('a', leg);
      t.equal(c.where('a'), hangup ? 'ended' : name === 'dissuading_onhold_th' ? 'toagent ann' : 'queued');
    });
  }
}

t.test('back from dissuading1 a call waits at its place by arrival, with a new deadline', async (t) => {
  const flow = flowConfig({ message_dissuading: DISSUADE, dissuading_onhold_s: 10 });
  const c = new Centre([flow], [off], { ...open, queue_pos_param: 'pos' });
  c.arrive('a');
  c.connected('a', 1);
  c.pass(1);
  c.arrive('b');
  c.connected('b', 1);
  c.pass(9);
  c.connected('a', 2);
  c.pass(0.5);
  c.ended('a', 2);
  t.same(c.uris('a'), [`${QUEUE};pos=0`, DISSUADE, `${QUEUE};pos=0`], 'before the one who came later');
  c.connected('a', 3);
  c.pass(9.9);
  t.equal(c.where('a'), 'queued');
  c.pass(0.1);
  t.equal(c.where('a'), 'dissuading1', 'again, counted from its return');
  t.match(c.call('a'), { state: 'dissuading1' });
});

t.test('a call that an agent refused is not dissuaded by what dissuades at arrival', async (t) => {
  const flow = flowConfig({ message_dissuading: DISSUADE, dissuading_ewt_s: 1, dissuading_qsize: 1 });
  const c = new Centre([flow], [ann]);
  c.arrive('a');
  c.arrive('b');
  t.same([c.where('a'), c.where('b')], ['toagent ann', 'queued']);
  c.failed('a', 1);
  t.equal(c.where('a'), 'queued');
});

t.test(
  'with dispatching left to others every call waits, after its welcome and after dissuading1',
  async (t) => {
    const flow = flowConfig({
      message_welcome: 'sip:w@m',
      message_dissuading: DISSUADE,
      dissuading_onhold_s: 10,
    });
    const c = new Centre([flow], [ann], { internal_call_dispatching: false });
    c.arrive('a');
    c.connected('a', 1);
    c.ended('a', 1);
    t.equal(c.where('a'), 'queued');
    c.connected('a', 2);
    c.pass(10);
    c.connected('a', 3);
    c.ended('a', 3);
    t.equal(c.where('a'), 'queued');
    t.same(c.command({ kind: 'dispatch', call: 'a', agent_id: 'ann' }), { ok: true });
    t.equal(c.where('a'), 'toagent ann');
  },
);

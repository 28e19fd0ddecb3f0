/** Which INVITEs are refused, in which order of reasons, and what is counted. */
import t from 'tap';
import { agentSees } from '../../core/acd/display.js';
import { withPosition } from '../../core/acd/queue.js';
import type { EndCall } from '../../core/messages.js';
import { agentConfig, Centre, flowConfig } from './centre.js';

const ann = agentConfig({ id: 'ann' });
const off = agentConfig({ id: 'ann', logged_in: false });

function answer(c: Centre): number {
  const last = c.decisions.at(-1) as EndCall;
  return last.kind === 'end' ? last.status : 0;
}

t.test('a call is refused for the first of its faults', async (t) => {
  const c = new Centre([flowConfig()], [off], { max_calls: 1 });
  const from = (caller_user: string | undefined, flow: string, media: 'rtp' | 'none') =>
    c.report({
      kind: 'arrived',
      call: `${flow} ${media}`,
      flow,
      media,
      caller_user,
      at_ms: c.now_ms,
      param: '',
      caller_display: '',
    });
  from(undefined, '', 'none');
  t.equal(answer(c), 404);
  from(undefined, 'unknown', 'none');
  t.equal(answer(c), 400);
  from('bob', 'unknown', 'none');
  t.equal(answer(c), 404);
  from('bob', 'sales', 'none');
  t.equal(answer(c), 480);
  t.equal(c.flow().incalls, 0, 'none of these is counted');
  c.login('ann', true);
  from('bob', 'sales', 'none');
  t.equal(answer(c), 488);
  c.arrive('first');
  c.arrive('second');
  t.equal(answer(c), 503);
  t.equal(c.flow().incalls, 3, 'all that found an open flow are counted');
  t.same(c.cdrs, [], 'none of the refused has a CDR');
});

t.test('with reject_on_no_agents off a call waits for somebody to log in', async (t) => {
  const c = new Centre([flowConfig()], [off], { reject_on_no_agents: false });
  c.arrive('a');
  t.equal(c.where('a'), 'queued');
  c.login('ann', true);
  t.equal(c.where('a'), 'toagent ann');
});

t.test('the queue position is told to the media server: those of the same skill who go before', async (t) => {
  const flows = [
    flowConfig(),
    flowConfig({ id: 'vip', priority: 1 }),
    flowConfig({ id: 'tech', skill: 'tech' }),
  ];
  const agents = [off, agentConfig({ id: 'tim', skills: ['tech'], logged_in: false })];
  const c = new Centre(flows, agents, { reject_on_no_agents: false, queue_pos_param: 'cc_pos' });
  c.arrive('a');
  c.arrive('b', 'sales', 'msrp');
  c.arrive('c');
  c.arrive('d', 'vip');
  c.arrive('e', 'tech');
  const told = ['a', 'b', 'c', 'd', 'e'].map((call) => c.uris(call)[0]?.split('cc_pos=')[1]);
  t.same(told, ['0', '1', '2', '0', '0']);
});

t.test('the position goes before headers and after the host', async (t) => {
  t.equal(withPosition('sip:q?x@h;a=b?Subject=y', 'pos', 3), 'sip:q?x@h;a=b;pos=3?Subject=y');
  t.equal(withPosition('sip:h', 'pos', 0), 'sip:h;pos=0');
});

t.test('an agent sees prefix and name, at most 64 characters', async (t) => {
  t.equal(agentSees('Sales', 'Bob', 'bob'), 'Sales Bob');
  t.equal(agentSees('', '', 'bob'), 'bob');
  t.equal(agentSees('Sales', '', 'bob'), 'Sales bob');
  t.equal(Array.from(agentSees('x', '😀'.repeat(70), 'bob')).length, 64);
  t.notMatch(agentSees('x', '😀'.repeat(70), 'bob'), /[\ud800-\udbff]$/, 'no character is cut in two');
});

t.test('rows are told when they change, and empty when a call has ended', async (t) => {
  const c = new Centre([flowConfig()], [ann]);
  const { dispatcher } = c;
  dispatcher.report(
    {
      kind: 'arrived',
      call: 'a',
      flow: 'sales',
      media: 'rtp',
      caller_user: 'bob',
      at_ms: c.now_ms,
      param: '',
      caller_display: '',
    },
    3,
  );
  const row = dispatcher.acd.calls.get('a')?.row ?? -1;
  t.ok(dispatcher.out.calls.has(row));
  t.equal(dispatcher.out.agents.size, 1);
  t.equal(dispatcher.out.flows.size, 1);
  t.equal(dispatcher.out.skills.size, 1);
  t.ok(dispatcher.out.engineChanged);
  t.equal(dispatcher.out.decisions[0]?.worker, 3);
  dispatcher.out.clear();
  t.ok(dispatcher.out.empty);
  dispatcher.report({ kind: 'caller_gone', call: 'a', at_ms: c.now_ms, how: 'cancel' }, 3);
  t.ok(dispatcher.out.calls.has(row));
  t.equal(dispatcher.callRow(row), undefined);
  c.arrive('b');
  t.equal(dispatcher.callRow(row)?.id, 'b', 'the row is used again');
});

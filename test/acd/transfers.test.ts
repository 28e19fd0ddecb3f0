/** Agents who send their callers elsewhere, as the dispatcher sees it. */
import t from 'tap';
import { agentConfig, Centre, flowConfig } from './centre.js';

const ann = agentConfig({
  id: 'ann',
  location: 'sip:ann@desk.example:5070',
  msrp_location: 'sip:ann@[2001:DB8::1]',
});

function talking(options: ConstructorParameters<typeof Centre>[2] = {}): Centre {
  const c = new Centre([flowConfig()], [ann], options);
  c.arrive('a');
  c.connected('a', 1);
  c.pass(20);
  return c;
}

/** What the agent of leg 1 is told who asks to transfer call a there. */
function asked(c: Centre, host: string, port = 0): number | undefined {
  c.report({ kind: 'transfer_asked', call: 'a', leg: 1, transfer: 3, host, port });
  const decision = c.decisions.at(-1);
  return decision?.kind === 'transfer' && decision.transfer === 3 ? decision.status : undefined;
}

t.test('by default transfers go to the engine itself and to the hosts where agents are', async (t) => {
  const c = talking();
  t.equal(asked(c, 'desk.example'), 202, 'at any port');
  t.equal(asked(c, '2001:db8::1'), 202);
  t.equal(asked(c, 'acd.example'), 202);
  t.equal(asked(c, 'acd.example', 5060), 202);
  t.equal(asked(c, 'acd.example', 5061), 403);
  t.equal(asked(c, 'elsewhere.example'), 403);
  c.load([flowConfig()], [agentConfig({ id: 'ann', location: 'sip:elsewhere.example' })]);
  t.equal(asked(c, 'elsewhere.example'), 202, 'as they are now');
});

t.test('a list of where transfers may go replaces that', async (t) => {
  const allow = ['pbx.example', '*.branch.example', '[2001:db8::2]:5070'];
  const c = talking({ transfer: { allow, to_locations: false, callers: false } });
  t.equal(asked(c, 'pbx.example', 5080), 202);
  t.equal(asked(c, 'graz.branch.example'), 202);
  t.equal(asked(c, 'branch.example'), 403);
  t.equal(asked(c, 'xbranch.example'), 403);
  t.equal(asked(c, '2001:db8::2', 5070), 202);
  t.equal(asked(c, '2001:db8::2'), 403);
  t.equal(asked(c, 'desk.example'), 403);
});

t.test('only the agent who talks to the caller transfers him', async (t) => {
  const c = new Centre([flowConfig()], [ann]);
  c.arrive('a');
  t.equal(asked(c, 'desk.example'), 403, 'not yet');
});

t.test('callers transfer where that is allowed, once they talk', async (t) => {
  const asks = (c: Centre, host: string) => {
    c.report({ kind: 'transfer_asked', call: 'a', leg: 0, transfer: 1, host, port: 0 });
    return c.decisions.at(-1);
  };
  t.match(asks(talking(), 'desk.example'), { kind: 'transfer', status: 403 }, 'not by default');
  const transfer = { allow: ['pbx.example'], to_locations: true, callers: true };
  const c = talking({ transfer });
  t.match(asks(c, 'desk.example'), { kind: 'transfer', transfer: 1, status: 202 });
  t.match(asks(c, 'elsewhere.example'), { kind: 'transfer', status: 403 });
  t.equal(c.where('a'), 'toagent ann', 'the agent goes on talking');
  t.equal(c.agent('ann').state, 'incall');
  const early = new Centre([flowConfig()], [ann], { transfer });
  early.arrive('a');
  t.match(asks(early, 'desk.example'), { kind: 'transfer', status: 403 }, 'nobody has answered yet');
});

t.test('a transferred call is handled: its CDR is written, its agent is in wrapup', async (t) => {
  const c = talking();
  c.report({ kind: 'transferred', call: 'a', leg: 1, at_ms: c.now_ms });
  t.match(c.cdrs, [{ call_type: 0, talk_s: 20, agent_id: 'ann', fstats: 7 }]);
  t.equal(c.agent('ann').state, 'wrapup');
  t.equal(c.where('a'), 'ended');
  t.ok(c.records.some((record) => record.kind === 'call_gone' && record.call === 'a'));
  t.notOk(
    c.decisions.some((decision) => decision.kind === 'end'),
    'the worker keeps the bridge',
  );
});

t.test('bridges that are left count for the limit of calls until they end', async (t) => {
  const c = talking({ max_calls: 1, reject_on_no_agents: false });
  c.report({ kind: 'transferred', call: 'a', leg: 1, at_ms: c.now_ms });
  t.equal(c.dispatcher.engineRow().bridges, 1);
  c.arrive('b');
  t.match(c.decisions.at(-1), { kind: 'end', call: 'b', status: 503 });
  c.report({ kind: 'bridge_ended', call: 'a' });
  t.equal(c.dispatcher.engineRow().bridges, 0);
  c.arrive('c');
  t.equal(c.where('c'), 'queued');
  t.notOk(c.decisions.some((decision) => decision.call === 'a' && decision.kind === 'end'));
});

t.test('a transfer of a call that is no longer that agent’s leaves nobody stuck', async (t) => {
  const c = talking();
  c.report({ kind: 'transferred', call: 'a', leg: 7, at_ms: c.now_ms });
  t.match(c.cdrs, [{ call_type: -1 }]);
  t.equal(c.where('a'), 'ended');
  t.equal(c.agent('ann').state, 'wrapup');
});

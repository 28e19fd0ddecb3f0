/** Headers that somebody else gives to a leg's INVITE, who takes a moment for it. */
import t from 'tap';
import type { Decision } from '../../core/messages.js';
import type { LegAnswer, LegInvite } from '../../core/sip/environment.js';
import { type Peer, sdp, World } from '../support/virtual-world.js';

const connect = (leg: number, host: string, role: 'media' | 'agent' = 'media') =>
  ({ kind: 'connect', call: 'call1', leg, role, uri: `sip:${role}@${host}`, display: '' }) as const;

const ANSWER_MS = 20;

/** A call in a world where legs are looked at before they leave. */
function watched(answer: (invite: LegInvite) => LegAnswer) {
  const asked: LegInvite[] = [];
  const world: World = new World({ context_param: 'cc' }, (invite, done) => {
    asked.push(invite);
    world.timers.set(ANSWER_MS, () => done(answer(invite)));
  });
  world.route = (_request, _path, done) => done({ flow: 'support', param: 'vip', media: undefined });
  const caller = world.peer('10.0.0.1');
  caller.send('INVITE', {
    uri: 'sip:support@192.0.2.1',
    sdp: sdp('10.0.0.1', 4000),
    headers: [['X-Account', '42']],
  });
  caller.response(100);
  world.told();
  const decide = (decision: Decision): void => {
    world.decide(decision);
    world.advance(ANSWER_MS);
  };
  return { world, caller, asked, decide };
}

/** The parameter in a header of its own, and longer from then on. */
const marked = ({ headers, context }: LegInvite): LegAnswer => ({
  headers: [...headers, ['X-Leg', `${context.cc}`]],
  context: { cc: `${context.cc}+` },
});

function joined(media: Peer, caller: Peer): void {
  const invite = media.request('INVITE');
  media.reply(invite, 200, { sdp: sdp(media.host, 5000) });
  media.request('ACK');
  caller.send('ACK', { dialog: caller.response(200) });
}

t.test("each leg's INVITE is shown with the state that the call was in, and changed", async (t) => {
  const { world, asked, decide } = watched(() => ({
    headers: [
      ['X-Account', '43'],
      ['X-New', 'yes'],
    ],
    context: {},
  }));
  const agent = world.peer('10.0.0.2');
  world.decide({ kind: 'entered', call: 'call1', state: 'toagent' });
  world.decide({ ...connect(1, '10.0.0.2', 'agent'), display: 'Sales Ann' });
  t.equal(agent.summary(), '', 'nothing leaves before the answer');
  decide({ kind: 'entered', call: 'call1', state: 'queued' });
  const invite = asked.at(-1) as LegInvite;
  t.match(invite, {
    call: 'call1',
    leg: 1,
    role: 'agent',
    state: 'toagent',
    uri: 'sip:agent@10.0.0.2',
    from: 'Sales Ann <sip:ann@10.0.0.1>',
    to: '<sip:agent@10.0.0.2>',
    callId: /^call1\.1\.0\./,
    headers: [['X-Account', '42']],
    context: { cc: 'vip' },
  });
  t.match(invite.body, /m=audio 4000/);
  const sent = agent.request('INVITE');
  t.same([sent.header('x-account'), sent.header('x-new')], ['43', 'yes']);
  t.equal(sent.callId, invite.callId);
});

t.test('a change of a parameter stays on its leg', async (t) => {
  const { world, decide } = watched(marked);
  const agent = world.peer('10.0.0.2');
  const next = world.peer('10.0.0.3');
  decide(connect(1, '10.0.0.2', 'agent'));
  agent.reply(agent.request('INVITE'), 486);
  decide(connect(2, '10.0.0.3', 'agent'));
  t.equal(next.request('INVITE').header('x-leg'), 'vip', 'the next leg has what the call has');
});

t.test('a leg that is tried a second time is shown again, with what became of its parameter', async (t) => {
  const { world, caller, decide } = watched(marked);
  const media = world.peer('10.0.0.2');
  decide(connect(1, '10.0.0.2'));
  joined(media, caller);
  const agent = world.peer('10.0.0.3');
  decide(connect(2, '10.0.0.3', 'agent'));
  const late = agent.request('INVITE');
  t.equal(late.header('x-leg'), 'vip');
  agent.reply(late, 488);
  agent.request('ACK');
  world.advance(ANSWER_MS);
  t.equal(agent.request('INVITE').header('x-leg'), 'vip+', 'with an offer this time');
});

t.test('a leg that is not wanted any more when the answer comes is not made', async (t) => {
  const { world, decide } = watched(marked);
  const agent = world.peer('10.0.0.2');
  world.decide(connect(1, '10.0.0.2', 'agent'));
  decide({ kind: 'drop', call: 'call1', leg: 1 });
  t.equal(agent.summary(), '');
  t.same(world.told(), []);
});

t.test('a leg that nobody answers about in time is given up', async (t) => {
  const world = new World({}, () => {});
  const caller = world.peer('10.0.0.1');
  caller.send('INVITE', { uri: 'sip:support@192.0.2.1', sdp: sdp('10.0.0.1', 4000) });
  const agent = world.peer('10.0.0.2');
  world.decide(connect(1, '10.0.0.2', 'agent'));
  world.told();
  world.advance(4_000);
  t.same(world.told(), ['leg_failed 1 408 peer']);
  t.equal(agent.summary(), '');
});

t.test('a failure costs its call: 500 to a caller not yet answered', async (t) => {
  const { world, caller, decide } = watched(() => ({ failed: 'onLeg failed: Error: no' }));
  world.peer('10.0.0.2');
  decide(connect(1, '10.0.0.2', 'agent'));
  caller.response(500);
  t.match(world.reports, [{ kind: 'call_lost', call: 'call1', why: 'onLeg failed: Error: no' }]);
  t.equal(world.b2bua.size, 0);
});

t.test('a failure costs its call: both sides are released when he has been answered', async (t) => {
  const { world, caller, decide } = watched((invite) =>
    invite.leg === 2 ? { failed: 'no' } : marked(invite),
  );
  const media = world.peer('10.0.0.2');
  world.peer('10.0.0.3');
  decide(connect(1, '10.0.0.2'));
  joined(media, caller);
  world.told();
  decide(connect(2, '10.0.0.3', 'agent'));
  for (const peer of [media, caller]) peer.reply(peer.request('BYE'), 200);
  t.same(world.told(), ['call_lost']);
  t.equal(world.b2bua.dialogs, 0);
});

/** Routing that takes its time, and headers that somebody else gives to a leg's INVITE. */
import t from 'tap';
import type { B2buaEnvironment, LegAnswer, LegInvite, Routed } from '../../core/sip/environment.js';
import { type Peer, sdp, World } from '../support/virtual-world.js';

const connect = (leg: number, host: string, role: 'media' | 'agent' = 'media') =>
  ({ kind: 'connect', call: 'call1', leg, role, uri: `sip:${role}@${host}`, display: '' }) as const;

/** A world whose routing decides when it is told to. */
function undecided() {
  const world = new World();
  const decisions: ((routed: Routed) => void)[] = [];
  world.route = (_request, _path, done) => decisions.push(done);
  const caller = world.peer('10.0.0.1');
  const branch = caller.send('INVITE', { uri: 'sip:any@192.0.2.1', sdp: sdp('10.0.0.1', 4000) });
  caller.response(100);
  const decide = (routed: Routed): void => decisions.shift()?.(routed);
  return { world, caller, branch, decide };
}

t.test('a call begins when routing has decided, with what it was given', async (t) => {
  const { world, caller, decide } = undecided();
  world.advance(400);
  t.same(world.reports, []);
  t.equal(world.b2bua.size, 0);
  decide({ flow: 'zürich', param: 'vip', media: 'msrp' });
  t.match(world.reports, [{ kind: 'arrived', call: 'call1', flow: 'zürich', param: 'vip', media: 'msrp' }]);
  world.peer('10.0.0.2');
  world.decide({ kind: 'end', call: 'call1', status: 480, reason: 'no' });
  caller.response(480);
});

t.test('a caller who gives up while routing decides gets 487 and there is no call', async (t) => {
  const { world, caller, branch, decide } = undecided();
  caller.send('CANCEL', { uri: 'sip:any@192.0.2.1', cseq: 1, branch });
  caller.response(200, 'CANCEL');
  caller.response(487);
  decide({ flow: 'support', param: '', media: undefined });
  t.same(world.reports, [], 'a decision that comes too late changes nothing');
  t.equal(world.b2bua.size, 0);
  t.equal(caller.summary(), '');
});

t.test('a retransmission is not routed again', async (t) => {
  const { world, caller, branch, decide } = undecided();
  caller.send('INVITE', { uri: 'sip:any@192.0.2.1', sdp: sdp('10.0.0.1', 4000), cseq: 1, branch });
  caller.response(100);
  decide({ flow: 'support', param: '', media: undefined });
  t.equal(world.reports.length, 1);
});

t.test('a refusal says why, and after a failure when to come again', async (t) => {
  const busy = undecided();
  busy.decide({ status: 403, reason: 'SIP;cause=403;text="not from here"' });
  const refused = busy.caller.response(403);
  t.equal(refused.header('reason'), 'SIP;cause=403;text="not from here"');
  t.equal(refused.header('retry-after'), undefined);
  const broken = undecided();
  broken.decide({ status: 500, reason: 'SIP;cause=500;text="route module failed"' });
  t.match(broken.caller.response(500).header('retry-after'), /^[123]$/);
  t.equal(broken.world.b2bua.size, 0);
});

t.test('an engine that stops leaves nobody undecided', async (t) => {
  const { world, caller, decide } = undecided();
  world.b2bua.endAll('the engine stops');
  caller.response(503);
  decide({ flow: 'support', param: '', media: undefined });
  t.same(world.reports, []);
});

/** A call in a world where legs are looked at before they leave. */
function watched(answer?: (invite: LegInvite) => LegAnswer) {
  const asked: { invite: LegInvite; done: (answer: LegAnswer) => void }[] = [];
  const onLeg: B2buaEnvironment['onLeg'] = (invite, done) => {
    if (answer === undefined) asked.push({ invite, done });
    else done(answer(invite));
  };
  const world = new World({ context_param: 'cc' }, onLeg);
  world.route = (_request, _path, done) => done({ flow: 'support', param: 'vip', media: undefined });
  const caller = world.peer('10.0.0.1');
  caller.send('INVITE', {
    uri: 'sip:support@192.0.2.1',
    sdp: sdp('10.0.0.1', 4000),
    headers: [['X-Account', '42']],
  });
  caller.response(100);
  world.told();
  return { world, caller, asked };
}

const added = ({ headers, context }: LegInvite): LegAnswer => ({
  headers: [...headers, ['X-Leg', `${context.cc}`]],
  context,
});

function joined(media: Peer, caller: Peer): void {
  const invite = media.request('INVITE');
  media.reply(invite, 200, { sdp: sdp(media.host, 5000) });
  media.request('ACK');
  caller.send('ACK', { dialog: caller.response(200) });
}

t.test("each leg's INVITE is shown with the state that the call was in, and changed", async (t) => {
  const { world, asked } = watched();
  const agent = world.peer('10.0.0.2');
  world.decide({ kind: 'entered', call: 'call1', state: 'toagent' });
  world.decide({ ...connect(1, '10.0.0.2', 'agent'), display: 'Sales Ann' });
  world.decide({ kind: 'entered', call: 'call1', state: 'queued' });
  const [{ invite, done }] = asked as [(typeof asked)[0]];
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
  t.equal(agent.summary(), '', 'nothing leaves before the answer');
  done({
    headers: [
      ['X-Account', '43'],
      ['X-New', 'yes'],
    ],
    context: {},
  });
  const sent = agent.request('INVITE');
  t.same([sent.header('x-account'), sent.header('x-new')], ['43', 'yes']);
  t.equal(sent.callId, invite.callId);
});

t.test('a change of a parameter stays on its leg', async (t) => {
  const { world } = watched(({ headers, context }) => ({
    headers: [...headers, ['X-Leg', `${context.cc}`]],
    context: { ...context, cc: `${context.cc}+` },
  }));
  const agent = world.peer('10.0.0.2');
  const next = world.peer('10.0.0.3');
  world.decide(connect(1, '10.0.0.2', 'agent'));
  agent.reply(agent.request('INVITE'), 486);
  world.decide(connect(2, '10.0.0.3', 'agent'));
  t.equal(next.request('INVITE').header('x-leg'), 'vip', 'the next leg has what the call has');
});

t.test('a leg that is tried a second time is shown again, with what became of its parameter', async (t) => {
  const { world, caller } = watched(({ headers, context }) => ({
    headers: [...headers, ['X-Leg', `${context.cc}`]],
    context: { cc: `${context.cc}+` },
  }));
  const media = world.peer('10.0.0.2');
  world.decide(connect(1, '10.0.0.2'));
  joined(media, caller);
  const agent = world.peer('10.0.0.3');
  world.decide(connect(2, '10.0.0.3', 'agent'));
  const late = agent.request('INVITE');
  t.equal(late.header('x-leg'), 'vip');
  agent.reply(late, 488);
  agent.request('ACK');
  t.equal(agent.request('INVITE').header('x-leg'), 'vip+', 'with an offer this time');
});

t.test('a leg that is not wanted any more when the answer comes is not made', async (t) => {
  const { world, asked } = watched();
  const agent = world.peer('10.0.0.2');
  world.decide(connect(1, '10.0.0.2', 'agent'));
  world.decide({ kind: 'drop', call: 'call1', leg: 1 });
  asked[0]?.done(added(asked[0].invite));
  t.equal(agent.summary(), '');
  world.decide(connect(2, '10.0.0.2', 'agent'));
  world.advance(4_000);
  t.same(world.told(), ['leg_failed 2 408 peer'], 'nor is one that nobody answers about in time');
  asked[1]?.done(added(asked[1].invite));
  t.equal(agent.summary(), '');
});

t.test('a failure costs its call: 500 to a caller not yet answered', async (t) => {
  const { world, caller } = watched(() => ({ failed: 'onLeg failed: Error: no' }));
  world.peer('10.0.0.2');
  world.decide(connect(1, '10.0.0.2', 'agent'));
  caller.response(500);
  t.match(world.reports, [{ kind: 'call_lost', call: 'call1', why: 'onLeg failed: Error: no' }]);
  t.equal(world.b2bua.size, 0);
});

t.test('a failure costs its call: both sides are released when he has been answered', async (t) => {
  let fails = false;
  const { world, caller } = watched((invite) => (fails ? { failed: 'no' } : added(invite)));
  const media = world.peer('10.0.0.2');
  world.peer('10.0.0.3');
  world.decide(connect(1, '10.0.0.2'));
  joined(media, caller);
  world.told();
  fails = true;
  world.decide(connect(2, '10.0.0.3', 'agent'));
  for (const peer of [media, caller]) peer.reply(peer.request('BYE'), 200);
  t.same(world.told(), ['call_lost']);
  t.equal(world.b2bua.dialogs, 0);
});

/** Ladders, section 8: an agent sends the caller elsewhere by REFER. */
import t from 'tap';
import type { Decision } from '../../core/messages.js';
import type { B2buaOptions } from '../../core/sip/environment.js';
import type { SipRequest } from '../../core/sip/message.js';
import { type Peer, sdp, World } from '../support/virtual-world.js';

const AGENT: Decision = {
  kind: 'connect',
  call: 'call1',
  leg: 1,
  role: 'agent',
  uri: 'sip:bob@10.0.0.3',
  display: '',
};
const ALLOWED: Decision = { kind: 'transfer', call: 'call1', transfer: 1, status: 202 };

const streamOf = (message: { body: string }) => /m=\w+ \d+/.exec(message.body)?.[0];

/** A caller who talks to an agent (leg 1); `carol` is where he may be sent. */
function talking(options: Partial<B2buaOptions> = {}, describe = sdp) {
  const world = new World(options);
  const caller = world.peer('10.0.0.1');
  const agent = world.peer('10.0.0.3');
  const carol = world.peer('10.0.0.9');
  caller.send('INVITE', {
    uri: 'sip:support@192.0.2.1',
    sdp: describe('10.0.0.1', 4000),
    headers: [['P-Asserted-Identity', '<sip:+4311@carrier.example>']],
  });
  world.decide(AGENT);
  const invite = agent.request('INVITE');
  agent.reply(invite, 200, { sdp: describe('10.0.0.3', 6000) });
  agent.request('ACK');
  caller.response(100);
  const ok = caller.response(200);
  caller.send('ACK', { dialog: ok });
  world.told();
  return { world, caller, agent, carol, invite, ok };
}

function refer(
  agent: Peer,
  invite: SipRequest,
  to = '<sip:carol@10.0.0.9>',
  more: [string, string][] = [],
): void {
  agent.send('REFER', { dialog: invite, headers: [['Refer-To', to], ...more] });
}

/** The agent's REFER has been accepted, and the target is being called. */
function referred(options: Partial<B2buaOptions> = {}, describe = sdp) {
  const setup = talking(options, describe);
  refer(setup.agent, setup.invite);
  setup.world.decide(ALLOWED);
  setup.agent.response(202);
  t.match(heard(setup.agent), [{ sipfrag: 'SIP/2.0 100 Trying', state: /^active;/ }]);
  setup.world.told();
  return { ...setup, toCarol: setup.carol.request('INVITE') };
}

/** The NOTIFYs that have come, each answered 200. */
function heard(agent: Peer): { sipfrag: string; state: string }[] {
  const notifications = [];
  while (/NOTIFY/.test(agent.summary())) {
    const notify = agent.request('NOTIFY');
    t.match(notify.header('event'), /^refer;id=\d+$/);
    t.equal(notify.contentType, 'message/sipfrag');
    t.ok(notify.contact);
    agent.reply(notify, 200);
    notifications.push({ sipfrag: notify.body.trim(), state: notify.header('subscription-state') ?? '' });
  }
  return notifications;
}

function hangUp(peer: Peer, dialog: Parameters<Peer['send']>[1]['dialog']): void {
  peer.send('BYE', { dialog: dialog as SipRequest });
  peer.response(200, 'BYE');
}

t.test('a blind transfer: the agent hears of its progress, the caller is joined to the target', async (t) => {
  const { world, caller, agent, carol, toCarol, ok } = referred();
  t.equal(toCarol.body, '', 'a late offer');
  t.equal(toCarol.uri, 'sip:carol@10.0.0.9');
  t.match(toCarol.callId, /^call1\.t1\.0\./);
  t.equal(toCarol.from.uri, 'sip:ann@10.0.0.1', 'the target sees the caller');
  t.match(toCarol.header('p-asserted-identity'), /\+4311@carrier/);
  carol.reply(toCarol, 180);
  t.match(heard(agent), [{ sipfrag: 'SIP/2.0 180 Ringing' }]);
  t.equal(caller.summary(), '', 'agent and caller are still together');
  carol.reply(toCarol, 200, { sdp: sdp('10.0.0.9', 9000) });
  const moved = caller.request('INVITE');
  t.equal(streamOf(moved), 'm=audio 9000');
  caller.reply(moved, 200, { sdp: sdp('10.0.0.1', 4002) });
  t.equal(streamOf(carol.request('ACK')), 'm=audio 4002');
  caller.request('ACK');
  t.same(world.told(), ['transferred']);
  t.equal(agent.summary(), 'NOTIFY', 'he is not hung up before he has heard of it');
  t.match(heard(agent), [{ sipfrag: 'SIP/2.0 200 OK', state: 'terminated;reason=noresource' }]);
  agent.reply(agent.request('BYE'), 200);

  t.equal(world.b2bua.size, 1, 'the bridge goes on');
  carol.send('INVITE', { dialog: toCarol, sdp: sdp('10.0.0.9', 9002) });
  const hold = caller.request('INVITE');
  caller.reply(hold, 200, { sdp: sdp('10.0.0.1', 4002) });
  carol.response(200);
  caller.send('BYE', { dialog: ok });
  carol.reply(carol.request('BYE'), 200);
  t.same(world.told(), ['bridge_ended']);
  t.equal(world.b2bua.size, 0);
});

t.test('the target of a transfer hangs up: the caller is hung up by the worker itself', async (t) => {
  const { world, caller, agent, carol, toCarol } = referred();
  carol.reply(toCarol, 200, { sdp: sdp('10.0.0.9', 9000) });
  caller.reply(caller.request('INVITE'), 200, { sdp: sdp('10.0.0.1', 4000) });
  carol.request('ACK');
  heard(agent);
  agent.reply(agent.request('BYE'), 200);
  world.told();
  carol.send('BYE', { dialog: toCarol, headers: [['Reason', 'Q.850;cause=16']] });
  const bye = caller.request('BYE');
  t.equal(bye.header('reason'), 'Q.850;cause=16');
  caller.reply(bye, 200);
  t.same(world.told(), ['bridge_ended']);
  t.equal(world.b2bua.dialogs, 0);
});

for (const status of [404, 486, 603]) {
  t.test(`a target that refuses with ${status}: the agent hears it and keeps the caller`, async (t) => {
    const { world, caller, agent, carol, toCarol, invite } = referred();
    carol.reply(toCarol, status);
    t.match(heard(agent), [{ sipfrag: new RegExp(`^SIP/2.0 ${status} `), state: /^terminated/ }]);
    t.equal(caller.summary(), '');
    t.same(world.told(), []);
    refer(agent, invite);
    t.same(world.told(), ['transfer_asked'], 'and may try again');
  });
}

t.test('a target that never answers is given up after a minute', async (t) => {
  const { world, agent, carol, toCarol } = referred();
  carol.reply(toCarol, 180);
  heard(agent);
  world.advance(59_900);
  t.equal(agent.summary(), '');
  world.advance(200);
  carol.request('CANCEL');
  t.match(heard(agent), [{ sipfrag: 'SIP/2.0 408 Request Timeout' }]);
});

t.test('a caller who refuses to be moved stays with the agent', async (t) => {
  const { world, caller, agent, carol, toCarol } = referred();
  carol.reply(toCarol, 200, { sdp: sdp('10.0.0.9', 9000) });
  caller.reply(caller.request('INVITE'), 488);
  t.equal(streamOf(carol.request('ACK')), 'm=audio 0');
  carol.request('BYE');
  t.match(heard(agent), [{ sipfrag: 'SIP/2.0 488 Not Acceptable Here' }]);
  t.same(world.told(), []);
});

t.test('491 from the caller: the target waits for the next try', async (t) => {
  const { world, caller, agent, carol, toCarol } = referred();
  carol.reply(toCarol, 200, { sdp: sdp('10.0.0.9', 9000) });
  caller.reply(caller.request('INVITE'), 491);
  world.advance(2_100);
  caller.request('ACK');
  caller.reply(caller.request('INVITE'), 200, { sdp: sdp('10.0.0.1', 4000) });
  carol.request('ACK');
  t.match(heard(agent), [{ sipfrag: 'SIP/2.0 200 OK' }]);
  t.same(world.told(), ['transferred']);
});

t.test('a target that is not allowed is refused', async (t) => {
  const { world, agent, carol, invite } = talking();
  refer(agent, invite, '<sip:carol@10.0.0.9:5070>');
  t.match(world.reports, [
    { kind: 'transfer_asked', call: 'call1', leg: 1, transfer: 1, host: '10.0.0.9', port: 5070 },
  ]);
  world.decide({ kind: 'transfer', call: 'call1', transfer: 1, status: 403 });
  agent.response(403);
  t.equal(agent.summary() + carol.summary(), '');
});

t.test('an agent who hangs up once his REFER is accepted has handed the caller on', async (t) => {
  const { world, caller, agent, carol, invite, toCarol } = referred();
  hangUp(agent, invite);
  t.same(world.told(), ['transferred']);
  t.equal(caller.summary(), '');
  carol.reply(toCarol, 200, { sdp: sdp('10.0.0.9', 9000) });
  caller.reply(caller.request('INVITE'), 200, { sdp: sdp('10.0.0.1', 4000) });
  carol.request('ACK');
  t.equal(agent.summary(), '');
  hangUp(carol, toCarol);
  caller.request('BYE');
  t.same(world.told(), ['bridge_ended']);
});

t.test('when then the target refuses, the caller is hung up', async (t) => {
  const { world, caller, agent, carol, invite, toCarol } = referred();
  hangUp(agent, invite);
  carol.reply(toCarol, 486);
  caller.reply(caller.request('BYE'), 200);
  t.same(world.told(), ['transferred', 'bridge_ended']);
  t.equal(world.b2bua.dialogs, 0);
});

t.test('an agent who hangs up before his REFER was decided on has hung up', async (t) => {
  const { world, agent, carol, invite } = talking();
  refer(agent, invite);
  hangUp(agent, invite);
  agent.response(481, 'REFER');
  t.same(world.told(), ['transfer_asked', 'leg_ended 1']);
  world.decide(ALLOWED);
  t.equal(carol.summary(), '');
});

t.test('the caller hangs up while the target rings', async (t) => {
  const { world, caller, agent, carol, ok, toCarol } = referred();
  carol.reply(toCarol, 180);
  heard(agent);
  hangUp(caller, ok);
  t.match(
    heard(agent),
    [{ sipfrag: /^SIP\/2.0 487/, state: /^terminated/ }],
    'he hears that nothing came of it',
  );
  agent.request('BYE');
  carol.request('CANCEL');
  t.same(world.told(), ['caller_gone bye']);
});

t.test('the target hangs up while the caller is being moved to it', async (t) => {
  const { world, caller, agent, carol, toCarol } = referred();
  carol.reply(toCarol, 200, { sdp: sdp('10.0.0.9', 9000) });
  const moved = caller.request('INVITE');
  hangUp(carol, toCarol);
  t.match(heard(agent), [{ sipfrag: /^SIP\/2.0 480/ }]);
  caller.reply(moved, 200, { sdp: sdp('10.0.0.1', 4000) });
  t.equal(streamOf(caller.request('INVITE')), 'm=audio 6000', 'the caller is brought back to the agent');
  t.same(world.told(), []);
});

t.test('one transfer at a time', async (t) => {
  const { world, agent, invite } = referred();
  refer(agent, invite);
  agent.response(491);
  t.same(world.told(), []);
});

t.test('a REFER that cannot be followed is refused', async (t) => {
  const refused = (status: number, ...headers: [string, string][]) => {
    const { agent, invite } = talking();
    agent.send('REFER', { dialog: invite, headers });
    t.equal(agent.response(status).method, 'REFER');
  };
  refused(400);
  refused(400, ['Refer-To', '<sip:a@10.0.0.9>'], ['Refer-To', '<sip:b@10.0.0.9>']);
  refused(400, ['Refer-To', '<sip:a@10.0.0.9']);
  refused(416, ['Refer-To', '<tel:+4312345>']);
  refused(416, ['Refer-To', '<mailto:a@example.com>']);
  refused(501, ['Refer-To', '<sip:a@10.0.0.9;method=BYE>']);
});

t.test('media servers do not transfer', async (t) => {
  const world = new World();
  const caller = world.peer('10.0.0.1');
  const media = world.peer('10.0.0.2');
  caller.send('INVITE', { uri: 'sip:support@192.0.2.1', sdp: sdp('10.0.0.1', 4000) });
  world.decide({ ...AGENT, role: 'media', uri: 'sip:queue@10.0.0.2' } as Decision);
  const invite = media.request('INVITE');
  media.reply(invite, 200, { sdp: sdp('10.0.0.2', 5000) });
  caller.send('ACK', { dialog: caller.response(200) });
  world.told();
  refer(media, invite);
  media.response(403);
  t.same(world.told(), []);
});

t.test('a transfer into the engine itself is a call to it, with the caller’s description', async (t) => {
  const { world, caller, agent, invite } = talking({
    own_addresses: [
      { host: '10.0.0.20', port: 5060 },
      { host: 'acd.example', port: 5060 },
    ],
  });
  const engine = world.peer('10.0.0.20');
  refer(agent, invite, '<sip:sales@acd.example>', [['Referred-By', '<sip:bob@10.0.0.3>']]);
  world.decide(ALLOWED);
  const again = engine.request('INVITE');
  t.equal(again.uri, 'sip:sales@acd.example', 'routes see whom the agent meant');
  t.equal(streamOf(again), 'm=audio 4000');
  t.equal(again.maxForwards, 69);
  t.equal(again.header('referred-by'), '<sip:bob@10.0.0.3>');
  engine.reply(again, 200, { sdp: sdp('10.0.0.20', 7000) });
  engine.request('ACK');
  caller.reply(caller.request('INVITE'), 200, { sdp: sdp('10.0.0.1', 4000) });
  world.told();
});

t.test('a Replaces that names somebody else’s dialog goes out as it is', async (t) => {
  const { world, agent, carol, invite } = talking();
  refer(agent, invite, '<sip:carol@10.0.0.9?Replaces=12345%40desk%3Bto-tag%3Dabc%3Bfrom-tag%3Ddef>');
  world.decide(ALLOWED);
  const toCarol = carol.request('INVITE');
  t.equal(toCarol.uri, 'sip:carol@10.0.0.9');
  t.equal(toCarol.header('replaces'), '12345@desk;to-tag=abc;from-tag=def');
  t.equal(toCarol.header('require'), 'replaces');
});

t.test('a chat is transferred without changing who offers', async (t) => {
  const msrp = (host: string, port: number) =>
    sdp(host, port).replace(/m=audio (\d+) RTP\/AVP 0\r\na=rtpmap.*/, 'm=message $1 TCP/MSRP *');
  const { world, caller, agent, carol, toCarol } = referred({}, msrp);
  t.equal(streamOf(toCarol), 'm=message 4000');
  carol.reply(toCarol, 200, { sdp: msrp('10.0.0.9', 9000) });
  carol.request('ACK');
  caller.reply(caller.request('INVITE'), 200, { sdp: msrp('10.0.0.1', 4002) });
  const again = carol.request('INVITE');
  t.equal(streamOf(again), 'm=message 4002');
  carol.reply(again, 200, { sdp: msrp('10.0.0.9', 9002) });
  t.equal(streamOf(caller.request('ACK')), 'm=message 9002');
  t.match(heard(agent), [{ sipfrag: 'SIP/2.0 200 OK' }]);
  agent.request('BYE');
  t.same(world.told(), ['transferred']);
});

t.test('an agent who does not answer the last NOTIFY is hung up all the same', async (t) => {
  const { world, caller, agent, carol, toCarol } = referred();
  carol.reply(toCarol, 200, { sdp: sdp('10.0.0.9', 9000) });
  caller.reply(caller.request('INVITE'), 200, { sdp: sdp('10.0.0.1', 4000) });
  world.advance(31_000);
  t.notMatch(agent.summary(), /BYE/);
  world.advance(2_000);
  agent.request('BYE');
});

t.test('the agent’s own BYE after the news of his success ends his leg', async (t) => {
  const { world, caller, agent, carol, toCarol, invite } = referred();
  carol.reply(toCarol, 200, { sdp: sdp('10.0.0.9', 9000) });
  caller.reply(caller.request('INVITE'), 200, { sdp: sdp('10.0.0.1', 4000) });
  const notify = agent.request('NOTIFY');
  hangUp(agent, invite);
  agent.reply(notify, 200);
  t.equal(agent.summary(), '', 'no BYE crosses his');
  t.same(world.told(), ['transferred']);
});

t.test('the engine stops: what is left of a transferred call is hung up', async (t) => {
  const { world, caller, agent, carol, toCarol } = referred();
  carol.reply(toCarol, 200, { sdp: sdp('10.0.0.9', 9000) });
  caller.reply(caller.request('INVITE'), 200, { sdp: sdp('10.0.0.1', 4000) });
  heard(agent);
  world.told();
  world.b2bua.endAll('the engine stops');
  caller.request('BYE');
  carol.request('BYE');
  t.same(world.told(), ['bridge_ended']);
});

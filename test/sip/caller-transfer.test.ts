/** Ladders, section 8: a caller who may hands on the agent he talks to by REFER, and goes. */
import t from 'tap';
import type { Decision } from '../../core/messages.js';
import type { B2buaOptions } from '../../core/sip/environment.js';
import type { SipRequest } from '../../core/sip/message.js';
import { mintCallId, shardOf } from '../../core/sip/shard.js';
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

/** A caller who talks to an agent (leg 1); `carol` is whom he may hand him to. */
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
  const refer = (to = '<sip:carol@10.0.0.9>') =>
    caller.send('REFER', { dialog: ok, headers: [['Refer-To', to]] });
  return { world, caller, agent, carol, invite, ok, refer };
}

/** The caller's REFER has been accepted, and the target is being called. */
function referred(options: Partial<B2buaOptions> = {}, describe = sdp) {
  const setup = talking(options, describe);
  setup.refer();
  setup.world.decide(ALLOWED);
  setup.caller.response(202);
  t.same(heard(setup.caller), ['SIP/2.0 100 Trying']);
  setup.world.told();
  return { ...setup, toCarol: setup.carol.request('INVITE') };
}

/** Carol has the caller's place, and he has gone. */
function handedOn() {
  const setup = referred();
  const { caller, agent, carol, toCarol } = setup;
  carol.reply(toCarol, 200, { sdp: sdp('10.0.0.9', 9000) });
  agent.reply(agent.request('INVITE'), 200, { sdp: sdp('10.0.0.3', 6000) });
  agent.request('ACK');
  carol.request('ACK');
  heard(caller);
  caller.reply(caller.request('BYE'), 200);
  setup.world.told();
  return setup;
}

/** What the NOTIFYs that have come say, each answered 200. */
function heard(peer: Peer): string[] {
  const lines = [];
  while (/NOTIFY/.test(peer.summary())) {
    const notify = peer.request('NOTIFY');
    peer.reply(notify, 200);
    lines.push(notify.body.trim());
  }
  return lines;
}

function hangUp(peer: Peer, dialog: Parameters<Peer['send']>[1]['dialog']): void {
  peer.send('BYE', { dialog: dialog as SipRequest });
  peer.response(200, 'BYE');
}

t.test(
  'the agent is moved to the target; the caller hears of it and is let go; the call goes on',
  async (t) => {
    const { world, caller, agent, carol, toCarol, invite } = referred();
    t.equal(toCarol.body, '', 'a late offer');
    t.match(toCarol.callId, /^call1\.t1\.0\./);
    t.equal(toCarol.from.uri, 'sip:support@192.0.2.1', 'whom the caller had called, calls');
    t.equal(toCarol.header('p-asserted-identity'), undefined, 'and not the caller');
    carol.reply(toCarol, 180);
    t.same(heard(caller), ['SIP/2.0 180 Ringing']);
    t.equal(agent.summary(), '', 'agent and caller are still together');
    carol.reply(toCarol, 200, { sdp: sdp('10.0.0.9', 9000) });
    const moved = agent.request('INVITE');
    t.equal(streamOf(moved), 'm=audio 9000');
    agent.reply(moved, 200, { sdp: sdp('10.0.0.3', 6002) });
    t.equal(streamOf(carol.request('ACK')), 'm=audio 6002');
    agent.request('ACK');
    t.equal(caller.summary(), 'NOTIFY', 'he is not hung up before he has heard of it');
    t.same(heard(caller), ['SIP/2.0 200 OK']);
    caller.reply(caller.request('BYE'), 200);
    t.same(world.told(), [], 'to the dispatcher it is the same call');

    carol.send('INVITE', { dialog: toCarol, sdp: sdp('10.0.0.9', 9002) });
    const hold = agent.request('INVITE');
    t.equal(streamOf(hold), 'm=audio 9002');
    agent.reply(hold, 200, { sdp: sdp('10.0.0.3', 6002) });
    carol.send('ACK', { dialog: carol.response(200) });
    agent.send('INFO', { dialog: invite, body: 'Signal=1', contentType: 'application/dtmf-relay' });
    carol.reply(carol.request('INFO'), 200);
    agent.response(200, 'INFO');
    t.equal(world.b2bua.size, 1);
  },
);

t.test('whom the agent was handed to hangs up: as the caller would', async (t) => {
  const { world, agent, carol, toCarol } = handedOn();
  hangUp(carol, toCarol);
  agent.reply(agent.request('BYE'), 200);
  t.same(world.told(), ['caller_gone bye']);
  t.equal(world.b2bua.dialogs, 0);
});

t.test('the agent hangs up: the dispatcher ends the call', async (t) => {
  const { world, agent, carol, invite } = handedOn();
  hangUp(agent, invite);
  t.same(world.told(), ['leg_ended 1']);
  world.decide({ kind: 'end', call: 'call1', status: 480, reason: '' });
  carol.reply(carol.request('BYE'), 200);
  t.equal(world.b2bua.dialogs, 0);
});

for (const status of [404, 486, 603]) {
  t.test(`a target that refuses with ${status}: the caller hears it and keeps the agent`, async (t) => {
    const { world, caller, agent, carol, toCarol, refer } = referred();
    carol.reply(toCarol, status);
    t.match(heard(caller), [new RegExp(`^SIP/2.0 ${status} `)]);
    t.equal(agent.summary(), '');
    t.same(world.told(), []);
    refer();
    t.same(world.told(), ['transfer_asked'], 'and may try again');
  });
}

t.test('an agent who refuses to be moved stays with the caller', async (t) => {
  const { world, caller, agent, carol, toCarol } = referred();
  carol.reply(toCarol, 200, { sdp: sdp('10.0.0.9', 9000) });
  agent.reply(agent.request('INVITE'), 488);
  t.equal(streamOf(carol.request('ACK')), 'm=audio 0');
  carol.reply(carol.request('BYE'), 200);
  t.same(heard(caller), ['SIP/2.0 488 Not Acceptable Here']);
  t.same(world.told(), []);
});

t.test('491 from the agent: the target waits for the next try', async (t) => {
  const { world, caller, agent, carol, toCarol } = referred();
  carol.reply(toCarol, 200, { sdp: sdp('10.0.0.9', 9000) });
  agent.reply(agent.request('INVITE'), 491);
  world.advance(2_100);
  agent.request('ACK');
  agent.reply(agent.request('INVITE'), 200, { sdp: sdp('10.0.0.3', 6000) });
  carol.request('ACK');
  t.same(heard(caller), ['SIP/2.0 200 OK']);
});

t.test('a re-INVITE of the caller’s under way comes first', async (t) => {
  const { caller, agent, carol, ok, toCarol } = referred();
  caller.send('INVITE', { dialog: ok, sdp: sdp('10.0.0.1', 4002) });
  const hold = agent.request('INVITE');
  carol.reply(toCarol, 200, { sdp: sdp('10.0.0.9', 9000) });
  t.equal(agent.summary(), '');
  agent.reply(hold, 200, { sdp: sdp('10.0.0.3', 6000) });
  caller.send('ACK', { dialog: caller.response(200) });
  agent.request('ACK');
  t.equal(streamOf(agent.request('INVITE')), 'm=audio 9000');
});

t.test('a target that is not allowed, or a caller who may not, is refused', async (t) => {
  const { world, caller, agent, carol, refer } = talking();
  refer('<sip:carol@10.0.0.9:5070>');
  t.match(world.reports, [
    { kind: 'transfer_asked', call: 'call1', leg: 0, transfer: 1, host: '10.0.0.9', port: 5070 },
  ]);
  world.decide({ kind: 'transfer', call: 'call1', transfer: 1, status: 403 });
  caller.response(403);
  t.equal(caller.summary() + agent.summary() + carol.summary(), '');
});

t.test('a caller who hears a message is refused', async (t) => {
  const world = new World();
  const caller = world.peer('10.0.0.1');
  const media = world.peer('10.0.0.2');
  caller.send('INVITE', { uri: 'sip:support@192.0.2.1', sdp: sdp('10.0.0.1', 4000) });
  world.decide({ ...AGENT, role: 'media', uri: 'sip:queue@10.0.0.2' } as Decision);
  media.reply(media.request('INVITE'), 200, { sdp: sdp('10.0.0.2', 5000) });
  const ok = caller.response(200);
  caller.send('ACK', { dialog: ok });
  world.told();
  caller.send('REFER', { dialog: ok, headers: [['Refer-To', '<sip:carol@10.0.0.9>']] });
  caller.response(403);
  t.same(world.told(), []);
});

t.test('a caller who hangs up once his REFER is accepted has handed the agent on', async (t) => {
  const { world, caller, agent, carol, ok, toCarol, invite } = referred();
  hangUp(caller, ok);
  t.equal(agent.summary(), '', 'the agent waits');
  const branch = agent.send('INVITE', { dialog: invite, sdp: sdp('10.0.0.3', 6002) });
  agent.send('ACK', { dialog: agent.response(491), branch });
  carol.reply(toCarol, 200, { sdp: sdp('10.0.0.9', 9000) });
  agent.reply(agent.request('INVITE'), 200, { sdp: sdp('10.0.0.3', 6000) });
  carol.request('ACK');
  agent.request('ACK');
  t.equal(caller.summary(), '');
  t.same(world.told(), []);
  hangUp(carol, toCarol);
  agent.request('BYE');
  t.same(world.told(), ['caller_gone bye']);
});

t.test('when then the target refuses, the agent is hung up: the caller has left', async (t) => {
  const { world, caller, agent, carol, ok, toCarol } = referred();
  hangUp(caller, ok);
  carol.reply(toCarol, 486);
  agent.reply(agent.request('BYE'), 200);
  t.same(world.told(), ['caller_gone bye']);
  t.equal(world.b2bua.dialogs, 0);
});

t.test('when then the agent hangs up, the target is let go: the caller has left', async (t) => {
  const { world, caller, agent, carol, ok, toCarol, invite } = referred();
  hangUp(caller, ok);
  carol.reply(toCarol, 180);
  hangUp(agent, invite);
  carol.request('CANCEL');
  t.same(world.told(), ['caller_gone bye']);
});

t.test('a caller who hangs up before his REFER was decided on has hung up', async (t) => {
  const { world, caller, agent, carol, ok, refer } = talking();
  refer();
  hangUp(caller, ok);
  caller.response(481, 'REFER');
  agent.request('BYE');
  t.same(world.told(), ['transfer_asked', 'caller_gone bye']);
  world.decide(ALLOWED);
  t.equal(carol.summary(), '');
});

t.test('the agent hangs up while the target rings: the caller hears that nothing comes of it', async (t) => {
  const { world, caller, agent, carol, toCarol, invite } = referred();
  carol.reply(toCarol, 180);
  heard(caller);
  hangUp(agent, invite);
  carol.request('CANCEL');
  t.same(heard(caller), ['SIP/2.0 480 Temporarily Unavailable']);
  t.same(world.told(), ['leg_ended 1']);
});

t.test('the target hangs up while the agent is being moved to it', async (t) => {
  const { world, caller, agent, carol, toCarol } = referred();
  carol.reply(toCarol, 200, { sdp: sdp('10.0.0.9', 9000) });
  const moved = agent.request('INVITE');
  hangUp(carol, toCarol);
  t.match(heard(caller), [/^SIP\/2\.0 480/]);
  agent.reply(moved, 200, { sdp: sdp('10.0.0.3', 6000) });
  t.equal(streamOf(agent.request('INVITE')), 'm=audio 4000', 'the agent is brought back to the caller');
  t.same(world.told(), []);
});

t.test('one transfer at a time, whoever asks', async (t) => {
  const { world, caller, agent, invite, ok, refer } = referred();
  refer();
  caller.response(491);
  agent.send('REFER', { dialog: invite, headers: [['Refer-To', '<sip:carol@10.0.0.9>']] });
  agent.response(491);
  const tags = `to-tag=${ok.toTag};from-tag=caller`;
  caller.send('INVITE', {
    uri: 'sip:support@192.0.2.1',
    callId: mintCallId('another-', shardOf(ok.callId)),
    from: '<sip:dora@10.0.0.1>;tag=dora',
    sdp: sdp('10.0.0.1', 4010),
    headers: [['Replaces', `${ok.callId};${tags}`]],
  });
  caller.response(491, 'INVITE');
  t.same(world.told(), []);
});

t.test('an attended transfer: the target is told whose place to take', async (t) => {
  const { world, carol, refer } = talking();
  refer('<sip:carol@10.0.0.9?Replaces=12345%40desk%3Bto-tag%3Dabc%3Bfrom-tag%3Ddef>');
  world.decide(ALLOWED);
  t.equal(carol.request('INVITE').header('replaces'), '12345@desk;to-tag=abc;from-tag=def');
});

t.test('who has the caller’s place may hand the agent on in turn', async (t) => {
  const { world, agent, carol, toCarol } = handedOn();
  const dora = world.peer('10.0.0.10');
  carol.send('REFER', { dialog: toCarol, headers: [['Refer-To', '<sip:dora@10.0.0.10>']] });
  world.decide({ ...ALLOWED, transfer: 2 });
  const toDora = dora.request('INVITE');
  dora.reply(toDora, 200, { sdp: sdp('10.0.0.10', 9100) });
  agent.reply(agent.request('INVITE'), 200, { sdp: sdp('10.0.0.3', 6000) });
  dora.request('ACK');
  heard(carol);
  carol.reply(carol.request('BYE'), 200);
  t.same(world.told(), ['transfer_asked']);
  hangUp(dora, toDora);
  agent.reply(agent.request('BYE'), 200);
  t.same(world.told(), ['caller_gone bye']);
  t.equal(world.b2bua.dialogs, 0);
});

t.test('and the agent may hand on who has the caller’s place', async (t) => {
  const { world, agent, carol, invite, toCarol } = handedOn();
  const dora = world.peer('10.0.0.10');
  agent.send('REFER', { dialog: invite, headers: [['Refer-To', '<sip:dora@10.0.0.10>']] });
  world.decide({ ...ALLOWED, transfer: 2 });
  const toDora = dora.request('INVITE');
  dora.reply(toDora, 200, { sdp: sdp('10.0.0.10', 9100) });
  t.equal(streamOf(carol.request('INVITE')), 'm=audio 9100');
  hangUp(carol, toCarol);
  t.same(world.told(), ['transfer_asked', 'caller_gone bye']);
});

t.test('in a chat the agent offers anew, as the caller would', async (t) => {
  const msrp = (host: string, port: number) =>
    sdp(host, port).replace(/m=audio (\d+) RTP\/AVP 0\r\na=rtpmap.*/, 'm=message $1 TCP/MSRP *');
  const { caller, agent, carol, toCarol } = referred({}, msrp);
  t.equal(streamOf(toCarol), 'm=message 6000');
  carol.reply(toCarol, 200, { sdp: msrp('10.0.0.9', 9000) });
  carol.request('ACK');
  agent.reply(agent.request('INVITE'), 200, { sdp: msrp('10.0.0.3', 6002) });
  const again = carol.request('INVITE');
  t.equal(streamOf(again), 'm=message 6002');
  carol.reply(again, 200, { sdp: msrp('10.0.0.9', 9002) });
  t.equal(streamOf(agent.request('ACK')), 'm=message 9002');
  t.same(heard(caller), ['SIP/2.0 200 OK']);
  caller.request('BYE');
});

t.test('the engine stops while the target rings', async (t) => {
  const { world, caller, agent, carol, toCarol } = referred();
  carol.reply(toCarol, 180);
  heard(caller);
  world.b2bua.endAll('the engine stops');
  caller.request('BYE');
  agent.request('BYE');
  carol.request('CANCEL');
  t.same(world.told(), ['call_lost']);
});

/** What crosses on the wire: requests and answers that meet a dialog in a state in which nobody expects them. */
import t, { type Test } from 'tap';
import { SipRequest, type SipResponse } from '../../core/sip/message.js';
import { type Peer, sdp, World } from '../support/virtual-world.js';

const connect = (leg: number, host: string, role: 'media' | 'agent') =>
  ({ kind: 'connect', call: 'call1', leg, role, uri: `sip:${role}@${host}`, display: '' }) as const;

const portOf = (message: SipRequest | SipResponse) => /m=audio (\d+)/.exec(message.body)?.[1];

/** A caller who talks to leg 1. */
function talking() {
  const world = new World();
  const caller = world.peer('10.0.0.1');
  const agent = world.peer('10.0.0.2');
  caller.send('INVITE', { uri: 'sip:support@192.0.2.1', sdp: sdp('10.0.0.1', 4000) });
  world.decide(connect(1, '10.0.0.2', 'agent'));
  const invite = agent.request('INVITE');
  agent.reply(invite, 200, { sdp: sdp('10.0.0.2', 5000) });
  agent.request('ACK');
  caller.response(100);
  const ok = caller.response(200);
  caller.send('ACK', { dialog: ok });
  world.told();
  return { world, caller, agent, invite, ok };
}

/** Everybody goes on answering BYE, and time passes: nothing may be left. */
function nothingLeft(t: Test, world: World, ...peers: Peer[]): void {
  for (const peer of peers) {
    for (const message of peer.inbox.splice(0))
      if (message instanceof SipRequest && message.method === 'BYE') peer.reply(message, 200);
  }
  world.advance(120_000);
  const { b2bua, timers } = world;
  t.same([b2bua.size, b2bua.dialogs, b2bua.layer.size, timers.size], [0, 0, 0, 0], 'nothing is left');
}

t.test('an INFO to a side that is silent for ever ends the leg, not the worker', async (t) => {
  const { world, caller, agent, ok } = talking();
  caller.send('INFO', { dialog: ok, body: 'Signal=1', contentType: 'application/dtmf-relay' });
  agent.request('INFO');
  world.advance(33_000);
  t.same(world.told(), ['leg_ended 1']);
  caller.send('BYE', { dialog: ok });
  nothingLeft(t, world, caller, agent);
});

t.test('a re-INVITE that is answered provisionally for ever is given up', async (t) => {
  const { world, caller, agent, ok } = talking();
  caller.send('INVITE', { dialog: ok, sdp: sdp('10.0.0.1', 4010) });
  const carried = agent.request('INVITE');
  agent.reply(carried, 100);
  world.advance(33_000);
  agent.request('CANCEL');
  agent.reply(carried, 487);
  caller.response(487);
  caller.send('BYE', { dialog: ok });
  nothingLeft(t, world, caller, agent);
});

t.test('a call that ends leaves no re-INVITE open, neither way', async (t) => {
  const { world, caller, agent, ok } = talking();
  caller.send('INVITE', { dialog: ok, sdp: sdp('10.0.0.1', 4010) });
  const carried = agent.request('INVITE');
  agent.reply(carried, 100);
  world.decide({ kind: 'end', call: 'call1', status: 480, reason: '' });
  caller.response(500);
  agent.request('CANCEL');
  nothingLeft(t, world, caller, agent);
});

t.test('an agent who hangs up while he is asked for new SDP: the caller is answered at once', async (t) => {
  const { world, caller, agent, invite, ok } = talking();
  caller.send('INVITE', { dialog: ok, sdp: sdp('10.0.0.1', 4010) });
  const carried = agent.request('INVITE');
  agent.send('BYE', { dialog: invite });
  t.ok(caller.response(500).header('retry-after'));
  t.same(world.told(), ['leg_ended 1']);
  agent.reply(carried, 200, { sdp: sdp('10.0.0.2', 5000) });
  t.equal(agent.request('ACK').cseq, carried.cseq, 'a 200 that crosses is acknowledged all the same');
  caller.send('BYE', { dialog: ok });
  nothingLeft(t, world, caller, agent);
});

t.test('an agent who asks for an offer and hangs up leaves the caller free for the next leg', async (t) => {
  const { world, caller, agent, invite } = talking();
  agent.send('INVITE', { dialog: invite });
  const asked = caller.request('INVITE');
  t.equal(asked.body, '');
  caller.reply(asked, 200, { sdp: sdp('10.0.0.1', 4000) });
  t.equal(portOf(agent.response(200, 'INVITE')), '4000');
  agent.send('BYE', { dialog: invite });
  t.equal(caller.request('ACK').cseq, asked.cseq, 'the caller waits for no ACK that will never come');
  const music = world.peer('10.0.0.3');
  world.decide(connect(2, '10.0.0.3', 'media'));
  music.reply(music.request('INVITE'), 200, { sdp: sdp('10.0.0.3', 6000) });
  t.equal(portOf(caller.request('INVITE')), '6000');
});

t.test('an INFO answered meanwhile does not keep a CANCEL from going across', async (t) => {
  const { caller, agent, ok } = talking();
  const branch = caller.send('INVITE', { dialog: ok, cseq: 50, sdp: sdp('10.0.0.1', 4010) });
  agent.reply(agent.request('INVITE'), 100);
  caller.send('INFO', { dialog: ok, cseq: 51 });
  agent.reply(agent.request('INFO'), 200);
  caller.send('CANCEL', { dialog: ok, cseq: 50, branch });
  t.ok(agent.request('CANCEL'));
});

t.test('a CANCEL that comes while it is asked where the far end is follows the INVITE', async (t) => {
  const { world, caller, agent, ok } = talking();
  world.slowLookups(100);
  const branch = caller.send('INVITE', { dialog: ok, cseq: 50, sdp: sdp('10.0.0.1', 4010) });
  caller.send('CANCEL', { dialog: ok, cseq: 50, branch });
  caller.response(487);
  world.advance(150);
  const late = agent.request('INVITE');
  agent.reply(late, 100);
  t.equal(agent.request('CANCEL').cseq, late.cseq);
});

t.test('a leg that ends while it is asked where the far end is gets no INVITE after its BYE', async (t) => {
  const { world, caller, agent, invite, ok } = talking();
  world.slowLookups(100);
  caller.send('INVITE', { dialog: ok, sdp: sdp('10.0.0.1', 4010) });
  agent.send('BYE', { dialog: invite });
  caller.response(500);
  world.advance(150);
  t.equal(agent.summary(), '200');
});

t.test(
  'a 200 without SDP to a re-INVITE with an offer changes nothing, and is no empty answer',
  async (t) => {
    const { caller, agent, ok } = talking();
    caller.send('INVITE', { dialog: ok, sdp: sdp('10.0.0.1', 4010) });
    agent.reply(agent.request('INVITE'), 200);
    const answer = caller.response(200);
    t.match(answer.body, /^v=0\r\n/);
    t.equal(portOf(answer), '5000');
  },
);

for (const method of ['INVITE', 'UPDATE']) {
  t.test(`${method} inside the dialog with a body that is no SDP gets 415`, async (t) => {
    const { caller, agent, ok } = talking();
    caller.send(method, { dialog: ok, body: 'hello', contentType: 'text/plain' });
    t.equal(caller.response(415).header('accept'), 'application/sdp');
    t.equal(agent.summary(), '');
  });
}

t.test('a fork that lost cannot hang up for the one that won', async (t) => {
  const { world, agent, invite } = talking();
  agent.reply(invite, 200, { tag: 'other', sdp: sdp('10.0.0.2', 5002) });
  t.equal(agent.request('ACK').toTag, 'other');
  t.equal(agent.request('BYE').toTag, 'other');
  agent.send('BYE', { dialog: invite, from: `${invite.header('to')};tag=other` });
  agent.response(481);
  t.same(world.told(), []);
});

t.test('a BYE from one who has not answered is refused, and his call goes on', async (t) => {
  const world = new World();
  const caller = world.peer('10.0.0.1');
  const agent = world.peer('10.0.0.2');
  caller.send('INVITE', { uri: 'sip:support@192.0.2.1', sdp: sdp('10.0.0.1', 4000) });
  world.decide(connect(1, '10.0.0.2', 'agent'));
  const invite = agent.request('INVITE');
  agent.reply(invite, 180);
  agent.send('BYE', { dialog: invite });
  agent.response(481);
  agent.reply(invite, 200, { sdp: sdp('10.0.0.2', 5000) });
  t.same(world.told(), ['arrived', 'leg_connected 1']);
});

t.test('a dialog that is over knows nothing but BYE', async (t) => {
  const { world, caller, ok } = talking();
  world.decide({ kind: 'end', call: 'call1', status: 480, reason: '' });
  caller.request('BYE');
  caller.send('INFO', { dialog: ok });
  caller.response(481);
  caller.send('BYE', { dialog: ok });
  t.ok(caller.response(200, 'BYE'));
});

t.test('a route set without end makes no dialog', async (t) => {
  const world = new World();
  const caller = world.peer('10.0.0.1');
  const routes = Array.from({ length: 250 }, () => '<sip:10.0.0.1;lr>').join(',');
  caller.send('INVITE', { uri: 'sip:support@192.0.2.1', headers: [['Record-Route', routes]] });
  caller.response(513);
  t.same(world.told(), []);
});

t.test('a caller who must go back to the music is asked again after a 491', async (t) => {
  const { world, caller, ok } = talking();
  const other = world.peer('10.0.0.3');
  world.decide(connect(2, '10.0.0.3', 'agent'));
  const invite = other.request('INVITE');
  other.reply(invite, 200, { sdp: sdp('10.0.0.3', 6000) });
  const moving = caller.request('INVITE');
  other.send('BYE', { dialog: invite });
  caller.reply(moving, 200, { sdp: sdp('10.0.0.1', 4000) });
  const back = caller.request('INVITE');
  t.equal(portOf(back), '5000');
  caller.reply(back, 491);
  world.advance(1_100);
  const again = caller.request('INVITE');
  t.equal(portOf(again), '5000');
  caller.reply(again, 200, { sdp: sdp('10.0.0.1', 4000) });
  t.same(world.told(), ['leg_failed 2 480 peer']);
  caller.send('BYE', { dialog: ok });
  caller.response(200, 'BYE');
});

t.test('an extension that is required inside the dialog is refused by name', async (t) => {
  const { caller, agent, ok } = talking();
  caller.send('INVITE', { dialog: ok, sdp: sdp('10.0.0.1', 4010), headers: [['Require', '100rel']] });
  t.equal(caller.response(420).header('unsupported'), '100rel');
  t.equal(agent.summary(), '');
});

t.test('an UPDATE with SDP over an open offer of ours gets 491, changed or not', async (t) => {
  const { caller, agent, invite, ok } = talking();
  agent.send('INVITE', { dialog: invite, sdp: sdp('10.0.0.2', 5010) });
  caller.request('INVITE');
  caller.send('UPDATE', { dialog: ok, sdp: sdp('10.0.0.1', 4000) });
  t.ok(caller.response(491, 'UPDATE'));
});

/** Ladders, section 2: moving an answered caller to the next leg, every row of its table. */
import t from 'tap';
import type { B2buaOptions } from '../../core/sip/environment.js';
import type { SipRequest, SipResponse } from '../../core/sip/message.js';
import { type Peer, sdp, World } from '../support/virtual-world.js';

const REFUSED = sdp('10.0.0.1', 0);

/** A caller who hears the queue message (leg 1) while an agent is being called (leg 2). */
function queued(options: Partial<B2buaOptions> = {}) {
  const world = new World(options);
  const caller = world.peer('10.0.0.1');
  const media = world.peer('10.0.0.2');
  const agent = world.peer('10.0.0.3');
  caller.send('INVITE', { uri: 'sip:support@192.0.2.1', sdp: sdp('10.0.0.1', 4000) });
  world.decide({
    kind: 'connect',
    call: 'call1',
    leg: 1,
    role: 'media',
    uri: 'sip:queue@10.0.0.2',
    display: '',
  });
  const mediaInvite = media.request('INVITE');
  media.reply(mediaInvite, 200, { sdp: sdp('10.0.0.2', 5000) });
  media.request('ACK');
  caller.response(100);
  const ok = caller.response(200);
  caller.send('ACK', { dialog: ok });
  world.decide({
    kind: 'connect',
    call: 'call1',
    leg: 2,
    role: 'agent',
    uri: 'sip:bob@10.0.0.3',
    display: 'Sales Ann',
  });
  world.told();
  const invite = agent.request('INVITE');
  return { world, caller, media, agent, invite, ok, mediaInvite };
}

/** The agent answers with an offer; gives the re-INVITE that the caller gets. */
function agentAnswers(agent: Peer, invite: SipRequest, caller: Peer): SipRequest {
  agent.reply(invite, 180);
  agent.reply(invite, 200, { sdp: sdp('10.0.0.3', 6000) });
  return caller.request('INVITE');
}

const offerOf = (message: SipRequest | SipResponse) => /m=audio \d+/.exec(message.body)?.[0];

t.test('the caller keeps the queue message until the agent has answered', async (t) => {
  const { world, caller, media, agent, invite } = queued();
  t.equal(invite.body, '', 'a late offer');
  t.equal(invite.from.display, 'Sales Ann');
  agent.reply(invite, 180);
  t.equal(media.summary(), '', 'ringing does not touch the music');
  agent.reply(invite, 200, { sdp: sdp('10.0.0.3', 6000) });
  t.equal(media.summary(), '');
  const reinvite = caller.request('INVITE');
  t.equal(offerOf(reinvite), 'm=audio 6000');
  t.equal(agent.summary(), '', 'the agent waits for the answer');
  caller.reply(reinvite, 200, { sdp: sdp('10.0.0.1', 4002) });
  t.equal(offerOf(agent.request('ACK')), 'm=audio 4002');
  caller.request('ACK');
  media.request('BYE');
  t.same(world.told(), ['leg_connected 2']);
});

t.test(
  'early offer: the agent gets the caller’s SDP, and a re-INVITE when the caller’s reply differs',
  async (t) => {
    const { world, caller, media, agent, invite } = queued({ offer: 'early' });
    t.equal(offerOf(invite), 'm=audio 4000');
    const reinvite = agentAnswers(agent, invite, caller);
    agent.request('ACK');
    caller.reply(reinvite, 200, { sdp: sdp('10.0.0.1', 4002) });
    const again = agent.request('INVITE');
    t.equal(offerOf(again), 'm=audio 4002');
    agent.reply(again, 200, { sdp: sdp('10.0.0.3', 6000) });
    agent.request('ACK');
    media.request('BYE');
    t.same(world.told(), ['leg_connected 2']);
  },
);

t.test('early offer: no second re-INVITE when nothing has changed', async (t) => {
  const { caller, agent, invite } = queued({ early_offer_hosts: ['10.0.0.3'] });
  t.equal(offerOf(invite), 'm=audio 4000', 'per location');
  const reinvite = agentAnswers(agent, invite, caller);
  agent.request('ACK');
  caller.reply(reinvite, 200, { sdp: sdp('10.0.0.1', 4000) });
  t.equal(agent.summary(), '');
});

for (const status of [400, 415, 488, 606]) {
  t.test(`a late offer refused with ${status} is tried once early, and nobody is blamed`, async (t) => {
    const { world, caller, agent, invite } = queued();
    agent.reply(invite, status);
    agent.request('ACK');
    const second = agent.request('INVITE');
    t.equal(offerOf(second), 'm=audio 4000');
    t.not(second.callId, invite.callId);
    t.same(world.told(), []);
    agent.reply(second, status);
    t.same(world.told(), [`leg_failed 2 ${status} peer`]);
    t.equal(caller.summary(), '');
  });
}

for (const status of [488, 606, 415, 500]) {
  t.test(`the caller refuses to be moved with ${status}: he stays where he is`, async (t) => {
    const { world, caller, media, agent, invite } = queued();
    const reinvite = agentAnswers(agent, invite, caller);
    caller.reply(reinvite, status);
    t.equal(offerOf(agent.request('ACK')), 'm=audio 0');
    agent.request('BYE');
    t.same(world.told(), [`leg_failed 2 ${status} caller`]);
    t.equal(media.summary(), '');
  });
}

t.test('an answer with every port 0 is a refusal, and the caller is given the old leg back', async (t) => {
  const { world, caller, media, agent, invite } = queued();
  const reinvite = agentAnswers(agent, invite, caller);
  caller.reply(reinvite, 200, { sdp: REFUSED });
  t.equal(offerOf(agent.request('ACK')), 'm=audio 0');
  agent.request('BYE');
  t.same(world.told(), ['leg_failed 2 488 caller']);
  const back = caller.request('INVITE');
  t.equal(offerOf(back), 'm=audio 5000');
  caller.reply(back, 200, { sdp: sdp('10.0.0.1', 4000) });
  t.equal(media.summary(), '');
});

for (const status of [408, 481]) {
  t.test(`a caller whose dialog is gone (${status}) ends the call`, async (t) => {
    const { world, caller, media, agent, invite } = queued();
    const reinvite = agentAnswers(agent, invite, caller);
    caller.reply(reinvite, status);
    agent.request('ACK');
    agent.request('BYE');
    media.request('BYE');
    t.same(world.told(), ['caller_gone lost']);
  });
}

t.test('a caller who does not answer the re-INVITE within 8 s is lost', async (t) => {
  const { world, caller, media, agent, invite } = queued();
  agentAnswers(agent, invite, caller);
  world.advance(7_900);
  t.same(world.told(), []);
  world.advance(200);
  agent.request('ACK');
  agent.request('BYE');
  media.request('BYE');
  caller.request('BYE');
  t.same(world.told(), ['caller_gone lost']);
});

t.test('491: the engine waits up to 2 s and tries again', async (t) => {
  const { world, caller, agent, invite } = queued();
  const reinvite = agentAnswers(agent, invite, caller);
  caller.reply(reinvite, 491);
  caller.request('ACK');
  t.equal(caller.summary(), '');
  world.advance(2_000);
  const again = caller.request('INVITE');
  t.equal(offerOf(again), 'm=audio 6000');
  caller.reply(again, 200, { sdp: sdp('10.0.0.1', 4000) });
  t.equal(offerOf(agent.request('ACK')), 'm=audio 4000');
  t.same(world.told(), ['leg_connected 2']);
});

t.test('an INVITE of the caller’s own goes first', async (t) => {
  const { world, caller, media, agent, invite, ok } = queued();
  caller.send('INVITE', { dialog: ok, sdp: sdp('10.0.0.1', 4010) });
  const carried = media.request('INVITE');
  agent.reply(invite, 200, { sdp: sdp('10.0.0.3', 6000) });
  t.equal(caller.summary(), '100', 'no re-INVITE over the open one');
  media.reply(carried, 200, { sdp: sdp('10.0.0.2', 5010) });
  caller.send('ACK', { dialog: caller.response(200) });
  const reinvite = caller.request('INVITE');
  caller.reply(reinvite, 200, { sdp: sdp('10.0.0.1', 4010) });
  t.equal(offerOf(agent.request('ACK')), 'm=audio 4010');
  t.same(world.told(), ['leg_connected 2']);
});

t.test('the caller hangs up while he is being moved', async (t) => {
  const { world, caller, media, agent, invite, ok } = queued();
  const reinvite = agentAnswers(agent, invite, caller);
  caller.send('BYE', { dialog: ok });
  caller.response(200, 'BYE');
  agent.request('ACK');
  agent.request('BYE');
  media.request('BYE');
  caller.reply(reinvite, 487);
  t.same(world.told(), ['caller_gone bye']);
});

t.test('no re-INVITE before the caller has acknowledged his 200', async (t) => {
  const world = new World();
  const caller = world.peer('10.0.0.1');
  const media = world.peer('10.0.0.2');
  const agent = world.peer('10.0.0.3');
  caller.send('INVITE', { uri: 'sip:support@192.0.2.1', sdp: sdp('10.0.0.1', 4000) });
  world.decide({
    kind: 'connect',
    call: 'call1',
    leg: 1,
    role: 'media',
    uri: 'sip:queue@10.0.0.2',
    display: '',
  });
  media.reply(media.request('INVITE'), 200, { sdp: sdp('10.0.0.2', 5000) });
  const ok = caller.response(200);
  world.decide({
    kind: 'connect',
    call: 'call1',
    leg: 2,
    role: 'agent',
    uri: 'sip:bob@10.0.0.3',
    display: '',
  });
  agent.reply(agent.request('INVITE'), 200, { sdp: sdp('10.0.0.3', 6000) });
  t.notMatch(caller.summary(), /INVITE/);
  caller.send('ACK', { dialog: ok });
  t.equal(offerOf(caller.request('INVITE')), 'm=audio 6000');
});

t.test('no BYE to the caller before he has acknowledged his 200', async (t) => {
  const world = new World();
  const caller = world.peer('10.0.0.1');
  const media = world.peer('10.0.0.2');
  caller.send('INVITE', { uri: 'sip:support@192.0.2.1', sdp: sdp('10.0.0.1', 4000) });
  world.decide({
    kind: 'connect',
    call: 'call1',
    leg: 1,
    role: 'media',
    uri: 'sip:queue@10.0.0.2',
    display: '',
  });
  media.reply(media.request('INVITE'), 200, { sdp: sdp('10.0.0.2', 5000) });
  const ok = caller.response(200);
  world.decide({ kind: 'end', call: 'call1', status: 480, reason: '' });
  media.request('BYE');
  t.notMatch(caller.summary(), /BYE/);
  caller.send('ACK', { dialog: ok });
  caller.request('BYE');
});

t.test('an agent who hangs up while the caller is being moved has failed', async (t) => {
  const { world, caller, media, agent, invite } = queued();
  const reinvite = agentAnswers(agent, invite, caller);
  agent.send('BYE', { dialog: invite });
  agent.response(200, 'BYE');
  t.same(world.told(), ['leg_failed 2 480 peer']);
  caller.reply(reinvite, 200, { sdp: sdp('10.0.0.1', 4000) });
  const back = caller.request('INVITE');
  t.equal(offerOf(back), 'm=audio 5000', 'the caller goes back to the music');
  t.notMatch(media.summary(), /BYE/);
});

t.test('a leg with fewer streams than the caller has leaves the others at port 0', async (t) => {
  const world = new World();
  const caller = world.peer('10.0.0.1');
  const media = world.peer('10.0.0.2');
  const agent = world.peer('10.0.0.3');
  const video = 'm=video 4100 RTP/AVP 96';
  caller.send('INVITE', { uri: 'sip:support@192.0.2.1', sdp: sdp('10.0.0.1', 4000, video) });
  world.decide({
    kind: 'connect',
    call: 'call1',
    leg: 1,
    role: 'media',
    uri: 'sip:queue@10.0.0.2',
    display: '',
  });
  media.reply(media.request('INVITE'), 200, { sdp: sdp('10.0.0.2', 5000) });
  const ok = caller.response(200);
  t.match(ok.body, /m=audio 5000[\s\S]*m=video 0 /);
  caller.send('ACK', { dialog: ok });
  world.decide({
    kind: 'connect',
    call: 'call1',
    leg: 2,
    role: 'agent',
    uri: 'sip:bob@10.0.0.3',
    display: '',
  });
  agent.reply(agent.request('INVITE'), 200, { sdp: sdp('10.0.0.3', 6000) });
  const reinvite = caller.request('INVITE');
  t.match(reinvite.body, /m=audio 6000[\s\S]*m=video 0 /, 'number and order of the streams stay');
  caller.reply(reinvite, 200, { sdp: sdp('10.0.0.1', 4000, 'm=video 0 RTP/AVP 96') });
  t.notMatch(agent.request('ACK').body, /m=video/);
});

t.test('a message played meanwhile does not stop the agent from ringing', async (t) => {
  const world = new World();
  const caller = world.peer('10.0.0.1');
  const welcome = world.peer('10.0.0.2');
  const agent = world.peer('10.0.0.3');
  const queue = world.peer('10.0.0.4');
  caller.send('INVITE', { uri: 'sip:support@192.0.2.1', sdp: sdp('10.0.0.1', 4000) });
  world.decide({
    kind: 'connect',
    call: 'call1',
    leg: 1,
    role: 'media',
    uri: 'sip:welcome@10.0.0.2',
    display: '',
  });
  const invite1 = welcome.request('INVITE');
  welcome.reply(invite1, 200, { sdp: sdp('10.0.0.2', 5000) });
  caller.send('ACK', { dialog: caller.response(200) });
  welcome.send('BYE', { dialog: invite1 });
  world.decide({
    kind: 'connect',
    call: 'call1',
    leg: 2,
    role: 'agent',
    uri: 'sip:bob@10.0.0.3',
    display: '',
  });
  const invite2 = agent.request('INVITE');
  agent.reply(invite2, 180);
  world.decide({
    kind: 'connect',
    call: 'call1',
    leg: 3,
    role: 'media',
    uri: 'sip:queue@10.0.0.4',
    display: '',
  });
  queue.reply(queue.request('INVITE'), 200, { sdp: sdp('10.0.0.4', 5002) });
  caller.reply(caller.request('INVITE'), 200, { sdp: sdp('10.0.0.1', 4000) });
  world.told();
  t.equal(agent.summary(), '', 'the agent goes on ringing');
  agent.reply(invite2, 200, { sdp: sdp('10.0.0.3', 6000) });
  caller.reply(caller.request('INVITE'), 200, { sdp: sdp('10.0.0.1', 4000) });
  agent.request('ACK');
  queue.request('ACK');
  queue.request('BYE');
  t.same(world.told(), ['leg_connected 2']);
});

t.test('an agent who answers while the caller is moved to a message gets him next', async (t) => {
  const { world, caller, media, agent, invite, mediaInvite } = queued();
  media.send('BYE', { dialog: mediaInvite });
  media.response(200);
  world.decide({
    kind: 'connect',
    call: 'call1',
    leg: 3,
    role: 'media',
    uri: 'sip:queue@10.0.0.2',
    display: '',
  });
  media.reply(media.request('INVITE'), 200, { sdp: sdp('10.0.0.2', 5002) });
  const toMessage = caller.request('INVITE');
  agent.reply(invite, 200, { sdp: sdp('10.0.0.3', 6000) });
  caller.reply(toMessage, 200, { sdp: sdp('10.0.0.1', 4002) });
  const toAgent = caller.request('INVITE');
  t.equal(offerOf(toAgent), 'm=audio 6000');
  caller.reply(toAgent, 200, { sdp: sdp('10.0.0.1', 4002) });
  agent.request('ACK');
  t.same(world.told(), ['leg_ended 1', 'leg_connected 3', 'leg_connected 2']);
});

t.test(
  'a message wanted while the agent rang, heard of after he has answered, does not take his place',
  async (t) => {
    const { world, caller, media, agent, invite } = queued();
    const reinvite = agentAnswers(agent, invite, caller);
    caller.reply(reinvite, 200, { sdp: sdp('10.0.0.1', 4000) });
    caller.request('ACK');
    media.reply(media.request('BYE'), 200);
    agent.request('ACK');
    world.decide({
      kind: 'connect',
      call: 'call1',
      leg: 3,
      role: 'media',
      uri: 'sip:queue@10.0.0.2',
      display: '',
    });
    world.advance(2_000);
    t.equal(media.summary(), '', 'no leg is made');
    t.equal(agent.summary(), '', 'the agent stays');
  },
);

/** A caller whose re-INVITE has been refused, which he has not acknowledged, when the agent answers. */
function refusedMeanwhile() {
  const setup = queued();
  const { caller, agent, invite, ok } = setup;
  const branch = caller.send('INVITE', { dialog: ok, body: 'hello', contentType: 'text/plain' });
  caller.response(100);
  const refusal = caller.response(415);
  agent.reply(invite, 200, { sdp: sdp('10.0.0.3', 6000) });
  t.equal(caller.summary(), '', 'no re-INVITE while his own is not over (RFC 3261 14.1)');
  return { ...setup, acknowledge: () => caller.send('ACK', { dialog: refusal, branch }) };
}

t.test('a caller is moved once he has acknowledged that his re-INVITE was refused', async (t) => {
  const { world, caller, agent, acknowledge } = refusedMeanwhile();
  acknowledge();
  const moved = caller.request('INVITE');
  t.equal(offerOf(moved), 'm=audio 6000');
  caller.reply(moved, 200, { sdp: sdp('10.0.0.1', 4002) });
  t.equal(offerOf(agent.request('ACK')), 'm=audio 4002');
  t.same(world.told(), ['leg_connected 2']);
});

t.test('a caller who never acknowledges that his re-INVITE was refused is lost after 8 s', async (t) => {
  const { world, agent } = refusedMeanwhile();
  world.advance(8_000);
  t.same(world.told(), ['caller_gone lost']);
  agent.request('ACK');
  agent.request('BYE');
});

t.test('a BYE does not wait for that ACK', async () => {
  const { world, caller } = refusedMeanwhile();
  world.decide({ kind: 'end', call: 'call1', status: 480, reason: '' });
  caller.request('BYE');
});

/** Ladders, section 3: an agent hears the flow's message before he gets the caller. */
import t from 'tap';
import type { B2buaOptions } from '../../core/sip/environment.js';
import type { SipRequest } from '../../core/sip/message.js';
import { type Peer, sdp, World } from '../support/virtual-world.js';

const connect = (leg: number, host: string) =>
  ({ kind: 'connect', call: 'call1', leg, role: 'media', uri: `sip:queue@${host}`, display: '' }) as const;

const ANNOUNCED = {
  kind: 'connect_announced',
  call: 'call1',
  leg: 2,
  role: 'agent',
  uri: 'sip:bob@10.0.0.3',
  display: 'Sales Ann',
  announcement: 'sip:flowid@10.0.0.4',
  announcement_leg: 3,
} as const;

const streamOf = (message: { body: string }) => /m=\w+ \d+/.exec(message.body)?.[0];

/** A caller on the queue's message (leg 1) while an agent (leg 2) is called who gets a message (leg 3) first. */
function waiting(options: Partial<B2buaOptions> = {}, describe = sdp) {
  const world = new World(options);
  const caller = world.peer('10.0.0.1');
  const media = world.peer('10.0.0.2');
  const agent = world.peer('10.0.0.3');
  const server = world.peer('10.0.0.4');
  caller.send('INVITE', { uri: 'sip:support@192.0.2.1', sdp: describe('10.0.0.1', 4000) });
  world.decide(connect(1, '10.0.0.2'));
  const mediaInvite = media.request('INVITE');
  media.reply(mediaInvite, 200, { sdp: describe('10.0.0.2', 5000) });
  media.request('ACK');
  caller.response(100);
  const ok = caller.response(200);
  caller.send('ACK', { dialog: ok });
  world.decide(ANNOUNCED);
  world.told();
  const invite = agent.request('INVITE');
  return { world, caller, media, agent, server, invite, ok, mediaInvite };
}

/** The agent has answered with an offer, and the server has got it. */
function answered(options: Partial<B2buaOptions> = {}) {
  const setup = waiting(options);
  setup.agent.reply(setup.invite, 180);
  setup.agent.reply(setup.invite, 200, { sdp: sdp('10.0.0.3', 6000) });
  return { ...setup, message: setup.server.request('INVITE') };
}

/** The message plays to the agent. */
function playing(options: Partial<B2buaOptions> = {}) {
  const setup = answered(options);
  setup.server.reply(setup.message, 200, { sdp: sdp('10.0.0.4', 7000) });
  setup.server.request('ACK');
  setup.agent.request('ACK');
  setup.world.told();
  return setup;
}

function hangUp(peer: Peer, invite: SipRequest): void {
  peer.send('BYE', { dialog: invite });
  peer.response(200, 'BYE');
}

t.test('agent and message are bridged, the caller keeps the queue; then caller and agent are', async (t) => {
  const { world, caller, media, agent, server, message } = answered();
  t.equal(streamOf(message), 'm=audio 6000', "the server gets the agent's offer");
  t.equal(agent.summary(), '', 'whose ACK waits for its answer');
  server.reply(message, 200, { sdp: sdp('10.0.0.4', 7000) });
  server.request('ACK');
  t.equal(streamOf(agent.request('ACK')), 'm=audio 7000');
  t.equal(caller.summary() + media.summary(), '', 'nothing has happened to the caller');
  t.same(world.told(), ['leg_answered 2']);

  hangUp(server, message);
  t.same(world.told(), ['leg_announced 2']);
  const asked = agent.request('INVITE');
  t.equal(asked.body, '', 'the agent is asked for a new offer');
  agent.reply(asked, 200, { sdp: sdp('10.0.0.3', 6002) });
  const moved = caller.request('INVITE');
  t.equal(streamOf(moved), 'm=audio 6002', 'which the caller gets');
  t.equal(media.summary(), '', 'the queue still plays');
  caller.reply(moved, 200, { sdp: sdp('10.0.0.1', 4002) });
  t.equal(streamOf(agent.request('ACK')), 'm=audio 4002');
  caller.request('ACK');
  media.request('BYE');
  t.same(world.told(), ['leg_connected 2']);
});

t.test('the talk counts from when the message is over', async (t) => {
  const { world, caller, agent, server, message } = playing();
  world.advance(5_000);
  hangUp(server, message);
  agent.reply(agent.request('INVITE'), 200, { sdp: sdp('10.0.0.3', 6000) });
  caller.reply(caller.request('INVITE'), 200, { sdp: sdp('10.0.0.1', 4000) });
  const connected = world.reports.find((report) => report.kind === 'leg_connected');
  t.equal(connected?.answered_ms, 1_005_000);
});

t.test('an agent who rejects does not make the message play', async (t) => {
  const { world, caller, agent, server, invite } = waiting();
  agent.reply(invite, 486);
  agent.request('ACK');
  t.equal(server.summary() + caller.summary(), '');
  t.same(world.told(), ['leg_failed 2 486 peer']);
});

t.test('an agent who hangs up during the message has rejected', async (t) => {
  const { world, caller, agent, server, invite } = playing();
  hangUp(agent, invite);
  server.request('BYE');
  t.same(world.told(), ['leg_failed 2 480 peer']);
  t.equal(caller.summary(), '');
});

t.test('an agent who hangs up before the message server has answered has rejected', async (t) => {
  const { world, agent, server, invite, message } = answered();
  world.told();
  hangUp(agent, invite);
  server.reply(message, 180);
  const cancel = server.request('CANCEL');
  server.reply(cancel, 200);
  server.reply(message, 487);
  server.request('ACK');
  t.same(world.told(), ['leg_failed 2 480 peer']);
});

t.test('an agent who hangs up when he is asked for a new offer has rejected', async (t) => {
  const { world, caller, agent, server, invite, message } = playing();
  hangUp(server, message);
  agent.request('INVITE');
  hangUp(agent, invite);
  t.same(world.told(), ['leg_announced 2', 'leg_failed 2 480 peer']);
  t.equal(caller.summary(), '');
});

for (const stage of ['answered', 'playing', 'over'] as const) {
  t.test(`the caller gives up while the message is ${stage}`, async (t) => {
    const setup = stage === 'answered' ? answered() : playing();
    const { world, caller, media, agent, server, message, ok } = setup;
    if (stage === 'over') {
      hangUp(server, message);
      agent.request('INVITE');
    }
    world.told();
    caller.send('BYE', { dialog: ok });
    caller.response(200, 'BYE');
    media.request('BYE');
    if (stage === 'answered') {
      t.equal(streamOf(agent.request('ACK')), 'm=audio 0', 'nothing is left of his offer');
      server.reply(message, 200, { sdp: sdp('10.0.0.4', 7000) });
      server.request('ACK');
    }
    agent.request('BYE');
    if (stage !== 'over') server.request('BYE');
    t.same(world.told(), ['caller_gone bye']);
  });
}

for (const status of [404, 488, 503]) {
  t.test(`a message server that refuses with ${status} costs the message only`, async (t) => {
    const { world, caller, agent, server, message } = answered();
    world.told();
    server.reply(message, status);
    t.same(world.told(), ['leg_announced 2']);
    const moved = caller.request('INVITE');
    t.equal(streamOf(moved), 'm=audio 6000', 'the agent has not been acknowledged yet: his offer stands');
    caller.reply(moved, 200, { sdp: sdp('10.0.0.1', 4002) });
    t.equal(streamOf(agent.request('ACK')), 'm=audio 4002');
    t.same(world.told(), ['leg_connected 2']);
  });
}

t.test('a message server that never answers is given up after 10 s', async (t) => {
  const { world, caller } = answered();
  world.advance(9_900);
  t.equal(caller.summary(), '');
  world.advance(200);
  t.equal(streamOf(caller.request('INVITE')), 'm=audio 6000');
});

t.test('a message that never ends has a deadline', async (t) => {
  const { world, agent, server } = playing({ message_timeout_ms: 20_000 });
  world.advance(19_900);
  t.equal(agent.summary() + server.summary(), '');
  world.advance(200);
  server.request('BYE');
  t.equal(agent.request('INVITE').body, '');
  t.same(world.told(), ['leg_announced 2']);
});

t.test('an agent who is offered to early gets the message, then the caller', async (t) => {
  const { world, caller, media, agent, server, invite, message } = answered({ offer: 'early' });
  t.equal(streamOf(invite), 'm=audio 4000');
  agent.request('ACK');
  t.equal(streamOf(message), 'm=audio 6000');
  server.reply(message, 200, { sdp: sdp('10.0.0.4', 7000) });
  const toMessage = agent.request('INVITE');
  t.equal(streamOf(toMessage), 'm=audio 7000');
  agent.reply(toMessage, 200, { sdp: sdp('10.0.0.3', 6000) });
  agent.request('ACK');
  server.request('ACK');
  hangUp(server, message);
  const moved = caller.request('INVITE');
  t.equal(streamOf(moved), 'm=audio 6000');
  caller.reply(moved, 200, { sdp: sdp('10.0.0.1', 4000) });
  const back = agent.request('INVITE');
  t.equal(streamOf(back), 'm=audio 4000', "the agent gets the caller's description in place of the server's");
  agent.reply(back, 200, { sdp: sdp('10.0.0.3', 6000) });
  media.request('BYE');
  t.same(world.told(), ['leg_answered 2', 'leg_announced 2', 'leg_connected 2']);
});

t.test('an agent who cannot be asked for a new offer is given the caller’s', async (t) => {
  const { world, caller, agent, server, message } = playing();
  hangUp(server, message);
  agent.reply(agent.request('INVITE'), 488);
  agent.request('ACK');
  const moved = caller.request('INVITE');
  t.equal(streamOf(moved), 'm=audio 6000');
  caller.reply(moved, 200, { sdp: sdp('10.0.0.1', 4000) });
  t.equal(streamOf(agent.request('INVITE')), 'm=audio 4000');
  t.same(world.told(), ['leg_announced 2', 'leg_connected 2']);
});

t.test('491 from the agent: he is asked again after 2.1 to 4 s', async (t) => {
  const { world, caller, agent, server, message } = playing();
  hangUp(server, message);
  agent.reply(agent.request('INVITE'), 491);
  agent.request('ACK');
  world.advance(2_000);
  t.equal(agent.summary(), '');
  world.advance(2_000);
  agent.reply(agent.request('INVITE'), 200, { sdp: sdp('10.0.0.3', 6000) });
  t.equal(streamOf(caller.request('INVITE')), 'm=audio 6000');
});

t.test('491 from the caller: the agent waits for the next try', async (t) => {
  const { world, caller, agent, server, message } = playing();
  hangUp(server, message);
  agent.reply(agent.request('INVITE'), 200, { sdp: sdp('10.0.0.3', 6000) });
  caller.reply(caller.request('INVITE'), 491);
  caller.request('ACK');
  world.advance(2_100);
  caller.reply(caller.request('INVITE'), 200, { sdp: sdp('10.0.0.1', 4000) });
  t.equal(streamOf(agent.request('ACK')), 'm=audio 4000');
});

for (const status of [408, 481]) {
  t.test(`an agent whose dialog is gone (${status}) has rejected`, async (t) => {
    const { world, caller, agent, server, message } = playing();
    hangUp(server, message);
    agent.reply(agent.request('INVITE'), status);
    t.same(world.told(), ['leg_announced 2', 'leg_failed 2 480 peer']);
    t.equal(caller.summary(), '');
  });
}

t.test('the agent changes his media while the message plays', async (t) => {
  const { agent, server, invite } = playing();
  agent.send('INVITE', { dialog: invite, sdp: sdp('10.0.0.3', 6010) });
  const carried = server.request('INVITE');
  t.equal(streamOf(carried), 'm=audio 6010', 'the message follows');
  server.reply(carried, 200, { sdp: sdp('10.0.0.4', 7010) });
  server.request('ACK');
  t.equal(streamOf(agent.response(200)), 'm=audio 7010');
});

t.test('the message ends while the agent changes his media: he is asked when that is done', async (t) => {
  const { world, agent, server, invite, message } = playing();
  const branch = agent.send('INVITE', { dialog: invite, sdp: sdp('10.0.0.3', 6010) });
  server.request('INVITE');
  hangUp(server, message);
  agent.response(100);
  const refusal = agent.response(500);
  t.equal(refusal.header('retry-after'), '2');
  t.equal(agent.summary(), '', 'not before he has acknowledged that (RFC 3261 14.1)');
  agent.send('ACK', { dialog: refusal, branch });
  t.equal(agent.request('INVITE').body, '');
  t.same(world.told(), ['leg_announced 2']);
});

t.test('the queue’s message ends and begins again while the agent hears his', async (t) => {
  const { world, caller, media, agent, server, mediaInvite, message } = playing();
  hangUp(media, mediaInvite);
  t.same(world.told(), ['leg_ended 1']);
  world.decide(connect(4, '10.0.0.2'));
  media.reply(media.request('INVITE'), 200, { sdp: sdp('10.0.0.2', 5002) });
  caller.reply(caller.request('INVITE'), 200, { sdp: sdp('10.0.0.1', 4000) });
  t.same(world.told(), ['leg_connected 4']);
  t.equal(agent.summary() + server.summary(), '');
  hangUp(server, message);
  agent.reply(agent.request('INVITE'), 200, { sdp: sdp('10.0.0.3', 6000) });
  caller.reply(caller.request('INVITE'), 200, { sdp: sdp('10.0.0.1', 4000) });
  t.same(world.told(), ['leg_announced 2', 'leg_connected 2']);
});

t.test('a caller who has not been answered gets the queue’s message while the agent hears his', async (t) => {
  const world = new World();
  const caller = world.peer('10.0.0.1');
  const media = world.peer('10.0.0.2');
  const agent = world.peer('10.0.0.3');
  const server = world.peer('10.0.0.4');
  caller.send('INVITE', { uri: 'sip:support@192.0.2.1', sdp: sdp('10.0.0.1', 4000) });
  caller.response(100);
  world.decide(ANNOUNCED);
  world.decide(connect(4, '10.0.0.2'));
  const invite = agent.request('INVITE');
  agent.reply(invite, 180);
  t.equal(caller.summary(), '', 'the agent’s ringing is not his');
  media.reply(media.request('INVITE'), 200, { sdp: sdp('10.0.0.2', 5000) });
  caller.send('ACK', { dialog: caller.response(200) });
  agent.reply(invite, 200, { sdp: sdp('10.0.0.3', 6000) });
  server.reply(server.request('INVITE'), 486);
  caller.reply(caller.request('INVITE'), 200, { sdp: sdp('10.0.0.1', 4000) });
  t.same(world.told(), [
    'arrived',
    'leg_connected 4',
    'leg_answered 2',
    'leg_announced 2',
    'leg_connected 2',
  ]);
});

t.test(
  'no media server answers, nor does the message: caller and agent get each other’s descriptions',
  async (t) => {
    const world = new World();
    const caller = world.peer('10.0.0.1');
    const agent = world.peer('10.0.0.3');
    const server = world.peer('10.0.0.4');
    caller.send('INVITE', { uri: 'sip:support@192.0.2.1', sdp: sdp('10.0.0.1', 4000) });
    caller.response(100);
    world.decide(ANNOUNCED);
    agent.reply(agent.request('INVITE'), 200, { sdp: sdp('10.0.0.3', 6000) });
    server.reply(server.request('INVITE'), 603);
    const ok = caller.response(200);
    t.equal(streamOf(ok), 'm=audio 6000');
    t.equal(streamOf(agent.request('ACK')), 'm=audio 4000', 'he had been offered nothing');
    caller.send('ACK', { dialog: ok });
    t.same(world.told(), ['arrived', 'leg_answered 2', 'leg_announced 2', 'leg_connected 2']);
  },
);

for (const offer of [true, false]) {
  t.test(
    `no media server answers: the agent answers a caller ${offer ? 'with' : 'without'} an offer`,
    async (t) => {
      const world = new World();
      const caller = world.peer('10.0.0.1');
      const agent = world.peer('10.0.0.3');
      const server = world.peer('10.0.0.4');
      caller.send('INVITE', {
        uri: 'sip:support@192.0.2.1',
        ...(offer ? { sdp: sdp('10.0.0.1', 4000) } : {}),
      });
      caller.response(100);
      world.decide(ANNOUNCED);
      agent.reply(agent.request('INVITE'), 200, { sdp: sdp('10.0.0.3', 6000) });
      const message = server.request('INVITE');
      server.reply(message, 200, { sdp: sdp('10.0.0.4', 7000) });
      agent.request('ACK');
      hangUp(server, message);
      const asked = agent.request('INVITE');
      t.equal(streamOf(asked), offer ? 'm=audio 4000' : undefined);
      agent.reply(asked, 200, { sdp: sdp('10.0.0.3', 6002) });
      const ok = caller.response(200);
      t.equal(streamOf(ok), 'm=audio 6002');
      caller.send('ACK', { dialog: ok, ...(offer ? {} : { sdp: sdp('10.0.0.1', 4004) }) });
      t.equal(streamOf(agent.request('ACK')), offer ? undefined : 'm=audio 4004');
      t.same(world.told(), ['arrived', 'leg_answered 2', 'leg_announced 2', 'leg_connected 2']);
    },
  );
}

t.test('a chat: the server offers to the agent, then the caller does', async (t) => {
  const msrp = (host: string, port: number) =>
    sdp(host, port).replace(/m=audio (\d+) RTP\/AVP 0\r\na=rtpmap.*/, `m=message $1 TCP/MSRP *`);
  const { world, caller, media, agent, server, invite } = waiting({}, msrp);
  t.equal(streamOf(invite), 'm=message 4000');
  agent.reply(invite, 200, { sdp: msrp('10.0.0.3', 6000) });
  agent.request('ACK');
  const message = server.request('INVITE');
  t.equal(message.body, '', 'the server connects');
  server.reply(message, 200, { sdp: msrp('10.0.0.4', 7000) });
  const toMessage = agent.request('INVITE');
  t.equal(streamOf(toMessage), 'm=message 7000');
  agent.reply(toMessage, 200, { sdp: msrp('10.0.0.3', 6002) });
  agent.request('ACK');
  t.equal(streamOf(server.request('ACK')), 'm=message 6002');
  hangUp(server, message);
  const asked = caller.request('INVITE');
  t.equal(asked.body, '');
  caller.reply(asked, 200, { sdp: msrp('10.0.0.1', 4002) });
  const offered = agent.request('INVITE');
  t.equal(streamOf(offered), 'm=message 4002');
  agent.reply(offered, 200, { sdp: msrp('10.0.0.3', 6004) });
  agent.request('ACK');
  t.equal(streamOf(caller.request('ACK')), 'm=message 6004');
  media.request('BYE');
  t.same(world.told(), ['leg_answered 2', 'leg_announced 2', 'leg_connected 2']);
});

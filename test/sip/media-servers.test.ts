/** Media servers that refuse, say nothing or hang up: the caller's own dialog is never touched by it. */
import t from 'tap';
import { sdp, World } from '../support/virtual-world.js';

/** A caller for whom a message is asked of a media server. */
function asked(uri = 'sip:queue@10.0.0.2') {
  const world = new World();
  const caller = world.peer('10.0.0.1');
  const media = world.peer('10.0.0.2');
  caller.send('INVITE', { uri: 'sip:support@192.0.2.1', sdp: sdp('10.0.0.1', 4000) });
  caller.response(100);
  world.told();
  world.decide({ kind: 'connect', call: 'call1', leg: 1, role: 'media', uri, display: '' });
  return { world, caller, media };
}

for (const status of [404, 480, 486, 503, 603]) {
  t.test(`a message refused with ${status} is reported, and the caller waits unanswered`, async (t) => {
    const { world, caller, media } = asked();
    media.reply(media.request('INVITE'), status);
    media.request('ACK');
    t.same(world.told(), [`leg_failed 1 ${status} peer`]);
    t.equal(caller.summary(), '');
  });
}

t.test('a worker that was gone lets go of what is not wanted any more, and of nothing else', async (t) => {
  const { world, caller, media } = asked();
  const agent = world.peer('10.0.0.3');
  media.reply(media.request('INVITE'), 200, { sdp: sdp('10.0.0.2', 5000) });
  media.request('ACK');
  caller.send('ACK', { dialog: caller.response(200) });
  world.decide({
    kind: 'connect',
    call: 'call1',
    leg: 2,
    role: 'agent',
    uri: 'sip:ann@10.0.0.3',
    display: '',
  });
  agent.reply(agent.request('INVITE'), 180);
  world.told();
  const keep = { kind: 'keep', call: 'call1', agent_leg: 2, media_setup: 0, media_leg: 1 } as const;
  world.decide(keep);
  t.equal(media.summary() + agent.summary(), '');
  world.decide({ ...keep, agent_leg: 0 });
  agent.request('CANCEL');
  world.decide({ ...keep, agent_leg: 0, media_leg: 2 });
  media.reply(media.request('BYE'), 200);
  t.same(world.told(), []);
  t.equal(caller.summary(), '');
});

t.test('a media server that nobody knows is unreachable', async (t) => {
  const { world, caller } = asked('sip:queue@10.0.0.9');
  t.same(world.told(), ['leg_failed 1 503 peer']);
  t.equal(caller.summary(), '');
});

t.test('a media server that says nothing is given up after 10 s, and its late answer let go', async (t) => {
  const { world, caller, media } = asked();
  const invite = media.request('INVITE');
  world.advance(9_900);
  t.same(world.told(), []);
  world.advance(200);
  t.same(world.told(), ['leg_failed 1 408 peer']);
  t.equal(caller.summary(), '');
  media.inbox.length = 0;
  media.reply(invite, 200, { sdp: sdp('10.0.0.2', 5000) });
  media.request('ACK');
  media.reply(media.request('BYE'), 200);
  t.equal(caller.summary(), '', 'and heard by nobody');
});

t.test('a media server that rings for ever is given up after 10 s', async (t) => {
  const { world, media } = asked();
  const invite = media.request('INVITE');
  media.reply(invite, 183);
  world.advance(10_100);
  t.match(world.told(), ['leg_failed 1 408 peer']);
  media.reply(media.request('CANCEL'), 200);
  media.reply(invite, 487);
  media.request('ACK');
});

t.test(
  'a media server that hangs up on the message leaves the caller in his dialog for the next one',
  async (t) => {
    const { world, caller, media } = asked();
    const invite = media.request('INVITE');
    media.reply(invite, 200, { sdp: sdp('10.0.0.2', 5000) });
    media.request('ACK');
    caller.send('ACK', { dialog: caller.response(200) });
    world.told();
    media.send('BYE', { dialog: invite });
    media.response(200, 'BYE');
    t.same(world.told(), ['leg_ended 1']);
    t.equal(caller.summary(), '');
    const again = { call: 'call1', leg: 2, role: 'media', uri: 'sip:queue@10.0.0.2', display: '' } as const;
    world.decide({ kind: 'connect', ...again });
    media.reply(media.request('INVITE'), 200, { sdp: sdp('10.0.0.2', 5002) });
    const moved = caller.request('INVITE');
    t.match(moved.body, /m=audio 5002/);
    caller.reply(moved, 200, { sdp: sdp('10.0.0.1', 4000) });
    media.request('ACK');
    t.same(world.told(), ['leg_connected 2']);
  },
);

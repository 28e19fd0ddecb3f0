/** Ladders, section 1: the caller is not yet answered. */
import t from 'tap';
import { sdp, World } from '../support/virtual-world.js';

const connect = (leg: number, host: string, role: 'media' | 'agent' = 'media') =>
  ({ kind: 'connect', call: 'call1', leg, role, uri: `sip:${role}@${host}`, display: '' }) as const;

function dialled(options: { offer?: boolean } = {}) {
  const world = new World();
  const caller = world.peer('10.0.0.1');
  const branch = caller.send('INVITE', {
    uri: 'sip:support@192.0.2.1',
    ...(options.offer === false ? {} : { sdp: sdp('10.0.0.1', 4000) }),
  });
  caller.response(100);
  return { world, caller, branch };
}

t.test('the caller hears ringing and is answered by the first destination', async (t) => {
  const { world, caller } = dialled();
  t.same(world.told(), ['arrived']);
  const media = world.peer('10.0.0.2');
  world.decide(connect(1, '10.0.0.2'));
  const invite = media.request('INVITE');
  t.match(invite.body, /m=audio 4000 RTP\/AVP 0/, "the destination gets the caller's offer");
  t.match(invite.callId, /^call1\.1\./, "the leg's Call-ID tells people which call it belongs to");
  t.equal(invite.maxForwards, 69);
  media.reply(invite, 180);
  t.not(caller.response(180).toTag, '');
  media.reply(invite, 200, { sdp: sdp('10.0.0.2', 5000) });
  media.request('ACK');
  const ok = caller.response(200);
  t.match(ok.body, /m=audio 5000/);
  t.notMatch(ok.body, /o=- 1 1/, "the o= line is the engine's own");
  caller.send('ACK', { dialog: ok });
  t.same(world.told(), ['leg_connected 1']);
  caller.send('BYE', { dialog: ok });
  caller.response(200, 'BYE');
  const bye = media.request('BYE');
  media.reply(bye, 200);
  t.same(world.told(), ['caller_gone bye']);
  t.equal(world.b2bua.size, 0);
  t.equal(world.b2bua.dialogs, 0, 'no dialog is left behind');
});

t.test('when a destination fails, the next gets the original offer under another To-tag', async (t) => {
  const { world, caller } = dialled();
  const first = world.peer('10.0.0.2');
  const second = world.peer('10.0.0.3');
  world.decide(connect(1, '10.0.0.2', 'agent'));
  const invite1 = first.request('INVITE');
  first.reply(invite1, 180);
  const ringing1 = caller.response(180);
  first.reply(invite1, 486);
  first.request('ACK');
  t.same(world.told(), ['arrived', 'leg_failed 1 486 peer']);
  world.decide(connect(2, '10.0.0.3', 'agent'));
  const invite2 = second.request('INVITE');
  t.match(invite2.body, /m=audio 4000/);
  second.reply(invite2, 180);
  const ringing2 = caller.response(180);
  t.not(ringing1.toTag, ringing2.toTag);
  second.reply(invite2, 200, { sdp: sdp('10.0.0.3', 5002) });
  t.equal(caller.response(200).toTag, ringing2.toTag, "the 200 carries the winner's tag");
});

t.test(
  'a destination whose place is taken is cancelled, and a 200 that crosses is acknowledged and hung up',
  async (t) => {
    const { world } = dialled();
    const media = world.peer('10.0.0.2');
    const agent = world.peer('10.0.0.3');
    world.decide(connect(1, '10.0.0.2'));
    const invite = media.request('INVITE');
    media.reply(invite, 180);
    world.decide(connect(2, '10.0.0.3', 'agent'));
    agent.request('INVITE');
    const cancel = media.request('CANCEL');
    t.match(cancel.header('reason'), /SIP;cause=200/);
    media.reply(invite, 200, { sdp: sdp('10.0.0.2', 5000) });
    media.request('ACK');
    media.request('BYE');
    t.notOk(world.told().includes('leg_connected 1'));
  },
);

t.test('CANCEL goes out only after a provisional answer', async (t) => {
  const { world, caller, branch } = dialled();
  const agent = world.peer('10.0.0.3');
  world.decide(connect(1, '10.0.0.3', 'agent'));
  const invite = agent.request('INVITE');
  caller.send('CANCEL', { uri: 'sip:support@192.0.2.1', branch, cseq: 1 });
  caller.response(200, 'CANCEL');
  caller.response(487);
  t.same(world.told(), ['arrived', 'caller_gone cancel']);
  t.equal(agent.summary(), '');
  agent.reply(invite, 180);
  const cancel = agent.request('CANCEL');
  agent.reply(cancel, 200);
  agent.reply(invite, 487);
  agent.request('ACK');
  t.equal(world.b2bua.dialogs, 0);
});

t.test('a caller without SDP gets the destination’s offer, and his ACK carries the answer', async (t) => {
  const { world, caller } = dialled({ offer: false });
  const media = world.peer('10.0.0.2');
  world.decide(connect(1, '10.0.0.2'));
  const invite = media.request('INVITE');
  t.equal(invite.body, '');
  media.reply(invite, 200, { sdp: sdp('10.0.0.2', 5000) });
  t.equal(media.summary(), '', 'no ACK before the caller has answered');
  const ok = caller.response(200);
  t.match(ok.body, /m=audio 5000/);
  caller.send('ACK', { dialog: ok, sdp: sdp('10.0.0.1', 4444) });
  t.match(media.request('ACK').body, /m=audio 4444/);
});

t.test('a caller without SDP whose ACK has none either is hung up', async (t) => {
  const { world, caller } = dialled({ offer: false });
  const media = world.peer('10.0.0.2');
  world.decide(connect(1, '10.0.0.2'));
  media.reply(media.request('INVITE'), 200, { sdp: sdp('10.0.0.2', 5000) });
  caller.send('ACK', { dialog: caller.response(200) });
  t.match(media.request('ACK').body, /m=audio 0 /, 'every port 0');
  media.request('BYE');
  caller.request('BYE');
  t.ok(world.told().includes('caller_gone lost'));
});

t.test('nothing plays and nobody answers: the caller is told that he is queued', async (t) => {
  const { world, caller } = dialled();
  world.decide({ kind: 'progress', call: 'call1' });
  t.equal(caller.response(182).reason, 'Queued');
  world.decide({ kind: 'end', call: 'call1', status: 480, reason: '' });
  caller.response(480);
  t.equal(world.b2bua.size, 0);
});

t.test(
  'an agent who never gives a sign of life fails after 4 s, one who rings for ever after 30 s',
  async (t) => {
    const { world } = dialled();
    const silent = world.peer('10.0.0.3');
    world.decide(connect(1, '10.0.0.3', 'agent'));
    silent.request('INVITE');
    world.told();
    world.advance(3_900);
    t.same(world.told(), []);
    world.advance(200);
    t.same(world.told(), ['leg_failed 1 408 peer']);
    const ringing = world.peer('10.0.0.4');
    world.decide(connect(2, '10.0.0.4', 'agent'));
    const invite = ringing.request('INVITE');
    ringing.reply(invite, 180);
    world.advance(30_100);
    ringing.request('CANCEL');
    t.same(world.told(), ['leg_failed 2 408 peer']);
  },
);

t.test('a 200 that is never acknowledged is sent again, then the call ends', async (t) => {
  const { world, caller } = dialled();
  const media = world.peer('10.0.0.2');
  world.decide(connect(1, '10.0.0.2'));
  media.reply(media.request('INVITE'), 200, { sdp: sdp('10.0.0.2', 5000) });
  caller.response(200);
  world.told();
  world.advance(33_000);
  t.ok(
    caller
      .summary()
      .split(' ')
      .filter((word) => word === '200').length >= 9,
    'retransmitted at T1, 2 T1, ... T2',
  );
  caller.request('BYE');
  media.request('BYE');
  t.same(world.told(), ['caller_gone lost']);
});

t.test('requests that the engine does not serve get the answer of the RFC', async (t) => {
  const world = new World();
  const peer = world.peer('10.0.0.1');
  const refused = (method: string, fields: Parameters<typeof peer.send>[1], status: number) => {
    peer.send(method, { callId: `${method}${status}`, uri: 'sip:support@192.0.2.1', ...fields });
    return peer.response(status);
  };
  t.match(refused('OPTIONS', {}, 200).header('allow'), /INVITE.*UPDATE/);
  t.match(refused('REGISTER', {}, 405).header('allow'), /INVITE/);
  refused('DANCE', {}, 501);
  refused('INVITE', { maxForwards: 0, sdp: sdp('10.0.0.1', 1) }, 483);
  t.equal(refused('INVITE', { headers: [['Require', '100rel']] }, 420).header('unsupported'), '100rel');
  refused('INVITE', { body: 'hello', contentType: 'text/plain' }, 415);
  refused('INVITE', { uri: 'tel:+4912345' }, 416);
  peer.send('BYE', { uri: 'sip:x@192.0.2.1', from: '<sip:a@10.0.0.1>;tag=1', callId: 'nobody', headers: [] });
  peer.response(405);
  t.equal(world.b2bua.size, 0);
});

t.test('a caller who is refused is told why', async (t) => {
  const { world, caller } = dialled();
  world.decide({ kind: 'end', call: 'call1', status: 480, reason: 'no "agents"' });
  t.equal(caller.response(480).header('reason'), 'SIP;cause=480;text="no \\"agents\\""');
});

t.test('a caller who is refused because the engine is full is told when to come back', async (t) => {
  const { world, caller } = dialled();
  world.decide({ kind: 'end', call: 'call1', status: 503, reason: 'too many calls' });
  t.match(caller.response(503).header('retry-after'), /^[123]$/);
});

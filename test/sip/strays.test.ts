/** Messages that come twice, late, or by a way that nobody expects any more. */
import t from 'tap';
import { sdp, World } from '../support/virtual-world.js';

const connect = (leg: number, host: string, role: 'media' | 'agent' = 'agent') =>
  ({ kind: 'connect', call: 'call1', leg, role, uri: `sip:${role}@${host}`, display: '' }) as const;

function dialled() {
  const world = new World();
  const caller = world.peer('10.0.0.1');
  caller.send('INVITE', { uri: 'sip:support@192.0.2.1', sdp: sdp('10.0.0.1', 4000), cseq: 1 });
  caller.response(100);
  return { world, caller };
}

t.test('an INVITE that comes by two ways is one call: the second is told 482', async (t) => {
  const { world, caller } = dialled();
  caller.send('INVITE', { uri: 'sip:support@192.0.2.1', sdp: sdp('10.0.0.1', 4000), cseq: 1 });
  t.equal(caller.response(482).reason, 'Loop Detected');
  t.same(world.told(), ['arrived']);
  t.equal(world.b2bua.size, 1);
});

t.test('so it is once the call is answered', async (t) => {
  const { world, caller } = dialled();
  const agent = world.peer('10.0.0.3');
  world.decide(connect(1, '10.0.0.3'));
  agent.reply(agent.request('INVITE'), 200, { sdp: sdp('10.0.0.3', 6000) });
  caller.send('ACK', { dialog: caller.response(200) });
  caller.send('INVITE', { uri: 'sip:support@192.0.2.1', sdp: sdp('10.0.0.1', 4000), cseq: 1 });
  caller.response(482);
  t.equal(world.b2bua.size, 1);
});

t.test('an INVITE sent anew after a refusal is a new call', async (t) => {
  const { world, caller } = dialled();
  world.decide({ kind: 'end', call: 'call1', status: 480, reason: '' });
  caller.response(480);
  caller.send('INVITE', { uri: 'sip:support@192.0.2.1', sdp: sdp('10.0.0.1', 4000), cseq: 2 });
  t.same(world.told(), ['arrived', 'arrived']);
});

for (const offered of [true, false]) {
  t.test(
    `a fork that answers after the INVITE ${offered ? 'with' : 'without'} an offer has failed is hung up`,
    async (t) => {
      const world = new World();
      const caller = world.peer('10.0.0.1');
      const proxy = world.peer('10.0.0.3');
      const late = world.peer('10.0.0.9');
      caller.send('INVITE', {
        uri: 'sip:support@192.0.2.1',
        ...(offered ? { sdp: sdp('10.0.0.1', 4000) } : {}),
      });
      world.decide(connect(1, '10.0.0.3'));
      const invite = proxy.request('INVITE');
      proxy.reply(invite, 486);
      proxy.request('ACK');
      t.same(world.told(), ['arrived', 'leg_failed 1 486 peer']);
      world.advance(40_000);
      late.reply(invite, 200, { sdp: sdp('10.0.0.9', 9000), tag: 'late' });
      const ack = late.request('ACK');
      t.equal(ack.toTag, 'late');
      t.equal(ack.cseq, invite.cseq);
      t.equal(ack.fromTag, invite.fromTag);
      t.equal(/m=audio \d+/.exec(ack.body)?.[0], offered ? undefined : 'm=audio 0', 'an offer is answered');
      const bye = late.request('BYE');
      t.equal(bye.uri, 'sip:peer@10.0.0.9:5060');
      t.equal(bye.cseq, invite.cseq + 1);
      late.reply(bye, 200);
      world.advance(1_000);
      t.equal(late.summary(), '', 'once');
      t.same(world.told(), []);
    },
  );
}

t.test('a 2xx to an INVITE that somebody else sent is left alone', async (t) => {
  const { world } = dialled();
  const proxy = world.peer('10.0.0.3');
  world.decide(connect(1, '10.0.0.3'));
  const invite = proxy.request('INVITE');
  proxy.reply(invite, 486);
  proxy.request('ACK');
  const forged = [
    'SIP/2.0 200 OK',
    'Via: SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bKx',
    'From: <sip:x@203.0.113.9>;tag=1',
    'To: <sip:y@203.0.113.9>;tag=2',
    'Call-ID: forged',
    'CSeq: 1 INVITE',
    'Contact: <sip:y@10.0.0.3>',
    'Content-Length: 0',
    '',
    '',
  ].join('\r\n');
  world.b2bua.receive(forged, { socket: 1, host: '10.0.0.3', port: 5060 });
  t.equal(proxy.summary(), '');
});

t.test('a 200 that is sent again long after is acknowledged again, and the call goes on', async (t) => {
  const { world, caller } = dialled();
  const agent = world.peer('10.0.0.3');
  world.decide(connect(1, '10.0.0.3'));
  const invite = agent.request('INVITE');
  agent.reply(invite, 200, { sdp: sdp('10.0.0.3', 6000) });
  agent.request('ACK');
  caller.send('ACK', { dialog: caller.response(200) });
  world.advance(40_000);
  agent.reply(invite, 200, { sdp: sdp('10.0.0.3', 6000) });
  agent.request('ACK');
  t.equal(agent.summary(), '');
  t.same(world.told(), ['arrived', 'leg_connected 1']);
});

t.test('an agent is not held by a caller who does not acknowledge the answer', async (t) => {
  const { world, caller } = dialled();
  const agent = world.peer('10.0.0.3');
  world.decide(connect(1, '10.0.0.3'));
  agent.reply(agent.request('INVITE'), 200, { sdp: sdp('10.0.0.3', 6000) });
  agent.request('ACK');
  world.told();
  world.advance(7_900);
  t.same(world.told(), []);
  world.advance(200);
  t.same(world.told(), ['caller_gone lost']);
  agent.request('BYE');
  t.notMatch(caller.summary(), /BYE/, 'whose own BYE waits for his ACK');
  caller.send('ACK', { dialog: caller.response(200) });
  caller.request('BYE');
});

t.test('nor one who answers while the answer of the message is not acknowledged', async (t) => {
  const { world, caller } = dialled();
  const media = world.peer('10.0.0.2');
  const agent = world.peer('10.0.0.3');
  world.decide(connect(1, '10.0.0.2', 'media'));
  media.reply(media.request('INVITE'), 200, { sdp: sdp('10.0.0.2', 5000) });
  caller.response(200);
  world.decide(connect(2, '10.0.0.3'));
  world.advance(3_000);
  agent.reply(agent.request('INVITE'), 200, { sdp: sdp('10.0.0.3', 6000) });
  world.told();
  world.advance(7_900);
  t.same(world.told(), []);
  world.advance(200);
  t.same(world.told(), ['caller_gone lost']);
  t.match(agent.request('ACK').body, /m=audio 0/);
  agent.request('BYE');
  media.request('BYE');
});

t.test('a caller who acknowledges in time is lost to nobody', async (t) => {
  const { world, caller } = dialled();
  const agent = world.peer('10.0.0.3');
  world.decide(connect(1, '10.0.0.3'));
  agent.reply(agent.request('INVITE'), 200, { sdp: sdp('10.0.0.3', 6000) });
  world.advance(7_000);
  caller.send('ACK', { dialog: caller.response(200) });
  world.told();
  world.advance(60_000);
  t.same(world.told(), []);
});

t.test('a caller who answers 491 for ever stays where he is, and the agent is free', async (t) => {
  const { world, caller } = dialled();
  const media = world.peer('10.0.0.2');
  const agent = world.peer('10.0.0.3');
  world.decide(connect(1, '10.0.0.2', 'media'));
  media.reply(media.request('INVITE'), 200, { sdp: sdp('10.0.0.2', 5000) });
  caller.send('ACK', { dialog: caller.response(200) });
  world.decide(connect(2, '10.0.0.3'));
  agent.reply(agent.request('INVITE'), 200, { sdp: sdp('10.0.0.3', 6000) });
  world.told();
  for (let tries = 0; tries < 8; tries++) {
    caller.reply(caller.request('INVITE'), 491);
    caller.request('ACK');
    for (let waited_ms = 0; waited_ms < 2_100 && caller.summary() === ''; waited_ms += 10) world.advance(10);
  }
  t.same(world.told(), ['leg_failed 2 491 caller']);
  t.match(agent.request('ACK').body, /m=audio 0/);
  agent.request('BYE');
});

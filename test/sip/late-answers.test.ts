/** Answers that come late, twice or never: nobody is hung up on for the other side's sake, and nothing happens twice. */
import t from 'tap';
import { sdp, World } from '../support/virtual-world.js';

/** A caller joined to a leg of that role. */
function joined(role: 'media' | 'agent') {
  const world = new World();
  const caller = world.peer('10.0.0.1');
  const peer = world.peer('10.0.0.3');
  caller.send('INVITE', { uri: 'sip:support@192.0.2.1', sdp: sdp('10.0.0.1', 4000) });
  world.decide({ kind: 'connect', call: 'call1', leg: 1, role, uri: 'sip:bob@10.0.0.3', display: '' });
  const invite = peer.request('INVITE');
  peer.reply(invite, 200, { sdp: sdp('10.0.0.3', 6000) });
  peer.request('ACK');
  const ok = caller.response(200);
  caller.send('ACK', { dialog: ok });
  caller.response(100);
  world.told();
  return { world, caller, peer, invite, ok };
}

t.test('each phone behind a forking proxy is hung up once, however often it answers', async (t) => {
  const { peer, invite } = joined('agent');
  for (let n = 0; n < 3; n++) peer.reply(invite, 200, { sdp: sdp('10.0.0.3', 7000), tag: 'other-phone' });
  const [first, second, third] = [peer.request('ACK'), peer.request('ACK'), peer.request('ACK')];
  t.equal(first.toTag, 'other-phone');
  t.equal(second.text, first.text, 'the same ACK again');
  t.equal(third.text, first.text);
  const bye = peer.request('BYE');
  t.equal(bye.toTag, 'other-phone');
  t.equal(peer.summary(), '', 'one BYE');
});

t.test('so it is when the talk is over', async (t) => {
  const { world, caller, peer, invite, ok } = joined('agent');
  caller.send('BYE', { dialog: ok });
  peer.reply(peer.request('BYE'), 200);
  peer.reply(invite, 200, { sdp: sdp('10.0.0.3', 6000) });
  const again = peer.request('ACK');
  peer.reply(invite, 200, { sdp: sdp('10.0.0.3', 6000) });
  t.equal(peer.request('ACK').text, again.text, 'who answered repeats himself: the same ACK again');
  t.equal(peer.summary(), '', 'and no other BYE');
  peer.reply(invite, 200, { sdp: sdp('10.0.0.3', 7000), tag: 'other-phone' });
  const ack = peer.request('ACK');
  t.equal(ack.toTag, 'other-phone');
  const bye = peer.request('BYE');
  t.equal(bye.toTag, 'other-phone');
  peer.reply(bye, 200);
  peer.reply(invite, 200, { sdp: sdp('10.0.0.3', 7000), tag: 'other-phone' });
  t.equal(peer.request('ACK').text, ack.text, 'so does it when it repeats itself');
  world.advance(31_000);
  t.equal(peer.summary(), '', 'and is hung up once');
});

t.test(
  'who has accepted a second INVITE and repeats his answer to the first is not acknowledged',
  async (t) => {
    const { world, caller, peer, invite, ok } = joined('agent');
    const first = { sdp: sdp('10.0.0.3', 6000) };
    caller.send('INVITE', { dialog: ok, sdp: sdp('10.0.0.1', 4002) });
    const second = peer.request('INVITE');
    peer.reply(second, 200, { sdp: sdp('10.0.0.3', 6002) });
    peer.request('ACK');
    peer.reply(invite, 200, first);
    t.equal(peer.summary(), '');
    caller.send('BYE', { dialog: ok });
    peer.reply(peer.request('BYE'), 200);
    peer.reply(invite, 200, first);
    t.equal(peer.summary(), '', 'nor when the talk is over');
    peer.reply(second, 200, { sdp: sdp('10.0.0.3', 6002) });
    t.equal(peer.request('ACK').cseq, second.cseq);
    world.advance(31_000);
    t.equal(peer.summary(), '');
  },
);

t.test(
  'a phone behind a forking proxy that answers after a re-INVITE still gets the answer to its offer',
  async (t) => {
    const { world, caller } = joined('media');
    const proxy = world.peer('10.0.0.4');
    world.decide({
      kind: 'connect',
      call: 'call1',
      leg: 2,
      role: 'agent',
      uri: 'sip:al@10.0.0.4',
      display: '',
    });
    const invite = proxy.request('INVITE');
    t.equal(invite.body, '', 'asked for an offer');
    proxy.reply(invite, 200, { sdp: sdp('10.0.0.4', 8000) });
    const moved = caller.request('INVITE');
    caller.reply(moved, 200, { sdp: sdp('10.0.0.1', 4000) });
    proxy.request('ACK');
    caller.send('INVITE', { dialog: moved, sdp: sdp('10.0.0.1', 4000, 'a=sendonly') });
    proxy.reply(proxy.request('INVITE'), 200, { sdp: sdp('10.0.0.4', 8000) });
    proxy.request('ACK');
    proxy.reply(invite, 200, { sdp: sdp('10.0.0.4', 9000), tag: 'other-phone' });
    const ack = proxy.request('ACK');
    t.equal(ack.toTag, 'other-phone');
    t.match(ack.body, /m=audio 0 /);
    t.equal(proxy.request('BYE').toTag, 'other-phone');
  },
);

t.test("an agent's phone that has gone silent does not cost the caller his dialog", async (t) => {
  const { world, caller, peer, ok } = joined('agent');
  caller.send('INFO', { dialog: ok });
  peer.request('INFO');
  world.advance(29_900);
  t.equal(caller.summary(), '');
  world.advance(200);
  t.equal(caller.response(500).method, 'INFO', 'before his own Timer F');
  world.advance(60_000);
  t.equal(caller.summary(), '');
});

t.test('what is still on its way to the agent is answered when the call ends', async (t) => {
  const { world, caller, peer, ok } = joined('agent');
  caller.send('INFO', { dialog: ok });
  peer.request('INFO');
  world.decide({ kind: 'end', call: 'call1', status: 480, reason: '' });
  t.equal(caller.response(487).method, 'INFO');
  caller.request('BYE');
});

t.test('an answer that comes after the end keeps no session alive', async (t) => {
  const { world, caller, peer, ok } = joined('media');
  const next = world.peer('10.0.0.4');
  world.decide({
    kind: 'connect',
    call: 'call1',
    leg: 2,
    role: 'agent',
    uri: 'sip:al@10.0.0.4',
    display: '',
  });
  next.reply(next.request('INVITE'), 200, { sdp: sdp('10.0.0.4', 8000) });
  const moved = caller.request('INVITE');
  caller.send('BYE', { dialog: ok });
  caller.response(200);
  caller.reply(moved, 200, {
    sdp: sdp('10.0.0.1', 4000),
    headers: [
      ['Allow', 'INVITE, ACK, BYE, UPDATE'],
      ['Session-Expires', '90;refresher=uac'],
    ],
  });
  caller.request('ACK');
  world.advance(1_000_000);
  t.equal(caller.summary(), '', 'no refresh of a session that is over');
  t.equal(world.timers.size, 0);
  t.equal(peer.request('BYE').method, 'BYE');
});

t.test('a leg that knows its dialog no more ends once, whatever was on its way to it', async (t) => {
  const { world, caller, peer, ok } = joined('media');
  caller.send('INFO', { dialog: ok });
  caller.send('INVITE', { dialog: ok, sdp: sdp('10.0.0.1', 4002) });
  peer.request('INVITE');
  peer.reply(peer.request('INFO'), 481);
  t.same(world.told(), ['leg_ended 1']);
  caller.response(500);
  t.equal(caller.response(500).method, 'INVITE');
});

t.test('who answers without the offer that was asked for is acknowledged without an answer', async (t) => {
  const { world } = joined('media');
  const next = world.peer('10.0.0.4');
  world.decide({
    kind: 'connect',
    call: 'call1',
    leg: 2,
    role: 'agent',
    uri: 'sip:al@10.0.0.4',
    display: '',
  });
  next.reply(next.request('INVITE'), 200);
  t.equal(next.request('ACK').body, '');
  next.request('BYE');
  t.same(world.told(), ['leg_failed 2 488 peer']);
});

t.test('who accepts a re-INVITE that he has refused is acknowledged, and talks on', async (t) => {
  const { world, caller, peer } = joined('media');
  const next = world.peer('10.0.0.4');
  world.decide({
    kind: 'connect',
    call: 'call1',
    leg: 2,
    role: 'agent',
    uri: 'sip:al@10.0.0.4',
    display: '',
  });
  next.reply(next.request('INVITE'), 200, { sdp: sdp('10.0.0.4', 8000) });
  const moved = caller.request('INVITE');
  caller.reply(moved, 400);
  t.equal(caller.request('ACK').cseq, moved.cseq);
  for (let n = 0; n < 2; n++) caller.reply(moved, 200, { sdp: sdp('10.0.0.1', 4000) });
  const [ack, again] = [caller.request('ACK'), caller.request('ACK')];
  t.equal(ack.cseq, moved.cseq);
  t.not(ack.via.branch, moved.via.branch, 'in a transaction of its own');
  t.equal(ack.body, '');
  t.equal(again.text, ack.text, 'the same ACK again');
  t.equal(caller.summary(), '');
  t.equal(peer.summary(), '');
});

t.test('where he offers besides, he gets what is in force', async (t) => {
  const { caller, peer, ok } = joined('agent');
  caller.send('INVITE', { dialog: ok });
  const asked = peer.request('INVITE');
  peer.reply(asked, 400);
  peer.request('ACK');
  for (let n = 0; n < 2; n++) peer.reply(asked, 200, { sdp: sdp('10.0.0.3', 6000) });
  const [ack, again] = [peer.request('ACK'), peer.request('ACK')];
  t.equal(ack.cseq, asked.cseq);
  t.match(ack.body, /m=audio 4000 /, "the caller's");
  t.equal(again.text, ack.text);
  t.equal(peer.summary(), '');
});

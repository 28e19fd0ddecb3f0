/** RFC 3263: a name may stand for several servers; the next is tried where one fails. */
import t from 'tap';
import type { Decision } from '../../core/messages.js';
import { sdp, World } from '../support/virtual-world.js';

/** A caller for an agent, or a message, whose host has two servers. */
function calling(role: 'agent' | 'media') {
  const world = new World();
  world.names.set('pbx.example', ['10.0.0.3', '10.0.0.4']);
  const caller = world.peer('10.0.0.1');
  const first = world.peer('10.0.0.3');
  const second = world.peer('10.0.0.4');
  caller.send('INVITE', { uri: 'sip:support@192.0.2.1', sdp: sdp('10.0.0.1', 4000) });
  world.decide({ kind: 'connect', call: 'call1', leg: 1, role, uri: 'sip:x@pbx.example', display: '' });
  caller.response(100);
  world.told();
  return { world, caller, first, second, invite: first.request('INVITE') };
}

for (const role of ['agent', 'media'] as const) {
  t.test(`the ${role}’s server that refuses with 503: the next gets the INVITE`, async (t) => {
    const { world, caller, first, second, invite } = calling(role);
    first.reply(invite, 503);
    const again = second.request('INVITE');
    t.equal(again.uri, invite.uri);
    t.not(again.callId, invite.callId);
    second.reply(again, 200, { sdp: sdp('10.0.0.4', 6000) });
    t.equal(caller.response(200).body.includes('m=audio 6000'), true);
    t.same(world.told(), ['leg_connected 1']);
  });

  t.test(`the ${role}’s server that says nothing for 4 s: the next gets the INVITE`, async (t) => {
    const { world, caller, first, second, invite } = calling(role);
    world.advance(3_900);
    t.equal(second.summary(), '');
    world.advance(200);
    const again = second.request('INVITE');
    first.reply(invite, 180);
    first.reply(first.request('CANCEL'), 200);
    t.equal(caller.summary(), '', 'what the first says late is not heard');
    first.reply(invite, 200, { sdp: sdp('10.0.0.3', 5000) });
    first.request('ACK');
    first.reply(first.request('BYE'), 200);
    second.reply(again, 200, { sdp: sdp('10.0.0.4', 6000) });
    caller.send('ACK', { dialog: caller.response(200) });
    t.same(world.told(), ['leg_connected 1']);
    world.advance(60_000);
    t.equal(world.b2bua.size, 1);
  });
}

t.test('when the last says nothing either, the agent has failed', async (t) => {
  const { world, second } = calling('agent');
  world.advance(8_100);
  second.request('INVITE');
  t.same(world.told(), ['leg_failed 1 408 peer']);
});

t.test('one who has rung and then fails has refused: no other is asked', async (t) => {
  const { world, first, second, invite } = calling('agent');
  first.reply(invite, 180);
  first.reply(invite, 503);
  t.equal(second.summary(), '');
  t.same(world.told(), ['leg_failed 1 503 peer']);
});

t.test('one who refuses the call has refused it', async (t) => {
  const { world, first, second, invite } = calling('agent');
  first.reply(invite, 486);
  t.equal(second.summary(), '');
  t.same(world.told(), ['leg_failed 1 486 peer']);
});

t.test('a caller who hangs up meanwhile leaves nothing behind', async (t) => {
  const { world, caller, first, second, invite } = calling('agent');
  world.advance(4_100);
  second.reply(second.request('INVITE'), 180);
  const bye: Decision = { kind: 'end', call: 'call1', status: 480, reason: '' };
  world.decide(bye);
  caller.response(480);
  second.request('CANCEL');
  first.reply(invite, 486);
  world.advance(120_000);
  t.equal(world.b2bua.dialogs, 0);
  t.equal(world.b2bua.size, 0);
});

/** Ladders, section 6: requests inside a dialog are carried to the other side and the answer back. */
import t from 'tap';
import type { SipRequest, SipResponse } from '../../core/sip/message.js';
import { sdp, World } from '../support/virtual-world.js';

const offerOf = (message: SipRequest | SipResponse) => /m=audio \d+/.exec(message.body)?.[0];

/** A caller talking to the leg 1. */
function talking(role: 'media' | 'agent' = 'agent') {
  const world = new World();
  const caller = world.peer('10.0.0.1');
  const agent = world.peer('10.0.0.3');
  caller.send('INVITE', {
    uri: 'sip:support@192.0.2.1',
    sdp: sdp('10.0.0.1', 4000),
    headers: [
      ['P-Asserted-Identity', '"Ann" <sip:+49123@carrier.example>'],
      ['Privacy', 'id'],
      ['X-Account', '7'],
    ],
  });
  world.decide({
    kind: 'connect',
    call: 'call1',
    leg: 1,
    role,
    uri: 'sip:bob@10.0.0.3',
    display: 'Sales "A" Ann',
  });
  const invite = agent.request('INVITE');
  agent.reply(invite, 200, { sdp: sdp('10.0.0.3', 6000) });
  agent.request('ACK');
  const ok = caller.response(200);
  caller.send('ACK', { dialog: ok });
  caller.response(100);
  world.told();
  return { world, caller, agent, invite, ok };
}

t.test('an agent sees the caller, the prefix and who vouches for him', async (t) => {
  const { invite } = talking();
  t.equal(invite.from.display, 'Sales "A" Ann');
  t.equal(invite.from.uri, 'sip:ann@10.0.0.1');
  t.equal(invite.header('p-asserted-identity'), '"Sales \\"A\\" Ann" <sip:+49123@carrier.example>');
  t.equal(invite.header('privacy'), 'id');
  t.equal(invite.header('x-account'), '7');
});

t.test(
  'each name of him that is vouched for has the prefix; what is in it stays in its quotes',
  async (t) => {
    const world = new World();
    const caller = world.peer('10.0.0.1');
    const agent = world.peer('10.0.0.3');
    caller.send('INVITE', {
      uri: 'sip:support@192.0.2.1',
      sdp: sdp('10.0.0.1', 4000),
      headers: [['P-Asserted-Identity', '"Ann" <sip:+49123@carrier.example>, <tel:+49123>']],
    });
    const display = 'Sales\\ "A"\r\nX-Evil: 1 Ann';
    world.decide({ kind: 'connect', call: 'call1', leg: 1, role: 'agent', uri: 'sip:bob@10.0.0.3', display });
    const invite = agent.request('INVITE');
    const shown = '"Sales\\\\ \\"A\\"X-Evil: 1 Ann"';
    t.same(invite.headers('p-asserted-identity'), [
      `${shown} <sip:+49123@carrier.example>`,
      `${shown} <tel:+49123>`,
    ]);
    t.equal(invite.header('from')?.split(' <')[0], shown);
    t.equal(invite.header('x-evil'), undefined);
  },
);

t.test('the caller puts the agent on hold', async (t) => {
  const { world, caller, agent, ok } = talking();
  caller.send('INVITE', { dialog: ok, sdp: sdp('10.0.0.1', 4000, 'a=sendonly') });
  const carried = agent.request('INVITE');
  t.match(carried.body, /a=sendonly/);
  t.match(carried.body, /^o=\S+ \d+ 2 /m, 'version 2: the SDP differs from the last one sent');
  agent.reply(carried, 200, { sdp: sdp('10.0.0.3', 6000, 'a=recvonly') });
  agent.request('ACK');
  const answer = caller.response(200);
  t.match(answer.body, /a=recvonly/);
  caller.send('ACK', { dialog: answer });
  t.same(world.told(), []);
});

t.test('a re-INVITE without SDP is carried with the answer in the ACK', async (t) => {
  const { caller, agent, invite } = talking();
  agent.send('INVITE', { dialog: invite });
  const carried = caller.request('INVITE');
  t.equal(carried.body, '');
  caller.reply(carried, 200, { sdp: sdp('10.0.0.1', 4020) });
  const ok = agent.response(200);
  t.equal(offerOf(ok), 'm=audio 4020');
  t.notMatch(caller.summary(), /ACK/);
  agent.send('ACK', { dialog: ok, sdp: sdp('10.0.0.3', 6020) });
  t.equal(offerOf(caller.request('ACK')), 'm=audio 6020');
});

t.test('a refusal is passed back and the session stays as it was', async (t) => {
  const { caller, agent, ok } = talking();
  caller.send('INVITE', { dialog: ok, sdp: sdp('10.0.0.1', 4030) });
  agent.reply(agent.request('INVITE'), 491);
  caller.response(491);
  caller.send('INVITE', { dialog: ok, sdp: sdp('10.0.0.1', 4032) });
  agent.reply(agent.request('INVITE'), 488);
  t.equal(caller.response(488).reason, 'Not Acceptable Here');
});

t.test('CANCEL of a carried re-INVITE is carried', async (t) => {
  const { world, caller, agent, ok } = talking();
  const branch = caller.send('INVITE', { dialog: ok, sdp: sdp('10.0.0.1', 4030), cseq: 7 });
  const carried = agent.request('INVITE');
  agent.reply(carried, 180);
  caller.send('CANCEL', { dialog: ok, branch, cseq: 7 });
  caller.response(200, 'CANCEL');
  caller.response(487);
  agent.reply(agent.request('CANCEL'), 200);
  agent.reply(carried, 487);
  t.same(world.told(), []);
});

t.test('DTMF in INFO and a MESSAGE reach the other side', async (t) => {
  const { caller, agent, ok, invite } = talking();
  caller.send('INFO', { dialog: ok, body: 'Signal=5\r\n', contentType: 'application/dtmf-relay' });
  const info = agent.request('INFO');
  t.equal(info.body, 'Signal=5\r\n');
  t.equal(info.contentType, 'application/dtmf-relay');
  agent.reply(info, 200);
  caller.response(200, 'INFO');
  agent.send('MESSAGE', { dialog: invite, body: 'hi', contentType: 'text/plain' });
  caller.reply(caller.request('MESSAGE'), 202);
  agent.response(202);
});

t.test('UPDATE is answered by the engine when it changes nothing, else carried', async (t) => {
  const { caller, agent, ok } = talking();
  caller.send('UPDATE', { dialog: ok });
  caller.response(200, 'UPDATE');
  caller.send('UPDATE', { dialog: ok, sdp: sdp('10.0.0.1', 4000) });
  t.equal(offerOf(caller.response(200, 'UPDATE')), 'm=audio 6000');
  t.equal(agent.summary(), '');
  caller.send('UPDATE', { dialog: ok, sdp: sdp('10.0.0.1', 4040) });
  const carried = agent.request('UPDATE');
  t.equal(offerOf(carried), 'm=audio 4040');
  agent.reply(carried, 200, { sdp: sdp('10.0.0.3', 6040) });
  t.equal(offerOf(caller.response(200, 'UPDATE')), 'm=audio 6040');
});

t.test('a media server that has lost its dialog does not end the caller’s', async (t) => {
  for (const status of [408, 481]) {
    const { world, caller, agent, ok } = talking('media');
    caller.send('INVITE', { dialog: ok, sdp: sdp('10.0.0.1', 4050) });
    agent.reply(agent.request('INVITE'), status);
    caller.response(500);
    t.same(world.told(), ['leg_ended 1'], 'a new media leg is the dispatcher’s to make');
    t.equal(world.b2bua.size, 1);
  }
});

t.test('a request over an open one of the same side is refused', async (t) => {
  const { caller, agent, ok } = talking();
  caller.send('INVITE', { dialog: ok, sdp: sdp('10.0.0.1', 4060) });
  agent.request('INVITE');
  caller.send('INVITE', { dialog: ok, sdp: sdp('10.0.0.1', 4062) });
  t.ok(caller.response(500).header('retry-after'));
});

t.test('INVITEs of both sides that meet are both refused with 491', async (t) => {
  const { caller, agent, ok, invite } = talking();
  caller.send('INVITE', { dialog: ok, sdp: sdp('10.0.0.1', 4070) });
  const carried = agent.request('INVITE');
  agent.send('INVITE', { dialog: invite, sdp: sdp('10.0.0.3', 6070) });
  agent.response(491);
  agent.reply(carried, 491);
  t.equal(caller.response(491).method, 'INVITE');
});

t.test('a request with an old sequence number is refused, one of an unknown dialog gets 481', async (t) => {
  const { caller, ok } = talking();
  caller.send('INFO', { dialog: ok, cseq: 1, body: 'x', contentType: 'text/plain' });
  caller.response(500);
  caller.send('INFO', { dialog: ok, callId: 'other', body: 'x', contentType: 'text/plain' });
  t.equal(caller.response(481).method, 'INFO');
});

t.test('the agent’s reason for hanging up is carried to the caller', async (t) => {
  const { world, caller, agent, invite } = talking();
  agent.send('BYE', { dialog: invite, headers: [['Reason', 'Q.850;cause=16']] });
  agent.response(200, 'BYE');
  t.same(world.told(), ['leg_ended 1']);
  world.decide({ kind: 'end', call: 'call1', status: 480, reason: '' });
  t.equal(caller.request('BYE').header('reason'), 'Q.850;cause=16');
});

t.test('a second 200 from another branch of a forking proxy is acknowledged and hung up', async (t) => {
  const { agent, invite, world } = talking();
  agent.reply(invite, 200, { sdp: sdp('10.0.0.9', 7000), tag: 'other-fork' });
  t.equal(agent.request('ACK').toTag, 'other-fork');
  t.equal(agent.request('BYE').toTag, 'other-fork');
  t.same(world.told(), []);
});

t.test('a lost ACK is sent again when the agent repeats his 200', async (t) => {
  const { agent, invite } = talking();
  agent.reply(invite, 200, { sdp: sdp('10.0.0.3', 6000) });
  t.equal(agent.request('ACK').cseq, invite.cseq);
});

/** RFC 4028: timers negotiated and refreshed on each leg by itself. */
import t from 'tap';
import { PROBE_MS } from '../../core/sip/session-timer.js';
import { sdp, World } from '../support/virtual-world.js';

const REFRESHES: [string, string][] = [
  ['Supported', 'timer'],
  ['Session-Expires', '200;refresher=uac'],
];

/** A caller who talks to an agent; `headers` of the caller's INVITE, `answer` of the agent's 200. */
function talking(headers: [string, string][], answer: [string, string][] = []) {
  const world = new World();
  const caller = world.peer('10.0.0.1');
  const agent = world.peer('10.0.0.3');
  caller.send('INVITE', { uri: 'sip:support@192.0.2.1', sdp: sdp('10.0.0.1', 4000), headers });
  world.decide({
    kind: 'connect',
    call: 'call1',
    leg: 1,
    role: 'agent',
    uri: 'sip:bob@10.0.0.3',
    display: '',
  });
  const invite = agent.request('INVITE');
  agent.reply(invite, 200, { sdp: sdp('10.0.0.3', 6000), headers: answer });
  agent.request('ACK');
  const ok = caller.response(200);
  caller.send('ACK', { dialog: ok });
  caller.response(100);
  world.told();
  return { world, caller, agent, invite, ok };
}

t.test('a caller who refreshes keeps his call, one who stops loses it', async (t) => {
  const { world, caller, agent, ok } = talking(REFRESHES, [['Session-Expires', '1800;refresher=uac']]);
  t.equal(ok.header('session-expires'), '200;refresher=uac');
  t.equal(ok.header('require'), 'timer');
  world.advance(150_000);
  caller.send('UPDATE', { dialog: ok, headers: REFRESHES });
  t.equal(caller.response(200, 'UPDATE').header('session-expires'), '200;refresher=uac');
  world.advance(160_000);
  t.same(world.told(), []);
  world.advance(20_000);
  t.same(world.told(), ['caller_gone lost']);
  caller.request('BYE');
  agent.request('BYE');
});

t.test('the engine refreshes where the peer leaves it to us, by UPDATE or by re-INVITE', async (t) => {
  const { world, caller, agent } = talking(
    [
      ['Supported', 'timer'],
      ['Allow', 'INVITE, ACK, BYE, UPDATE'],
      ['Session-Expires', '1000;refresher=uas'],
    ],
    [
      ['Require', 'timer'],
      ['Session-Expires', '600;refresher=uac'],
    ],
  );
  world.advance(301_000);
  const reinvite = agent.request('INVITE');
  t.match(reinvite.body, /m=audio 4000/, 'the SDP in force');
  t.match(reinvite.body, /^o=\S+ \d+ 1 /m, 'unchanged');
  agent.reply(reinvite, 200, {
    sdp: sdp('10.0.0.3', 6000),
    headers: [['Session-Expires', '600;refresher=uac']],
  });
  agent.request('ACK');
  world.advance(200_000);
  const update = caller.request('UPDATE');
  t.equal(update.header('session-expires'), '1000;refresher=uac');
  t.equal(update.body, '');
  caller.reply(update, 200, { headers: [['Session-Expires', '1000;refresher=uac']] });
  t.same(world.told(), [], 'neither side notices the other');
});

t.test('an agent who is gone without a word is noticed, and the caller is still there', async (t) => {
  const { world, agent } = talking(
    [],
    [
      ['Require', 'timer'],
      ['Session-Expires', '180;refresher=uas'],
    ],
  );
  world.advance(150_000);
  agent.request('BYE');
  t.same(world.told(), ['leg_ended 1']);
  t.equal(world.b2bua.size, 1);
});

t.test('an interval that is too short is refused with the shortest we take', async (t) => {
  const world = new World();
  const caller = world.peer('10.0.0.1');
  caller.send('INVITE', {
    uri: 'sip:support@192.0.2.1',
    sdp: sdp('10.0.0.1', 4000),
    headers: [['Session-Expires', '30']],
  });
  t.equal(caller.response(422).header('min-se'), '90');
  t.equal(world.b2bua.size, 0);
});

t.test('a peer who wants a longer interval gets it', async (t) => {
  const world = new World();
  const caller = world.peer('10.0.0.1');
  const agent = world.peer('10.0.0.3');
  caller.send('INVITE', { uri: 'sip:support@192.0.2.1', sdp: sdp('10.0.0.1', 4000) });
  world.decide({
    kind: 'connect',
    call: 'call1',
    leg: 1,
    role: 'agent',
    uri: 'sip:bob@10.0.0.3',
    display: '',
  });
  const first = agent.request('INVITE');
  agent.reply(first, 422, { headers: [['Min-SE', '3600']] });
  agent.request('ACK');
  const second = agent.request('INVITE');
  t.equal(second.header('session-expires'), '3600');
  t.equal(second.header('min-se'), '3600');
  t.equal(second.callId, first.callId);
  t.equal(second.cseq, first.cseq + 1);
  t.match(second.body, /m=audio 4000/);
  agent.reply(second, 200, { sdp: sdp('10.0.0.3', 6000) });
  t.ok(world.told().includes('leg_connected 1'));
});

t.test(
  'peers who know no session timer are asked whether they are there, and missed when they are not',
  async (t) => {
    const { world, caller, agent } = talking([]);
    for (let asked = 0; asked < 3; asked++) {
      world.advance(PROBE_MS);
      agent.reply(agent.request('OPTIONS'), 200);
      caller.reply(caller.request('OPTIONS'), 501);
    }
    world.advance(1_000);
    t.same(world.told(), [], 'any answer will do');
    world.advance(PROBE_MS);
    agent.reply(agent.request('OPTIONS'), 481);
    t.same(world.told(), ['leg_ended 1'], 'he knows the dialog no more');
    caller.request('OPTIONS');
    world.advance(40_000);
    t.same(world.told(), ['caller_gone lost'], 'not a word');
  },
);

t.test('a caller who refuses a refresh is moved on all the same', async (t) => {
  const { world, caller } = talking([
    ['Supported', 'timer'],
    ['Session-Expires', '600;refresher=uas'],
  ]);
  world.advance(300_100);
  const refresh = caller.request('INVITE');
  const media = world.peer('10.0.0.2');
  world.decide({
    kind: 'connect',
    call: 'call1',
    leg: 2,
    role: 'media',
    uri: 'sip:queue@10.0.0.2',
    display: '',
  });
  media.reply(media.request('INVITE'), 200, { sdp: sdp('10.0.0.2', 5000) });
  t.equal(caller.summary(), '', 'one INVITE at a time');
  caller.reply(refresh, 491);
  caller.request('ACK');
  t.match(caller.request('INVITE').body, /m=audio 5000/);
});

/** Ladders, section 4: an answered chat is moved without changing who offers. */
import t from 'tap';
import { World } from '../support/virtual-world.js';

function msrp(host: string, port: number): string {
  const lines = [
    'v=0',
    `o=- 1 1 IN IP4 ${host}`,
    's=-',
    `c=IN IP4 ${host}`,
    't=0 0',
    `m=message ${port} TCP/MSRP *`,
    `a=path:msrp://${host}:${port}/s;tcp`,
  ];
  return `${lines.join('\r\n')}\r\n`;
}

const streamOf = (message: { body: string }) => /m=message \d+/.exec(message.body)?.[0];

/** A chat that hears the queue (leg 1) while an agent (leg 2) gets the caller's last offer. */
function waiting() {
  const world = new World();
  const caller = world.peer('10.0.0.1');
  const media = world.peer('10.0.0.2');
  const agent = world.peer('10.0.0.3');
  caller.send('INVITE', { uri: 'sip:support@192.0.2.1', sdp: msrp('10.0.0.1', 4000) });
  t.match(world.reports[0], { kind: 'arrived', media: 'msrp' });
  world.decide({
    kind: 'connect',
    call: 'call1',
    leg: 1,
    role: 'media',
    uri: 'sip:queue@10.0.0.2',
    display: '',
  });
  media.reply(media.request('INVITE'), 200, { sdp: msrp('10.0.0.2', 5000) });
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
    display: '',
  });
  world.told();
  const invite = agent.request('INVITE');
  agent.reply(invite, 200, { sdp: msrp('10.0.0.3', 6000) });
  agent.request('ACK');
  return { world, caller, media, agent, invite, ok };
}

t.test('the caller offers anew, the agent answers it, and the queue’s leg ends', async (t) => {
  const { world, caller, media, agent, invite } = waiting();
  t.equal(streamOf(invite), 'm=message 4000', "the agent gets the caller's last offer");
  const asked = caller.request('INVITE');
  t.equal(asked.body, '');
  caller.reply(asked, 200, { sdp: msrp('10.0.0.1', 4002) });
  t.equal(media.summary(), '', 'the queue goes on until the agent has answered again');
  const again = agent.request('INVITE');
  t.equal(streamOf(again), 'm=message 4002');
  agent.reply(again, 200, { sdp: msrp('10.0.0.3', 6002) });
  agent.request('ACK');
  t.equal(streamOf(caller.request('ACK')), 'm=message 6002');
  media.request('BYE');
  t.same(world.told(), ['leg_connected 2']);
});

t.test('a caller who refuses stays with the queue', async (t) => {
  const { world, caller, media, agent } = waiting();
  caller.reply(caller.request('INVITE'), 488);
  agent.request('BYE');
  t.equal(media.summary(), '');
  t.same(world.told(), ['leg_failed 2 488 caller']);
});

t.test('an agent who refuses the second offer fails, and the caller goes back to the queue', async (t) => {
  const { world, caller, media, agent } = waiting();
  caller.reply(caller.request('INVITE'), 200, { sdp: msrp('10.0.0.1', 4002) });
  agent.reply(agent.request('INVITE'), 486);
  t.equal(streamOf(caller.request('ACK')), 'm=message 0');
  agent.request('BYE');
  t.same(world.told(), ['leg_failed 2 486 peer']);
  caller.reply(caller.request('INVITE'), 200, { sdp: msrp('10.0.0.1', 4004) });
  const back = media.request('INVITE');
  t.equal(streamOf(back), 'm=message 4004');
  media.reply(back, 200, { sdp: msrp('10.0.0.2', 5004) });
  t.equal(streamOf(caller.request('ACK')), 'm=message 5004');
});

t.test('either side hangs up in the middle', async (t) => {
  {
    const { world, caller, media, agent, ok } = waiting();
    caller.reply(caller.request('INVITE'), 200, { sdp: msrp('10.0.0.1', 4002) });
    agent.request('INVITE');
    caller.send('BYE', { dialog: ok });
    caller.response(200, 'BYE');
    agent.request('BYE');
    media.request('BYE');
    t.same(world.told(), ['caller_gone bye']);
  }
  const { world, caller, agent, invite } = waiting();
  caller.reply(caller.request('INVITE'), 200, { sdp: msrp('10.0.0.1', 4002) });
  agent.send('BYE', { dialog: invite });
  agent.response(200, 'BYE');
  t.same(world.told(), ['leg_failed 2 480 peer']);
  t.equal(streamOf(caller.request('ACK')), 'm=message 0');
  t.equal(caller.request('INVITE').body, '', 'and is brought back to the queue');
});

t.test('an agent who answers while the chat is moved to a message gets it next', async (t) => {
  const { world, caller, agent } = waiting();
  const other = world.peer('10.0.0.4');
  // The first agent is refused, then a message and another agent are set up together.
  caller.reply(caller.request('INVITE'), 488);
  agent.request('BYE');
  const message = world.peer('10.0.0.5');
  world.decide({
    kind: 'connect',
    call: 'call1',
    leg: 4,
    role: 'media',
    uri: 'sip:queue@10.0.0.5',
    display: '',
  });
  world.decide({
    kind: 'connect',
    call: 'call1',
    leg: 5,
    role: 'agent',
    uri: 'sip:eve@10.0.0.4',
    display: '',
  });
  world.told();
  message.reply(message.request('INVITE'), 200, { sdp: msrp('10.0.0.5', 5002) });
  const asked = caller.request('INVITE');
  other.reply(other.request('INVITE'), 200, { sdp: msrp('10.0.0.4', 7000) });
  caller.reply(asked, 200, { sdp: msrp('10.0.0.1', 4006) });
  message.reply(message.request('INVITE'), 200, { sdp: msrp('10.0.0.5', 5004) });
  t.same(world.told(), ['leg_connected 4']);
  caller.reply(caller.request('INVITE'), 200, { sdp: msrp('10.0.0.1', 4008) });
  other.reply(other.request('INVITE'), 200, { sdp: msrp('10.0.0.4', 7002) });
  t.same(world.told(), ['leg_connected 5']);
});

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import t from 'tap';
import { Agent } from '../../../tools/endpoints/agent.js';
import { Endpoint } from '../../../tools/endpoints/endpoint.js';
import { muLaw, RtpSender } from '../../../tools/endpoints/rtp.js';
import { within } from '../../support/settle.js';

t.test('a caller hears the tone of whom he is joined to, until he hangs up', async (t) => {
  const ear = createSocket('udp4').bind(0, '127.0.0.1');
  await once(ear, 'listening');
  const sender = await RtpSender.open();
  const far = await Endpoint.open({ name: 'far', media_port: sender.port });
  const caller = await Endpoint.open({ name: 'carla', media_port: ear.address().port });
  t.teardown(async () => {
    ear.close();
    await Promise.all([sender.close(), far.close(), caller.close()]);
  });
  const agent = new Agent(far, 'alice', { answer_after_ms: 0 }, { sender, hertz: 440 });
  const packets: Buffer[] = [];
  ear.on('message', (packet) => packets.push(packet));
  const call = caller.dial(agent.uri);
  while (packets.length < 3) await within(once(ear, 'message'), 'a packet comes');
  const [first, second] = packets;
  t.ok(first && second);
  if (!first || !second) return;
  t.equal(first.length, 12 + 160, '20 ms of PCMU behind a header');
  t.equal(first[0], 0x80);
  t.equal(first[1], 0, 'payload type of PCMU');
  t.equal(second.readUInt16BE(2) - first.readUInt16BE(2), 1, 'sequence number');
  t.equal(second.readUInt32BE(4) - first.readUInt32BE(4), 160, 'timestamp');
  t.equal(second.readUInt32BE(8), first.readUInt32BE(8), 'one source');
  t.not(new Set(first.subarray(12)).size, 1, 'no silence');

  await within(call.reinvite({ direction: 'sendonly' }), 'the caller holds');
  const held = packets.length;
  await within(call.reinvite(), 'and comes back');
  while (packets.length < held + 2) await within(once(ear, 'message'), 'the tone goes on');
  await within(call.hangup(), 'the BYE is answered');
});

t.test('u-law as G.711 has it', async (t) => {
  t.equal(muLaw(0), 0xff);
  t.equal(muLaw(-1), 0x7f);
  t.equal(muLaw(32_767), 0x80, 'the loudest');
  t.equal(muLaw(-32_768), 0x00);
  t.equal(muLaw(1000), 0xce);
});

/** Calls through the whole engine: what callers, agents, the media server and the CDRs see of them. */
import t from 'tap';
import type { AgentTemper } from '../../tools/endpoints/agent.js';
import type { Call } from '../../tools/endpoints/call.js';
import { pressKey } from '../../tools/endpoints/caller.js';
import { Center } from '../support/center.js';
import { eventually, within } from '../support/settle.js';

/** Never answers by itself. */
const RINGS: AgentTemper = {};
let declined = 0;

const center = await Center.start(
  {
    direct: { agents: { 'direct-agent': {} } },
    greeted: { welcome: 'welcome', agents: { 'greeted-agent': {} } },
    held: { agents: { 'held-agent': { temper: RINGS, logged_in: false } } },
    unwilling: {
      agents: {
        // Whoever of the two is asked first declines.
        'unwilling-one': { temper: () => (declined++ === 0 ? { reject: 486 } : { answer_after_ms: 0 }) },
        'unwilling-two': { temper: () => (declined++ === 0 ? { reject: 486 } : { answer_after_ms: 0 }) },
      },
    },
    busy: { agents: { 'busy-agent': {} } },
    ringing: { agents: { 'ringing-agent': { temper: RINGS } } },
    empty: { agents: { 'absent-agent': { logged_in: false } } },
    late: {
      welcome: 'welcome',
      agents: { 'late-agent': { temper: { answer_after_ms: 0, refuse_late: true } } },
    },
    offerless: { welcome: 'welcome', agents: { 'offerless-agent': {} } },
    leaving: { agents: { 'leaving-agent': { temper: { answer_after_ms: 0, hangup_after_ms: 1500 } } } },
    prefixed: { flow: { prependcid: 'Billing' }, agents: { 'prefixed-agent': {} } },
    quiet: { queue: 'refuse', agents: { 'quiet-agent': { logged_in: false } } },
  },
  { SIP_ACD_CALL_CENTER_REJECT_ON_NO_AGENTS: 'false' },
);

/** The queue message's leg that plays to this caller. */
async function mediaLegOf(caller: string): Promise<Call> {
  for (;;) {
    const leg = await center.media.nextCall('queue');
    if (leg.peer === caller) return leg;
  }
}

t.test('a caller is bridged to a free agent', async (t) => {
  const call = center.call('direct', 'direct-caller');
  await within(call.hears('direct-agent'), 'the caller is joined to the agent');
  const delivered = await center.agent('direct-agent').nextCall();
  t.equal(delivered.peer, 'direct-caller');
  t.equal(await within(pressKey(call, '7'), 'DTMF is answered'), 200);
  t.equal(delivered.requests.at(-1)?.body, 'Signal=7\r\nDuration=160\r\n', 'and reaches the agent');
  t.same(await within(call.hangup(), 'the BYE is answered'), { how: 'local-bye', status: 200 });
  t.equal((await within(delivered.ended, 'the agent is released')).how, 'remote-bye');
});

t.test('a caller hears the welcome message, then the agent', async (t) => {
  const call = center.call('greeted', 'greeted-caller');
  await within(call.hears('welcome'), 'the welcome plays');
  await within(call.hears('greeted-agent'), 'the agent is there');
  t.ok(call.reinvites >= 1, 'by a re-INVITE, in the same dialog');
  await within(call.hangup(), 'the BYE is answered');
});

t.test('the queue message goes on until the agent has answered', async (t) => {
  const call = center.call('held', 'held-caller');
  await within(call.hears('queue'), 'the queue message plays');
  const music = await within(mediaLegOf('held-caller'), 'its leg is found');
  await center.login('held-agent', true);
  const delivered = await within(center.agent('held-agent').nextCall(), 'the agent rings');
  t.equal(call.peer, 'queue');
  t.equal(music.state, 'answered');
  delivered.accept();
  await within(call.hears('held-agent'), 'the caller is moved');
  await within(music.ended, 'the message is ended');
  const answered = center.log.indexOf(
    (e) => e.who === 'agents' && e.callId === delivered.callId && e.status === 200 && e.method === 'INVITE',
  );
  const moved = center.log.indexOf(
    (e) =>
      e.who === 'caller' &&
      e.callId === call.callId &&
      e.what === 'received' &&
      e.method === 'INVITE' &&
      e.status === 0,
  );
  const ended = center.log.indexOf((e) => e.callId === music.callId && e.method === 'BYE');
  t.ok(
    answered >= 0 && answered < moved && moved < ended,
    `200 ${answered}, re-INVITE ${moved}, BYE ${ended}`,
  );
  await within(call.hangup(), 'the BYE is answered');
});

t.test('an agent declines and the next one gets the call', async (t) => {
  const call = center.call('unwilling', 'unwilling-caller');
  t.equal(await within(call.answered, 'the second agent answers'), true);
  t.match(call.peer, /^unwilling-/);
  t.equal(declined, 2, 'each was asked once');
  await within(call.hangup(), 'the BYE is answered');
});

t.test('a caller waits while all agents talk and is served when one is free', async (t) => {
  const first = center.call('busy', 'busy-first');
  await within(first.hears('busy-agent'), 'the first caller talks');
  const second = center.call('busy', 'busy-second');
  await within(second.hears('queue'), 'the second hears the queue message');
  const { Calls } = (await center.engine.mi('cc_list_queue')) as { Calls: Record<string, unknown>[] };
  t.match(
    Calls.filter((call) => call.Flow === 'busy'),
    [{ 'Caller username': 'busy-second', Media: 'RTP' }],
  );
  await within(first.hangup(), 'the first hangs up');
  await within(second.hears('busy-agent'), 'the agent takes the second after the wrapup');
  await within(second.hangup(), 'the BYE is answered');
});

t.test('a caller gives up while the agent rings', async (t) => {
  const call = center.call('ringing', 'ringing-caller');
  const delivered = await within(center.agent('ringing-agent').nextCall(), 'the agent rings');
  t.equal(await within(call.ringing, 'the caller hears it ring'), true);
  t.same(await within(call.hangup(), 'the CANCEL is served'), { how: 'cancelled', status: 487 });
  t.equal((await within(delivered.ended, 'the agent stops ringing')).how, 'cancelled');
});

t.test('a caller hangs up in the queue', async (t) => {
  const call = center.call('empty', 'empty-caller');
  await within(call.hears('queue'), 'the queue message plays');
  t.equal((await within(call.hangup(), 'the BYE is answered')).how, 'local-bye');
  await eventually(
    async () => (await center.engine.mi('cc_list_calls')) as { Calls: Record<string, unknown>[] },
    ({ Calls }) => Calls.every((shown) => shown.Flow !== 'empty'),
    'the call has left',
  );
});

t.test('an agent that refuses an INVITE without SDP gets one with it', async (t) => {
  const call = center.call('late', 'late-caller');
  await within(call.hears('late-agent'), 'the agent is there');
  t.equal(center.agent('late-agent').inbox.count, 2);
  await within(call.hangup(), 'the BYE is answered');
});

t.test('a caller whose INVITE has no SDP', async (t) => {
  const call = center.call('offerless', 'offerless-caller', { offerless: true });
  await within(call.hears('offerless-agent'), 'the agent is there');
  t.equal(call.peers[0], 'welcome');
  const delivered = await center.agent('offerless-agent').nextCall();
  t.equal(await within(delivered.answered, 'the agent has its ACK'), true);
  t.equal(delivered.peer, 'offerless-caller');
  await within(call.hangup(), 'the BYE is answered');
});

t.test('the agent hangs up', async (t) => {
  const call = center.call('leaving', 'leaving-caller');
  await within(call.hears('leaving-agent'), 'the agent is there');
  t.equal((await within(call.ended, 'the caller is released')).how, 'remote-bye');
});

t.test('the agent sees the prefix and the caller, whatever the caller calls himself', async (t) => {
  const quotes = `${'"quoted" \\ '.repeat(26)}\0 end`;
  const call = center.call('prefixed', 'prefixed-caller', {
    display: `"${quotes.replace(/["\\]/g, '\\$&')}"`,
  });
  await within(call.hears('prefixed-agent'), 'the agent is there');
  const delivered = await center.agent('prefixed-agent').nextCall();
  const display = delivered.invitation?.from.display ?? '';
  t.match(display, /^Billing "quoted" /);
  t.ok(display.length <= 64 && !display.includes('\0'), display);
  await within(call.hangup(), 'the BYE is answered');
});

t.test('a media server that refuses costs the message, not the call', async (t) => {
  const call = center.call('quiet', 'quiet-caller');
  await eventually(
    async () => center.media.count('refuse'),
    (count) => count > 0,
    'the message is asked for',
  );
  await center.login('quiet-agent', true);
  await within(call.hears('quiet-agent'), 'the agent is there');
  t.notOk(call.peers.includes('refuse'));
  await within(call.hangup(), 'the BYE is answered');
});

t.test('an unknown flow is answered 404', async (t) => {
  t.same(await within(center.call('nowhere', 'lost-caller').ended, 'the answer'), {
    how: 'rejected',
    status: 404,
  });
});

t.test('no packet stops the engine', async (t) => {
  const engine = { host: '127.0.0.1', port: center.engine.port };
  const invite = (callId: string, body: string, length = body.length) =>
    [
      `INVITE ${center.engine.uri('direct')} SIP/2.0`,
      `Via: SIP/2.0/UDP ${center.callers.hostPort};branch=z9hG4bK-${callId};rport`,
      'Max-Forwards: 70',
      'From: <sip:packet@127.0.0.1>;tag=p',
      `To: <${center.engine.uri('direct')}>`,
      `Call-ID: ${callId}`,
      'CSeq: 1 INVITE',
      `Contact: <${center.callers.uri('packet')}>`,
      'Content-Type: application/sdp',
      `Content-Length: ${length}`,
      '',
      body,
    ].join('\r\n');
  const finalOf = (callId: string) =>
    within(
      center.log.until((e) => e.what === 'received' && e.callId === callId && e.status >= 200),
      `${callId} is answered`,
    );
  await center.callers.sendRaw(Buffer.from([0, 255, 1, 254, 13, 10, 0]), engine);
  await center.callers.sendRaw(Buffer.from('\r\n\r\n'), engine);
  await center.callers.sendRaw(Buffer.from(invite('cut-in-a-header', '').slice(0, 150)), engine);
  await center.callers.sendRaw(Buffer.from(invite('cut-body', 'v=0', 1000)), engine);
  t.equal((await finalOf('cut-body')).status, 400, 'a body that ends too early');
  await center.callers.sendRaw(Buffer.from(invite('huge', 'x'.repeat(65_000))), engine);
  const huge = await finalOf('huge');
  t.ok(huge.status >= 400 && huge.status < 700, `64 KB that are no SDP: ${huge.status}`);

  const call = center.call('direct', 'after-caller');
  await within(call.hears('direct-agent'), 'the next caller is served');
  await within(call.hangup(), 'the BYE is answered');
});

t.test('every call has its CDRs, and nothing on the wire was wrong', async (t) => {
  const violations = center.violations();
  const cdrs = await center.finish();
  const shown = (caller: string) =>
    (cdrs.get(caller) ?? []).map(({ call_type, flow_id, agent_id, rejected, fstats }) => ({
      call_type,
      flow_id,
      agent_id,
      rejected,
      fstats,
    }));
  const handled = (flow_id: string, agent_id: string) => ({
    call_type: 0,
    flow_id,
    agent_id,
    rejected: 0,
    fstats: 7,
  });
  for (const flow of ['direct', 'greeted', 'held', 'late', 'offerless', 'leaving', 'prefixed', 'quiet']) {
    t.same(shown(`${flow}-caller`), [handled(flow, `${flow}-agent`)], flow);
  }
  t.same(shown('busy-first'), [handled('busy', 'busy-agent')]);
  t.same(shown('busy-second'), [handled('busy', 'busy-agent')]);
  t.match(shown('unwilling-caller'), [
    { call_type: -2, rejected: 0 },
    { call_type: 0, rejected: 1 },
  ]);
  const [refused, taken] = cdrs.get('unwilling-caller') ?? [];
  t.equal(refused?.cid, taken?.cid, 'one call, one number');
  t.not(refused?.agent_id, taken?.agent_id);
  t.same(shown('ringing-caller'), [
    { call_type: 1, flow_id: 'ringing', agent_id: 'ringing-agent', rejected: 0, fstats: 11 },
  ]);
  t.match(shown('empty-caller'), [{ call_type: 1, flow_id: 'empty', fstats: 9 }]);
  t.same(shown('lost-caller'), [], 'none for a call that no flow took');
  t.ok((cdrs.get('leaving-caller')?.[0]?.talk_time ?? 0) >= 1, 'talk in seconds');
  t.same(violations, []);
});

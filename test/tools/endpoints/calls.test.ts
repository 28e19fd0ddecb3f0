import t from 'tap';
import { Agent } from '../../../tools/endpoints/agent.js';
import { callAs, pressKey } from '../../../tools/endpoints/caller.js';
import { Endpoint } from '../../../tools/endpoints/endpoint.js';
import { EventLog } from '../../../tools/endpoints/log.js';
import { MediaServer } from '../../../tools/endpoints/media.js';
import { within } from '../../support/settle.js';

/** A caller and an agent on sockets of their own, closed with the test. */
async function pair(test: Tap, t1_ms = 500) {
  const log = new EventLog();
  const caller = await Endpoint.open({ name: 'carla', log, t1_ms });
  const far = await Endpoint.open({ name: 'far', log, t1_ms });
  test.teardown(() => Promise.all([caller.close(), far.close()]));
  return { log, caller, far };
}

type Tap = Pick<typeof t, 'teardown'>;

t.test('a caller reaches an agent and hangs up', async (t) => {
  const { caller, far, log } = await pair(t);
  const agent = new Agent(far, 'alice', { answer_after_ms: 20 });
  const call = caller.dial(agent.uri);
  const delivered = await within(agent.nextCall(), 'the call arrives');
  t.equal(await call.ringing, true);
  t.equal(await call.answered, true);
  t.equal(await delivered.answered, true, 'the ACK has come');
  t.equal(call.peer, 'alice');
  t.equal(delivered.peer, 'carla');
  t.same(await call.hangup(), { how: 'local-bye', status: 200 });
  t.equal((await delivered.ended).how, 'remote-bye');
  t.same(
    log.entries.filter((entry) => entry.who === 'carla').map((entry) => `${entry.method} ${entry.status}`),
    ['INVITE 0', 'INVITE 180', 'INVITE 200', 'ACK 0', 'BYE 0', 'BYE 200'],
  );
  t.same([...caller.violations, ...far.violations], []);
  t.equal(caller.open + far.open, 0);
});

t.test('the agent hangs up', async (t) => {
  const { caller, far } = await pair(t);
  const agent = new Agent(far, 'alice', { answer_after_ms: 0, hangup_after_ms: 10 });
  const call = caller.dial(agent.uri);
  t.equal((await within(call.ended, 'the agent hangs up')).how, 'remote-bye');
  t.equal(call.endRequest?.method, 'BYE');
});

t.test('an agent that hangs up at once waits for the ACK', async (t) => {
  const { caller, far, log } = await pair(t);
  const agent = new Agent(far, 'alice');
  caller.dial(agent.uri);
  const delivered = await within(agent.nextCall(), 'the call arrives');
  delivered.accept();
  t.equal((await delivered.hangup()).how, 'local-bye');
  const ack = log.indexOf((entry) => entry.who === 'far' && entry.method === 'ACK');
  const bye = log.indexOf((entry) => entry.who === 'far' && entry.method === 'BYE');
  t.ok(ack >= 0 && ack < bye);
});

t.test('an agent that declines', async (t) => {
  const { caller, far, log } = await pair(t);
  const agent = new Agent(far, 'alice', { reject: 486 });
  const call = caller.dial(agent.uri);
  t.equal(await call.answered, false);
  t.same(await call.ended, { how: 'rejected', status: 486 });
  await within(
    log.until((entry) => entry.who === 'far' && entry.method === 'ACK'),
    'the 486 is acknowledged',
  );
});

t.test('a caller who gives up while it rings', async (t) => {
  const { caller, far } = await pair(t);
  const agent = new Agent(far, 'alice');
  const call = caller.dial(agent.uri);
  const delivered = await within(agent.nextCall(), 'the call arrives');
  t.same(await call.hangup(), { how: 'cancelled', status: 487 });
  t.equal((await delivered.ended).how, 'cancelled');
  t.equal(delivered.endRequest?.method, 'CANCEL');
});

t.test('CANCEL waits for a first response', async (t) => {
  const { caller, far, log } = await pair(t);
  const agent = new Agent(far, 'alice', { ring: false });
  const call = caller.dial(agent.uri);
  const delivered = await within(agent.nextCall(), 'the call arrives');
  const ended = call.hangup();
  t.equal(
    log.indexOf((entry) => entry.method === 'CANCEL'),
    -1,
  );
  delivered.ring();
  t.equal((await ended).how, 'cancelled');
});

t.test('the answer crosses the CANCEL', async (t) => {
  const { caller, far } = await pair(t);
  const agent = new Agent(far, 'alice', { ring: false });
  const call = caller.dial(agent.uri);
  const delivered = await within(agent.nextCall(), 'the call arrives');
  const ended = call.hangup();
  delivered.accept();
  t.equal((await ended).how, 'local-bye', 'acknowledged and hung up');
  t.equal((await delivered.ended).how, 'remote-bye');
});

t.test('an INVITE without SDP: offer in the 200, answer in the ACK', async (t) => {
  const { caller, far } = await pair(t);
  const agent = new Agent(far, 'alice', { answer_after_ms: 0 });
  const call = caller.dial(agent.uri, { offerless: true });
  const delivered = await within(agent.nextCall(), 'the call arrives');
  t.equal(delivered.invitation?.body, '');
  t.equal(await delivered.answered, true);
  t.equal(delivered.peer, 'carla');
  t.equal(call.peer, 'alice');
});

t.test('an agent that cannot do without SDP', async (t) => {
  const { caller, far } = await pair(t);
  const agent = new Agent(far, 'alice', { answer_after_ms: 0, refuse_late: true });
  t.equal((await caller.dial(agent.uri, { offerless: true }).ended).status, 488);
  t.equal(await caller.dial(agent.uri).answered, true);
});

t.test('re-INVITE either way, with an offer and without', async (t) => {
  const { caller, far } = await pair(t);
  const agent = new Agent(far, 'alice', { answer_after_ms: 0 });
  const call = caller.dial(agent.uri);
  const delivered = await within(agent.nextCall(), 'the call arrives');
  await delivered.answered;
  t.equal(await call.reinvite({ direction: 'sendonly' }), 200);
  t.match(delivered.remoteSdp, 'a=sendonly');
  t.match(call.remoteSdp, 'a=recvonly', 'held');
  await within(pressKey(call, '5'), 'INFO is answered');
  t.equal(await delivered.reinvite({ offerless: true }), 200);
  await within(call.send('OPTIONS'), 'OPTIONS is answered');
  t.match(call.remoteSdp, 'a=sendrecv', 'the answer came in the ACK');
  t.equal(delivered.requests[0]?.method, 'INFO');
  t.equal(delivered.reinvites + call.reinvites, 2);
  t.same([...caller.violations, ...far.violations], []);
});

t.test('a re-INVITE that the far end refuses', async (t) => {
  const { caller, far } = await pair(t);
  const agent = new Agent(far, 'alice', { answer_after_ms: 0 });
  const call = caller.dial(agent.uri);
  const delivered = await within(agent.nextCall(), 'the call arrives');
  await delivered.answered;
  delivered.onReinvite = () => ({ status: 488 });
  const before = delivered.remoteSdp;
  t.equal(await call.reinvite({ direction: 'inactive' }), 488);
  t.equal(delivered.remoteSdp, before);
  t.equal(call.state, 'answered');
});

t.test('requests are sent again until they are answered', async (t) => {
  const { caller, far, log } = await pair(t, 10);
  const agent = new Agent(far, 'alice', { silent: true });
  const call = caller.dial(agent.uri);
  await within(
    log.until((entry) => entry.who === 'far' && entry.method === 'INVITE' && entry.again),
    'the INVITE comes again',
  );
  t.equal(agent.inbox.count, 1, 'and is known');
  t.same(await within(call.ended, 'the INVITE times out'), { how: 'lost', status: 408 });
});

t.test('a 200 is sent again until its ACK, then the call is given up', async (t) => {
  const { caller, far, log } = await pair(t, 10);
  const agent = new Agent(far, 'alice', { answer_after_ms: 0 });
  caller.dial(agent.uri);
  const delivered = await agent.nextCall();
  await caller.close();
  await within(
    log.until((entry) => entry.who === 'far' && entry.status === 200 && entry.again),
    'the 200 comes again',
  );
  t.equal((await within(delivered.ended, 'the callee gives up')).how, 'lost');
});

t.test('unknown dialogs get 481, unknown users 404, OPTIONS 200, garbage nothing', async (t) => {
  const { caller, far, log } = await pair(t);
  t.equal((await caller.dial(far.uri('nobody')).ended).status, 404);
  const text = (method: string, tag: string, callId: string) =>
    [
      `${method} ${far.uri()} SIP/2.0`,
      `Via: SIP/2.0/UDP ${caller.hostPort};branch=z9hG4bK-${callId};rport`,
      'Max-Forwards: 70',
      'From: <sip:x@127.0.0.1>;tag=1',
      `To: <${far.uri()}>${tag}`,
      `Call-ID: ${callId}`,
      `CSeq: 1 ${method}`,
      'Content-Length: 0',
      '',
      '',
    ].join('\r\n');
  const answerTo = (callId: string) =>
    log.until((entry) => entry.callId === callId && entry.what === 'received' && entry.status > 0);
  for (const [method, tag, callId, status] of [
    ['BYE', ';tag=2', 'bye', 481],
    ['INVITE', ';tag=2', 'reinvite', 481],
    ['CANCEL', '', 'cancel', 481],
    ['OPTIONS', '', 'options', 200],
  ] as const) {
    await caller.sendRaw(Buffer.from(text(method, tag, callId)), far);
    const answer = await within(answerTo(callId), `${callId} is answered`);
    t.equal(answer.status, status, callId);
  }
  await caller.sendRaw(Buffer.from('garbage'), far);
  await caller.sendRaw(Buffer.from('\r\n\r\n'), far);
  await caller.sendRaw(Buffer.from(text('OPTIONS', '', 'after')), far);
  await within(answerTo('after'), 'it goes on');
  t.equal(far.malformed, 1, 'a keep-alive is not malformed');
});

t.test('the media server plays what the URI names', async (t) => {
  const { caller, far } = await pair(t);
  const media = new MediaServer(far, { welcome: { length_ms: 10 } });
  const welcome = caller.dial(media.uri('welcome'));
  t.equal((await within(welcome.ended, 'the welcome ends')).how, 'remote-bye');
  const queue = caller.dial(media.uri('queue'));
  await within(queue.hears('queue'), 'the queue message plays');
  t.equal((await caller.dial(media.uri('refuse')).ended).status, 503);
  t.equal(media.count('queue'), 1);
  t.equal((await queue.hangup()).how, 'local-bye');
});

t.test('callers by their temper', async (t) => {
  const { caller, far } = await pair(t);
  const agent = new Agent(far, 'alice', { answer_after_ms: 0 });
  const media = new MediaServer(far, { welcome: { length_ms: 5 } });
  const isAgent = (name: string) => name === 'alice';
  const talked = await callAs(caller, agent.uri, { talk_ms: 10, dtmf: '1' }, isAgent);
  t.equal(talked.result, 'talked');
  t.ok(talked.wait_ms !== undefined && talked.talk_ms > 0);
  t.equal((await agent.nextCall()).requests[0]?.body, 'Signal=1\r\nDuration=160\r\n');
  const gaveUp = await callAs(caller, media.uri('queue'), { patience_ms: 10 }, isAgent);
  t.equal(gaveUp.result, 'abandoned');
  t.equal((await callAs(caller, media.uri('welcome'), {}, isAgent)).result, 'failed', 'no agent came');
  t.equal((await callAs(caller, media.uri('refuse'), {}, isAgent)).result, 'failed');
});

t.test('a far end that breaks the rules of offer and answer is told', async (t) => {
  const { caller, far } = await pair(t);
  const agent = new Agent(far, 'alice', { answer_after_ms: 0 });
  const call = caller.dial(agent.uri);
  const delivered = await agent.nextCall();
  await delivered.answered;
  await delivered.send('UPDATE', {
    contentType: 'application/sdp',
    body: call.remoteSdp.replace('a=sendrecv', 'a=sendonly'),
  });
  t.match(call.violations, [/^version \d+ in o=, not \d+$/], 'changed, with the old version');
});

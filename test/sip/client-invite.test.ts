import t from 'tap';
import { parseMessage } from '../../core/sip/parser.js';
import { CALL_ID, PEER, Rig } from './transaction-rig.js';

const INVITE = 'INVITE sip:agent@192.0.2.7:5070 SIP/2.0';
const ACK = 'ACK sip:agent@192.0.2.7:5070 SIP/2.0';
const CANCEL = 'CANCEL sip:agent@192.0.2.7:5070 SIP/2.0';

t.test(
  'an INVITE nobody answers is retransmitted at doubling intervals and times out after 32 s',
  async (t) => {
    const rig = new Rig();
    const tx = rig.call('INVITE');
    t.same(rig.takeSent(), [INVITE]);
    t.same(rig.pass(31_999), [500, 1_500, 3_500, 7_500, 15_500, 31_500]);
    t.equal(new Set(rig.sent.map(({ text }) => text)).size, 1, 'always the same bytes');
    t.equal(tx.state, 'calling');
    rig.pass(1);
    t.same(rig.takeTold(), [{ what: 'timeout', owner: 'owner' }]);
    t.equal(tx.state, 'terminated');
    t.equal(rig.layer.size, 0);
    t.equal(rig.timers.size, 0, 'no timer is left');
    t.equal(rig.layer.counters.timeouts, 1);
  },
);

t.test(
  'a provisional response ends the retransmissions; the call may ring as long as it likes',
  async (t) => {
    const rig = new Rig();
    const tx = rig.call('INVITE');
    rig.answer(tx.text, 180);
    rig.answer(tx.text, 183);
    t.equal(tx.state, 'proceeding');
    rig.takeSent();
    t.same(rig.pass(100_000), []);
    t.same(
      rig.takeTold().map(({ status }) => status),
      [180, 183],
    );
    t.equal(tx.state, 'proceeding');
  },
);

t.test('every 2xx is reported for 32 s, retransmitted ones and those of other forks', async (t) => {
  const rig = new Rig();
  const tx = rig.call('INVITE');
  const sent = tx.text;
  rig.answer(sent, 180);
  rig.answer(sent, 200, 'fork-a');
  t.equal(tx.state, 'accepted');
  rig.answer(sent, 200, 'fork-a');
  rig.answer(sent, 180, 'fork-b');
  rig.answer(sent, 200, 'fork-b');
  rig.answer(sent, 486, 'fork-c');
  t.same(
    rig.takeTold().map(({ what, status, owner }) => `${what} ${status} ${owner}`),
    ['response 180 owner', 'response 200 owner', 'response 200 owner', 'response 200 owner'],
  );
  t.same(rig.takeSent(), [INVITE], 'the ACK of a 2xx is the user’s');
  rig.pass(31_999);
  t.equal(rig.layer.size, 1);
  rig.pass(1);
  t.equal(rig.layer.size, 0);
  rig.answer(sent, 200, 'fork-a');
  t.same(rig.takeTold(), [{ what: 'stray', status: 200 }]);
});

t.test('of an INVITE that its user has left the same 2xx gets the same ACK, others are strays', async (t) => {
  const rig = new Rig();
  const tx = rig.call('INVITE');
  const sent = tx.text;
  tx.leave('fork-a');
  rig.answer(sent, 200, 'fork-a');
  t.same(
    rig.takeTold().map(({ what }) => what),
    ['response'],
    'nobody leaves before the answer',
  );
  rig.takeSent();
  tx.leave('fork-a', { text: `${ACK}\r\n\r\n`, path: PEER });
  t.equal(tx.owner, undefined);
  rig.answer(sent, 200, 'fork-a');
  t.same(rig.takeSent(), [ACK]);
  t.same(rig.takeTold(), []);
  rig.answer(sent, 200, 'fork-b');
  t.same(rig.takeSent(), []);
  t.same(rig.takeTold(), [{ what: 'stray', status: 200 }]);
  rig.pass(32_000);
  t.equal(rig.layer.size, 0);
});

t.test('a failure is acknowledged on the INVITE’s own way and reported once', async (t) => {
  const rig = new Rig();
  const tx = rig.call('INVITE', PEER, 7);
  const sent = tx.text;
  rig.answer(sent, 486, 'busy');
  t.equal(tx.state, 'completed');
  t.same(rig.takeTold(), [{ what: 'response', status: 486, owner: 'owner' }]);
  t.equal(rig.sent.length, 2);
  t.same(rig.sent[1]?.path, PEER);
  const ack = parseMessage(rig.sent[1]?.text ?? '');
  const invite = parseMessage(sent);
  if (ack.kind !== 'request' || invite.kind !== 'request') return t.fail('an ACK was expected');
  t.equal(ack.method, 'ACK');
  t.equal(ack.uri, invite.uri);
  t.same(ack.headers('via'), invite.headers('via'));
  t.same(ack.list('route'), invite.list('route'));
  t.equal(ack.header('from'), invite.header('from'));
  t.equal(ack.toTag, 'busy');
  t.equal(ack.callId, invite.callId);
  t.equal(ack.header('cseq'), '7 ACK');
  t.equal(ack.body, '');
});

t.test('a retransmitted failure is acknowledged again for 32 s, without a report', async (t) => {
  const rig = new Rig();
  const sent = rig.call('INVITE').text;
  rig.answer(sent, 180);
  rig.answer(sent, 486);
  rig.takeTold();
  rig.takeSent();
  rig.pass(500);
  rig.answer(sent, 486);
  rig.answer(sent, 486);
  rig.answer(sent, 180);
  t.same(rig.takeSent(), [ACK, ACK]);
  t.same(rig.takeTold(), []);
  t.equal(rig.layer.counters.absorbed, 2);
  rig.pass(31_499);
  t.equal(rig.layer.size, 1);
  rig.pass(1);
  t.equal(rig.layer.size, 0);
  rig.answer(sent, 486);
  t.same(rig.takeSent(), []);
  t.equal(rig.layer.counters.strayResponses, 1);
});

t.test('a response with another Call-ID than the request’s is no answer to it', async (t) => {
  for (const method of ['INVITE', 'BYE']) {
    const rig = new Rig();
    const tx = rig.call(method);
    rig.answer(tx.text.replace(`Call-ID: ${CALL_ID}`, 'Call-ID: damaged'), 486);
    t.same(rig.takeTold(), []);
    t.equal(rig.layer.counters.strayResponses, 1);
    rig.answer(tx.text, 486);
    t.same(rig.takeTold(), [{ what: 'response', status: 486, owner: 'owner' }]);
  }
});

t.test('short base times do not shorten the 32 s in which failures are acknowledged', async (t) => {
  const rig = new Rig({ t1_ms: 10, t2_ms: 80, t4_ms: 100 });
  const sent = rig.call('INVITE').text;
  rig.answer(sent, 486);
  rig.pass(31_999);
  t.equal(rig.layer.size, 1);
  rig.pass(1);
  t.equal(rig.layer.size, 0);
});

t.test('a 2xx that a fork sends after a failure is not lost', async (t) => {
  const rig = new Rig();
  const sent = rig.call('INVITE').text;
  rig.answer(sent, 480, 'fork-a');
  rig.takeTold();
  rig.answer(sent, 200, 'fork-b');
  t.same(rig.takeTold(), [{ what: 'stray', status: 200 }]);
});

t.test(
  'CANCEL of a ringing call goes out at once, looks like its INVITE, and 487 ends the call',
  async (t) => {
    const rig = new Rig();
    const tx = rig.call('INVITE', PEER, 3);
    const sent = tx.text;
    rig.answer(sent, 180);
    rig.takeSent();
    t.equal(tx.cancel([['Reason', 'SIP;cause=200']]), true);
    t.equal(tx.cancel(), true, 'once more changes nothing');
    t.equal(rig.sent.length, 1);
    const cancelText = rig.sent[0]?.text ?? '';
    const cancel = parseMessage(cancelText);
    const invite = parseMessage(sent);
    if (cancel.kind !== 'request' || invite.kind !== 'request') return t.fail('a CANCEL was expected');
    t.equal(cancel.method, 'CANCEL');
    t.equal(cancel.uri, invite.uri);
    t.same(cancel.headers('via'), invite.headers('via'));
    t.same(cancel.list('route'), invite.list('route'));
    t.equal(cancel.header('from'), invite.header('from'));
    t.equal(cancel.header('to'), invite.header('to'));
    t.equal(cancel.header('cseq'), '3 CANCEL');
    t.equal(cancel.header('reason'), 'SIP;cause=200');
    rig.takeTold();
    rig.answer(cancelText, 200);
    t.same(rig.takeTold(), [], 'the answer to the CANCEL says nothing about the call');
    t.equal(tx.state, 'proceeding');
    rig.answer(sent, 487);
    t.same(rig.takeTold(), [{ what: 'response', status: 487, owner: 'owner' }]);
    t.same(rig.takeSent(), [CANCEL, ACK]);
  },
);

t.test('CANCEL waits for the first provisional response', async (t) => {
  const rig = new Rig();
  const tx = rig.call('INVITE');
  t.equal(tx.cancel([['Reason', 'SIP;cause=200']]), true);
  t.equal(tx.cancel(), true);
  t.same(rig.takeSent(), [INVITE]);
  rig.pass(600);
  t.same(rig.takeSent(), [INVITE], 'the INVITE is still retransmitted');
  rig.answer(tx.text, 100);
  const [cancel] = rig.sent;
  t.match(cancel?.text, /^CANCEL .*Reason: SIP;cause=200\r\n/s);
  rig.answer(tx.text, 180);
  t.same(rig.takeSent(), [CANCEL]);
});

t.test('CANCEL of a call that nobody answers at all is never sent', async (t) => {
  const rig = new Rig();
  const tx = rig.call('INVITE');
  tx.cancel();
  rig.pass(32_000);
  t.same(new Set(rig.takeSent()), new Set([INVITE]));
  t.same(rig.takeTold(), [{ what: 'timeout', owner: 'owner' }]);
});

t.test('a 200 that comes before the CANCEL could be sent is reported, and no CANCEL is sent', async (t) => {
  const rig = new Rig();
  const tx = rig.call('INVITE');
  tx.cancel();
  rig.answer(tx.text, 200);
  t.same(rig.takeTold(), [{ what: 'response', status: 200, owner: 'owner' }]);
  t.same(rig.takeSent(), [INVITE]);
  t.equal(tx.cancel(), false, 'too late');
});

t.test('a 200 that crosses the CANCEL is reported', async (t) => {
  const rig = new Rig();
  const tx = rig.call('INVITE');
  const sent = tx.text;
  rig.answer(sent, 180);
  tx.cancel();
  rig.takeTold();
  rig.answer(sent, 200);
  t.same(rig.takeTold(), [{ what: 'response', status: 200, owner: 'owner' }]);
  t.equal(tx.state, 'accepted');
  rig.pass(32_000);
  t.same(rig.takeTold(), [], 'and the CANCEL’s deadline no longer counts');
});

t.test('a final response leaves nothing to cancel', async (t) => {
  const rig = new Rig();
  const tx = rig.call('INVITE');
  rig.answer(tx.text, 486);
  rig.takeSent();
  t.equal(tx.cancel(), false);
  t.same(rig.takeSent(), []);
});

t.test('a cancelled call without a final response is over 32 s after the CANCEL', async (t) => {
  const rig = new Rig();
  const tx = rig.call('INVITE');
  const sent = tx.text;
  rig.answer(sent, 180);
  rig.pass(5_000);
  tx.cancel();
  const cancel = rig.sent.at(-1)?.text ?? '';
  rig.pass(20_000);
  rig.answer(cancel, 200);
  rig.answer(sent, 180);
  rig.takeTold();
  rig.pass(11_999);
  t.equal(tx.state, 'proceeding');
  rig.pass(1);
  t.same(rig.takeTold(), [{ what: 'timeout', owner: 'owner' }]);
  rig.pass(5_000);
  t.equal(rig.layer.size, 0);
});

t.test('a CANCEL that gets no answer is retransmitted and its failure concerns nobody', async (t) => {
  const rig = new Rig();
  const tx = rig.call('INVITE');
  const sent = tx.text;
  rig.answer(sent, 180);
  tx.cancel();
  rig.takeSent();
  rig.pass(1_600);
  t.same(rig.takeSent(), [CANCEL, CANCEL]);
  rig.answer(sent, 487);
  rig.takeTold();
  rig.pass(40_000);
  t.same(rig.takeTold(), []);
  t.equal(rig.layer.size, 0);
});

t.test('an INVITE that could not be sent fails at once', async (t) => {
  const rig = new Rig();
  const tx = rig.call('INVITE');
  rig.layer.transportFailed({ ...PEER });
  t.same(rig.takeTold(), [{ what: 'transportError', owner: 'owner' }]);
  t.equal(tx.state, 'terminated');
  t.equal(rig.layer.size, 0);
  t.same(rig.pass(40_000), []);
  t.same(rig.takeTold(), []);
});

t.test('a ringing call outlives a transport error', async (t) => {
  const rig = new Rig();
  const tx = rig.call('INVITE');
  rig.answer(tx.text, 180);
  rig.layer.transportFailed(PEER);
  t.equal(tx.state, 'proceeding');
  rig.answer(tx.text, 200);
  t.same(
    rig.takeTold().map(({ what, status }) => `${what} ${status}`),
    ['response 180', 'response 200'],
  );
});

t.test('over a reliable transport nothing is retransmitted and a failure ends the transaction', async (t) => {
  const rig = new Rig();
  const path = { ...PEER, reliable: true };
  const tx = rig.call('INVITE', path);
  t.same(rig.pass(31_999), []);
  rig.answer(tx.text, 486);
  t.same(rig.takeSent(), [INVITE, ACK]);
  t.same(rig.takeTold(), [{ what: 'response', status: 486, owner: 'owner' }]);
  t.equal(rig.layer.size, 0);
  const silent = rig.call('INVITE', path);
  rig.pass(32_000);
  t.equal(silent.state, 'terminated');
  t.same(rig.takeTold(), [{ what: 'timeout', owner: 'owner' }]);
});

import t from 'tap';
import { buildResponse } from '../../core/sip/build.js';
import { PEER, peerRequest, Rig, respond } from './transaction-rig.js';

/** A rig with an INVITE that has arrived; what was sent and told so far is forgotten. */
function invited(path = PEER) {
  const rig = new Rig();
  rig.layer.receive(peerRequest('INVITE'), path);
  const tx = rig.servers[0];
  if (!tx) throw new Error('the INVITE was not reported');
  const request = tx.request;
  rig.takeSent();
  rig.takeTold();
  const response = (status: number) => buildResponse(request, path, status, { toTag: 'us' });
  return { rig, tx, response };
}

const statuses = (rig: Rig): number[] => rig.takeSent().map((line) => Number(line.split(' ')[1]));

t.test('an INVITE is answered 100 at once and reported once', async (t) => {
  const rig = new Rig();
  rig.onRequest = () => t.same(statuses(rig), [100], 'before the user hears of it');
  rig.layer.receive(peerRequest('INVITE'), PEER);
  rig.layer.receive(peerRequest('INVITE'), PEER);
  t.same(rig.takeTold(), [{ what: 'request' }]);
  t.same(statuses(rig), [100], 'the retransmission is answered with the last response');
  t.equal(rig.servers[0]?.isInvite, true);
  t.equal(rig.servers[0]?.state, 'proceeding');
  t.equal(rig.layer.counters.absorbed, 1);
});

t.test('a retransmitted INVITE gets the latest provisional response', async (t) => {
  const { rig, tx } = invited();
  const ringing = respond(tx, 180);
  rig.takeSent();
  rig.layer.receive(peerRequest('INVITE'), PEER);
  t.same(rig.sent, [{ path: PEER, text: ringing }]);
  t.same(rig.pass(60_000), [], 'and nothing is sent unasked');
});

t.test('after a 2xx INVITEs are absorbed in silence for 32 s; the user retransmits the 2xx', async (t) => {
  const { rig, tx } = invited();
  const ok = respond(tx, 200);
  t.equal(tx.state, 'accepted');
  t.same(statuses(rig), [200]);
  rig.layer.receive(peerRequest('INVITE'), PEER);
  t.same(rig.pass(1_000), []);
  tx.retransmit(ok);
  t.same(rig.sent, [{ path: PEER, text: ok }]);
  rig.pass(30_999);
  t.equal(rig.layer.size, 1);
  rig.pass(1);
  t.equal(rig.layer.size, 0);
  t.equal(tx.state, 'terminated');
  rig.takeSent();
  tx.retransmit(ok);
  t.same(rig.sent, []);
  t.equal(rig.timers.size, 0);
});

t.test('a further 2xx of another fork passes, a failure after the 2xx does not', async (t) => {
  const { rig, tx, response } = invited();
  respond(tx, 200);
  tx.respond(487, response(487));
  tx.respond(180, response(180));
  tx.respond(200, response(200));
  t.same(statuses(rig), [200, 200]);
});

t.test('the ACK of a 2xx goes to the user, whichever branch it has', async (t) => {
  const { rig, tx } = invited();
  respond(tx, 200);
  rig.layer.receive(peerRequest('ACK', { toTag: 'us', branch: 'z9hG4bKother' }), PEER);
  rig.layer.receive(peerRequest('ACK', { toTag: 'us' }), PEER);
  t.same(rig.takeTold(), [{ what: 'ack' }, { what: 'ack' }]);
  t.equal(rig.lastAck?.toTag, 'us');
});

t.test('a failure is retransmitted at doubling intervals up to 4 s until the ACK comes', async (t) => {
  const { rig, tx } = invited();
  const busy = respond(tx, 486);
  t.equal(tx.state, 'completed');
  t.same(rig.pass(12_000), [500, 1_500, 3_500, 7_500, 11_500]);
  t.same(new Set(rig.sent.map(({ text }) => text)), new Set([busy]));
  rig.layer.receive(peerRequest('ACK', { toTag: 'us' }), PEER);
  t.equal(tx.state, 'confirmed');
  t.same(rig.takeTold(), [], 'this ACK is of no interest to the user');
  t.same(rig.pass(4_999), []);
  t.equal(rig.layer.size, 1);
  rig.pass(1);
  t.equal(rig.layer.size, 0);
});

t.test('a retransmitted INVITE gets the failure again, until it is acknowledged', async (t) => {
  const { rig, tx } = invited();
  respond(tx, 486);
  rig.takeSent();
  rig.layer.receive(peerRequest('INVITE'), PEER);
  t.same(statuses(rig), [486]);
  rig.layer.receive(peerRequest('ACK', { toTag: 'us' }), PEER);
  rig.layer.receive(peerRequest('INVITE'), PEER);
  rig.layer.receive(peerRequest('ACK', { toTag: 'us' }), PEER);
  t.same(statuses(rig), []);
  t.same(rig.takeTold(), []);
  t.equal(tx.state, 'confirmed');
});

t.test('a failure that is never acknowledged is given up after 32 s', async (t) => {
  const { rig, tx } = invited();
  respond(tx, 486);
  t.equal(rig.pass(31_999).at(-1), 31_500);
  t.equal(tx.state, 'completed');
  rig.pass(1);
  t.equal(tx.state, 'terminated');
  t.equal(rig.layer.size, 0);
  t.equal(rig.layer.counters.timeouts, 1);
  t.same(rig.pass(10_000), []);
});

t.test('only the first final response counts', async (t) => {
  const { rig, tx, response } = invited();
  respond(tx, 486);
  tx.respond(200, response(200));
  tx.respond(487, response(487));
  t.same(statuses(rig), [486]);
  rig.layer.receive(peerRequest('ACK', { toTag: 'us' }), PEER);
  tx.respond(200, response(200));
  t.same(statuses(rig), []);
});

t.test('an ACK before the final response changes nothing', async (t) => {
  const { rig, tx } = invited();
  rig.layer.receive(peerRequest('ACK'), PEER);
  t.equal(tx.state, 'proceeding');
  t.same(rig.takeTold(), []);
});

t.test('the caller’s CANCEL is answered with the INVITE’s To tag and the user answers 487', async (t) => {
  const { rig, tx } = invited();
  tx.owner = 'call';
  respond(tx, 180);
  rig.takeSent();
  rig.layer.receive(peerRequest('CANCEL'), PEER);
  t.same(rig.takeTold(), [{ what: 'cancel', owner: 'call' }]);
  t.equal(rig.sent.length, 1);
  t.match(rig.sent[0]?.text, /^SIP\/2.0 200 .*To: [^\r]*;tag=us\r\n.*CSeq: 1 CANCEL\r\n/s);
  rig.layer.receive(peerRequest('CANCEL'), PEER);
  t.same(statuses(rig), [200, 200], 'a retransmitted CANCEL is answered again');
  t.same(rig.takeTold(), [], 'and told once');
  respond(tx, 487);
  rig.layer.receive(peerRequest('ACK', { toTag: 'us' }), PEER);
  t.equal(tx.state, 'confirmed');
});

t.test('a CANCEL before any tagged response is answered too', async (t) => {
  const { rig } = invited();
  rig.layer.receive(peerRequest('CANCEL'), PEER);
  t.match(rig.sent[0]?.text, /^SIP\/2.0 200 .*To: [^\r]*;tag=[a-z0-9]+\r\n/s);
});

t.test('a CANCEL that comes too late is answered 200 and changes nothing', async (t) => {
  for (const status of [200, 486]) {
    const { rig, tx } = invited();
    respond(tx, status);
    const state = tx.state;
    rig.takeSent();
    rig.layer.receive(peerRequest('CANCEL'), PEER);
    t.same(statuses(rig), [200]);
    t.same(rig.takeTold(), []);
    t.equal(tx.state, state);
  }
});

t.test('a CANCEL that matches no INVITE is answered 481, retransmitted ones the same', async (t) => {
  const { rig } = invited();
  rig.layer.receive(peerRequest('CANCEL', { branch: 'z9hG4bKother' }), PEER);
  rig.layer.receive(peerRequest('CANCEL', { branch: 'z9hG4bKother' }), PEER);
  t.equal(rig.sent[0]?.text, rig.sent[1]?.text);
  t.same(statuses(rig), [481, 481]);
  t.same(rig.takeTold(), []);
});

t.test('a CANCEL or an ACK with another Call-ID than the INVITE’s is about something else', async (t) => {
  const { rig, tx } = invited();
  rig.layer.receive(peerRequest('CANCEL', { callId: 'damaged' }), PEER);
  t.same(statuses(rig), [481]);
  t.equal(tx.state, 'proceeding');
  respond(tx, 486);
  rig.layer.receive(peerRequest('ACK', { toTag: 'us', callId: 'damaged' }), PEER);
  t.equal(tx.state, 'completed');
  rig.layer.receive(peerRequest('ACK', { toTag: 'us' }), PEER);
  t.equal(tx.state, 'confirmed');
});

t.test('over a reliable transport a failure is sent once and its ACK ends the transaction', async (t) => {
  const { rig, tx } = invited({ ...PEER, reliable: true });
  respond(tx, 486);
  rig.takeSent();
  t.same(rig.pass(10_000), []);
  rig.layer.receive(peerRequest('ACK', { toTag: 'us' }), PEER);
  t.equal(rig.layer.size, 0);
});

t.test('a transaction lets go of its request and its owner with the final response', async (t) => {
  for (const status of [200, 486]) {
    const { tx } = invited();
    tx.owner = 'call';
    respond(tx, status);
    t.equal(tx.owner, undefined);
    t.throws(() => tx.request, /invariant/);
  }
});

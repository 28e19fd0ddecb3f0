import t from 'tap';
import { buildResponse } from '../../core/sip/build.js';
import { PEER, peerRequest, Rig, respond } from './transaction-rig.js';

/** A rig with a BYE that has arrived. */
function asked(path = PEER) {
  const rig = new Rig();
  rig.layer.receive(peerRequest('BYE', { toTag: 'us' }), path);
  const tx = rig.servers[0];
  if (!tx) throw new Error('the BYE was not reported');
  const request = tx.request;
  const response = (status: number) => buildResponse(request, path, status);
  const again = () => rig.layer.receive(peerRequest('BYE', { toTag: 'us' }), path);
  return { rig, tx, response, again };
}

const statuses = (rig: Rig): number[] => rig.takeSent().map((line) => Number(line.split(' ')[1]));

t.test('a request is reported once and a retransmission before the answer met with silence', async (t) => {
  const { rig, tx, again } = asked();
  again();
  t.same(rig.takeTold(), [{ what: 'request' }]);
  t.same(rig.sent, []);
  t.equal(tx.isInvite, false);
  t.equal(tx.state, 'trying');
});

t.test('a retransmission is answered with the same final response for 32 s', async (t) => {
  const { rig, tx, response, again } = asked();
  tx.owner = 'call';
  const ok = respond(tx, 200);
  t.equal(tx.state, 'completed');
  t.equal(tx.owner, undefined);
  again();
  tx.respond(500, response(500));
  rig.pass(31_999);
  again();
  t.same(
    rig.sent,
    [ok, ok, ok].map((text) => ({ path: PEER, text })),
  );
  rig.pass(1);
  t.equal(rig.layer.size, 0);
  t.equal(rig.timers.size, 0);
  again();
  t.equal(rig.servers.length, 2, 'then it is a new request');
});

t.test('a 100 is held back as long as it would slow the client down', async (t) => {
  const { rig, tx, response, again } = asked();
  tx.respond(100, response(100));
  rig.pass(3_499);
  tx.respond(100, response(100));
  t.same(statuses(rig), []);
  t.equal(tx.state, 'trying');
  rig.pass(1);
  tx.respond(100, response(100));
  t.equal(tx.state, 'proceeding');
  again();
  t.same(statuses(rig), [100, 100]);
  tx.respond(200, response(200));
  t.same(statuses(rig), [200]);
});

t.test('other provisional responses and 408 are never sent', async (t) => {
  const { rig, tx, response, again } = asked();
  tx.respond(180, response(180));
  t.equal(tx.state, 'trying');
  tx.respond(408, response(408));
  t.equal(tx.state, 'completed');
  again();
  t.same(rig.sent, []);
  t.same(rig.takeTold(), [{ what: 'request' }], 'the retransmission is no new request');
});

t.test(
  'a request that the user never answers is given up after 32 s; a late answer is discarded',
  async (t) => {
    const { rig, tx, response } = asked();
    rig.pass(31_999);
    t.equal(tx.state, 'trying');
    rig.pass(1);
    t.equal(tx.state, 'terminated');
    t.equal(rig.layer.size, 0);
    tx.respond(200, response(200));
    t.same(rig.sent, []);
    t.equal(rig.layer.counters.timeouts, 1);
  },
);

t.test('over a reliable transport the answer ends the transaction and a 100 goes out at once', async (t) => {
  const { rig, tx, response } = asked({ ...PEER, reliable: true });
  tx.respond(100, response(100));
  respond(tx, 200);
  t.same(statuses(rig), [100, 200]);
  t.equal(rig.layer.size, 0);
});

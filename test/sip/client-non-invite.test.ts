import t from 'tap';
import { PEER, Rig } from './transaction-rig.js';

const BYE = 'BYE sip:agent@192.0.2.7:5070 SIP/2.0';

t.test(
  'a request nobody answers is retransmitted, at most every 4 s, and times out after 32 s',
  async (t) => {
    const rig = new Rig();
    const tx = rig.call('BYE');
    t.same(rig.takeSent(), [BYE]);
    t.same(rig.pass(31_999), [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    t.equal(tx.state, 'trying');
    t.equal(rig.layer.counters.resent, 10);
    rig.pass(1);
    t.same(rig.takeTold(), [{ what: 'timeout', owner: 'owner' }]);
    t.equal(tx.state, 'terminated');
    t.equal(rig.layer.size, 0);
    t.equal(rig.timers.size, 0);
  },
);

t.test('after a provisional response it is retransmitted every 4 s and still times out', async (t) => {
  const rig = new Rig();
  const tx = rig.call('INFO');
  rig.pass(600);
  rig.answer(tx.text, 100);
  t.equal(tx.state, 'proceeding');
  t.same(rig.takeTold(), [{ what: 'response', status: 100, owner: 'owner' }]);
  t.same(rig.pass(10_000), [900, 4_900, 8_900]);
  rig.pass(21_400);
  t.same(rig.takeTold(), [{ what: 'timeout', owner: 'owner' }]);
});

t.test('the final response is reported once; its retransmissions are absorbed for 5 s', async (t) => {
  const rig = new Rig();
  const tx = rig.call('BYE');
  const sent = tx.text;
  rig.answer(sent, 200);
  t.equal(tx.state, 'completed');
  rig.answer(sent, 200);
  rig.answer(sent, 100);
  t.same(rig.takeTold(), [{ what: 'response', status: 200, owner: 'owner' }]);
  t.equal(rig.layer.counters.absorbed, 1);
  t.same(rig.pass(4_999), []);
  t.equal(rig.layer.size, 1);
  rig.pass(1);
  t.equal(rig.layer.size, 0);
  rig.answer(sent, 200);
  t.equal(rig.layer.counters.strayResponses, 1);
  t.same(rig.takeTold(), []);
});

t.test('a failure is a final response like any other', async (t) => {
  const rig = new Rig();
  const tx = rig.call('BYE');
  rig.answer(tx.text, 481);
  t.same(rig.takeTold(), [{ what: 'response', status: 481, owner: 'owner' }]);
  t.equal(tx.state, 'completed');
});

t.test('a request that could not be sent fails at once, also after a provisional response', async (t) => {
  const rig = new Rig();
  rig.call('BYE');
  const second = rig.call('INFO');
  rig.answer(second.text, 100);
  rig.takeTold();
  rig.layer.transportFailed(PEER);
  t.same(rig.takeTold(), [
    { what: 'transportError', owner: 'owner' },
    { what: 'transportError', owner: 'owner' },
  ]);
  t.equal(rig.layer.size, 0);
  t.equal(rig.layer.counters.transportErrors, 2);
});

t.test('a transport error concerns only what waits for that address', async (t) => {
  const rig = new Rig();
  const other = rig.call('BYE', { ...PEER, port: 5071 });
  const answered = rig.call('BYE');
  rig.answer(answered.text, 200);
  rig.takeTold();
  rig.layer.transportFailed(PEER);
  t.same(rig.takeTold(), []);
  t.equal(other.state, 'trying');
  t.equal(answered.state, 'completed');
});

t.test(
  'what the user sends to the same address in answer to a transport error is given its chance',
  async (t) => {
    const rig = new Rig();
    rig.call('BYE');
    rig.onTransportError = () => {
      rig.onTransportError = () => {};
      rig.call('OPTIONS');
    };
    rig.layer.transportFailed(PEER);
    t.equal(rig.takeTold().length, 1);
    t.equal(rig.layer.size, 1);
    rig.layer.transportFailed(PEER);
    t.equal(rig.takeTold().length, 1);
    t.equal(rig.layer.size, 0);
  },
);

t.test('over a reliable transport nothing is retransmitted or kept', async (t) => {
  const rig = new Rig();
  const tx = rig.call('BYE', { ...PEER, reliable: true });
  t.same(rig.pass(10_000), []);
  rig.answer(tx.text, 200);
  t.same(rig.takeTold(), [{ what: 'response', status: 200, owner: 'owner' }]);
  t.equal(rig.layer.size, 0);
});

t.test('only an INVITE can be cancelled', async (t) => {
  const rig = new Rig();
  const tx = rig.call('BYE');
  rig.takeSent();
  t.equal(tx.cancel(), false);
  t.same(rig.takeSent(), []);
});

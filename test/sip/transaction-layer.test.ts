import t from 'tap';
import { branchOf } from '../../core/sip/transaction-key.js';
import { PEER, peerRequest, Rig, respond } from './transaction-rig.js';

const statuses = (rig: Rig): number[] => rig.takeSent().map((line) => Number(line.split(' ')[1]));

t.test('branches of ours carry the magic cookie and are never the same', async (t) => {
  const rig = new Rig();
  const branches = Array.from({ length: 100 }, () => branchOf(rig.token()));
  t.ok(branches.every((branch) => branch.startsWith('z9hG4bK') && branch.length >= 7 + 16));
  t.equal(new Set(branches).size, 100);
});

t.test('requests with the same branch from different senders are different requests', async (t) => {
  const rig = new Rig();
  rig.layer.receive(peerRequest('OPTIONS', { sentBy: '192.0.2.7:5070' }), PEER);
  rig.layer.receive(peerRequest('OPTIONS', { sentBy: '192.0.2.7:5071' }), PEER);
  rig.layer.receive(peerRequest('OPTIONS', { sentBy: 'pbx.example.com' }), PEER);
  t.equal(rig.servers.length, 3);
});

t.test('requests with the same branch and another method are different requests', async (t) => {
  const rig = new Rig();
  rig.layer.receive(peerRequest('INVITE'), PEER);
  rig.layer.receive(peerRequest('BYE', { toTag: 'us', cseq: 2 }), PEER);
  t.equal(rig.servers.length, 2);
});

t.test('the branch alone tells a retransmission, whatever else has changed on the way', async (t) => {
  const rig = new Rig();
  rig.layer.receive(peerRequest('INVITE'), PEER);
  rig.layer.receive(peerRequest('INVITE', { uri: 'sip:other@192.0.2.1' }), { ...PEER, port: 9 });
  t.equal(rig.servers.length, 1);
  t.equal(rig.layer.counters.absorbed, 1);
  t.same(rig.sent.at(-1)?.path, PEER, 'the answer goes where the first one went');
});

t.test('a client of RFC 2543 is told apart by URI, tags, Call-ID, CSeq and Via', async (t) => {
  const old = { branch: '1', fromTag: 'f', callId: 'c', cseq: 5 };
  const others = [
    { ...old, branch: '2' },
    { ...old, fromTag: 'g' },
    { ...old, callId: 'd' },
    { ...old, cseq: 6 },
    { ...old, uri: 'sip:other@192.0.2.1' },
    { ...old, sentBy: '192.0.2.8' },
  ];
  const rig = new Rig();
  rig.layer.receive(peerRequest('INVITE', old), PEER);
  rig.layer.receive(peerRequest('INVITE', old), PEER);
  t.equal(rig.servers.length, 1);
  for (const other of others) rig.layer.receive(peerRequest('INVITE', other), PEER);
  t.equal(rig.servers.length, 1 + others.length);
});

t.test('ACK and CANCEL of a client of RFC 2543 find their INVITE', async (t) => {
  const old = { branch: '', fromTag: 'f', callId: 'c', cseq: 5 };
  const rig = new Rig();
  rig.layer.receive(peerRequest('INVITE', old), PEER);
  const [tx] = rig.servers;
  if (!tx) return t.fail('no transaction');
  rig.takeTold();
  rig.layer.receive(peerRequest('CANCEL', old), PEER);
  t.same(
    rig.takeTold().map(({ what }) => what),
    ['cancel'],
  );
  respond(tx, 487);
  rig.layer.receive(peerRequest('ACK', { ...old, cseq: 4, toTag: 'us' }), PEER);
  t.equal(tx.state, 'completed', 'an ACK with another CSeq is not its own');
  rig.layer.receive(peerRequest('ACK', { ...old, toTag: 'us' }), PEER);
  t.equal(tx.state, 'confirmed');
});

t.test('a magic cookie in other letters is still one', async (t) => {
  const rig = new Rig();
  rig.layer.receive(peerRequest('INVITE', { branch: 'Z9HG4BKx' }), PEER);
  rig.layer.receive(peerRequest('INVITE', { branch: 'Z9HG4BKx', uri: 'sip:other@192.0.2.1' }), PEER);
  t.equal(rig.servers.length, 1);
});

t.test('responses go by RFC 3581 to the port that the request came from, else to the Via’s', async (t) => {
  const rig = new Rig();
  rig.onRequest = (tx) => respond(tx, 200);
  const seen = { socket: 4, host: '198.51.100.1', port: 61_000 };
  rig.layer.receive(peerRequest('OPTIONS'), seen);
  t.same(rig.sent[0]?.path, seen);
  rig.layer.receive(peerRequest('OPTIONS', { branch: 'z9hG4bK2' }).replace(';rport', ''), seen);
  t.same(rig.sent[1]?.path, { ...seen, port: 5070 });
});

t.test('a response with the branch but not the method of a request is stray', async (t) => {
  const rig = new Rig();
  const tx = rig.call('BYE');
  rig.answer(tx.text.replace('1 BYE', '1 INFO').replace(/^BYE/, 'INFO'), 200);
  t.equal(tx.state, 'trying');
  t.equal(rig.layer.counters.strayResponses, 1);
  t.same(rig.takeTold(), []);
});

t.test('of stray responses the user hears only a 2xx to an INVITE', async (t) => {
  const rig = new Rig();
  const foreign = peerRequest('INVITE');
  for (const status of [100, 180, 200, 202, 302, 486, 603]) rig.answer(foreign, status);
  rig.answer(peerRequest('BYE'), 200);
  t.same(rig.takeTold(), [
    { what: 'stray', status: 200 },
    { what: 'stray', status: 202 },
  ]);
  t.equal(rig.layer.counters.strayResponses, 6);
  t.same(rig.sent, []);
});

t.test('an ACK that belongs to no transaction goes to the user and leaves none behind', async (t) => {
  const rig = new Rig();
  rig.layer.receive(peerRequest('ACK', { toTag: 'us' }), PEER);
  t.same(rig.takeTold(), [{ what: 'ack' }]);
  t.equal(rig.layer.size, 0);
  t.same(rig.sent, []);
});

t.test('an ACK to the branch of another request goes to the user', async (t) => {
  const rig = new Rig();
  rig.layer.receive(peerRequest('BYE', { toTag: 'us' }), PEER);
  rig.takeTold();
  rig.layer.receive(peerRequest('ACK', { toTag: 'us' }), PEER);
  t.same(rig.takeTold(), [{ what: 'ack' }]);
});

t.test('garbage, empty datagrams and half messages are counted and leave nothing behind', async (t) => {
  const rig = new Rig();
  const whole = peerRequest('INVITE');
  const garbage = [
    '\x00\xff\x80',
    'GET / HTTP/1.1\r\n\r\n',
    'SIP/2.0',
    'x'.repeat(70_000),
    whole.slice(0, 60),
  ];
  for (const text of garbage) rig.layer.receive(text, PEER);
  t.equal(rig.layer.counters.malformed, garbage.length);
  rig.layer.receive('\r\n\r\n', PEER);
  rig.layer.receive('', PEER);
  t.equal(rig.layer.counters.keepAlives, 2);
  t.equal(rig.layer.counters.received, garbage.length + 2);
  t.equal(rig.layer.size, 0);
  t.same(rig.takeTold(), []);
  t.same(rig.sent, []);
});

t.test('a faulty request that can be answered is, without a transaction, and its ACK is not', async (t) => {
  const rig = new Rig();
  const faulty = (method: string) => peerRequest(method).replace(' SIP/2.0\r\n', ' SIP/7.0\r\n');
  rig.layer.receive(faulty('INVITE'), PEER);
  rig.layer.receive(faulty('INVITE'), PEER);
  rig.layer.receive(faulty('ACK'), PEER);
  t.equal(rig.sent.length, 2);
  t.equal(rig.sent[0]?.text, rig.sent[1]?.text, 'the retransmission gets the same answer, To tag included');
  t.match(rig.sent[0]?.text, /\r\nTo: [^\r]*;tag=[^\r]+\r\n/);
  t.same(statuses(rig), [505, 505]);
  t.equal(rig.layer.size, 0);
  t.same(rig.takeTold(), []);
});

t.test('a retransmission that comes damaged gets the answer that its request has got', async (t) => {
  const rig = new Rig();
  for (const method of ['INVITE', 'OPTIONS']) {
    const request = peerRequest(method);
    const cut = request.replace(/Content-Length: 0/, 'Content-Length: 9');
    rig.layer.receive(request, PEER);
    const tx = rig.servers.at(-1);
    if (!tx) return t.fail('no transaction');
    rig.takeSent();
    rig.layer.receive(cut, PEER);
    t.same(statuses(rig), method === 'INVITE' ? [100] : [], 'no final response but its own');
    respond(tx, 486);
    rig.layer.receive(cut, PEER);
    t.same(statuses(rig), [486, 486]);
  }
  t.equal(rig.servers.length, 2);
});

t.test('with too many transactions new calls are refused first, calls in progress last', async (t) => {
  const rig = new Rig(undefined, 8);
  const receive = (method: string, n: number, toTag = '') =>
    rig.layer.receive(peerRequest(method, { branch: `z9hG4bK${n}`, toTag }), PEER);
  for (let n = 0; n < 6; n++) receive('INVITE', n);
  t.equal(rig.servers.length, 6);
  rig.takeSent();
  receive('INVITE', 100);
  t.equal(rig.servers.length, 6);
  t.match(rig.sent[0]?.text, /^SIP\/2.0 500 .*Retry-After: [1-3]\r\n/s);
  receive('CANCEL', 0);
  t.ok(rig.told.some(({ what }) => what === 'cancel'));
  receive('BYE', 101, 'us');
  t.equal(rig.servers.length, 7);
  receive('BYE', 102, 'us');
  t.equal(rig.servers.length, 7);
  t.equal(rig.layer.size, 8);
  t.equal(rig.layer.counters.refused, 2);
});

t.test('ten thousand calls leave no transaction and no timer behind', async (t) => {
  const rig = new Rig();
  rig.onRequest = (tx) => respond(tx, tx.isInvite ? 486 : 200);
  for (let n = 0; n < 10_000; n++) {
    const r = { branch: `z9hG4bK${n}`, callId: `c${n}` };
    rig.layer.receive(peerRequest('INVITE', r), PEER);
    rig.layer.receive(peerRequest('ACK', { ...r, toTag: 'us' }), PEER);
    rig.layer.receive(peerRequest('BYE', { ...r, branch: `z9hG4bKbye${n}`, toTag: 'us' }), PEER);
    rig.sent.length = 0;
    if (n % 10 === 0) rig.pass(1);
  }
  t.equal(rig.layer.size, 20_000);
  rig.pass(5_000);
  t.equal(rig.layer.size, 10_000);
  rig.pass(27_000);
  t.equal(rig.layer.size, 0);
  t.equal(rig.timers.size, 0);
  t.equal(rig.layer.counters.resent, 0);
});

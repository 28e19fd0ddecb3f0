/** Callers who are turned away because there is too much to do. */
import t from 'tap';
import { sdp, World } from '../support/virtual-world.js';

const invite = {
  uri: 'sip:support@192.0.2.1',
  sdp: sdp('10.0.0.1', 4000),
  callId: 'one@10.0.0.1',
  cseq: 1,
};

t.test('a caller who is turned away gets 503 with Retry-After, and may try again', async (t) => {
  const world = new World();
  const caller = world.peer('10.0.0.1');
  world.admits = false;
  caller.send('INVITE', invite);
  t.match(caller.response(503).header('retry-after'), /^[1-3]$/);
  t.equal(caller.summary(), '', 'no 100: there is no transaction');
  caller.send('INVITE', invite);
  t.equal(caller.response(503).cseq, 1, 'repeated before the refusal arrived');
  t.equal(world.b2bua.size, 0);
  world.admits = true;
  caller.send('INVITE', { ...invite, cseq: 2 });
  caller.response(100);
  t.equal(world.b2bua.size, 1, 'a new try is a new call');
});

t.test('calls that are there are not turned away', async (t) => {
  const world = new World();
  const caller = world.peer('10.0.0.1');
  const branch = caller.send('INVITE', invite);
  caller.response(100);
  world.admits = false;
  caller.send('INVITE', { ...invite, branch });
  t.equal(caller.summary(), '100', 'the INVITE of a call that has begun is answered as ever');
});

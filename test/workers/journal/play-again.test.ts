/** Recovered calls, played again. */
import t from 'tap';
import { B2bua } from '../../../core/sip/b2bua.js';
import { ReplayEnvironment } from '../../../core/sip/replay.js';
import { playAgain } from '../../../workers/journal/play-again.js';
import { OPTIONS, sdp, World } from '../../support/virtual-world.js';

t.test('which calls are back, and which are over, is known when all was played', async (t) => {
  const world = new World();
  const caller = world.peer('10.0.0.1');
  const dial = (callId: string) => {
    caller.send('INVITE', { uri: 'sip:support@192.0.2.1', sdp: sdp('10.0.0.1', 4000), callId, cseq: 1 });
    caller.response(100);
  };
  dial('stays@10.0.0.1');
  dial('ends@10.0.0.1');
  world.decide({ kind: 'end', call: 'call2', status: 480, reason: '' });
  const refused = caller.response(480);
  caller.send('ACK', {
    uri: 'sip:support@192.0.2.1',
    dialog: refused,
    branch: refused.via.branch,
  });
  world.advance(40_000);
  dial('later@10.0.0.1');
  const { b2bua, calls, over } = playAgain(
    { inputs: world.recorded, calls: new Set(['call1', 'call2', 'call3']) },
    (timers) => {
      const env = new ReplayEnvironment({ ...world.environment(), timers });
      return { env, b2bua: new B2bua(env, OPTIONS) };
    },
    (_level, message) => t.fail(message),
  );
  t.same([...calls], ['call1', 'call2', 'call3'], 'all say again what they had said');
  t.same(over, ['call2']);
  t.equal(b2bua.size, 2);
});

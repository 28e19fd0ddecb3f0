/** Our side's SDP: the version in its o= line. */
import t from 'tap';
import { OwnDescription } from '../../core/sip/own-description.js';
import { sdp } from '../support/virtual-world.js';

const version = (description: string): string | undefined => /^o=\S+ \S+ (\d+)/m.exec(description)?.[1];

t.test('the version grows with a change, also when what was sent before has been forgotten', async (t) => {
  const own = new OwnDescription('7');
  t.equal(version(own.take(sdp('10.0.0.1', 4000), '192.0.2.1:5060')), '1');
  t.equal(version(own.take(sdp('10.0.0.1', 4000), '192.0.2.1:5060')), '1', 'the same again');
  t.equal(version(own.take(sdp('10.0.0.1', 4002), '192.0.2.1:5060')), '2');
  own.forget();
  t.equal(version(own.take(sdp('10.0.0.1', 0), '192.0.2.1:5060')), '3');
});

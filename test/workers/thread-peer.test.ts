/** The supervisor's end of a thread. */
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { ThreadPeer } from '../../workers/thread-peer.js';

t.test('who asks a thread that has ended gets an error, not silence', async (t) => {
  const peer = new ThreadPeer(new Worker('', { eval: true }));
  await peer.ended;
  await t.rejects(peer.ask({ kind: 'flush' }), /thread ended with code 0/);
  await t.rejects(peer.once('ready'), /thread ended with code 0/);
});

/** What a whole call leaves behind, counted: bytes in the journal, and memory while its transactions last. */
import t from 'tap';
import { heapBytes } from '../../tools/bench/measure.js';
import { ByteWriter } from '../../workers/journal/bytes.js';
import { writeEntry, writeTime } from '../../workers/journal/call-entries.js';
import { type Peer, sdp, World } from '../support/virtual-world.js';

/** Many, so that what else the heap gains or loses meanwhile does not count. */
const CALLS = 2_000;

interface Room {
  world: World;
  caller: Peer;
  agent: Peer;
}

function open(): Room {
  const world = new World();
  return { world, caller: world.peer('10.0.0.1'), agent: world.peer('10.0.0.3') };
}

/** A caller is answered by an agent, talks, and hangs up. */
function oneCall({ world, caller, agent }: Room, nth: number): void {
  const callId = `c${nth}@10.0.0.1`;
  caller.send('INVITE', { uri: 'sip:support@192.0.2.1', sdp: sdp('10.0.0.1', 4000), callId });
  const call = `call${nth}`;
  world.decide({ kind: 'connect', call, leg: 1, role: 'agent', uri: 'sip:agent@10.0.0.3', display: '' });
  const invite = agent.request('INVITE');
  agent.reply(invite, 180);
  agent.reply(invite, 200, { sdp: sdp('10.0.0.3', 5000) });
  const ok = caller.response(200);
  caller.send('ACK', { dialog: ok });
  world.advance(10);
  caller.send('BYE', { dialog: ok });
  agent.reply(agent.request('BYE'), 200);
  for (const peer of [caller, agent]) peer.inbox.length = 0;
}

t.test('the journal of a call holds what came in for it, and little more', async (t) => {
  const room = open();
  oneCall(room, 1);
  const { recorded } = room.world;
  const journal = new ByteWriter(0);
  let came_in = 0;
  for (const input of recorded) {
    writeTime(journal, input.at_ms);
    writeEntry(journal, input);
    if (input.kind === 'datagram') came_in += input.text.length;
    if (input.kind === 'started') came_in += input.start.text.length;
  }
  const more = (journal.length - came_in) / recorded.length;
  t.comment(`${recorded.length} entries, ${came_in} bytes came in, ${Math.round(more)} more an entry`);
  t.equal(recorded.length, 7, 'INVITE, decision, 180, 200, ACK, BYE and its answer');
  t.ok(more > 10 && more < 80, `${more} bytes more an entry`);
});

t.test('of a call that is over hardly anything is kept while its transactions last', async (t) => {
  const room = open();
  const { world } = room;
  const some = (from: number): void => {
    for (let nth = from; nth < from + CALLS; nth++) oneCall(room, nth);
    world.recorded.length = 0;
    world.reports.length = 0;
  };
  // Tables have their size, and the code is compiled.
  some(1);
  world.advance(100_000);
  t.equal(world.b2bua.layer.size, 0);
  const before = heapBytes();
  some(1 + CALLS);
  world.advance(6_000);
  const bytes = (heapBytes() - before) / CALLS;
  t.comment(`${Math.round(bytes)} bytes a finished call`);
  t.ok(world.b2bua.layer.size > CALLS, 'their transactions are there');
  t.equal(world.b2bua.dialogs, 0);
  t.ok(bytes > 500 && bytes < 4_500, `${Math.round(bytes)} bytes a finished call`);
});

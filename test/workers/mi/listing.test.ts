/** Long lists: made a slice at a time, complete and in order all the same. */
import t from 'tap';
import type { Listing } from '../../../workers/mi/listing.js';
import { listAgents, listCalls, listQueue } from '../../../workers/mi/lists.js';
import { agentRow, callRow, FakeEngine, flowRow } from './support.js';

/** How often the thread had time for something else before the text was there. */
async function timed(listing: Listing): Promise<{ text: string; breaks: number }> {
  let breaks = 0;
  let over = false;
  const count = (): void => {
    if (over) return;
    breaks++;
    setImmediate(count);
  };
  setImmediate(count);
  const text = await listing.text();
  over = true;
  return { text, breaks };
}

function engine(count: number): FakeEngine {
  const engine = new FakeEngine();
  engine.flowRows = [flowRow({ id: 'support' })];
  engine.agentRows = Array.from({ length: count }, (_, n) => agentRow({ id: `agent${n}` }));
  // The last to come is served first.
  engine.callRows = Array.from({ length: count }, (_, n) =>
    callRow({ id: `call${n}`, state: n % 2 === 0 ? 'queued' : 'toagent', order_sequence: count - n }),
  );
  return engine;
}

t.test('a list of thousands leaves the thread to others between two slices', async (t) => {
  const view = engine(3000);
  for (const list of [listAgents, listCalls, listQueue]) {
    const { breaks } = await timed(list(view));
    t.ok(breaks >= 5, `${list.name}: ${breaks}`);
  }
});

t.test('it is as one made in one piece, whatever its length', async (t) => {
  for (const count of [0, 1, 399, 400, 401, 800, 1601]) {
    const view = engine(count);
    const { Agents } = JSON.parse(await listAgents(view).text()) as { Agents: { id: string }[] };
    t.same(
      Agents.map(({ id }) => id),
      view.agentRows.map(({ id }) => id),
      `${count} agents`,
    );
    const { Calls } = JSON.parse(await listQueue(view).text()) as { Calls: { id: string; index: number }[] };
    const queued = view.callRows.filter(({ state }) => state === 'queued').map(({ id }) => id);
    t.same(
      Calls.map(({ id }) => id),
      queued.reverse(),
      `${count} calls`,
    );
    t.same(
      Calls.map(({ index }) => index),
      Calls.map((_, index) => index),
    );
  }
});

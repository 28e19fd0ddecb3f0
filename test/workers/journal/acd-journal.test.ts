/** What the dispatcher's journal holds after which turn. */
import t, { type Test } from 'tap';
import type { Report } from '../../../core/messages.js';
import { recordsIn } from '../../../workers/journal/acd-entries.js';
import { AcdJournal } from '../../../workers/journal/acd-journal.js';
import { inFrames } from '../../../workers/journal/frames.js';
import { acdFrames, recoverAcd } from '../../../workers/journal/recover-acd.js';
import { agentConfig, Centre, flowConfig } from '../../acd/centre.js';

const CALL = 'run-0-1';

/** A dispatcher and the journal that it has begun. */
async function begun(t: Test) {
  const folder = t.testdir();
  const { dispatcher, timers } = new Centre([flowConfig()], [agentConfig({ id: 'ann' })]);
  const journal = new AcdJournal(
    { folder, sync: 'none', log() {}, calls: true, record_seq: 0, applied: () => [], store_file: () => 0 },
    dispatcher,
    timers,
  );
  await journal.begin();
  return { folder, dispatcher, timers, journal };
}

t.test('a cid is given out once, also where its call was gone in the turn in which it came', async (t) => {
  const { folder, dispatcher, timers, journal } = await begun(t);
  const turn = (...reports: Report[]): void => {
    for (const report of reports) dispatcher.report(report, 0);
    journal.commit(true);
    dispatcher.out.clear();
  };
  const next = () => recoverAcd(acdFrames(folder, () => {})).memory?.engine.next_cid;
  const caller = {
    flow: 'sales',
    caller_user: 'carol',
    caller_display: '',
    media: 'rtp',
    param: '',
  } as const;
  const at_ms = timers.now_ms;
  turn({ kind: 'arrived', call: 'run-0-1', at_ms, ...caller });
  t.equal(next(), 2);
  turn(
    { kind: 'arrived', call: 'run-0-2', at_ms, ...caller },
    { kind: 'caller_gone', call: 'run-0-2', at_ms, how: 'cancel' },
  );
  t.equal(next(), 3);
  turn({ kind: 'arrived', call: 'run-0-3', at_ms, ...caller });
  t.equal(next(), 4);
  t.equal(next(), dispatcher.nextCid);
  await journal.close();
});

t.test(
  'a turn that tells nobody anything becomes safe with the next that does, or when it has waited',
  async (t) => {
    const { folder, dispatcher, timers, journal } = await begun(t);
    const turn = (telling: boolean, report?: Report): number => {
      if (report !== undefined) dispatcher.report(report, 0);
      const due_ms = journal.commit(telling);
      dispatcher.out.clear();
      return due_ms;
    };
    const safe = () => {
      const files = acdFrames(folder, () => {});
      const records: string[] = [];
      for (const from of inFrames(files)) recordsIn(from, ({ kind }) => records.push(kind));
      const { calls = [], ended = [] } = recoverAcd(files).memory ?? {};
      return { connected: calls.map(({ connected }) => connected), ended, records };
    };
    const at_ms = timers.now_ms;
    const caller = { caller_user: 'carol', caller_display: '', media: 'rtp', param: '' } as const;

    t.equal(turn(false), Number.POSITIVE_INFINITY, 'nothing waits where nothing has changed');
    turn(true, { kind: 'arrived', call: CALL, at_ms, flow: 'sales', ...caller });
    t.same(safe(), { connected: [false], ended: [], records: ['call'] });

    const due_ms = turn(false, {
      kind: 'leg_connected',
      call: CALL,
      leg: 1,
      role: 'agent',
      answered_ms: at_ms,
    });
    t.same(safe().connected, [false]);
    timers.advance(due_ms - 1);
    turn(true, { kind: 'caller_gone', call: CALL, at_ms: timers.now_ms, how: 'bye' });
    const { ended, connected, records } = safe();
    t.same({ ended, connected }, { ended: [CALL], connected: [] });
    t.same(records.filter((kind) => kind !== 'call').sort(), ['call_gone', 'cdr', 'wrapup']);

    // What waits when the engine stops is written, too.
    dispatcher.command({ kind: 'agent_login', agent_id: 'ann', logged_in: false });
    turn(false);
    await journal.close();
    t.same(
      recoverAcd(acdFrames(folder, () => {})).memory?.agents.map(({ logged_in }) => logged_in),
      [false],
    );
  },
);

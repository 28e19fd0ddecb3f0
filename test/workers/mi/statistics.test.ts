import { agentRow, type Bench, eachListener, flowRow } from './support.js';

async function busyBench(start: () => Promise<Bench>): Promise<Bench> {
  const bench = await start();
  const { engine } = bench;
  Object.assign(engine.engineRow, {
    onhold_calls: 5,
    onhold_chats: 2,
    logged_in_agents: 6,
    free_agents: 1,
    incalls: 50,
    dist_incalls: 44,
    answ_incalls: 40,
    answ_inchats: 10,
    aban_incalls: 3,
    wait_sum_s: 119,
    wait_count: 10,
  });
  engine.skillRows = [
    { name: 'english', logged_in: 4, free: 1 },
    { name: 'klingon', logged_in: 0, free: 0 },
  ];
  engine.flowRows = [
    flowRow({
      id: 'support',
      onhold_calls: 4,
      onhold_chats: 1,
      queued_calls: 3,
      incalls: 30,
      dist_incalls: 25,
      answ_incalls: 20,
      answ_inchats: 8,
      aban_incalls: 2,
      talk_sum_s: 250,
      talk_count: 20,
      wait_sum_s: 59,
      wait_count: 20,
    }),
    flowRow({ id: 'Empty', skill: 1, queued_calls: 3, onhold_calls: 3, talk_sum_s: 10, talk_count: 1 }),
  ];
  engine.agentRows = [
    agentRow({
      id: 'alice',
      dist_incalls: 12,
      answ_incalls: 9,
      answ_inchats: 4,
      aban_incalls: 1,
      rej_incalls: 2,
      talk_sum_s: 100,
      talk_count: 9,
    }),
  ];
  return bench;
}

const prefixed = (values: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [`call_center:${name}`, value]));

const ENGINE = {
  ccg_incalls: 50,
  ccg_awt: 11,
  ccg_load: 166,
  ccg_distributed_incalls: 44,
  ccg_answered_incalls: 40,
  ccg_answered_inchats: 10,
  ccg_abandonned_incalls: 3,
  ccg_onhold_calls: 5,
  ccg_onhold_chats: 2,
  ccg_free_agents: 1,
};
const SUPPORT = {
  'ccf_incalls-support': 30,
  'ccf_dist_incalls-support': 25,
  'ccf_answ_incalls-support': 20,
  'ccf_answ_inchats-support': 8,
  'ccf_aban_incalls-support': 2,
  'ccf_onhold_calls-support': 4,
  'ccf_onhold_chats-support': 1,
  'ccf_queued_calls-support': 3,
  'ccf_etw-support': 9,
  'ccf_awt-support': 2,
  'ccf_load-support': 175,
  'ccf_free_agents-support': 1,
};
const ALICE = {
  'cca_dist_incalls-alice': 12,
  'cca_answ_incalls-alice': 9,
  'cca_answ_inchats-alice': 4,
  'cca_aban_incalls-alice': 1,
  'cca_rej_incalls-alice': 2,
  'cca_att-alice': 11,
};

eachListener.test('every statistic of engine, flow and agent has its value', async (t, start) => {
  const bench = await busyBench(start);
  const names = [...Object.keys(ENGINE), ...Object.keys(SUPPORT), ...Object.keys(ALICE)];
  const expected = prefixed({ ...ENGINE, ...SUPPORT, ...ALICE });
  t.same(await bench.result('get_statistics', [names]), expected);
  t.same(await bench.result('statistics:get', { statistics: names }), expected);
});

eachListener.test(
  'a flow that nobody is logged in for has neither load nor estimated wait',
  async (t, start) => {
    const bench = await busyBench(start);
    t.same(
      await bench.result('get_statistics', [['ccf_etw-Empty', 'ccf_load-Empty', 'ccf_awt-Empty']]),
      prefixed({ 'ccf_etw-Empty': 0, 'ccf_load-Empty': 0, 'ccf_awt-Empty': 0 }),
    );
  },
);

eachListener.test('all of them are asked for at once', async (t, start) => {
  const bench = await busyBench(start);
  for (const everything of ['all', 'call_center:', 'ALL']) {
    const values = (await bench.result('get_statistics', [[everything]])) as Record<string, number>;
    t.equal(Object.keys(values).length, 10 + 2 * 12 + 6);
    t.equal(values['call_center:ccf_queued_calls-Empty'], 3);
  }
});

eachListener.test(
  'names stand in any case, with or without the group; unknown ones are left out',
  async (t, start) => {
    const bench = await busyBench(start);
    t.same(
      await bench.result('get_statistics', [
        ['CCG_AWT', 'Call_Center:ccf_incalls-SUPPORT', 'call_center:cca_att-alice', 'ccg_nonsense', 'x', ''],
      ]),
      prefixed({ ccg_awt: 11, 'ccf_incalls-support': 30, 'cca_att-alice': 11 }),
    );
    for (const unknown of [['ccg_nonsense'], ['ccf_incalls-nobody'], []]) {
      t.same(await bench.error('get_statistics', [unknown]), { code: 404, message: 'Statistics Not Found' });
    }
    t.match(await bench.error('get_statistics', ['ccg_awt']), { code: -32602 });
    t.match(await bench.error('get_statistics', [[1]]), { code: -32602 });
    t.match(await bench.error('get_statistics'), { data: 'Too few or too many parameters' });
  },
);

eachListener.test('of two flows whose ids differ only in case the exact one is meant', async (t, start) => {
  const bench = await start();
  bench.engine.flowRows = [flowRow({ id: 'Sales', incalls: 1 }), flowRow({ id: 'sales', incalls: 2 })];
  t.same(await bench.result('get_statistics', [['ccf_incalls-sales', 'ccf_incalls-Sales']]), {
    'call_center:ccf_incalls-sales': 2,
    'call_center:ccf_incalls-Sales': 1,
  });
});

eachListener.test('counters and what is no counter are told apart', async (t, start) => {
  const bench = await busyBench(start);
  t.same(
    await bench.result('list_statistics', [
      ['ccg_incalls', 'ccg_load', 'ccf_onhold_calls-support', 'cca_att-alice'],
    ]),
    prefixed({
      ccg_incalls: 'incremental',
      ccg_load: 'non-incremental',
      'ccf_onhold_calls-support': 'non-incremental',
      'cca_att-alice': 'non-incremental',
    }),
  );
  const all = (await bench.result('statistics:list')) as Record<string, string>;
  t.equal(Object.keys(all).length, 40);
  t.equal(all['call_center:cca_rej_incalls-alice'], 'incremental');
});

eachListener.test('a counter set back counts from there; levels and means stay', async (t, start) => {
  const bench = await busyBench(start);
  const { engine } = bench;
  t.equal(await bench.result('reset_statistics', [['ccg_incalls', 'ccg_awt', 'ccg_onhold_calls']]), 'OK');
  t.equal(engine.commands.length, 0, 'the engine is not troubled');
  const ask = () =>
    bench.result('get_statistics', [['ccg_incalls', 'ccg_awt', 'ccg_onhold_calls', 'ccg_answered_incalls']]);
  const rest = { ccg_awt: 11, ccg_onhold_calls: 5, ccg_answered_incalls: 40 };
  t.same(await ask(), prefixed({ ccg_incalls: 0, ...rest }));
  engine.engineRow.incalls += 7;
  t.same(await ask(), prefixed({ ccg_incalls: 7, ...rest }));
  t.equal(await bench.result('statistics:reset', [['ccg_incalls']]), 'OK');
  engine.engineRow.incalls += 2;
  t.same(await ask(), prefixed({ ccg_incalls: 2, ...rest }), 'set back twice');
  t.equal(await bench.result('reset_all_statistics', [['all']]), 'OK');
  t.same(await ask(), prefixed({ ccg_incalls: 0, ...rest, ccg_answered_incalls: 0 }));
  t.same(await bench.error('reset_statistics', [['nonsense']]), {
    code: 404,
    message: 'Statistics Not Found',
  });
});

eachListener.test("after cc_reset_stats the engine's own counts show as they are", async (t, start) => {
  const bench = await busyBench(start);
  await bench.call('reset_statistics', [['ccg_incalls']]);
  t.equal(await bench.result('cc_reset_stats'), 'OK');
  t.same(bench.engine.commands, [{ kind: 'reset_stats' }]);
  bench.engine.engineRow.incalls = 60;
  t.same(await bench.result('get_statistics', [['ccg_incalls']]), prefixed({ ccg_incalls: 60 }));
});

eachListener.test('a counter whose flow was removed and came back starts anew', async (t, start) => {
  const bench = await busyBench(start);
  await bench.call('reset_statistics', [['ccf_incalls-support']]);
  bench.engine.flowRows[0]!.incalls = 4;
  t.same(
    await bench.result('get_statistics', [['ccf_incalls-support']]),
    prefixed({ 'ccf_incalls-support': 4 }),
  );
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { CallRecord, CdrRecord, StoreRecord } from '../../core/acd/records.js';
import { DEAD_LETTER_FILE } from '../../sql/dead_letters.js';
import { ensureSchema } from '../../sql/schema.js';
import { Writer, type WriterOptions } from '../../sql/writer.js';
import { Lines, onEachDatabase, opened } from './databases.js';

const ARRIVAL_MS = Date.UTC(2026, 6, 1, 22, 30, 5, 250);

function cdr(cid: number, fields: Partial<CdrRecord> = {}): CdrRecord {
  return {
    kind: 'cdr',
    caller: '4930123',
    received_ms: ARRIVAL_MS,
    wait_s: 12,
    pickup_s: 3,
    talk_s: 40,
    flow_id: 'support',
    agent_id: 'alice',
    call_type: 0,
    rejected: 1,
    fstats: 7,
    cid,
    media: 1,
    ...fields,
  };
}

function call(id: string, fields: Partial<CallRecord> = {}): CallRecord {
  return {
    kind: 'call',
    call: id,
    state: 4,
    media: 0,
    rejections: 2,
    setup_s: -1,
    eta_s: 2147483647,
    last_start_ms: ARRIVAL_MS + 1000,
    received_ms: ARRIVAL_MS,
    caller_display: 'Zoë',
    caller_user: 'zoe',
    flow_id: 'support',
    agent_id: '',
    param: '',
    ...fields,
  };
}

onEachDatabase(t, async (t, options) => {
  options.timezone = 'Europe/Berlin';
  const databases = await opened(t, options);
  await ensureSchema(databases, options.tables);
  const sql = (text: string) => databases.cdrs.run((sql) => sql.unsafe(text));

  /** Runs a writer from start to stop, as one run of the engine. */
  async function engineRun(
    t: Test,
    work: (writer: Writer) => Promise<unknown>,
    more: Partial<WriterOptions> = {},
  ): Promise<Lines> {
    const log = new Lines();
    const fatal = (error: unknown) => t.fail('nothing is fatal here', { error });
    const writer = await Writer.start(databases, options, log, { fatal, ...more });
    await work(writer);
    await writer.stop();
    return log;
  }

  function pushAll(writer: Writer, records: StoreRecord[]): void {
    for (const record of records) writer.push(record);
  }

  await t.test('a CDR is a row of cc_cdrs, its arrival in local time', async (t) => {
    await engineRun(t, async (writer) => {
      t.equal(writer.nextCid(), 1);
      pushAll(writer, [cdr(1), cdr(2, { agent_id: '', call_type: 1, fstats: 9, media: 2 })]);
    });
    const rows = await sql('select *, received_timestamp::text as received from cc_cdrs order by id');
    const [first, second] = rows.map(({ id, received_timestamp, ...row }) => row);
    t.same(first, {
      caller: '4930123',
      received: '2026-07-02 00:30:05',
      wait_time: 12,
      pickup_time: 3,
      talk_time: 40,
      flow_id: 'support',
      agent_id: 'alice',
      call_type: 0,
      rejected: 1,
      fstats: 7,
      cid: 1,
      media: 1,
    });
    t.match(second, { agent_id: null, call_type: 1, fstats: 9, cid: 2, media: 2 });
  });

  await t.test('cid goes on after a restart', async (t) => {
    await engineRun(t, async (writer) => t.equal(writer.nextCid(), 3));
    await sql(`insert into cc_cdrs (caller, received_timestamp, flow_id, cid) values ('x', now(), 'f', 40)`);
    await engineRun(t, async (writer) => t.equal(writer.nextCid(), 41, 'also after rows of another engine'));
  });

  await t.test('CDRs keep their order over many batches', async (t) => {
    await sql('truncate cc_cdrs');
    await engineRun(t, async (writer) => {
      for (let cid = 1; cid <= 1_700; cid++) writer.push(cdr(cid));
    });
    const rows = await sql('select cid from cc_cdrs order by id');
    t.same(
      rows.map((row) => row.cid),
      Array.from({ length: 1_700 }, (_, i) => i + 1),
    );
  });

  await t.test('a call has a row from its first leg to its end', async (t) => {
    const read = () => sql('select * from cc_calls order by b2buaid');
    await engineRun(t, async (writer) => {
      pushAll(writer, [call('c1', { state: 1 }), call('c2', { media: 1, param: 'vip' })]);
      await writer.flush();
      const [c1, c2] = (await read()).map(({ id, ...row }) => row);
      t.same(c1, {
        state: 1,
        media: 0,
        ig_cback: 0,
        no_rej: 2,
        setup_time: -1,
        eta: 2147483647,
        last_start: Math.floor(ARRIVAL_MS / 1000) + 1,
        recv_time: Math.floor(ARRIVAL_MS / 1000),
        caller_dn: 'Zoë',
        caller_un: 'zoe',
        b2buaid: 'c1',
        flow: 'support',
        agent: '',
        script_param: '',
      });
      t.match(c2, { b2buaid: 'c2', media: 1, script_param: 'vip' });

      pushAll(writer, [call('c1', { state: 5 }), call('c1', { state: 6, agent_id: 'alice' })]);
      await writer.flush();
      t.match((await read())[0], { b2buaid: 'c1', state: 6, agent: 'alice' }, 'the last change counts');

      pushAll(writer, [call('c1', { state: 4 }), { kind: 'call_gone', call: 'c1' }]);
      await writer.flush();
      t.same(
        (await read()).map((row) => row.b2buaid),
        ['c2'],
      );
    });
  });

  await t.test('a call that came and went at once never touches the database', async (t) => {
    const [before] = await sql('select last_value from cc_calls_id_seq');
    await engineRun(t, async (writer) => {
      pushAll(writer, [call('brief'), call('brief', { state: 6 }), { kind: 'call_gone', call: 'brief' }]);
    });
    const [after] = await sql('select last_value from cc_calls_id_seq');
    t.same(after, before, 'no row was made');
  });

  await t.test('rows of calls that are no more are deleted at start, with one line', async (t) => {
    await engineRun(t, async (writer) => pushAll(writer, [call('old1'), call('old2'), call('live')]));
    const log = await engineRun(
      t,
      async (writer) => {
        pushAll(writer, [call('live', { state: 6 })]);
      },
      { live_calls: ['live', 'unwritten'] },
    );
    t.same(log.lines, ['cc_calls: 2 rows of calls that are no more were deleted']);
    t.match(await sql('select b2buaid, state from cc_calls'), [{ b2buaid: 'live', state: 6 }]);
  });

  await t.test("an agent's wrapup is written to cc_agents", async (t) => {
    await sql(`insert into cc_agents (agentid, location, skills)
      values ('alice', 'sip:a@h', 's'), ('bob', 'sip:b@h', 's'), ('carol', 'sip:c@h', 's')`);
    await engineRun(t, async (writer) => {
      pushAll(writer, [
        { kind: 'wrapup', agent_id: 'alice', ends_ms: 1_800_000_000_000 },
        { kind: 'wrapup', agent_id: 'bob', ends_ms: 1_800_000_001_000 },
        { kind: 'wrapup', agent_id: 'alice', ends_ms: 1_800_000_030_500 },
        { kind: 'wrapup', agent_id: 'gone since', ends_ms: 1_800_000_030_500 },
      ]);
    });
    const rows = await sql('select agentid, wrapup_end_time as ends from cc_agents order by agentid');
    t.same(
      rows.map((row) => [row.agentid, row.ends]),
      [
        ['alice', 1_800_000_030],
        ['bob', 1_800_000_001],
        ['carol', 0],
      ],
    );
  });

  await t.test('text of callers is cut and cleaned, whatever they send', async (t) => {
    await sql('truncate cc_cdrs');
    await engineRun(t, async (writer) => {
      pushAll(writer, [
        cdr(1, { caller: `a\0b\ud800${'😀'.repeat(100)}`, flow_id: `{"quote\\"}` }),
        call('odd', { caller_display: 'x'.repeat(500), caller_user: '\0' }),
      ]);
    });
    t.match(await sql('select caller, flow_id from cc_cdrs'), [
      { caller: `ab\ufffd${'😀'.repeat(61)}`, flow_id: `{"quote\\"}` },
    ]);
    t.match(await sql(`select caller_dn, caller_un from cc_calls where b2buaid = 'odd'`), [
      { caller_dn: 'x'.repeat(128), caller_un: '' },
    ]);
  });

  await t.test('a row that the database refuses is set aside alone', async (t) => {
    await sql('truncate cc_cdrs');
    const log = await engineRun(t, async (writer) => {
      for (let cid = 1; cid <= 50; cid++) writer.push(cdr(cid, cid === 33 ? { talk_s: 3_000_000_000 } : {}));
    });
    const rows = await sql('select cid from cc_cdrs order by id');
    t.same(
      rows.map((row) => row.cid),
      Array.from({ length: 50 }, (_, i) => i + 1).filter((cid) => cid !== 33),
    );
    t.equal(log.matching('a row was refused').length, 1, 'one line tells');
    const letters = readFileSync(join(options.data_dir, DEAD_LETTER_FILE), 'utf8').trim().split('\n');
    t.equal(letters.length, 1);
    t.match(JSON.parse(letters[0] ?? ''), { table: 'cc_cdrs', reason: /out of range/, row: { cid: 33 } });
  });

  await t.test('records that an earlier run wrote are not written again', async (t) => {
    await sql('truncate cc_cdrs, acd_applied');
    await engineRun(t, async (writer) => {
      for (let sequence = 101; sequence <= 110; sequence++) writer.push(cdr(sequence), sequence);
    });
    await engineRun(t, async (writer) => {
      for (let sequence = 105; sequence <= 115; sequence++) writer.push(cdr(sequence), sequence);
    });
    const rows = await sql('select cid from cc_cdrs order by id');
    t.same(
      rows.map((row) => row.cid),
      Array.from({ length: 15 }, (_, i) => 101 + i),
    );
  });

  await t.test('two engines that write as one are found out', async (t) => {
    const errors: unknown[] = [];
    let report = () => {};
    const reported = new Promise<void>((resolve) => {
      report = resolve;
    });
    const first = await Writer.start(databases, options, new Lines(), {
      fatal: (error) => {
        errors.push(error);
        report();
      },
    });
    await engineRun(t, async (writer) => pushAll(writer, [cdr(1), cdr(2), cdr(3)]));
    first.push(cdr(4));
    await reported;
    t.match(errors, [{ message: /another engine writes to cc_cdrs/ }]);
  });

  await t.test('tables that exist are not altered, and their own widths count', async (t) => {
    await sql('drop table cc_cdrs');
    await sql(`create table cc_cdrs (id serial primary key, caller varchar(5) not null,
      received_timestamp timestamp not null, wait_time int not null, pickup_time int not null,
      talk_time int not null, flow_id text not null, agent_id varchar(128), call_type int not null,
      rejected int not null, fstats int not null, cid int, media int not null, remark varchar(9) default 'ours')`);
    await ensureSchema(databases, options.tables);
    await engineRun(t, async (writer) =>
      pushAll(writer, [cdr(1, { caller: '0123456789', flow_id: 'f'.repeat(300) })]),
    );
    t.match(await sql('select caller, flow_id, remark from cc_cdrs'), [
      { caller: '01234', flow_id: 'f'.repeat(300), remark: 'ours' },
    ]);
    await sql('alter table cc_cdrs drop column media');
    await t.rejects(ensureSchema(databases, options.tables), {
      message: /^(db_url): table cc_cdrs at .* cannot be used: column "media" does not exist$/,
    });
  });
});

/** What an engine that cannot start says, and that it leaves the one that runs alone. */
import { createServer } from 'node:net';
import t from 'tap';
import { Endpoint } from '../../tools/endpoints/endpoint.js';
import { freeTcpPort } from '../../tools/ports.js';
import { ConfigError, loadConfig } from '../../workers/config.js';
import { startEngine } from '../../workers/supervisor.js';
import { Center } from '../support/center.js';
import { environment, TestEngine, withDataDir } from '../support/engine.js';
import { within } from '../support/settle.js';

/** Starts an engine that is expected not to; gives its one line. */
async function refusal(env: Record<string, string>): Promise<string> {
  try {
    const engine = await startEngine(loadConfig({ env }));
    await engine.stop();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  throw new Error('the engine has started');
}

t.test('a port in use is named, and whoever has it keeps it', async (t) => {
  const other = await Endpoint.open({ name: 'other' });
  t.teardown(() => other.close());
  const line = await withDataDir(async (data_dir) => refusal(await environment(data_dir, other.port)));
  t.match(line, String(other.port));
  t.notMatch(line, '\n');
  const asker = await Endpoint.open({ name: 'asker' });
  t.teardown(() => asker.close());
  t.equal((await within(asker.dial(other.uri()).ended, 'an answer')).status, 404, 'still its own');
});

t.test('an MI port in use is named', async (t) => {
  const port = await freeTcpPort();
  const server = createServer().listen(port, '127.0.0.1');
  t.teardown(() => server.close());
  const line = await withDataDir(async (data_dir) =>
    refusal({ ...(await environment(data_dir)), SIP_ACD_MI_LISTEN: `127.0.0.1:${port}` }),
  );
  t.match(line, String(port));
});

t.test('an engine without flows and agents answers every question, and stops in order', async (t) => {
  const engine = await TestEngine.start({ flows: [], agents: [] });
  t.match(await engine.mi('get_statistics', { statistics: ['all'] }), { 'call_center:ccg_load': 0 });
  t.match(await engine.mi('cc_internal_call_dispatching'), { dispatching: 1 });
  t.same(await engine.mi('cc_list_flows'), { Flows: [] });
  t.same(await engine.finish(), []);
  const untouched = await TestEngine.start({ flows: [], agents: [] });
  t.same(await untouched.finish(), [], 'nobody has asked it anything');
});

t.test('a second engine on the same data folder is refused and the first goes on', async (t) => {
  const center = await Center.start({ direct: { agents: { alice: {} } } });
  try {
    const line = await refusal(await environment(center.engine.data_dir));
    t.match(line, center.engine.data_dir);
    t.notMatch(line, '\n');
    const call = center.call('direct', 'someone');
    await within(call.hears('alice'), 'a call is served');
    await within(call.hangup(), 'the BYE is answered');
  } finally {
    const cdrs = await center.finish();
    t.equal(cdrs.get('someone')?.length, 1);
  }
});

t.test('a database that is not there is named', async (t) => {
  const port = await freeTcpPort();
  const line = await withDataDir(async (data_dir) =>
    refusal({
      ...(await environment(data_dir)),
      SIP_ACD_CALL_CENTER_DB_URL: `postgres://nobody:hush@127.0.0.1:${port}/nothing`,
    }),
  );
  t.match(line, `127.0.0.1:${port}`);
  t.notMatch(line, 'hush');
  t.notMatch(line, '\n');
});

t.test('a broken configuration key is named', async (t) => {
  await t.rejects(
    TestEngine.start({ flows: [], agents: [], env: { SIP_ACD_SIP_WORKERS: 'many' } }),
    new ConfigError('SIP_ACD_SIP_WORKERS: sip.workers = "many": expected a whole number from 1 to 256'),
  );
});

/** The database goes away, at run time and over a restart of the engine: calls go on, and their CDRs are written once it is back. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { openEmbedded } from '../../sql/embedded.js';
import { CuttableWire } from '../../tools/bench/loss/cuttable-wire.js';
import { Agent } from '../../tools/endpoints/agent.js';
import { Endpoint } from '../../tools/endpoints/endpoint.js';
import { MediaServer } from '../../tools/endpoints/media.js';
import { freeUdpPorts } from '../../tools/ports.js';
import { readCdrs, seedDatabase } from '../../tools/provision.js';
import { loadConfig } from '../../workers/config.js';
import { startEngine } from '../../workers/supervisor.js';
import { environment } from '../support/engine.js';
import { eventually, within } from '../support/settle.js';

const folder = await mkdtemp(join(tmpdir(), 'sip-acd-outage-'));
t.setTimeout(200_000);
t.teardown(() => rm(folder, { recursive: true, force: true }));

t.test(
  'no call is refused while the database is away, and each has its CDR afterwards',
  { timeout: 180_000 },
  async (t) => {
    const callers = await Endpoint.open({ name: 'caller' });
    const media = new MediaServer(await Endpoint.open({ name: 'media' }));
    const phones = await Endpoint.open({ name: 'phones' });
    const agent = new Agent(phones, 'ann', { answer_after_ms: 0 });
    const database_dir = join(folder, 'database');
    const flow = { flowid: 'support', skill: 'support', message_queue: media.uri('queue') };
    const seed = { agentid: 'ann', skills: 'support', location: agent.uri, logstate: 1 };
    await seedDatabase(database_dir, [flow], [seed]);
    const database = await openEmbedded(join(database_dir, 'sql'));
    const wire = await CuttableWire.to({ path: database.socket_path });
    const port = await freeUdpPorts(1);
    const env = {
      ...(await environment(join(folder, 'engine'), port)),
      SIP_ACD_LOG_LEVEL: 'silent',
      SIP_ACD_CALL_CENTER_DB_URL: `postgres://postgres@127.0.0.1:${wire.local_port}/postgres`,
      SIP_ACD_CALL_CENTER_WRAPUP_TIME: '0',
    };
    const start = () => startEngine(loadConfig({ env }));
    const talk = async (caller: string): Promise<void> => {
      const call = callers.dial(`sip:support@127.0.0.1:${port}`, { user: caller });
      await within(call.hears('ann'), `${caller} talks to the agent`);
      await within(call.hangup(), `${caller} hangs up`);
    };

    let engine = await start();
    await talk('one');
    await engine.flushed();
    wire.cut();
    await talk('two');
    await talk('three');
    await within(engine.stop(), 'it stops in order all the same');
    engine = await within(start(), 'it starts without the database, too');
    await talk('four');
    wire.mend();
    await talk('five');
    await within(engine.flushed(), 'everything is written', 40_000);
    await eventually(
      async () => engine.command({ kind: 'internal_dispatching' }),
      ({ ok }) => ok,
      'it answers',
    );
    await engine.stop();
    wire.close();
    await database.close();
    for (const endpoint of [callers, media.endpoint, phones]) await endpoint.close();
    const cdrs = await readCdrs(database_dir);
    t.same(
      cdrs.map(({ caller, call_type, cid }) => [caller, call_type, cid]),
      ['one', 'two', 'three', 'four', 'five'].map((caller, index) => [caller, 0, index + 1]),
      'once each, in order',
    );
  },
);

import t from 'tap';
import { openDatabases } from '../../sql/connect.js';
import { DEFAULT_TABLES } from '../../sql/options.js';
import { loadProvisioning } from '../../sql/provisioning.js';
import { demoAgentRows, demoFlows } from '../../tools/demo-center.js';
import { readCdrs, seedDatabase } from '../../tools/provision.js';
import { withDataDir } from '../support/engine.js';

t.test("the demo's flows and agents are what an engine loads", async (t) => {
  await withDataDir(async (data_dir) => {
    const uri = (name: string) => `sip:${name}@127.0.0.1:5070`;
    t.equal(await seedDatabase(data_dir, demoFlows(uri), demoAgentRows(uri)), 0);
    t.equal(await seedDatabase(data_dir, demoFlows(uri), demoAgentRows(uri)), 0, 'twice is as good as once');
    t.same(await readCdrs(data_dir), []);
    const databases = await openDatabases({ data_dir, tables: DEFAULT_TABLES });
    try {
      const lines: string[] = [];
      const log = { info: () => {}, warn: (_: object, line: string) => lines.push(line), error: () => {} };
      const { flows, agents } = await loadProvisioning(databases.provisioning, DEFAULT_TABLES, log);
      t.same(lines, []);
      t.same(
        flows.map((flow) => [flow.id, flow.priority, flow.prependcid, flow.message_welcome]),
        [
          ['billing', 256, 'Billing', ''],
          ['sales', 10, '', ''],
          ['support', 256, '', uri('welcome')],
        ],
      );
      t.equal(agents.length, 10);
      t.ok(agents.every((agent) => agent.logged_in && agent.wrapup_s === 1));
      for (const flow of flows) t.ok(agents.filter((agent) => agent.skills.includes(flow.skill)).length >= 4);
    } finally {
      await databases.close();
    }
  });
});

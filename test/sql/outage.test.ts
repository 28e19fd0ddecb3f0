import { existsSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import type { CdrRecord } from '../../core/acd/records.js';
import { DEAD_LETTER_FILE } from '../../sql/dead_letters.js';
import { openEmbedded } from '../../sql/embedded.js';
import { DEFAULT_TABLES } from '../../sql/options.js';
import { ensureSchema } from '../../sql/schema.js';
import { Writer } from '../../sql/writer.js';
import { eventually } from '../support/settle.js';
import { Lines, opened } from './databases.js';

/** A way to the database that can be cut. */
class Wire {
  port = 0;
  private mode: 'open' | 'cut' | 'answers lost' = 'open';
  private readonly sockets = new Set<Socket>();
  private readonly server = createServer((client) => this.bridge(client));

  constructor(private readonly target_path: string) {}

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.port = (this.server.address() as AddressInfo).port;
  }

  /** Ends all connections and takes no new ones. */
  cut(): void {
    this.mode = 'cut';
    for (const socket of this.sockets) socket.destroy();
  }

  /** From now on requests get through, and at their first answer the connection breaks. */
  loseAnswers(): void {
    this.mode = 'answers lost';
  }

  mend(): void {
    this.mode = 'open';
  }

  close(): void {
    this.cut();
    this.server.close();
  }

  private bridge(client: Socket): void {
    if (this.mode === 'cut') {
      client.destroy();
      return;
    }
    const upstream = connect(this.target_path);
    const end = () => {
      client.destroy();
      upstream.destroy();
      this.sockets.delete(client);
      this.sockets.delete(upstream);
    };
    for (const socket of [client, upstream]) {
      this.sockets.add(socket);
      socket.on('close', end);
      socket.on('error', end);
    }
    client.pipe(upstream);
    upstream.on('data', (data) => {
      // Row descriptions and the like are short; the answer that matters ends with a whole message.
      if (this.mode === 'answers lost') end();
      else client.write(data);
    });
  }
}

function cdr(cid: number): CdrRecord {
  return {
    kind: 'cdr',
    caller: 'zoe',
    received_ms: 1_780_000_000_000,
    wait_s: 1,
    pickup_s: 1,
    talk_s: 1,
    flow_id: 'f',
    agent_id: 'a',
    call_type: 0,
    rejected: 0,
    fstats: 7,
    cid,
    media: 1,
  };
}

t.test('a database that comes and goes', async (t) => {
  const data_dir = t.testdir();
  const embedded = await openEmbedded(join(data_dir, 'server'));
  t.teardown(() => embedded.close());
  const wire = new Wire(embedded.socket_path);
  await wire.listen();
  const options = {
    db_url: `postgres://postgres@127.0.0.1:${wire.port}/postgres`,
    data_dir,
    tables: DEFAULT_TABLES,
  };
  const databases = await opened(t, options);
  t.teardown(() => wire.close());
  await ensureSchema(databases, options.tables);
  const fatal = (error: unknown) => t.fail('nothing is fatal here', { error });
  const cids = async () => {
    const rows = await databases.cdrs.run((sql) => sql`select cid from cc_cdrs order by id`);
    return rows.map((row) => row.cid);
  };
  const upTo = (last: number) => Array.from({ length: last }, (_, i) => i + 1);

  await t.test('rows wait while it is away and are written in order when it is back', async (t) => {
    const log = new Lines();
    const writer = await Writer.start(databases, options, log, { fatal });
    writer.push(cdr(1));
    await writer.flush();
    wire.cut();
    for (let cid = 2; cid <= 1_200; cid++) writer.push(cdr(cid));
    await log.seen('they wait in memory');
    wire.mend();
    await writer.flush();
    t.same(await cids(), upTo(1_200));
    await writer.stop();
    t.equal(log.lines.length, 2, 'one line when it begins, one when it is over');
    t.match(log.lines[1], /cc_cdrs: the database at .* is back/);
  });

  await t.test('rows whose answer was lost are there once', async (t) => {
    const log = new Lines();
    const writer = await Writer.start(databases, options, log, { fatal });
    wire.loseAnswers();
    for (let cid = 1_201; cid <= 1_210; cid++) writer.push(cdr(cid));
    await log.seen('they wait in memory');
    wire.mend();
    await writer.flush();
    t.same(await cids(), upTo(1_210));
    await writer.stop();
  });

  await t.test('CDRs that cannot be written at stop stay in the journal, and a line says so', async (t) => {
    const log = new Lines();
    const writer = await Writer.start(databases, options, log, { fatal });
    wire.cut();
    writer.push(cdr(1_211));
    await log.seen('they wait in memory');
    writer.push(cdr(1_212));
    await writer.stop(1);
    t.equal(log.matching('2 rows could not be written before the stop and wait in the journal').length, 1);
    t.notOk(existsSync(join(data_dir, DEAD_LETTER_FILE)), 'no row is a dead letter');
    wire.mend();
  });

  await t.test('of attempts while it was away nothing is left that breaks what comes after', async (t) => {
    const ask = () => databases.cdrs.run((sql) => sql`select 1`);
    const answered = (): Promise<boolean> =>
      ask().then(
        () => true,
        () => false,
      );
    wire.cut();
    const lanes = Array.from({ length: 3 }, async () => {
      let answers = 0;
      for (let n = 0; n < 40; n++) if (await answered()) answers++;
      return answers;
    });
    t.same(await Promise.all(lanes), [0, 0, 0], 'nobody answers');
    wire.mend();
    await eventually(answered, (yes) => yes, 'it answers again');
    // As long as the client gives a connection that it makes.
    for (const until_ms = Date.now() + 6_000; Date.now() < until_ms; )
      await Promise.all([ask(), ask(), ask()]);
  });
});

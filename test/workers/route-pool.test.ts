/** The pool that route modules run in: what a bad one costs, and what it does not. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import type { LegAnswer, Routed } from '../../core/sip/environment.js';
import { createTables, openTables } from '../../ipc/tables.js';
import { RouteClient } from '../../workers/route-client.js';
import { RoutePool } from '../../workers/route-pool.js';
import { lines } from '../sip/messages.js';
import { within } from '../support/settle.js';
import { flowRow } from './mi/support.js';

const invite = (user: string) =>
  lines([
    `INVITE sip:${user}@example.com SIP/2.0`,
    'Via: SIP/2.0/UDP host.example.com;branch=z9hG4bKtest',
    'Max-Forwards: 70',
    'From: <sip:ann@home.example>;tag=f1',
    'To: <sip:support@example.com>',
    'Call-ID: call-1@example.com',
    'CSeq: 7 INVITE',
  ]);

/** Does what the user part that is called says. */
const MODULE = `
export default async ({ request, source, ccHandleCall, ccAgentLogin }) => {
  switch (request.user) {
    case 'throw': throw new TypeError('no such thing');
    case 'loop': for (;;);
    case 'sleep': return new Promise(() => {});
    case 'exit': process.exit(3);
    case 'stray': setTimeout(() => { throw new Error('out of turn'); }, 0); return new Promise(() => {});
    case 'login': return { status: 400 + (await ccAgentLogin(source, 1)) };
    default: return ccHandleCall(request.user, source);
  }
};`;

class Rig {
  private constructor(
    readonly pool: RoutePool,
    private readonly client: RouteClient,
    readonly logged: readonly string[],
    readonly logins: readonly string[],
  ) {}

  static async start(test: Test, ...codes: string[]): Promise<Rig> {
    const tables = createTables(10);
    const { flows, skills } = openTables(tables);
    skills.write(0, { name: 's', logged_in: 1, free: 1 });
    flows.write(0, flowRow({ id: 'open' }));
    const folder = test.testdir();
    const modules = codes.map((code, number) => {
      const path = join(folder, `module${number}.mjs`);
      writeFileSync(path, code);
      return pathToFileURL(path).href;
    });
    const logged: string[] = [];
    const logins: string[] = [];
    const pool = await RoutePool.start({
      modules,
      tables,
      reject_on_no_agents: true,
      login: async (agent_id, logged_in) => {
        logins.push(`${agent_id} ${logged_in}`);
        return agent_id === 'alice';
      },
      log: pino({ level: 'warn' }, { write: (line: string) => void logged.push(line) }),
    });
    const rig = new Rig(pool, new RouteClient(pool.connect()), logged, logins);
    test.teardown(async () => {
      rig.client.close();
      await pool.close();
    });
    return rig;
  }

  decide(user: string, source = '192.0.2.1'): Promise<Routed> {
    const answer = new Promise<Routed>((resolve) => this.client.decide(0, invite(user), source, resolve));
    return within(answer, `${user} is answered`);
  }

  changeLeg(): Promise<LegAnswer> {
    const leg = {
      call: 'c1',
      leg: 1,
      role: 'media',
      state: 'queued',
      uri: 'sip:queue@media.example',
      from: '<sip:ann@home.example>',
      to: '<sip:queue@media.example>',
      callId: 'c1.1.0.x',
      headers: [],
      body: '',
      context: { call_center: 'p' },
    } as const;
    return within(new Promise((resolve) => this.client.changeLeg(leg, resolve)), 'the leg is answered');
  }
}

const OPEN = { flow: 'open', param: '192.0.2.1', media: 'rtp' };
const FAILED = { status: 500, reason: 'SIP;cause=500;text="route module failed"' };

t.test('a module decides by what the shared tables say', async (t) => {
  const rig = await Rig.start(t, MODULE);
  t.same(await rig.decide('open'), OPEN);
  t.match(await rig.decide('closed'), { status: 404, reason: /no such flow/ });
  t.same(rig.logged, []);
});

for (const [user, why] of [
  ['throw', /TypeError: no such thing/],
  ['loop', /has not answered within 500 ms/],
  ['sleep', /has not answered within 500 ms/],
  ['exit', /exit/i],
  ['stray', /out of turn/],
] as const) {
  t.test(`a module that does "${user}" costs its own call, and the log says why`, async (t) => {
    const rig = await Rig.start(t, MODULE);
    // As many as there may be threads, and more calls than those.
    const bad = Array.from({ length: 4 }, () => rig.decide(user));
    const good = Array.from({ length: 20 }, () => rig.decide('open'));
    for (const answer of await Promise.all(bad)) t.same(answer, FAILED);
    for (const answer of await Promise.all(good)) t.same(answer, OPEN);
    t.equal(rig.logged.length, 4);
    for (const line of rig.logged) t.match(line, why);
    t.same(await rig.decide('open'), OPEN, 'and the pool goes on');
  });
}

t.test('a log that fails too often is not filled with it', async (t) => {
  const rig = await Rig.start(t, MODULE);
  await Promise.all(Array.from({ length: 100 }, () => rig.decide('throw')));
  t.ok(rig.logged.length < 100);
  t.ok(rig.logged.length >= 20);
});

t.test('agents are logged in through the engine', async (t) => {
  const rig = await Rig.start(t, MODULE);
  t.match(await rig.decide('login', 'alice'), { status: 401 });
  t.match(await rig.decide('login', 'bob'), { status: 397 });
  t.same(rig.logins, ['alice true', 'bob true']);
});

t.test('every module that exports onLeg sees a leg, one after the other', async (t) => {
  const add = (name: string) => `export default () => {};
    export const onLeg = ({ request, ctx }) => {
      request.addHeader('X-${name}', ctx.call_center);
      ctx.call_center += '${name}';
    };`;
  const rig = await Rig.start(t, add('a'), 'export default () => {};', add('b'));
  t.ok(rig.pool.asksLegs);
  t.same(await rig.changeLeg(), {
    headers: [
      ['X-a', 'p'],
      ['X-b', 'pa'],
    ],
    context: { call_center: 'pab' },
  });
});

t.test('an onLeg that fails says what failed', async (t) => {
  const rig = await Rig.start(
    t,
    `export default () => {}; export const onLeg = ({ request }) => request.setHeader('Via', 'x');`,
  );
  t.match(await rig.changeLeg(), { failed: /onLeg failed: Error: header Via cannot be set/ });
  t.match(rig.logged, [/header Via cannot be set/]);
});

t.test('a module that cannot be used is told at the start, on one line', async (t) => {
  for (const [code, why] of [
    ['export const decide = 1;', /module0\.mjs cannot be used: it has no function as its default export/],
    ['export default (', /module0\.mjs cannot be used: SyntaxError/],
    ["import './none.mjs';\nexport default () => {};", /cannot be used: Error: Cannot find module/],
    ["throw new Error('not here');", /cannot be used: Error: not here/],
  ] as const) {
    const error = (await Rig.start(t, code).catch((error: Error) => error)) as Error;
    t.match(error.message, why);
    t.notMatch(error.message, '\n');
  }
});

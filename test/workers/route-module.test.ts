/** What a route module sees and what its calls give back. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t, { type Test } from 'tap';
import type { FlowRow, SkillRow } from '../../core/acd/view.js';
import { bytesFromUtf8 } from '../../core/sip/bytes.js';
import type { LegInvite } from '../../core/sip/environment.js';
import { createTables, openTables } from '../../ipc/tables.js';
import { CallHandling, type FlowBook, TableFlowBook } from '../../workers/route-handling.js';
import { type DecideArguments, type LegArguments, RouteModule } from '../../workers/route-module.js';
import { asRequest, lines } from '../sip/messages.js';
import { sdp } from '../support/virtual-world.js';
import { flowRow } from './mi/support.js';

const MSRP = 'v=0\r\no=- 1 1 IN IP4 x\r\ns=-\r\nc=IN IP4 x\r\nt=0 0\r\nm=message 9 TCP/MSRP *\r\n';
const VIDEO_ELSEWHERE = MSRP.replace('message 9 TCP/MSRP *', 'application 9 UDP/BFCP *');

function invite(body = '', from = '"Jürg" <sip:j%C3%BCrg@home.example>') {
  return asRequest(
    bytesFromUtf8(
      lines(
        [
          'INVITE sip:support@example.com SIP/2.0',
          'v: SIP/2.0/UDP host.example.com;branch=z9hG4bKtest',
          'Max-Forwards: 70',
          `From: ${from};tag=f1`,
          'To: Support <sip:support@example.com>',
          'Call-ID: call-1@example.com',
          'CSeq: 7 INVITE',
          's: Zürich',
          'X-Tag: one',
          'x-tag: two',
          ...(body === '' ? [] : ['Content-Type: application/sdp', `Content-Length: ${body.length}`]),
        ],
        body,
      ),
    ),
  );
}

/** `open` has agents, `lonely` has none. */
const flows: FlowBook = {
  loggedIn: (flow) => ({ open: 2, 'offen \u{1f642}': 1, lonely: 0 })[flow],
};
const AUDIO = sdp('10.0.0.1', 4000);

t.test(
  'ccHandleCall returns the code of the first thing that is wrong, and each has its answer',
  async (t) => {
    const BAD_FROM = '<mailto:ann@example.com>';
    const cases: [
      code: number,
      outcome: object,
      args: unknown[],
      body?: string,
      from?: string | undefined,
      strict?: boolean,
    ][] = [
      [1, { flow: 'open', param: '', media: 'rtp' }, ['open'], AUDIO],
      [1, { flow: 'open', param: '', media: 'rtp' }, ['open']],
      [1, { flow: 'open', param: 'vip', media: 'msrp' }, ['open', 'vip'], MSRP],
      [1, { flow: 'open', param: '7', media: 'msrp' }, ['open', 7, 'MSRP'], AUDIO],
      [1, { flow: bytesFromUtf8('offen \u{1f642}'), param: bytesFromUtf8('ü') }, ['offen \u{1f642}', 'ü']],
      [1, { flow: 'lonely', param: '', media: 'rtp' }, ['lonely'], AUDIO, undefined, false],
      [-1, { status: 404, reason: /no flow id given/ }, [], '', BAD_FROM],
      [-1, { status: 404, reason: /no flow id given/ }, ['']],
      [-2, { status: 400, reason: /unusable From URI/ }, ['none'], AUDIO, BAD_FROM],
      [-3, { status: 404, reason: /no such flow/ }, ['none'], 'v=0\r\n'],
      [-4, { status: 480, reason: /no agent logged in/ }, ['lonely'], 'v=0\r\n'],
      [-6, { flow: 'open', media: 'none' }, ['open', '', 'video'], 'v=0\r\n'],
      [-7, { flow: 'open', media: 'none' }, ['open'], VIDEO_ELSEWHERE],
      [-7, { flow: 'open', media: 'none' }, ['open', '', 'video'], AUDIO],
    ];
    for (const [code, outcome, args, body, from, strict = true] of cases) {
      const handling = new CallHandling(invite(body, from), flows, strict);
      t.equal(handling.handle(args[0], args[1], args[2]), code, `${code} of ${JSON.stringify(args)}`);
      t.match(handling.outcome, outcome);
    }
  },
);

t.test('a module may try one flow after the other, until one takes the call', async (t) => {
  const handling = new CallHandling(invite(AUDIO), flows, true);
  t.equal(handling.outcome, undefined);
  t.equal(handling.handle('lonely'), -4);
  t.match(handling.outcome, { status: 480 });
  t.equal(handling.handle('open'), 1);
  t.equal(handling.handle('none'), -5, 'a call is taken once');
  t.match(handling.outcome, { flow: 'open' });
});

t.test('flows are found in the shared tables, also after they have changed there', async (t) => {
  const tables = openTables(createTables(10));
  const book = new TableFlowBook(tables);
  const skill = (row: number, logged_in: number) =>
    tables.skills.write(row, { name: `s${row}`, logged_in, free: 0 } satisfies SkillRow);
  const flow = (row: number, values: Partial<FlowRow> & { id: string }) =>
    tables.flows.write(row, flowRow(values));
  skill(0, 3);
  skill(1, 0);
  flow(0, { id: 'a' });
  flow(1, { id: 'b', skill: 1 });
  t.same([book.loggedIn('a'), book.loggedIn('b'), book.loggedIn('c')], [3, 0, undefined]);
  skill(0, 4);
  t.equal(book.loggedIn('a'), 4);
  flow(0, { id: 'c', skill: 1 });
  flow(2, { id: 'a' });
  t.same([book.loggedIn('a'), book.loggedIn('c')], [4, 0], 'a flow that came back elsewhere');
  flow(2, { id: 'a', removed: true });
  t.equal(book.loggedIn('a'), undefined, 'one that only has its last calls');
  tables.flows.clear(1);
  t.equal(book.loggedIn('b'), undefined);
});

let modules = 0;

/** A module of these lines. */
async function moduleOf(test: Test, code: string): Promise<RouteModule> {
  const path = join(test.testdir(), `module${modules++}.mjs`);
  writeFileSync(path, code);
  return RouteModule.load(pathToFileURL(path).href);
}

const seen = () => (globalThis as { seen?: DecideArguments & LegArguments }).seen!;
const KEEPS = 'globalThis.seen = args;';

t.test('a module sees the request as text, and what it returns may refuse the call', async (t) => {
  const module = await moduleOf(
    t,
    `export default (args) => { ${KEEPS} return { status: 403, reason: 'nö' }; }`,
  );
  t.ok(module.decides);
  t.notOk(module.asksLegs);
  const world = { flows, reject_on_no_agents: true, login: async (id: string) => id === 'alice' };
  t.same(await module.route(invite(AUDIO), '192.0.2.7', world), {
    status: 403,
    reason: bytesFromUtf8('SIP;cause=403;text="nö"'),
  });
  const { request, source, ccAgentLogin } = seen();
  t.match(request, {
    method: 'INVITE',
    uri: 'sip:support@example.com',
    user: 'support',
    host: 'example.com',
    callId: 'call-1@example.com',
    from: { display: 'Jürg', user: 'jürg', host: 'home.example', uri: 'sip:j%C3%BCrg@home.example' },
    to: { display: 'Support', user: 'support' },
    body: AUDIO,
  });
  t.same([request.header('Subject'), request.header('X-None')], ['Zürich', undefined]);
  t.same(request.headers('X-TAG'), ['one', 'two']);
  t.equal(source, '192.0.2.7');
  t.equal(await ccAgentLogin('alice', 1), 1);
  t.equal(await ccAgentLogin('bob', 1), -3);
});

t.test('a module that asks nothing leaves the call without a flow', async (t) => {
  const world = { flows, reject_on_no_agents: true, login: async () => false };
  const silent = await moduleOf(t, 'export default async () => 1;');
  t.match(await silent.route(invite(), '', world), { status: 404, reason: /no flow was chosen/ });
  const odd = await moduleOf(t, 'export default () => ({ status: 200 });');
  await t.rejects(odd.route(invite(), '', world), /status 200 is none from 300 to 699/);
});

t.test('a state other than 0 logs an agent in', async (t) => {
  const logins: [string, boolean][] = [];
  const world = {
    flows,
    reject_on_no_agents: true,
    login: async (id: string, on: boolean) => logins.push([id, on]) > 0,
  };
  const module = await moduleOf(
    t,
    `export default async ({ ccAgentLogin }) => {
      for (const state of [1, '0', '2', 0, -1]) await ccAgentLogin(1001, state);
    }`,
  );
  await module.route(invite(), '', world);
  t.same(
    logins,
    [true, false, true, false, true].map((on) => ['1001', on]),
  );
});

t.test(
  'onLeg adds, changes and removes headers, but none of those that hold the dialog together',
  async (t) => {
    const leg: LegInvite = {
      call: 'c1',
      leg: 3,
      role: 'agent',
      state: 'toagent',
      uri: 'sip:alice@desk.example',
      from: bytesFromUtf8('"Jürg" <sip:jurg@home.example>'),
      to: '<sip:alice@desk.example>',
      callId: 'c1.3.0.x',
      headers: [
        ['X-Account', '42'],
        ['P-Asserted-Identity', '<sip:jurg@home.example>'],
      ],
      body: '',
      context: { call_center: 'vip' },
    };
    const module = await moduleOf(
      t,
      `export default () => {};
    export async function onLeg(args) {
      ${KEEPS}
      const { request, ctx, state } = args;
      request.setHeader('x-account', '43');
      request.addHeader('X-City', 'Zürich');
      request.addHeader('X-City', 'Bern');
      request.setHeader('X-State', state);
      request.removeHeader('p-asserted-identity');
      ctx.call_center += ' gold';
      ctx.seen = 1;
    }`,
    );
    t.ok(module.asksLegs);
    t.same(await module.changeLeg(leg), {
      headers: [
        ['x-account', '43'],
        ['X-City', bytesFromUtf8('Zürich')],
        ['X-City', 'Bern'],
        ['X-State', 'toagent'],
      ],
      context: { call_center: 'vip gold', seen: '1' },
    });
    const { call, leg: about, request, state } = seen();
    t.match({ call, about, state }, { call: 'c1', about: { number: 3, role: 'agent' }, state: 'toagent' });
    t.match(request, { uri: leg.uri, user: 'alice', callId: leg.callId, from: { display: 'Jürg' } });
    for (const name of ['Via', 'From', 'contact', 'Route', 'Content-Length', 'c', 'bad name', '']) {
      t.throws(() => request.setHeader(name, 'x'), /cannot be set by a route module/, name);
    }
    t.same(leg.context, { call_center: 'vip' }, "the call's own stays as it was");
  },
);

t.test('a CommonJS module will do', async (t) => {
  const path = join(t.testdir(), 'module.cjs');
  writeFileSync(path, 'module.exports = () => ({ status: 404 }); module.exports.onLeg = () => {};');
  const module = await RouteModule.load(pathToFileURL(path).href);
  t.same([module.decides, module.asksLegs], [true, true]);
});

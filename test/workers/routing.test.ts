/** The rules of `routes`, and where they leave the decision to a module. */
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { bytesFromUtf8 } from '../../core/sip/bytes.js';
import type { RouteRule } from '../../workers/config.js';
import { modulesOf, routerOf } from '../../workers/routing.js';
import { asRequest, lines } from '../sip/messages.js';

interface Invite {
  uri?: string;
  from?: string;
  to?: string;
  headers?: string[];
}

function invite({ uri = 'sip:support@example.com', from, to, headers = [] }: Invite = {}) {
  return asRequest(
    lines([
      `INVITE ${uri} SIP/2.0`,
      'Via: SIP/2.0/UDP host.example.com;branch=z9hG4bKtest',
      'Max-Forwards: 70',
      `From: ${from ?? '<sip:ann@home.example>'};tag=f1`,
      `To: ${to ?? '<sip:support@example.com>'}`,
      'Call-ID: call-1@example.com',
      'CSeq: 7 INVITE',
      ...headers,
    ]),
  );
}

const rule = (rule: Partial<RouteRule>): RouteRule => ({ match: {}, ...rule });
const flow = (id: string) => ({ flow: id, param: '', media: undefined });

t.test('without rules the user part is the flow', async (t) => {
  const route = routerOf([]);
  t.same(route(invite(), '192.0.2.1'), flow('support'));
  t.same(route(invite({ uri: 'sip:a%20b@example.com' }), '192.0.2.1'), flow('a b'));
  t.same(route(invite({ uri: 'sip:z%C3%BCrich@example.com' }), '192.0.2.1'), flow(bytesFromUtf8('zürich')));
  t.same(route(invite({ uri: 'sip:example.com' }), '192.0.2.1'), flow(''));
});

t.test('the first rule that matches decides, and without one there is no route', async (t) => {
  const route = routerOf([
    rule({ match: { user: '1*' }, flow: 'first', param: 'ünd', media: 'msrp' }),
    rule({ match: { user: '12' }, flow: 'second' }),
    rule({ match: { user: '9' }, reject: { status: 403, reason: 'say "no", ünd' } }),
  ]);
  t.same(route(invite({ uri: 'sip:12@x' }), ''), {
    flow: 'first',
    param: bytesFromUtf8('ünd'),
    media: 'msrp',
  });
  t.same(route(invite({ uri: 'sip:9@x' }), ''), {
    status: 403,
    reason: bytesFromUtf8('SIP;cause=403;text="say \\"no\\", ünd"'),
  });
  t.match(route(invite({ uri: 'sip:3@x' }), ''), { status: 404, reason: /no route matches/ });
});

t.test('a rule looks at Request-URI, From, To, headers and source', async (t) => {
  const found = (match: RouteRule['match'], request: Invite, source = '192.0.2.9') =>
    'flow' in routerOf([rule({ match, flow: 'x' })])(invite(request), source);
  t.ok(found({ host: 'EXAMPLE.com' }, {}));
  t.notOk(found({ host: 'example.org' }, {}));
  t.ok(found({ from: 'ann@*' }, {}));
  t.ok(found({ from: 'jürg@*' }, { from: `<sip:j%C3%BCrg@home.example>` }));
  t.notOk(found({ from: 'ann@*' }, { from: '<tel:+123>' }));
  t.ok(found({ to: '*@example.com', user: 'support' }, {}));
  t.notOk(found({ to: '*@example.com', user: 'sales' }, {}), 'all must hold');
  t.ok(
    found({ headers: { 'x-tenant': 'a*', 'X-Other': '*' } }, { headers: ['X-Tenant: acme', 'X-Other: 1'] }),
  );
  t.notOk(found({ headers: { 'x-tenant': 'a*' } }, { headers: ['X-Tenant: Acme'] }));
  t.ok(found({ headers: { 'x-city': 'Zürich' } }, { headers: [bytesFromUtf8('X-City: Zürich')] }));
  t.ok(found({ source: '192.0.2.0/24' }, {}));
  t.notOk(found({ source: '192.0.2.0/24' }, {}, '198.51.100.1'));
  t.ok(found({ source: '2001:db8::/32' }, {}, '2001:db8::1'));
});

t.test('a rule may leave it to a module, which is numbered by its first mention', async (t) => {
  const rules = [
    rule({ match: { user: 'a' }, module: '/srv/one.js' }),
    rule({ match: { user: 'b' }, module: '/srv/two.js' }),
    rule({ match: { user: 'c' }, module: '/srv/one.js' }),
    rule({ flow: 'rest' }),
  ];
  t.same(
    modulesOf(rules),
    ['/srv/one.js', '/srv/two.js'].map((path) => pathToFileURL(path).href),
  );
  const route = routerOf(rules);
  for (const [user, module] of [
    ['a', 0],
    ['b', 1],
    ['c', 0],
  ]) {
    t.same(route(invite({ uri: `sip:${user}@x` }), ''), { module });
  }
  t.same(route(invite({ uri: 'sip:d@x' }), ''), flow('rest'));
});

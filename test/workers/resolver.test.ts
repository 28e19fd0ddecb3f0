/** Where a SIP URI's requests go (RFC 3263), told by a DNS that stands in for the real one. */
import t from 'tap';
import { type Dns, SipResolver } from '../../workers/resolver.js';

interface Zone {
  srv?: Record<string, { name: string; port: number; priority: number; weight: number }[]>;
  a?: Record<string, { address: string; ttl: number }[]>;
}

/** A resolver over the zone, with a clock, and what has been asked. */
function resolving(zone: Zone) {
  const asked: string[] = [];
  const answer = <T>(type: string, records: readonly T[] | undefined, name: string): Promise<T[]> => {
    asked.push(`${type} ${name}`);
    return records === undefined ? Promise.reject(new Error('ENOTFOUND')) : Promise.resolve([...records]);
  };
  const dns = {
    resolveSrv: (name: string) => answer('SRV', zone.srv?.[name], name),
    resolve4: (name: string) => answer('A', zone.a?.[name], name),
    resolve6: (name: string) => answer('AAAA', undefined, name),
  } as unknown as Dns;
  const clock = { now_ms: 1_000_000 };
  const resolver = new SipResolver(() => clock.now_ms, dns);
  const resolve = (uri: string): Promise<string[]> =>
    new Promise((found) =>
      resolver.resolve(uri, (targets) => found(targets.map(({ host, port }) => `${host}:${port}`))),
    );
  return { resolver, resolve, asked, clock };
}

const TWO: Zone = {
  srv: {
    '_sip._udp.pbx.example': [
      { name: 'backup.pbx.example', port: 5070, priority: 20, weight: 0 },
      { name: 'main.pbx.example', port: 5080, priority: 10, weight: 0 },
    ],
  },
  a: {
    'main.pbx.example': [{ address: '192.0.2.1', ttl: 30 }],
    'backup.pbx.example': [{ address: '192.0.2.2', ttl: 300 }],
    'plain.example': [
      { address: '192.0.2.3', ttl: 300 },
      { address: '192.0.2.4', ttl: 300 },
    ],
  },
};

t.test('an address is known at once, with the port or 5060', async (t) => {
  const { resolver, asked } = resolving(TWO);
  const found: unknown[] = [];
  resolver.resolve('sip:bob@192.0.2.9', (targets) => found.push(...targets));
  resolver.resolve('sip:bob@[2001:db8::1]:5071', (targets) => found.push(...targets));
  t.same(found, [
    { host: '192.0.2.9', port: 5060 },
    { host: '2001:db8::1', port: 5071 },
  ]);
  t.same(asked, []);
});

t.test('SRV records give the servers by priority, each with its port', async (t) => {
  const { resolve } = resolving(TWO);
  t.same(await resolve('sip:bob@pbx.example'), ['192.0.2.1:5080', '192.0.2.2:5070']);
});

t.test('of one priority the heavier comes first more often', async (t) => {
  const srv = [1, 9].map((weight) => ({ name: `w${weight}.example`, port: 5060, priority: 1, weight }));
  const a = {
    'w1.example': [{ address: '192.0.2.1', ttl: 0 }],
    'w9.example': [{ address: '192.0.2.9', ttl: 0 }],
  };
  const { resolve } = resolving({ srv: { '_sip._udp.w.example': srv }, a });
  let heavier = 0;
  for (let i = 0; i < 200; i++) if ((await resolve('sip:w.example'))[0] === '192.0.2.9:5060') heavier++;
  t.ok(heavier > 120 && heavier < 200, `${heavier} of 200`);
});

t.test('without SRV records, or with a port, it is the name’s addresses', async (t) => {
  const { resolve, asked } = resolving(TWO);
  t.same(await resolve('sip:bob@plain.example'), ['192.0.2.3:5060', '192.0.2.4:5060']);
  asked.length = 0;
  t.same(await resolve('sip:bob@main.pbx.example:5099'), ['192.0.2.1:5099']);
  t.same(asked, ['A main.pbx.example', 'AAAA main.pbx.example'], 'SRV is not asked');
});

t.test(
  'an answer is kept for the shortest TTL in it, and who asks meanwhile waits for the same',
  async (t) => {
    const { resolve, asked, clock } = resolving(TWO);
    const both = await Promise.all([resolve('sip:bob@pbx.example'), resolve('sip:eve@pbx.example')]);
    t.same(both[0], both[1]);
    const once = asked.length;
    t.equal(asked.filter((question) => question.startsWith('SRV')).length, 1);
    clock.now_ms += 29_000;
    await resolve('sip:bob@pbx.example');
    t.equal(asked.length, once);
    clock.now_ms += 2_000;
    await resolve('sip:bob@pbx.example');
    t.equal(asked.length, 2 * once);
  },
);

t.test('a name that nobody knows has no targets, and is asked again after 5 s', async (t) => {
  const { resolve, asked, clock } = resolving({});
  t.same(await resolve('sip:bob@nobody.invalid'), []);
  const once = asked.length;
  t.same(await resolve('sip:bob@nobody.invalid'), []);
  t.equal(asked.length, once);
  clock.now_ms += 5_001;
  await resolve('sip:bob@nobody.invalid');
  t.equal(asked.length, 2 * once);
});

t.test('what is no SIP URI has no targets', async (t) => {
  const { resolve } = resolving(TWO);
  t.same(await resolve('mailto:bob@pbx.example'), []);
  t.same(await resolve(''), []);
});

import { writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import t from 'tap';
import { ConfigError, environmentName, loadConfig } from '../../workers/config.js';
import { configKeys } from '../../workers/config-schema.js';

type Env = Record<string, string>;

/** The one line that a configuration is refused with. */
function refusal(env: Env, file?: string): string {
  try {
    loadConfig({ env, file });
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return 'accepted';
}

t.test('without a file it has the documented defaults', async (t) => {
  const config = loadConfig({ env: {} });
  t.match(config, {
    call_center: {
      db_url: 'embedded',
      acc_db_url: 'embedded',
      rt_db_url: 'embedded',
      wrapup_time: 30,
      queue_pos_param: '',
      reject_on_no_agents: true,
      chat_dispatch_policy: 'balancing',
      internal_call_dispatching: true,
      cc_agents_table: 'cc_agents',
      cca_wrapupend_column: 'wrapup_end_time',
      cc_flows_table: 'cc_flows',
      ccf_cid_column: 'prependcid',
      b2b_logic_ctx_param: 'call_center',
    },
    sip: {
      listen: [{ transport: 'udp', address: '0.0.0.0', port: 5060 }],
      worker_ports: 5160,
      offer: 'late',
      outbound_proxy: '',
      agent_ring_timeout: 30,
      agent_no_response_timeout: 4,
      message_timeout: 600,
      max_rejections: 10,
      source_limit: 0,
      identity_headers: [],
    },
    data_dir: './data',
    journal: { sync: 'interval', calls: true },
    drain_timeout: 30,
    mi: { listen: { host: '127.0.0.1', port: 8888 }, token: '' },
    sql: { timezone: '' },
    routes: [],
    log: { level: 'info' },
  });
  t.ok(config.sip.workers >= 1);
  t.equal(config.sip.advertise, undefined);
  t.equal(config.transfer.allow, undefined);
});

t.test('every key of the contract is there, and each can be set from the environment', async (t) => {
  const names = configKeys().map((key) => environmentName(key.path));
  t.equal(new Set(names).size, names.length, 'no two keys share a variable');
  for (const key of [
    ...['db_url', 'acc_db_url', 'rt_db_url', 'wrapup_time', 'queue_pos_param', 'reject_on_no_agents'],
    ...['chat_dispatch_policy', 'internal_call_dispatching', 'b2b_logic_ctx_param'],
    ...['cc_agents_table', 'cca_agentid_column', 'cca_location_column', 'cca_msrp_location_column'],
    ...['cca_msrp_max_sessions_column', 'cca_skills_column', 'cca_logstate_column'],
    ...['cca_wrapuptime_column', 'cca_wrapupend_column', 'cc_flows_table', 'ccf_flowid_column'],
    ...['ccf_priority_column', 'ccf_skill_column', 'ccf_cid_column', 'ccf_max_wrapup_column'],
    ...['ccf_dissuading_hangup_column', 'ccf_dissuading_onhold_th_column'],
    ...['ccf_dissuading_ewt_th_column', 'ccf_dissuading_qsize_th_column', 'ccf_m_welcome_column'],
    ...['ccf_m_queue_column', 'ccf_m_dissuading_column', 'ccf_m_flow_id_column'],
  ]) {
    t.ok(names.includes(environmentName(['call_center', key])), key);
  }
  const config = loadConfig({
    env: {
      SIP_ACD_CALL_CENTER_DB_URL: 'postgres://u:p@db/opensips',
      SIP_ACD_CALL_CENTER_ACC_DB_URL: 'postgresql://acc/cdrs',
      SIP_ACD_CALL_CENTER_WRAPUP_TIME: '0',
      SIP_ACD_CALL_CENTER_REJECT_ON_NO_AGENTS: '0',
      SIP_ACD_CALL_CENTER_CHAT_DISPATCH_POLICY: 'full-load',
      SIP_ACD_CALL_CENTER_CCF_SKILL_COLUMN: 'queue "skill"',
      SIP_ACD_SIP_LISTEN: 'udp:127.0.0.1:5060, udp:[::1]:5062',
      SIP_ACD_SIP_ADVERTISE: 'sip.example.com:5070',
      SIP_ACD_SIP_WORKERS: '3',
      SIP_ACD_SIP_IDENTITY_HEADERS: 'X-Customer,X-Tenant',
      SIP_ACD_SIP_AGENT_RING_TIMEOUT: '0.5',
      SIP_ACD_DATA_DIR: '/var/lib/sip-acd',
      SIP_ACD_MI_LISTEN: '[::1]:0',
      SIP_ACD_MI_TOKEN: '',
      SIP_ACD_SQL_TIMEZONE: 'Europe/Vienna',
      SIP_ACD_TRANSFER_ALLOW: 'example.com,*.example.org',
      SIP_ACD_ROUTES: '[{"match":{"user":"1*"},"flow":"support"}]',
      SIP_ACD_TEST_DB: 'not ours',
      SIP_ACD_REQUIRE_SIPP: '1',
      PATH: '/bin',
    },
  });
  t.match(config, {
    call_center: {
      db_url: 'postgres://u:p@db/opensips',
      acc_db_url: 'postgresql://acc/cdrs',
      rt_db_url: 'postgres://u:p@db/opensips',
      wrapup_time: 0,
      reject_on_no_agents: false,
      chat_dispatch_policy: 'full-load',
      ccf_skill_column: 'queue "skill"',
    },
    sip: {
      listen: [
        { transport: 'udp', address: '127.0.0.1', port: 5060 },
        { transport: 'udp', address: '::1', port: 5062 },
      ],
      advertise: { host: 'sip.example.com', port: 5070 },
      workers: 3,
      identity_headers: ['X-Customer', 'X-Tenant'],
      agent_ring_timeout: 0.5,
    },
    data_dir: '/var/lib/sip-acd',
    mi: { listen: { host: '::1', port: 0 }, token: '' },
    sql: { timezone: 'Europe/Vienna' },
    transfer: { allow: ['example.com', '*.example.org'] },
    routes: [{ match: { user: '1*' }, flow: 'support' }],
  });
});

t.test('a file sets keys and the environment wins over it', async (t) => {
  const yaml = join(t.testdir(), 'sip-acd.yaml');
  writeFileSync(
    yaml,
    `# a site
call_center:
  wrapup_time: 12
  reject_on_no_agents: 0
sip:
  listen: ["udp:127.0.0.1:5080"]
  workers: 2
log:
  # level: debug
routes:
  - match: { source: 10.0.0.0/8, headers: { X-Test: "*" } }
    reject: { status: 403, reason: not from here }
  - match: { user: chat-*, host: example.com }
    flow: support
    param: "vip"
    media: msrp
  - flow: fallback
`,
  );
  const config = loadConfig({ file: yaml, env: { SIP_ACD_SIP_WORKERS: '4' } });
  t.match(config, {
    call_center: { wrapup_time: 12, reject_on_no_agents: false },
    sip: { listen: [{ address: '127.0.0.1', port: 5080 }], workers: 4 },
    log: { level: 'info' },
  });
  t.same(config.routes, [
    {
      match: { source: '10.0.0.0/8', headers: { 'X-Test': '*' } },
      reject: { status: 403, reason: 'not from here' },
    },
    { match: { user: 'chat-*', host: 'example.com' }, flow: 'support', param: 'vip', media: 'msrp' },
    { match: {}, flow: 'fallback' },
  ]);
  const json = join(t.testdir(), 'sip-acd.json');
  writeFileSync(json, '{"drain_timeout": 5}');
  t.equal(loadConfig({ file: json, env: {} }).drain_timeout, 5);
});

t.test('what is wrong in the environment is one line naming variable, value and expectation', async (t) => {
  const cases: [Env, string][] = [
    [
      { SIP_ACD_SIP_WORKERS: 'many' },
      'SIP_ACD_SIP_WORKERS: sip.workers = "many": expected a whole number from 1 to 256',
    ],
    [
      { SIP_ACD_SIP_WORKERS: '1.5' },
      'SIP_ACD_SIP_WORKERS: sip.workers = 1.5: expected a whole number from 1 to 256',
    ],
    [
      { SIP_ACD_SIP_WORKERS: '' },
      'SIP_ACD_SIP_WORKERS: sip.workers = "": expected a whole number from 1 to 256',
    ],
    [
      { SIP_ACD_SIP_LISTEN: 'udp:127.0.0.1:5060,tcp:127.0.0.1:5060' },
      'SIP_ACD_SIP_LISTEN: sip.listen[1] = "tcp:127.0.0.1:5060": expected udp:ADDRESS:PORT, an IPv6 address in brackets',
    ],
    [
      { SIP_ACD_LOG_LEVEL: 'loud' },
      'SIP_ACD_LOG_LEVEL: log.level = "loud": expected one of fatal, error, warn, info, debug, trace, silent',
    ],
    [
      { SIP_ACD_ROUTES: '[{"flow":"a","reject":{"status":403}}]' },
      'SIP_ACD_ROUTES: routes[0] = {"flow":"a","reject":{"status":403}}: expected one of flow, module and reject',
    ],
    [
      { SIP_ACD_ROUTES: 'support' },
      'SIP_ACD_ROUTES: routes = "support": expected a list of at most 1000 rules',
    ],
    [
      { SIP_ACD_ROUTES: '[{"when":1,"flow":"a"}]' },
      'SIP_ACD_ROUTES: routes[0].when = 1: unknown key, expected one of match, flow, param, media, module, reject',
    ],
    [
      { SIP_ACD_LISTEN: 'x' },
      'SIP_ACD_LISTEN = "x": unknown variable, expected SIP_ACD_ and a key such as SIP_ACD_SIP_LISTEN',
    ],
  ];
  for (const [env, line] of cases) t.equal(refusal(env), line);
});

t.test('what is wrong in a file is one line naming file, key, value and expectation', async (t) => {
  const file = join(t.testdir(), 'c.yaml');
  const inFile = (text: string) => {
    writeFileSync(file, text);
    return refusal({}, file);
  };
  t.match(
    inFile('sip: { lisen: [] }'),
    `${file}: sip.lisen = []: unknown key, expected one of listen, advertise`,
  );
  t.match(inFile('sips: 1'), `${file}: sips = 1: unknown key, expected one of call_center, sip, journal`);
  t.equal(inFile('sip: 5060'), `${file}: sip = 5060: expected a mapping of keys`);
  t.equal(inFile('[]'), `${file} = []: expected a mapping of keys`);
  t.equal(
    inFile('call_center: { wrapup_time: "30" }'),
    `${file}: call_center.wrapup_time = "30": expected a number of seconds from 0 to 86400`,
    'a number written as text is no number',
  );
  t.equal(inFile('call_center: { wrapup_time: -1 }').includes('= -1: expected'), true);
  t.match(inFile('sip: { listen: [] }'), /sip\.listen = \[\]: expected a list of 1 to 16 entries/);
  t.match(inFile('sip: { identity_headers: [Call-ID] }'), /sip\.identity_headers\[0\] = "Call-ID": expected/);
  t.match(inFile('sip: { listen: ["udp:localhost:5060"] }'), /udp:localhost:5060.*expected udp:ADDRESS:PORT/);
  t.match(inFile('sip: { listen: ["udp:127.0.0.1:65536"] }'), /expected udp:ADDRESS:PORT/);
  t.match(inFile('sql: { timezone: Vienna }'), /sql\.timezone = "Vienna": expected a time zone/);
  t.match(
    inFile('routes: [{ match: { source: 10.0.0.0/33 }, flow: a }]'),
    /routes\[0\]\.match\.source = .*expected/,
  );
  t.match(inFile('a: [\n1'), new RegExp(`^${file}: cannot be parsed: [^\n]+$`));
  t.match(inFile('log: {}\nlog: {}'), /cannot be parsed/, 'a key given twice');
  t.match(refusal({}, join(t.testdirName, 'none.yaml')), /none\.yaml: cannot be read: ENOENT[^\n]*$/);
  t.equal(inFile(''), 'accepted', 'an empty file changes nothing');
});

t.test('keys that contradict each other are refused', async (t) => {
  t.match(
    refusal({ SIP_ACD_MI_LISTEN: '0.0.0.0:8888' }),
    'mi.listen = "0.0.0.0:8888": expected a loopback address, or mi.token to be set',
  );
  t.equal(refusal({ SIP_ACD_MI_LISTEN: '0.0.0.0:8888', SIP_ACD_MI_TOKEN: 'long-enough' }), 'accepted');
  t.equal(refusal({ SIP_ACD_MI_LISTEN: 'localhost:8888' }), 'accepted');
  const ports = { SIP_ACD_SIP_WORKERS: '4', SIP_ACD_SIP_WORKER_PORTS: '5060' };
  t.match(
    refusal({ ...ports, SIP_ACD_SIP_LISTEN: 'udp:127.0.0.1:5063' }),
    /expected a port other than the workers' own/,
  );
  t.equal(refusal({ ...ports, SIP_ACD_SIP_LISTEN: 'udp:127.0.0.1:5064' }), 'accepted');
  t.match(
    refusal({ ...ports, SIP_ACD_SIP_WORKER_PORTS: '65533' }),
    /sip\.worker_ports = 65533: expected at most 65532/,
  );
  t.match(
    refusal({ SIP_ACD_SIP_LISTEN: 'udp:127.0.0.1:5060,udp:127.0.0.1:5060' }),
    /sip\.listen = "udp:127\.0\.0\.1:5060": expected each address once/,
  );
});

t.test('the line tells no secret', async (t) => {
  t.equal(refusal({ SIP_ACD_MI_TOKEN: 'a b c' }).includes('a b c'), false);
  const url = refusal({ SIP_ACD_CALL_CENTER_DB_URL: 'mysql://opensips:s3cret@db/opensips' });
  t.match(url, 'call_center.db_url = "mysql://opensips:***@db/opensips": expected embedded, or postgres://');
  t.notMatch(refusal({ SIP_ACD_DB_URL: 'postgres://u:s3cret@db/x' }), 's3cret');
});

t.test('a route module is found beside the file that names it, or where the engine is started', async (t) => {
  const folder = t.testdir({ 'routes.mjs': '', sub: { 'a.yaml': 'routes: [{ module: ../routes.mjs }]' } });
  const config = loadConfig({ file: join(folder, 'sub', 'a.yaml'), env: {} });
  t.equal(config.routes[0]?.module, join(folder, 'routes.mjs'));
  const here = relative('.', join(folder, 'routes.mjs'));
  const routes = JSON.stringify([{ match: { user: '1*' }, module: here }]);
  const from_env = loadConfig({ file: join(folder, 'sub', 'a.yaml'), env: { SIP_ACD_ROUTES: routes } });
  t.equal(from_env.routes[0]?.module, join(folder, 'routes.mjs'));
  t.match(
    refusal({ SIP_ACD_ROUTES: '[{"module":"none.js"}]' }),
    /^SIP_ACD_ROUTES: routes\[0\]\.module = "none\.js": expected the path of a JavaScript file, there is none at \/.*\/none\.js$/,
  );
  t.match(refusal({ SIP_ACD_ROUTES: '[{"module":"x.js","flow":"a"}]' }), /expected one of flow, module and/);
  t.match(refusal({ SIP_ACD_ROUTES: '[{"module":"x.js","param":"a"}]' }), /param and media only beside flow/);
});

/** Each key of the contract: its default, its value from a file and from the environment, a value it refuses. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { stringify } from 'yaml';
import { DEFAULT_TABLES } from '../../sql/options.js';
import { ConfigError, environmentName, loadConfig } from '../../workers/config.js';
import { configKeys } from '../../workers/config-schema.js';

interface Sample {
  preset: unknown;
  /** As an environment variable has it. */
  text: string;
  /** As a file has it; the same text unless told. */
  file?: unknown;
  /** What the engine makes of it; as in the file unless told. */
  value?: unknown;
  /** Refused, as an environment variable; undefined where every text will do. */
  bad?: string;
}

const NUL = 'with a \0';
const PG = 'postgres://acd@db.example.com/opensips';

const SAMPLES: Record<string, Sample> = {
  'call_center.db_url': { preset: 'embedded', text: PG, bad: 'mysql://opensips@localhost/opensips' },
  'call_center.acc_db_url': { preset: 'embedded', text: `${PG}_cdrs`, bad: 'opensips' },
  'call_center.rt_db_url': { preset: 'embedded', text: `${PG}_runtime`, bad: 'http://db' },
  'call_center.wrapup_time': { preset: 30, text: '0', file: 0, bad: '-1' },
  'call_center.queue_pos_param': { preset: '', text: 'cc_pos', bad: 'a=b' },
  'call_center.reject_on_no_agents': { preset: true, text: '0', file: 0, value: false, bad: 'perhaps' },
  'call_center.chat_dispatch_policy': { preset: 'balancing', text: 'full-load', bad: 'random' },
  'call_center.internal_call_dispatching': { preset: true, text: 'false', file: false, bad: '2' },
  'call_center.b2b_logic_ctx_param': { preset: 'call_center', text: 'b2b_callid', bad: '' },
  ...Object.fromEntries(
    Object.entries(DEFAULT_TABLES).map(([key, preset]) => [
      `call_center.${key}`,
      { preset, text: `My "${key}" é`, bad: NUL },
    ]),
  ),
  'sip.listen': {
    preset: [{ transport: 'udp', address: '0.0.0.0', port: 5060 }],
    text: 'udp:127.0.0.1:5070,udp:[::1]:5071',
    file: ['udp:127.0.0.1:5070', 'udp:[::1]:5071'],
    value: [
      { transport: 'udp', address: '127.0.0.1', port: 5070 },
      { transport: 'udp', address: '::1', port: 5071 },
    ],
    bad: 'udp:localhost:5060',
  },
  'sip.advertise': {
    preset: undefined,
    text: 'acd.example.com:5080',
    value: { host: 'acd.example.com', port: 5080 },
    bad: 'http://acd',
  },
  'sip.workers': { preset: Math.max(1, availableParallelism() - 1), text: '3', file: 3, bad: '0' },
  'sip.worker_ports': { preset: 5160, text: '6000', file: 6000, bad: '70000' },
  'sip.offer': { preset: 'late', text: 'early', bad: 'never' },
  'sip.early_offer_hosts': { preset: [], text: 'pbx.example.com', file: ['pbx.example.com'], bad: 'a b' },
  'sip.outbound_proxy': { preset: '', text: 'sip:proxy.example.com', bad: 'proxy' },
  'sip.agent_ring_timeout': { preset: 30, text: '12.5', file: 12.5, bad: 'soon' },
  'sip.agent_no_response_timeout': { preset: 4, text: '2', file: 2, bad: '0' },
  'sip.message_timeout': { preset: 600, text: '60', file: 60, bad: '0' },
  'sip.max_rejections': { preset: 10, text: '3', file: 3, bad: '0' },
  'sip.max_calls': { preset: 200_000, text: '500', file: 500, bad: '1.5' },
  'sip.source_limit': { preset: 0, text: '50', file: 50, bad: '-1' },
  'sip.identity_headers': { preset: [], text: 'X-A,X-B', file: ['X-A', 'X-B'], bad: 'Via' },
  data_dir: { preset: './data', text: '/var/lib/sip-acd', bad: '' },
  'journal.sync': { preset: 'interval', text: 'always', bad: 'sometimes' },
  'journal.calls': { preset: true, text: 'false', file: false, bad: 'maybe' },
  drain_timeout: { preset: 30, text: '5', file: 5, bad: '-5' },
  'mi.listen': {
    preset: { host: '127.0.0.1', port: 8888 },
    text: '[::1]:9999',
    value: { host: '::1', port: 9999 },
    bad: 'localhost',
  },
  'mi.token': { preset: '', text: 'correct-horse', bad: 'short' },
  'sql.timezone': { preset: '', text: 'Europe/Vienna', bad: 'Vienna' },
  routes: {
    preset: [],
    text: '[{"match":{"user":"1*"},"flow":"support"}]',
    file: [{ match: { user: '1*' }, flow: 'support' }],
    bad: '[{"flow":""}]',
  },
  'transfer.allow': { preset: undefined, text: '*.example.com', file: ['*.example.com'], bad: 'a b' },
  'transfer.callers': { preset: false, text: 'true', file: true, bad: 'some' },
  'log.level': { preset: 'info', text: 'debug', bad: 'loud' },
};

const keys = configKeys().map(({ path }) => ({ name: path.join('.'), path }));

function at(config: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, part) => (value as Record<string, unknown>)[part], config);
}

/** A configuration with this key alone. */
function only(path: readonly string[], value: unknown): Record<string, unknown> {
  return path.reduceRight<unknown>((inner, part) => ({ [part]: inner }), value) as Record<string, unknown>;
}

function fileValue({ text, file }: Sample): unknown {
  return file === undefined ? text : file;
}

t.test('every key has a sample here, and the contract no other', async (t) => {
  t.same(new Set(Object.keys(SAMPLES)), new Set(keys.map(({ name }) => name)));
});

t.test('each key: its default, its value from a file and from the environment', async (t) => {
  const file = join(t.testdir(), 'one.yaml');
  const defaults = loadConfig({ env: {} });
  for (const { name, path } of keys) {
    const sample = SAMPLES[name];
    if (sample === undefined) continue;
    const expected = 'value' in sample ? sample.value : fileValue(sample);
    t.same(
      at(defaults, path),
      sample.preset,
      `${name} is ${JSON.stringify(sample.preset)} without being set`,
    );
    writeFileSync(file, stringify(only(path, fileValue(sample))));
    t.same(at(loadConfig({ file, env: {} }), path), expected, `${name} in a file`);
    const env = { [environmentName(path)]: sample.text };
    t.same(at(loadConfig({ env }), path), expected, `${environmentName(path)}`);
    t.same(at(loadConfig({ file, env }), path), expected, `${environmentName(path)} over the file`);
  }
});

t.test('each key refuses what it cannot use, on one line with its name', async (t) => {
  for (const { name, path } of keys) {
    const { bad } = SAMPLES[name] ?? {};
    if (bad === undefined) continue;
    const variable = environmentName(path);
    try {
      loadConfig({ env: { [variable]: bad } });
      t.fail(`${name} takes ${JSON.stringify(bad)}`);
    } catch (error) {
      t.ok(error instanceof ConfigError);
      const { message } = error as Error;
      t.ok(message.startsWith(`${variable}: ${name}`), message);
      t.match(message, /: expected /);
      t.notMatch(message, /\n/);
    }
  }
});

t.test('a file is refused for an unknown key, a wrong type or keys that contradict each other', async (t) => {
  const file = join(t.testdir(), 'bad.yaml');
  for (const [content, line] of [
    ['call_centre: {}', /: call_centre = \{\}: unknown key, expected one of call_center, sip, /],
    [
      'call_center: { wrapup_time: soon }',
      /: call_center\.wrapup_time = "soon": expected a number of seconds/,
    ],
    ['call_center: { chat_dispatch_policy: [] }', /chat_dispatch_policy = \[\]: expected one of balancing, /],
    [
      'mi: { listen: "0.0.0.0:8888" }',
      /mi\.listen = "0\.0\.0\.0:8888": expected a loopback address, or mi\.token/,
    ],
  ] as const) {
    writeFileSync(file, content);
    t.throws(() => loadConfig({ file, env: {} }), { message: line }, content);
  }
  writeFileSync(file, '');
  t.same(loadConfig({ file, env: {} }), loadConfig({ env: {} }), 'an empty one is as good as none');
});

t.test('acc_db_url and rt_db_url are db_url unless set', async (t) => {
  const env = { SIP_ACD_CALL_CENTER_DB_URL: PG };
  t.match(loadConfig({ env }).call_center, { acc_db_url: PG, rt_db_url: PG });
  t.match(loadConfig({ env: { ...env, SIP_ACD_CALL_CENTER_RT_DB_URL: 'embedded' } }).call_center, {
    acc_db_url: PG,
    rt_db_url: 'embedded',
  });
});

t.test('sip-acd check: OK for a file with every key, else the one line on standard error', async (t) => {
  const CLI = fileURLToPath(new URL('../../tools/cli.js', import.meta.url));
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('SIP_ACD_')),
  ) as Record<string, string>;
  const file = join(t.testdir(), 'acd.yaml');
  const check = (content: string) => {
    writeFileSync(file, content);
    return new Promise((resolve) => {
      const child = execFile(
        process.execPath,
        [CLI, 'check', '--config', file],
        { env },
        (_, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }),
      );
    });
  };
  const whole: Record<string, Record<string, unknown>> = {};
  for (const [name, sample] of Object.entries(SAMPLES)) {
    const [section = '', key] = name.split('.');
    if (key === undefined) Object.assign(whole, { [section]: fileValue(sample) });
    else whole[section] = { ...whole[section], [key]: fileValue(sample) };
  }
  t.same(await check(stringify(whole)), { code: 0, stdout: 'OK\n', stderr: '' });
  const bad: [string, RegExp][] = [
    ['call_center: { wrapup: 3 }', /: call_center\.wrapup = 3: unknown key, expected one of db_url, /],
    ['sip: { listen: [tcp:0.0.0.0:5060] }', /sip\.listen\[0\] = "tcp:0\.0\.0\.0:5060": expected udp:/],
    ['sip: [', /acd\.yaml: cannot be parsed: /],
  ];
  for (const [content, line] of bad) {
    const outcome = await check(content);
    t.match(outcome, { code: 1, stdout: '', stderr: line }, content);
    t.match(outcome, { stderr: /^sip-acd: [^\n]+\n$/ }, 'one line');
  }
});

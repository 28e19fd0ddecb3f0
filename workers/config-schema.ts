/**
 * The keys of the configuration: what each may hold and what it is without being set.
 *
 * Every key knows how its value is written as text, so that it can also come from an environment
 * variable. Messages are worded to stand after "expected". Times are plain numbers of seconds,
 * fractions allowed.
 */
import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { isIdentityHeader, isTimezone, LOG_LEVELS, parseHostPort, parseListen } from './config-values.js';

const MAPPING = 'a mapping of keys';

/** Reads a key's value from the text of an environment variable; what it gives is then validated. */
type FromText = (text: string) => unknown;

const fromText = new Map<z.core.$ZodType, FromText>();

const asNumber: FromText = (text) => (/^\s*-?\d+(\.\d+)?\s*$/.test(text) ? Number(text) : text);
const asFlag: FromText = (text) => ({ true: true, '1': true, false: false, '0': false })[text] ?? text;
const asList: FromText = (text) => (text.trim() === '' ? [] : text.split(',').map((item) => item.trim()));
const asText: FromText = (text) => text;
const asJson: FromText = (text) => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // Not JSON: as it stands it is not a list of rules either, which is what the user is then told.
    return text;
  }
};

function key<S extends z.ZodType>(schema: S, reader: FromText): S {
  fromText.set(schema, reader);
  return schema;
}

const whole = (min: number, max: number, preset: number) => {
  const error = `a whole number from ${min} to ${max}`;
  return key(
    z.number({ error }).int({ error }).min(min, { error }).max(max, { error }).default(preset),
    asNumber,
  );
};

const seconds = (min: number, max: number, preset: number) => {
  const error = `a number of seconds from ${min} to ${max}`;
  return key(z.number({ error }).min(min, { error }).max(max, { error }).default(preset), asNumber);
};

/** `true` or `false`, and 1 or 0 as OpenSIPS scripts write it. */
const flag = (preset: boolean) => {
  const plain = z.boolean({ error: 'true or false' });
  return key(z.preprocess((v) => (v === 0 ? false : v === 1 ? true : v), plain).default(preset), asFlag);
};

const oneOf = <const T extends readonly [string, ...string[]]>(names: T, preset: T[number]) => {
  const error = `one of ${names.join(', ')}`;
  const known: ReadonlySet<string> = new Set(names);
  return key(
    z.custom<T[number]>((v) => typeof v === 'string' && known.has(v), { error }).default(preset),
    asText,
  );
};

/** Text that must pass `check`; `preset`, often '' for none, always may stand. */
const text = (error: string, check: (value: string) => boolean, preset: string) =>
  key(
    z
      .string({ error })
      .refine((v) => v === preset || check(v), { error })
      .default(preset),
    asText,
  );

const identifier = (preset: string) =>
  text('a name of 1 to 63 bytes without NUL', (v) => isIdentifier(v), preset);

function isIdentifier(name: string): boolean {
  return name !== '' && Buffer.byteLength(name) <= 63 && !name.includes('\0');
}

const DB_URL = 'embedded, or postgres://USER:PASSWORD@HOST:PORT/DATABASE';
const isDbUrl = (v: string): boolean =>
  v === 'embedded' || (/^postgres(ql)?:\/\//.test(v) && URL.canParse(v));
const dbUrl = () => z.string({ error: DB_URL }).refine(isDbUrl, { error: DB_URL });

const callCenter = z.strictObject(
  {
    /** `embedded` is the engine's own database in `data_dir`. */
    db_url: key(dbUrl().default('embedded'), asText),
    /** Where cc_cdrs is; without it `db_url`. */
    acc_db_url: key(dbUrl().optional(), asText),
    /** Where cc_calls is; without it `db_url`. */
    rt_db_url: key(dbUrl().optional(), asText),
    wrapup_time: seconds(0, 86_400, 30),
    /** Name of a URI parameter; '' is none. */
    queue_pos_param: text(
      'the name of a URI parameter (letters, digits, -_.!~*)',
      (v) => /^[\w\-.!~*]{1,64}$/.test(v),
      '',
    ),
    reject_on_no_agents: flag(true),
    chat_dispatch_policy: oneOf(['balancing', 'full-load'], 'balancing'),
    internal_call_dispatching: flag(true),
    cc_agents_table: identifier('cc_agents'),
    cca_agentid_column: identifier('agentid'),
    cca_location_column: identifier('location'),
    cca_msrp_location_column: identifier('msrp_location'),
    cca_msrp_max_sessions_column: identifier('msrp_max_sessions'),
    cca_skills_column: identifier('skills'),
    cca_logstate_column: identifier('logstate'),
    cca_wrapuptime_column: identifier('wrapup_time'),
    cca_wrapupend_column: identifier('wrapup_end_time'),
    cc_flows_table: identifier('cc_flows'),
    ccf_flowid_column: identifier('flowid'),
    ccf_priority_column: identifier('priority'),
    ccf_skill_column: identifier('skill'),
    ccf_cid_column: identifier('prependcid'),
    ccf_max_wrapup_column: identifier('max_wrapup_time'),
    ccf_dissuading_hangup_column: identifier('dissuading_hangup'),
    ccf_dissuading_onhold_th_column: identifier('dissuading_onhold_th'),
    ccf_dissuading_ewt_th_column: identifier('dissuading_ewt_th'),
    ccf_dissuading_qsize_th_column: identifier('dissuading_qsize_th'),
    ccf_m_welcome_column: identifier('message_welcome'),
    ccf_m_queue_column: identifier('message_queue'),
    ccf_m_dissuading_column: identifier('message_dissuading'),
    ccf_m_flow_id_column: identifier('message_flow_id'),
    b2b_logic_ctx_param: text(
      'a name of 1 to 64 characters',
      (v) => v !== '' && v.length <= 64,
      'call_center',
    ),
  },
  { error: MAPPING },
);

/** A text that is turned into something else, or refused. */
function parsed<T>(error: string, parse: (value: string) => T | undefined) {
  return z.string({ error }).transform((value, context): T => {
    const result = parse(value);
    if (result !== undefined) return result;
    context.addIssue({ code: 'custom', message: error });
    return z.NEVER;
  });
}

const LISTEN = 'udp:ADDRESS:PORT, an IPv6 address in brackets';
const LISTENS = `a list of 1 to 16 entries ${LISTEN}`;
const PROXY = 'a SIP URI such as sip:10.0.0.1:5060';
const HEADERS = 'a list of at most 32 names of headers that no SIP element has to understand';

const HOSTS = 'a list of at most 1000 hosts';

const sip = z.strictObject(
  {
    listen: key(
      z
        .array(parsed(LISTEN, parseListen), { error: LISTENS })
        .min(1, { error: LISTENS })
        .max(16, { error: LISTENS })
        .prefault(['udp:0.0.0.0:5060']),
      asList,
    ),
    /** What Via and Contact say instead of the listening address; port 0 is the listening one. */
    advertise: key(parsed('HOST or HOST:PORT', (v) => parseHostPort(v, 0)).optional(), asText),
    workers: whole(1, 256, Math.min(256, Math.max(1, availableParallelism() - 1))),
    /** The first worker's own port; the others follow. */
    worker_ports: whole(1, 65_535, 5160),
    offer: oneOf(['late', 'early'], 'late'),
    /** Hosts of locations that are offered to early whatever `offer` says. */
    early_offer_hosts: key(
      z
        .array(z.string({ error: HOSTS }).regex(/^[^\s/@]{1,255}$/, { error: HOSTS }), { error: HOSTS })
        .max(1000, { error: HOSTS })
        .default([]),
      asList,
    ),
    /** '' is none. */
    outbound_proxy: text(PROXY, (v) => /^sips?:[^\s<>"]{1,250}$/i.test(v), ''),
    agent_ring_timeout: seconds(0.1, 600, 30),
    agent_no_response_timeout: seconds(0.1, 600, 4),
    /** A message that ends (welcome, dissuading, flow-id) is over after this at the latest. */
    message_timeout: seconds(1, 86_400, 600),
    max_rejections: whole(1, 1000, 10),
    max_calls: whole(1, 1_000_000, 200_000),
    /** New calls a second of one source address; 0 is no limit. */
    source_limit: whole(0, 1_000_000, 0),
    /** Headers copied to agents beside P-Asserted-Identity and Privacy. */
    identity_headers: key(
      z
        .array(z.string({ error: HEADERS }).refine(isIdentityHeader, { error: HEADERS }), { error: HEADERS })
        .max(32, { error: HEADERS })
        .default([]),
      asList,
    ),
  },
  { error: MAPPING },
);

const PATTERN = 'a pattern of 1 to 256 characters, * standing for any run of them';
const pattern = () => z.string({ error: PATTERN }).min(1, { error: PATTERN }).max(256, { error: PATTERN });
const SOURCE = 'an IP address, or one with a prefix length such as 10.0.0.0/8';
const STATUS = 'a status from 300 to 699';
const FLOW = 'the id of a flow, 1 to 64 characters';
const PARAM = 'text of at most 128 characters';
const MODULE = 'the path of a JavaScript file';
const REASON = 'text of at most 128 characters on one line';
const HEADER_PATTERNS = 'header names, each with a pattern';

/**
 * A rule of routing. All of `match` must hold; an empty one always does. Patterns are compared whole,
 * `*` stands for any run of characters; host and header names without regard to case.
 */
const route = z
  .strictObject(
    {
      match: z
        .strictObject(
          {
            /** Request-URI's user and host. */
            user: pattern().optional(),
            host: pattern().optional(),
            /** From's and To's URI as `user@host`. */
            from: pattern().optional(),
            to: pattern().optional(),
            /** Each named header must be there with such a value. */
            headers: z.record(z.string(), pattern(), { error: HEADER_PATTERNS }).optional(),
            /** The packet's source. */
            source: z.string({ error: SOURCE }).refine(isNetwork, { error: SOURCE }).optional(),
          },
          { error: MAPPING },
        )
        .default({}),
      flow: z.string({ error: FLOW }).min(1, { error: FLOW }).max(64, { error: FLOW }).optional(),
      /** cc_handle_call's second argument. */
      param: z.string({ error: PARAM }).max(128, { error: PARAM }).optional(),
      media: z.enum(['rtp', 'msrp'], { error: 'rtp or msrp' }).optional(),
      /** A JavaScript file whose default export decides; relative to the configuration's folder. */
      module: z.string({ error: MODULE }).min(1, { error: MODULE }).optional(),
      /** Refuse the call. */
      reject: z
        .strictObject(
          {
            status: z.int({ error: STATUS }).min(300, { error: STATUS }).max(699, { error: STATUS }),
            reason: z
              .string({ error: REASON })
              .regex(/^[^\p{Cc}]{0,128}$/u, { error: REASON })
              .default(''),
          },
          { error: MAPPING },
        )
        .optional(),
    },
    { error: MAPPING },
  )
  .refine(
    ({ flow, module, reject }) => [flow, module, reject].filter((way) => way !== undefined).length === 1,
    { error: 'one of flow, module and reject' },
  )
  .refine((rule) => rule.flow !== undefined || (rule.param === undefined && rule.media === undefined), {
    error: 'param and media only beside flow',
  });

function isNetwork(source: string): boolean {
  const [address = '', prefix, ...rest] = source.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128));
}

export type RouteRule = z.output<typeof route>;

const ROUTES = 'a list of at most 1000 rules';
const ALLOW = 'a list of at most 1000 hosts, each HOST, HOST:PORT or *.DOMAIN';
const LISTEN_MI = 'ADDRESS:PORT, an IPv6 address in brackets';
const TOKEN = '8 to 256 characters of letters, digits and -._~+/=';

const sections = {
  call_center: callCenter,
  sip,
  journal: z.strictObject(
    {
      sync: oneOf(['interval', 'always', 'none'], 'interval'),
      /** Whether calls are journalled; without, they do not survive the process. Rows for the database always are. */
      calls: flag(true),
    },
    { error: MAPPING },
  ),
  mi: z.strictObject(
    {
      /** Port 0 takes a free one. */
      listen: key(parsed(LISTEN_MI, (v) => parseHostPort(v)).prefault('127.0.0.1:8888'), asText),
      /** '' is none, which only a loopback address allows. */
      token: text(TOKEN, (v) => /^[\w\-.~+/]+=*$/.test(v) && v.length >= 8 && v.length <= 256, ''),
    },
    { error: MAPPING },
  ),
  sql: z.strictObject(
    {
      /** Of received_timestamp; '' is the system's. */
      timezone: text('a time zone such as Europe/Vienna or UTC', isTimezone, ''),
    },
    { error: MAPPING },
  ),
  transfer: z.strictObject(
    {
      /** Where agents may transfer to; left out: the engine itself and the domains of configured locations. */
      allow: key(
        z
          .array(z.string({ error: ALLOW }).regex(/^[^\s/@]{1,255}$/, { error: ALLOW }), { error: ALLOW })
          .max(1000, { error: ALLOW })
          .optional(),
        asList,
      ),
      /** Whether callers may do so with the agents they talk to. */
      callers: flag(false),
    },
    { error: MAPPING },
  ),
  log: z.strictObject({ level: oneOf(LOG_LEVELS, 'info') }, { error: MAPPING }),
};

const single = {
  data_dir: text('a path', (v) => v !== '' && !v.includes('\0'), './data'),
  drain_timeout: seconds(0, 86_400, 30),
  /** Without rules the Request-URI's user part is the flow id. */
  routes: key(z.array(route, { error: ROUTES }).max(1000, { error: ROUTES }).default([]), asJson),
};

/** Checks a whole configuration and fills in what is not set. */
export const configSchema = z.strictObject(
  {
    call_center: sections.call_center.prefault({}),
    sip: sections.sip.prefault({}),
    journal: sections.journal.prefault({}),
    mi: sections.mi.prefault({}),
    sql: sections.sql.prefault({}),
    transfer: sections.transfer.prefault({}),
    log: sections.log.prefault({}),
    ...single,
  },
  { error: MAPPING },
);

/** One key that can be set: its path, and how text becomes a value to validate. */
export interface ConfigKey {
  path: readonly string[];
  fromText: FromText;
}

/** Every key there is. */
export function configKeys(): ConfigKey[] {
  const keys: ConfigKey[] = [];
  const add = (path: string[], schema: z.core.$ZodType): void => {
    const reader = fromText.get(schema);
    if (reader === undefined) throw new Error(`configuration key ${path.join('.')} cannot be read from text`);
    keys.push({ path, fromText: reader });
  };
  for (const [section, schema] of Object.entries(sections)) {
    for (const [name, inner] of Object.entries(schema.shape)) add([section, name], inner);
  }
  for (const [name, schema] of Object.entries(single)) add([name], schema);
  return keys;
}

/** The names allowed below a path, [] for the top; empty where anything or nothing goes. */
export function keysUnder(path: readonly PropertyKey[]): string[] {
  const [first, ...rest] = path;
  if (first === undefined) return Object.keys(configSchema.shape);
  if (first === 'routes') {
    if (rest.length === 1) return ['match', 'flow', 'param', 'media', 'module', 'reject'];
    if (rest[1] === 'match') return ['user', 'host', 'from', 'to', 'headers', 'source'];
    if (rest[1] === 'reject') return ['status', 'reason'];
    return [];
  }
  return configKeys()
    .filter((k) => k.path.length === 2 && k.path[0] === first)
    .map((k) => k.path[1] ?? '');
}

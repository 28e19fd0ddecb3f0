/**
 * Loads the configuration: defaults, then one YAML or JSON file, then `SIP_ACD_...` variables of the
 * environment. Whatever is wrong ends in a ConfigError whose message is one line for the user.
 */
import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import type { z } from 'zod';
import { configKeys, configSchema, keysUnder } from './config-schema.js';
import { isLoopback } from './config-values.js';

type Checked = z.output<typeof configSchema>;

/** The whole configuration. Times are seconds; the database URLs are all set (`embedded` or postgres://). */
export type Config = Omit<Checked, 'call_center'> & {
  call_center: Checked['call_center'] & { acc_db_url: string; rt_db_url: string };
};

export type { RouteRule } from './config-schema.js';
export type { HostPort, ListenAddress } from './config-values.js';

/** The configuration cannot be used; the message is one line naming key, value and what was expected. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}

const PREFIX = 'SIP_ACD_';
/** Variables of the test suites, no configuration. */
const FOREIGN = /^SIP_ACD_(TEST|REQUIRE)_/;

/** The environment variable that sets the key at `path`. */
export function environmentName(path: readonly string[]): string {
  return PREFIX + path.join('_').toUpperCase();
}

/**
 * Reads and checks the configuration.
 *
 * @param source.file YAML, or JSON when its name ends in `.json`; without it only defaults and `env`
 * @param source.env usually `process.env`; a variable wins over the file. Lists are separated by commas,
 *   `routes` is JSON
 * @throws {@link ConfigError}
 */
export function loadConfig(source: {
  file?: string | undefined;
  env: Readonly<Record<string, string | undefined>>;
}): Config {
  const raw = source.file === undefined ? {} : readFile(source.file);
  const from_env = applyEnvironment(raw, source.env);
  const result = configSchema.safeParse(raw);
  if (!result.success) {
    const issue = result.error.issues[0];
    throw new ConfigError(describe(issue!, raw, source.file, from_env));
  }
  const config = result.data;
  checkTogether(config);
  // A path in a file is seen from there, one in the environment from where the engine is started.
  const variable = from_env.get('routes');
  if (variable !== undefined) findModules(config, '.', `${variable}: `);
  else if (source.file !== undefined) findModules(config, dirname(source.file), `${source.file}: `);
  const { db_url } = config.call_center;
  const { acc_db_url = db_url, rt_db_url = db_url } = config.call_center;
  return { ...config, call_center: { ...config.call_center, acc_db_url, rt_db_url } };
}

/** Makes the paths of route modules absolute, and looks whether they are there. */
function findModules(config: Checked, folder: string, where: string): void {
  for (const [number, rule] of config.routes.entries()) {
    if (rule.module === undefined) continue;
    const path = resolve(folder, rule.module);
    if (!statSync(path, { throwIfNoEntry: false })?.isFile()) {
      throw new ConfigError(
        `${where}routes[${number}].module = ${JSON.stringify(rule.module)}: expected the path of a JavaScript file, there is none at ${path}`,
      );
    }
    rule.module = path;
  }
}

function readFile(file: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(`${file}: cannot be read: ${firstLine(error)}`);
  }
  let value: unknown;
  try {
    value = file.endsWith('.json') ? JSON.parse(text) : parseYaml(text);
  } catch (error) {
    throw new ConfigError(`${file}: cannot be parsed: ${firstLine(error)}`);
  }
  if (value === null || value === undefined) return {};
  if (!isMapping(value)) throw new ConfigError(`${file} = ${show([], value)}: expected a mapping of keys`);
  // A YAML section whose keys are all commented out is null: as good as left out.
  return Object.fromEntries(Object.entries(value).filter(([, section]) => section !== null));
}

function parseYaml(text: string): unknown {
  const document = parseDocument(text);
  const [problem] = document.errors;
  if (problem !== undefined) throw problem;
  return document.toJS() as unknown;
}

function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return (message.split('\n')[0] ?? '').replace(/:$/, '');
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Puts the variables' values into `raw`; tells which key came from which variable. */
function applyEnvironment(
  raw: Record<string, unknown>,
  env: Readonly<Record<string, string | undefined>>,
): Map<string, string> {
  const keys = new Map(configKeys().map((key) => [environmentName(key.path), key]));
  const from_env = new Map<string, string>();
  for (const [name, text] of Object.entries(env)) {
    if (text === undefined || !name.startsWith(PREFIX) || FOREIGN.test(name)) continue;
    const key = keys.get(name);
    if (key === undefined) {
      throw new ConfigError(
        `${name} = ${show([name], text)}: unknown variable, expected ${PREFIX} and a key such as ${environmentName(['sip', 'listen'])}`,
      );
    }
    const [first = '', second] = key.path;
    if (second === undefined) {
      raw[first] = key.fromText(text);
    } else {
      const section = (raw[first] ??= {});
      // A section of the wrong type is told as such below.
      if (!isMapping(section)) continue;
      section[second] = key.fromText(text);
    }
    from_env.set(key.path.join('.'), name);
  }
  return from_env;
}

/** The one line about an issue: where it comes from, the key, its value, what was expected. */
function describe(
  issue: z.core.$ZodIssue,
  raw: Record<string, unknown>,
  file: string | undefined,
  from_env: Map<string, string>,
): string {
  const unknown = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const path = unknown === undefined ? issue.path : [...issue.path, unknown];
  const variable = from_env.get(path.slice(0, 2).join('.')) ?? from_env.get(String(path[0]));
  const where = variable !== undefined ? `${variable}: ` : file !== undefined ? `${file}: ` : '';
  const what =
    unknown === undefined
      ? `expected ${issue.message}`
      : `unknown key, expected one of ${keysUnder(issue.path).join(', ')}`;
  return `${where}${pathText(path)} = ${show(path, valueAt(raw, path))}: ${what}`;
}

function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((part, i) => (typeof part === 'number' ? `[${part}]` : `${i > 0 ? '.' : ''}${String(part)}`))
    .join('');
}

function valueAt(raw: unknown, path: readonly PropertyKey[]): unknown {
  let value = raw;
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[part];
  }
  return value;
}

/** A value for the error line: short, on one line, without its secrets. */
function show(path: readonly PropertyKey[], value: unknown): string {
  if (value === undefined) return '(not set)';
  if (path.some((part) => /token|password|secret/i.test(String(part)))) return '(hidden)';
  const text = JSON.stringify(value) ?? String(value);
  const safe = text.replace(/(:\/\/[^:@/\s"]*):[^\s"]*@/g, '$1:***@');
  return safe.length > 120 ? `${safe.slice(0, 117)}...` : safe;
}

/** What no key alone can tell. */
function checkTogether(config: Checked): void {
  const { sip, mi } = config;
  const seen = new Set<string>();
  const last_port = sip.worker_ports + sip.workers - 1;
  if (last_port > 65_535) {
    throw new ConfigError(
      `sip.worker_ports = ${sip.worker_ports}: expected at most ${65_536 - sip.workers} with sip.workers = ${sip.workers}`,
    );
  }
  for (const { address, port } of sip.listen) {
    const name = `udp:${address.includes(':') ? `[${address}]` : address}:${port}`;
    if (port !== 0 && seen.has(name)) {
      throw new ConfigError(`sip.listen = "${name}": expected each address once`);
    }
    seen.add(name);
    if (port >= sip.worker_ports && port <= last_port) {
      throw new ConfigError(
        `sip.listen = "${name}": expected a port other than the workers' own, ${sip.worker_ports} to ${last_port} (sip.worker_ports)`,
      );
    }
  }
  if (!isLoopback(mi.listen.host) && mi.token === '') {
    throw new ConfigError(
      `mi.listen = "${mi.listen.host}:${mi.listen.port}": expected a loopback address, or mi.token to be set`,
    );
  }
}

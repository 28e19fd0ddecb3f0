/** `sip-acd mi`: calls one method of a running engine's management interface and prints the result. */
import { type Command, Option } from 'commander';
import { loadConfig } from '../workers/config.js';
import type { HostPort } from '../workers/config-values.js';

/** What the user is told on one line. */
export class MiError extends Error {
  override name = 'MiError';
}

export interface MiTarget {
  /** For example http://127.0.0.1:8888/mi. */
  url: string;
  /** '' for none. */
  token: string;
}

const TIMEOUT_MS = 30_000;

/**
 * Calls a method and returns its result.
 *
 * @param params by position, or by name
 * @throws {@link MiError} when the engine cannot be reached or answers with an error
 */
export async function callMi(
  target: MiTarget,
  method: string,
  params: readonly unknown[] | Readonly<Record<string, unknown>>,
): Promise<unknown> {
  const text = await post(target, JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }));
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch (error) {
    throw new MiError(`${target.url} does not answer with JSON: ${text.trim().slice(0, 200)}`, {
      cause: error,
    });
  }
  if (isObject(answer) && isObject(answer.error)) {
    const { code, message, data } = answer.error;
    throw new MiError(`${String(message)} (${String(code)})${data === undefined ? '' : `: ${String(data)}`}`);
  }
  if (!isObject(answer) || !('result' in answer)) {
    throw new MiError(`${target.url} does not speak JSON-RPC`);
  }
  return answer.result;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

async function post({ url, token }: MiTarget, body: string): Promise<string> {
  if (!URL.canParse(url))
    throw new MiError(`${url} is not a URL, expected one such as http://127.0.0.1:8888/mi`);
  let response: Response;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        ...(token === '' ? {} : { Authorization: `Bearer ${token}` }),
      },
      body,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await response.text();
    if (response.ok) return text;
    throw new MiError(`${url} answers ${response.status}: ${text.trim().slice(0, 200)}`);
  } catch (error) {
    if (error instanceof MiError) throw error;
    throw new MiError(`${url} cannot be reached: ${reason(error)}`, { cause: error });
  }
}

/** fetch says only that it failed; the system's reason is the cause of that. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}

/** Methods whose one parameter is a list of names. */
const TAKES_NAMES = /^(get|list|reset|reset_all)_statistics$|^statistics:/;

/**
 * The parameters that words of the command line stand for: by name when every one is `name=value`, by
 * position when none is. A value that is a JSON list or object is passed as one; names of statistics
 * stand as words or, in `statistics=`, separated by commas.
 *
 * @throws {@link MiError} when some are named and some are not
 */
export function paramsOf(method: string, words: readonly string[]): unknown[] | Record<string, unknown> {
  const named = words.map((word) => /^([A-Za-z_]\w*)=(.*)$/s.exec(word));
  const takes_names = TAKES_NAMES.test(method);
  if (words.length > 0 && named.every((match) => match !== null)) {
    return Object.fromEntries(
      named.map(([, name = '', value = '']) => [
        name,
        takes_names && !value.startsWith('[') ? value.split(',') : jsonOrWord(value),
      ]),
    );
  }
  if (named.some((match) => match !== null)) {
    throw new MiError('parameters must be either all of the form name=value or none of them');
  }
  if (takes_names && words.length > 0 && !words[0]?.startsWith('[')) return [words];
  return words.map(jsonOrWord);
}

function jsonOrWord(word: string): unknown {
  if (!/^[[{]/.test(word)) return word;
  try {
    return JSON.parse(word) as unknown;
  } catch {
    // Begins like JSON and is none: a word like any other.
    return word;
  }
}

/** Where the engine of this configuration is reached; a wildcard address means this machine. */
export function urlOf({ host, port }: HostPort): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}/mi`;
}

interface Options {
  config?: string;
  url?: string;
  token?: string;
}

function targetOf(options: Options): MiTarget {
  // A token from a configuration goes to that configuration's engine only.
  if (options.url !== undefined) return { url: options.url, token: options.token ?? '' };
  const { mi } = loadConfig({ file: options.config, env: process.env });
  return { url: urlOf(mi.listen), token: options.token ?? mi.token };
}

/** Adds the command `mi`. */
export function registerMi(program: Command): void {
  program
    .command('mi')
    .description('call a method of a running engine and print its result as JSON')
    .argument('<method>', 'its name, such as cc_list_agents; "which" lists all')
    .argument('[params...]', 'values by position, or each as name=value')
    .option('--config <file>', 'configuration that tells address and token (default: the environment)')
    .option('--url <url>', 'address, such as http://127.0.0.1:8888/mi')
    .addOption(new Option('--token <token>', 'bearer token').env('SIP_ACD_MI_TOKEN'))
    .addHelpText(
      'after',
      '\nExamples:\n  sip-acd mi cc_agent_login agent_id=alice state=1\n  sip-acd mi get_statistics ccg_awt ccg_load',
    )
    .action(async (method: string, words: string[], options: Options) => {
      const result = await callMi(targetOf(options), method, paramsOf(method, words));
      process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
    });
}

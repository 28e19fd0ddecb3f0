/**
 * JSON-RPC 2.0 (jsonrpc.org/specification): reads a text of one request or a batch, calls the methods
 * and makes the text that answers it. Knows nothing of the methods themselves nor of who carries the text.
 */

import { Listing } from './listing.js';

export type Json =
  | string
  | number
  | boolean
  | null
  | undefined
  | readonly Json[]
  | { readonly [key: string]: Json };
/** Parameters by position, by name, or none at all. */
export type Params = readonly unknown[] | Readonly<Record<string, unknown>> | undefined;

/** An error that the caller of a method is told. Codes below -32000 are the protocol's, others MI's. */
export class RpcError extends Error {
  override name = 'RpcError';
  constructor(
    readonly code: number,
    message: string,
    readonly data?: string,
  ) {
    super(message);
  }
}

export const parseError = () => new RpcError(-32700, 'Parse error');
export const invalidRequest = (data?: string) => new RpcError(-32600, 'Invalid Request', data);
export const methodNotFound = () => new RpcError(-32601, 'Method not found');
export const invalidParams = (data: string) => new RpcError(-32602, 'Invalid params', data);
export const serverError = (data?: string) => new RpcError(-32000, 'Server error', data);

/** Most requests in one batch, and most characters in one answer. */
export const MAX_BATCH = 100;
export const MAX_ANSWER = 64 * 1024 * 1024;

/**
 * Calls one method. Throws or rejects with an RpcError for what the caller is to be told; anything else
 * thrown is a defect: the caller is told -32000 and `onDefect` the rest.
 */
export type Invoke = (method: string, params: Params) => Result | Promise<Result>;

/** What a method answers. */
export type Result = Json | Listing;

/**
 * Answers a text.
 *
 * @param text one request or a batch, as received
 * @param onDefect told what a method threw that is no RpcError
 * @returns the answering text, or undefined when there were only notifications
 */
export async function answer(
  text: string,
  invoke: Invoke,
  onDefect: (error: unknown, method: string) => void,
): Promise<string | undefined> {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    // The sender is told, which is all that can be done about another's syntax.
    return errorText(null, parseError());
  }
  if (!Array.isArray(message)) return answerOne(message, invoke, onDefect);
  const batch: unknown[] = message;
  if (batch.length === 0) return errorText(null, invalidRequest());
  if (batch.length > MAX_BATCH) {
    return errorText(null, invalidRequest(`more than ${MAX_BATCH} requests in a batch`));
  }
  const answers: string[] = [];
  let length = 0;
  for (const request of batch) {
    const one = length > MAX_ANSWER ? tooMuch(request) : await answerOne(request, invoke, onDefect);
    if (one === undefined) continue;
    length += one.length;
    answers.push(one);
  }
  return answers.length === 0 ? undefined : `[${answers.join(',')}]`;
}

/** The text of an answer that is an error. */
export function errorText(id: string | number | null, error: RpcError): string {
  const { code, message, data } = error;
  return JSON.stringify({ jsonrpc: '2.0', error: { code, message, data }, id });
}

/** The text of a notification, which nobody answers. */
export function notificationText(method: string, params: Json): string {
  return JSON.stringify({ jsonrpc: '2.0', method, params });
}

interface Request {
  /** Undefined in a notification. */
  id: string | number | null | undefined;
  method: string;
  params: Params;
}

/** The request in a parsed message, or undefined when it is none. */
function asRequest(message: unknown): Request | undefined {
  if (!isObject(message) || message.jsonrpc !== '2.0') return undefined;
  const { id, method, params } = message;
  if (typeof method !== 'string') return undefined;
  if (id !== undefined && id !== null && typeof id !== 'string' && typeof id !== 'number') return undefined;
  if (params !== undefined && !Array.isArray(params) && !isObject(params)) return undefined;
  return { id, method, params };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

async function answerOne(
  message: unknown,
  invoke: Invoke,
  onDefect: (error: unknown, method: string) => void,
): Promise<string | undefined> {
  const request = asRequest(message);
  if (request === undefined) return errorText(null, invalidRequest());
  const { id, method, params } = request;
  try {
    const result = await invoke(method, params);
    return id === undefined ? undefined : await resultText(id, result);
  } catch (error) {
    if (!(error instanceof RpcError)) onDefect(error, method);
    if (id === undefined) return undefined;
    return errorText(id, error instanceof RpcError ? error : serverError());
  }
}

async function resultText(id: string | number | null, result: Result): Promise<string> {
  if (!(result instanceof Listing)) return JSON.stringify({ jsonrpc: '2.0', result, id });
  return `{"jsonrpc":"2.0","result":${await result.text()},"id":${JSON.stringify(id)}}`;
}

function tooMuch(message: unknown): string | undefined {
  const request = asRequest(message);
  if (request === undefined) return errorText(null, invalidRequest());
  return request.id === undefined ? undefined : errorText(request.id, serverError('answer too large'));
}

/** Asks a running engine over MI: one JSON-RPC request by HTTP. */

/** The engine answered with an error of its own; the code is MI's. */
export class MiError extends Error {
  override name = 'MiError';

  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

let lastId = 0;

/**
 * Calls a method and gives its result. Rejects with {@link MiError} on an error of the method's, with
 * another Error when nobody answers or what answers is not MI.
 */
export async function askMi(
  address: { host: string; port: number },
  method: string,
  params: Readonly<Record<string, unknown>> = {},
): Promise<unknown> {
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  const response = await fetch(`http://${host}:${address.port}/mi`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: ++lastId, method, params }),
  });
  const answer = (await response.json()) as { result?: unknown; error?: { code: number; message: string } };
  if (answer.error) throw new MiError(answer.error.code, answer.error.message);
  return answer.result;
}

/** What a part of the engine that is out of service says. */
import { buildResponse, responseTarget } from './build.js';
import { parseMessage } from './parser.js';
import { type Path, pathTo } from './transport.js';

/** To tag of refusals; they are alike, as their requests are (RFC 3261 section 8.2.7). */
const NO_DIALOG = 'unavailable';

/**
 * The answer to a datagram whose owner is not there: 500 with Retry-After to a request (RFC 3261 section 21.5.1);
 * undefined for all else.
 */
export function unavailable(
  text: string,
  path: Path,
  tag = NO_DIALOG,
): { target: Path; text: string } | undefined {
  const message = parseMessage(text);
  if (message.kind !== 'request' || message.method === 'ACK') return undefined;
  const { host, port } = responseTarget(message, path);
  return {
    target: pathTo(path, host, port),
    text: buildResponse(message, path, 500, { toTag: tag, headers: [['Retry-After', '3']] }),
  };
}

/** Method names (RFC 3261, 7.1): case-sensitive tokens. */
import { isTokenRange } from './lex.js';

/** Those that we know, each once in memory, so that comparing one is comparing pointers. */
const KNOWN: ReadonlyMap<string, string> = new Map(
  [
    'INVITE',
    'ACK',
    'BYE',
    'CANCEL',
    'OPTIONS',
    'REGISTER',
    'PRACK',
    'UPDATE',
    'INFO',
    'MESSAGE',
    'REFER',
    'NOTIFY',
    'SUBSCRIBE',
    'PUBLISH',
  ].map((method) => [method, method]),
);

/** The method that `word` names; undefined when it cannot be one. */
export function methodOf(word: string): string | undefined {
  if (word === 'INVITE') return 'INVITE';
  return KNOWN.get(word) ?? (isTokenRange(word, 0, word.length) ? word : undefined);
}

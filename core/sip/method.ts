/** Method names (RFC 3261, 7.1): case-sensitive tokens. */
import { isTokenRange } from './lex.js';

/**
 * The method that `word` names; undefined when it cannot be one. Those that we know are each once in memory, so that
 * comparing one is comparing pointers; found by length, which costs less than the hash of a fresh slice.
 */
export function methodOf(word: string): string | undefined {
  switch (word.length) {
    case 3:
      if (word === 'ACK') return 'ACK';
      if (word === 'BYE') return 'BYE';
      break;
    case 4:
      if (word === 'INFO') return 'INFO';
      break;
    case 5:
      if (word === 'PRACK') return 'PRACK';
      if (word === 'REFER') return 'REFER';
      break;
    case 6:
      if (word === 'INVITE') return 'INVITE';
      if (word === 'CANCEL') return 'CANCEL';
      if (word === 'UPDATE') return 'UPDATE';
      if (word === 'NOTIFY') return 'NOTIFY';
      break;
    case 7:
      if (word === 'OPTIONS') return 'OPTIONS';
      if (word === 'MESSAGE') return 'MESSAGE';
      if (word === 'PUBLISH') return 'PUBLISH';
      break;
    case 8:
      if (word === 'REGISTER') return 'REGISTER';
      break;
    case 9:
      if (word === 'SUBSCRIBE') return 'SUBSCRIBE';
      break;
  }
  return isTokenRange(word, 0, word.length) ? word : undefined;
}

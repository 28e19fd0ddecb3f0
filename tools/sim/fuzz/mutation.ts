/** Messages damaged at random: bytes, lines and parts of others, where a parser may stumble. */
import type { Dice } from '../dice.js';

const BITS = [
  '\r\n',
  '\n',
  '\r',
  ' ',
  '\t',
  '\r\n ',
  '\n\t',
  '"',
  '\\',
  '\\"',
  '<',
  '>',
  ';',
  ',',
  ':',
  '=',
  '[',
  ']',
  '(',
  ')',
  '\0',
  '\xff',
  '\xc3',
  '%',
  '%4',
  '%41',
  '@',
  '?',
  '&',
  '/',
  '*',
  '-',
  '.',
  '0',
  '99999999999',
  '4294967296',
  '-1',
  '65536',
  'Via: ',
  'v:',
  'l: 3\r\n',
  'Content-Length: 0\r\n',
  'SIP/2.0',
  'SIP/7.0',
  'sip:',
  'tel:',
  ';tag=',
  ';branch=z9hG4bK',
  ';lr',
  ';rport',
  ';received=',
  'm=audio 1 RTP/AVP 0\r\n',
  'o=- 1 1 IN IP4 h\r\n',
  'ACK',
  'CANCEL',
  'INVITE',
  '\r\n\r\n',
];

/** `text`, damaged once to six times. `other` is a message to take parts from. */
export function mutate(text: string, other: string, dice: Dice): string {
  let mutant = text;
  for (let n = dice.between(1, dice.chance(10) ? 6 : 2); n > 0; n--) mutant = damage(mutant, other, dice);
  return mutant;
}

function damage(text: string, other: string, dice: Dice): string {
  const at = dice.between(0, text.length);
  const length = dice.between(0, dice.chance(12) ? 200 : 4);
  switch (dice.between(1, 12)) {
    case 1:
      return text.slice(0, at) + dice.pick(BITS) + text.slice(at);
    case 2:
      return text.slice(0, at) + text.slice(at + length);
    case 3:
      return text.slice(0, at) + String.fromCharCode(dice.between(0, 255)) + text.slice(at + 1);
    case 4: {
      const from = dice.between(0, text.length);
      return text.slice(0, at) + text.slice(from, from + dice.between(1, 60)) + text.slice(at);
    }
    case 5:
      return (
        text.slice(0, at) +
        dice.pick(BITS).repeat(dice.between(2, dice.chance(5) ? 400 : 20)) +
        text.slice(at)
      );
    case 6:
      return text.slice(0, at);
    case 7:
      return text.slice(0, at) + other.slice(dice.between(0, other.length));
    case 8: {
      const code = text.charCodeAt(at);
      return at === text.length
        ? text
        : text.slice(0, at) + String.fromCharCode(code ^ (1 << dice.between(0, 7))) + text.slice(at + 1);
    }
    default:
      return onLines(text, other, dice);
  }
}

/** Whole lines: gone, twice, elsewhere, folded, another message's. */
function onLines(text: string, other: string, dice: Dice): string {
  const lines = text.split('\r\n');
  const at = dice.between(0, lines.length - 1);
  const line = lines[at] as string;
  switch (dice.between(1, 6)) {
    case 1:
      lines.splice(at, 1);
      break;
    case 2:
      lines.splice(dice.between(0, lines.length), 0, line);
      break;
    case 3:
      lines.splice(at, 1, line.replace(/[ ;,]/, '\r\n '));
      break;
    case 4:
      lines.splice(at, dice.between(0, 1), dice.pick(other.split('\r\n')));
      break;
    case 5:
      lines.splice(at, 1, dice.chance(50) ? line.toUpperCase() : line.toLowerCase());
      break;
    default:
      return lines.join('\n');
  }
  return lines.join('\r\n');
}

/** Messages made by the grammar of RFC 3261 section 25, with every freedom that it leaves. */
import type { Dice } from '../dice.js';

const METHODS = [
  'INVITE',
  'ACK',
  'BYE',
  'CANCEL',
  'OPTIONS',
  'UPDATE',
  'INFO',
  'MESSAGE',
  'REFER',
  "x-Method.%!*_+`'~",
];
const TOKEN = "abcxyzABCXYZ0189-.!%*_+`'~";
const WORD = `${TOKEN}()<>:\\"/[]?{}`;
const USER = "abcxyzABC019-_.!~*'()&=+$,;?/";
const PARAM = "abcxyz019-_.!~*'()[]/:&+$";
const COMPACT: Readonly<Record<string, string>> = {
  Via: 'v',
  From: 'f',
  To: 't',
  'Call-ID': 'i',
  Contact: 'm',
  'Content-Type': 'c',
  'Content-Length': 'l',
  Supported: 'k',
  Subject: 's',
};
/** Other headers, and what makes their values. */
const OTHERS: readonly [string, (dice: Dice) => string][] = [
  ['Record-Route', (dice) => list(dice, route)],
  ['Route', (dice) => list(dice, route)],
  ['Allow', (dice) => list(dice, () => dice.pick(METHODS))],
  ['Supported', (dice) => (dice.chance(20) ? '' : list(dice, token))],
  ['Require', (dice) => list(dice, token)],
  ['Subject', (dice) => quoted(dice).slice(1, -1)],
  ['User-Agent', (dice) => `${token(dice)}/${token(dice)}${lws(dice)}(${token(dice)})`],
  [
    'Session-Expires',
    (dice) => `${dice.between(0, 9999)}${params(dice)};refresher=${dice.pick(['uac', 'uas'])}`,
  ],
  ['Min-SE', (dice) => String(dice.between(0, 9999))],
  ['Timestamp', (dice) => `${dice.between(0, 99)}.${dice.between(0, 99)}`],
  ['P-Asserted-Identity', (dice) => list(dice, (d) => address(d, true))],
  ['Reason', (dice) => `SIP;cause=${dice.between(100, 699)};text=${quoted(dice)}`],
  ['X-Own.%!', (dice) => some(dice, WORD, 0, 20)],
];

/** One message. */
export function generate(dice: Dice): string {
  const method = dice.pick(METHODS);
  const first = dice.chance(60)
    ? `${method} ${uri(dice)} SIP/2.0`
    : `SIP/2.0 ${dice.between(100, 699)} ${some(dice, TOKEN, 0, 12)}`;
  const body = dice.chance(50) ? description(dice) : '';
  const headers: [string, string][] = [
    ['Via', list(dice, via)],
    ['From', `${address(dice, true)}${params(dice)};tag=${token(dice)}`],
    [
      'To',
      `${address(dice, true)}${dice.chance(50) ? `${sep(dice, ';')}tag${sep(dice, '=')}${token(dice)}` : ''}${params(dice)}`,
    ],
    ['Call-ID', `${some(dice, WORD, 1, 24)}${dice.chance(50) ? `@${some(dice, WORD, 1, 12)}` : ''}`],
    ['CSeq', `${dice.between(0, 2 ** 31)}${lws(dice) || ' '}${method}`],
  ];
  if (dice.chance(80)) headers.push(['Max-Forwards', String(dice.between(0, 255))]);
  if (dice.chance(60))
    headers.push(['Contact', dice.chance(5) ? '*' : list(dice, (d) => `${address(d, false)}${params(d)}`)]);
  if (dice.chance(20)) headers.push(['Via', via(dice)]);
  if (body !== '')
    headers.push(['Content-Type', `application${dice.chance(10) ? ' / ' : '/'}sdp${params(dice)}`]);
  if (body !== '' || dice.chance(60)) headers.push(['Content-Length', String(body.length)]);
  for (let n = dice.between(0, 5); n > 0; n--) {
    const [name, value] = dice.pick(OTHERS);
    headers.push([name, value(dice)]);
  }
  // Any order but of headers with the same name.
  if (dice.chance(50)) headers.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const lines = headers.map(
    ([name, value]) =>
      `${nameOf(name, dice)}${dice.chance(5) ? ' ' : ''}:${lws(dice)}${value}${dice.chance(5) ? ' ' : ''}`,
  );
  return `${[first, ...lines].join('\r\n')}\r\n\r\n${body}`;
}

function nameOf(name: string, dice: Dice): string {
  const compact = COMPACT[name];
  if (compact !== undefined && dice.chance(20)) return dice.chance(20) ? compact.toUpperCase() : compact;
  return dice.chance(10) ? name.toUpperCase() : dice.chance(10) ? name.toLowerCase() : name;
}

function some(dice: Dice, from: string, least: number, most: number): string {
  let text = '';
  for (let n = dice.between(least, most); n > 0; n--) text += from[dice.between(0, from.length - 1)];
  return text;
}

function token(dice: Dice): string {
  return some(dice, TOKEN, 1, 10);
}

/** Linear white space, where it is allowed. */
function lws(dice: Dice): string {
  return dice.chance(85)
    ? dice.chance(50)
      ? ' '
      : ''
    : dice.pick(['  ', '\t', '\r\n ', ' \r\n\t', '\r\n  ']);
}

function sep(dice: Dice, mark: string): string {
  return dice.chance(85) ? mark : `${lws(dice)}${mark}${lws(dice)}`;
}

function list(dice: Dice, element: (dice: Dice) => string): string {
  let text = element(dice);
  for (let n = dice.chance(70) ? 0 : dice.between(1, 4); n > 0; n--) text += sep(dice, ',') + element(dice);
  return text;
}

function quoted(dice: Dice): string {
  let text = '';
  for (let n = dice.between(0, 12); n > 0; n--)
    text += dice.chance(15) ? `\\${some(dice, '"\\a;<', 1, 1)}` : some(dice, "abc <>@;,:=?'\xc3\xa9", 1, 1);
  // What ends the text must not escape the closing quote.
  return `"${text}"`;
}

function params(dice: Dice): string {
  let text = '';
  for (let n = dice.chance(60) ? 0 : dice.between(1, 3); n > 0; n--) {
    text += `${sep(dice, ';')}p${token(dice)}`;
    if (dice.chance(70)) text += sep(dice, '=') + (dice.chance(30) ? quoted(dice) : token(dice));
  }
  return text;
}

function host(dice: Dice): string {
  switch (dice.between(1, 4)) {
    case 1:
      return `[2001:db8::${dice.between(1, 9999).toString(16)}]`;
    case 2:
      return `192.0.2.${dice.between(0, 255)}`;
    default:
      return `h${dice.between(0, 999)}.Example.com`;
  }
}

function uri(dice: Dice): string {
  if (dice.chance(5)) return `tel:+${dice.between(1, 2 ** 31)};phone-context=example.com`;
  const user = dice.chance(80)
    ? `${some(dice, USER, 1, 10)}${dice.chance(10) ? '%20' : ''}${dice.chance(5) ? ':pw' : ''}@`
    : '';
  const port = dice.chance(40) ? `:${dice.between(0, 65535)}` : '';
  let text = `${dice.chance(90) ? 'sip' : 'sips'}:${user}${host(dice)}${port}`;
  for (let n = dice.chance(60) ? 0 : dice.between(1, 3); n > 0; n--)
    text += `;${some(dice, PARAM, 1, 6)}=${some(dice, PARAM, 0, 6)}`;
  if (dice.chance(10)) text += `?h=${some(dice, PARAM, 0, 6)}&g=%20`;
  return text;
}

/** @param bare whether it may stand without brackets */
function address(dice: Dice, bare: boolean): string {
  if (bare && dice.chance(15)) return `sip:${some(dice, TOKEN, 1, 8)}@${host(dice)}`;
  const display = dice.chance(40)
    ? `${quoted(dice)}${lws(dice)}`
    : dice.chance(30)
      ? `${token(dice)} ${token(dice)} `
      : '';
  return `${display}<${uri(dice)}>`;
}

function route(dice: Dice): string {
  return `<sip:${host(dice)}${dice.chance(80) ? ';lr' : ''}>${params(dice)}`;
}

function via(dice: Dice): string {
  const protocol = `SIP${sep(dice, '/')}2.0${sep(dice, '/')}${dice.pick(['UDP', 'TCP', 'TLS', 'x-own'])}`;
  let text = `${protocol} ${lws(dice)}${host(dice)}${dice.chance(60) ? `:${dice.between(1, 65535)}` : ''}`;
  if (dice.chance(95))
    text += `${sep(dice, ';')}branch${sep(dice, '=')}${dice.chance(90) ? 'z9hG4bK' : ''}${token(dice)}`;
  if (dice.chance(40)) text += `;rport${dice.chance(30) ? `=${dice.between(1, 65535)}` : ''}`;
  if (dice.chance(20)) text += `;received=192.0.2.${dice.between(0, 255)}`;
  if (dice.chance(5)) text += ';maddr=192.0.2.9;ttl=1';
  return text + params(dice);
}

function description(dice: Dice): string {
  const lines = [
    'v=0',
    `o=${token(dice)} ${dice.between(0, 99)} ${dice.between(0, 99)} IN IP4 ${host(dice)}`,
    `s=${token(dice)}`,
    't=0 0',
  ];
  if (dice.chance(70)) lines.push(`c=IN IP4 192.0.2.${dice.between(0, 255)}`);
  for (let n = dice.between(0, 4); n > 0; n--) {
    const media = dice.pick(['audio', 'video', 'message', token(dice)]);
    lines.push(
      `m=${media} ${dice.between(0, 70_000)} ${dice.pick(['RTP/AVP', 'RTP/SAVP', 'TCP/MSRP', token(dice)])} ${dice.between(0, 127)}`,
    );
    for (let a = dice.between(0, 3); a > 0; a--) lines.push(`a=${token(dice)}:${token(dice)}`);
  }
  return lines.join(dice.chance(5) ? '\n' : '\r\n') + (dice.chance(90) ? '\r\n' : '');
}

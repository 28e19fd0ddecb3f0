/** Messages that grow in one place, to see that twice the message takes at most twice the time. */
import { MAX_STREAMS } from '../../../core/sip/parser.js';
import { readEverything } from './read.js';

/** What is repeated. */
const UNITS = [
  ' ',
  '\t',
  '\r\n ',
  '\n\t',
  '"',
  '""',
  '\\',
  '\\"',
  '"\\',
  '<',
  '>',
  '<>',
  ';',
  ',',
  ', ',
  ':',
  '=',
  '[',
  ']',
  '(',
  ')',
  '@',
  '%',
  '%41',
  '%4',
  '?',
  '&',
  '/',
  '.',
  '-',
  '0',
  'a',
  '\xc3',
  '\xc3\xa9',
  '\0',
  '\r',
  ';a',
  ';a=b',
  ';a="b"',
  ';tag=',
  ';lr',
  '"a",',
  ',a',
  ',<sip:a>',
  '<sip:',
  'sip:a@b',
  ';branch=',
  ', SIP/2.0/UDP a',
  'SIP / ',
  '=;',
  ' ;',
  '; ',
];
/** Where it is put: `#` stands for it. */
const PLACES = [
  'Via: #',
  'Via: SIP/2.0/UDP h#',
  'Via: SIP/2.0/UDP h;branch=z9hG4bK1#',
  'Via: SIP/2.0/UDP h;x#;branch=z9hG4bK1',
  'From: #',
  'From: #<sip:a@b>;tag=1',
  'From: "#" <sip:a@b>;tag=1',
  'From: <sip:a@b>#;tag=1',
  'From: <sip:#@b>;tag=1',
  'To: <sip:a@b;#>',
  'To: <sip:a@b>#',
  'Contact: #',
  'Contact: <sip:a@b>#',
  'Contact: "#',
  'Call-ID: a#b',
  'CSeq: 1#INVITE',
  'CSeq: 1 #',
  'Max-Forwards: 7#',
  'Content-Type: application/#sdp',
  'Content-Length: #',
  'Record-Route: #',
  'Record-Route: <sip:a;lr>#',
  'Supported: #',
  'Require: a#',
  'P-Asserted-Identity: #',
  'Session-Expires: 90;#',
  'Timestamp: #',
  'X#: a',
  '#',
];
const BODY_UNITS = [
  'a',
  '\r\n',
  '\n',
  '\r',
  ' ',
  'm=\r\n',
  'm=audio 1 RTP/AVP 0\r\n',
  'm=message 1 TCP/MSRP *\r\n',
  'm=x 1 y\n',
  'a=x\r\n',
  'o=\r\n',
  'c=IN IP4 a\r\n',
  't=0 0\r\n',
  'm=audio ',
  'v=0\r\n',
];
const LINES = [
  'X: a',
  'Via: SIP/2.0/UDP h',
  'Record-Route: <sip:a;lr>',
  'Contact: <sip:a>',
  'Supported: a',
  'i: 1',
  ' folded',
  ':',
  'no header',
];

/** Sizes of the smaller message of a pair: within the limits of a header line, of header lines and of a datagram. */
const HEADER_BYTES = 3_900;
const BODY_BYTES = 31_000;
const LINE_COUNT = 90;
const START_BYTES = 3_900;

export interface Growth {
  name: string;
  /** The message with the repeated part once or twice as long. */
  text(times: 1 | 2): string;
}

/** Every way to grow. */
export function growths(): Growth[] {
  const all: Growth[] = [];
  for (const place of PLACES) for (const unit of UNITS) all.push(inHeader(place, unit));
  for (const unit of UNITS)
    all.push(
      inStart('INVITE sip:#@b SIP/2.0', unit),
      inStart('INVITE # SIP/2.0', unit),
      inStart('SIP/2.0 200 #', unit),
    );
  for (const unit of BODY_UNITS) {
    all.push({
      name: `body ${JSON.stringify(unit)}`,
      text: (times) => message([], `v=0\r\no=- 1 1 IN IP4 h\r\n${fill(unit, BODY_BYTES, times)}`),
    });
  }
  for (const unit of BODY_UNITS.filter((unit) => unit.startsWith('m='))) {
    all.push({
      name: `streams ${JSON.stringify(unit)}`,
      text: (times) => message([], `v=0\r\no=- 1 1 IN IP4 h\r\n${unit.repeat((MAX_STREAMS / 2) * times)}`),
    });
  }
  for (const line of LINES)
    all.push({
      name: `lines ${JSON.stringify(line)}`,
      text: (times) => message(new Array<string>(LINE_COUNT * times).fill(line), ''),
    });
  return all;
}

function inHeader(place: string, unit: string): Growth {
  return {
    name: `${place} ${JSON.stringify(unit)}`,
    text: (times) => message([place.replace('#', () => fill(unit, HEADER_BYTES, times))], ''),
  };
}

function inStart(start: string, unit: string): Growth {
  return {
    name: `${start} ${JSON.stringify(unit)}`,
    text: (times) =>
      message(
        [],
        '',
        start.replace('#', () => fill(unit, START_BYTES, times)),
      ),
  };
}

function fill(unit: string, bytes: number, times: number): string {
  return unit.repeat(Math.floor(bytes / unit.length) * times);
}

/** An INVITE with these headers in place of its own of the same name. */
function message(lines: string[], body: string, start = 'INVITE sip:a@b SIP/2.0'): string {
  const own = [
    'Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK1',
    'From: <sip:a@b>;tag=1',
    'To: <sip:c@d>',
    'Call-ID: 1@b',
    'CSeq: 1 INVITE',
    'Contact: <sip:a@b>',
    'Content-Type: application/sdp',
  ];
  const names = new Set(lines.map((line) => line.slice(0, line.indexOf(':'))));
  const kept = names.size === 1 ? own.filter((line) => !names.has(line.slice(0, line.indexOf(':')))) : own;
  return `${[start, ...kept, ...lines].join('\r\n')}\r\n\r\n${body}`;
}

/** Short enough to be left alone by whatever else runs, long enough for the clock. */
const BATCH_MS = 0.1;

/** The least time that reading takes in several tries, ms. */
export function leastTime_ms(text: string, clock_ms: () => number, tries: number): number {
  const batch = batchOf(text, clock_ms);
  let least_ms = Number.POSITIVE_INFINITY;
  for (let n = 0; n < tries; n++) least_ms = Math.min(least_ms, timeOf_ms(text, batch, clock_ms));
  return least_ms;
}

/**
 * How many times as long the message takes that is twice as long. Both are read in turns, so that whatever else
 * the machine does falls on either, and the least time of each counts; what is above `most` is measured anew, since the
 * compiler may have changed its mind between the two.
 */
export function growthOf(growing: Growth, clock_ms: () => number, most: number): number {
  const [once, twice] = [growing.text(1), growing.text(2)];
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS && least > most; round++) {
    const [few, many] = [batchOf(once, clock_ms), batchOf(twice, clock_ms)];
    let once_ms = Number.POSITIVE_INFINITY;
    let twice_ms = Number.POSITIVE_INFINITY;
    for (let n = 0; n < TURNS << round; n++) {
      once_ms = Math.min(once_ms, timeOf_ms(once, few, clock_ms));
      twice_ms = Math.min(twice_ms, timeOf_ms(twice, many, clock_ms));
    }
    least = Math.min(least, twice_ms / once_ms);
  }
  return least;
}

const ROUNDS = 6;
/** In the first round; twice as many in each that follows. */
const TURNS = 8;

function batchOf(text: string, clock_ms: () => number): number {
  return Math.max(1, Math.round(BATCH_MS / timeOf_ms(text, 1, clock_ms)));
}

/** Of one reading among so many. */
function timeOf_ms(text: string, times: number, clock_ms: () => number): number {
  const began_ms = clock_ms();
  for (let n = 0; n < times; n++) readEverything(text);
  return (clock_ms() - began_ms) / times;
}

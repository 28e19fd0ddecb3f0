/**
 * `sip-acd bench parser`: from the datagram to the fields that every message is asked for, next to other
 * SIP parsers for Node on the same messages in the same run.
 */
import { isDeepStrictEqual } from 'node:util';
import { parseMessage } from '../../core/sip/parser.js';
import { bestOfRounds, now_ns, rounded, table } from './measure.js';
import { loadNeighbours, NEIGHBOURS, type Neighbour, type Read } from './neighbours.js';
import { SAMPLES } from './samples.js';

/** What is read of each message. URIs may be what a parser made of them: `String` gives their text. */
export interface Fields {
  callId: string;
  from: string | object;
  fromTag: string;
  to: string | object;
  toTag: string;
  /** Of the topmost Via. */
  host: string;
  branch: string;
  cseq: number;
  method: string;
  contact: string | object;
}

/** How long each parser works in a round, at least. */
const ROUND_NS = 10_000_000;

export interface ParserOptions {
  /** Different messages of each kind. */
  messages: number;
  rounds: number;
  /** Folder with the `node_modules` of the neighbours. */
  neighbours?: string;
}

/** Of one kind of message. A ratio says how many times as long the neighbour takes; null: not installed. */
export interface ParserKindFigures {
  bytes: number;
  ns_per_message: number;
  ratio_sip: number | null;
  ratio_drachtio_sip: number | null;
  ratio_jssip: number | null;
}

/** The figures outside `kinds` are those of the INVITE. */
export interface ParserFigures extends ParserKindFigures {
  messages: number;
  rounds: number;
  missing: Neighbour[];
  kinds: Record<string, ParserKindFigures>;
}

export function benchParser(options: ParserOptions): ParserFigures {
  const neighbours = loadNeighbours(options.neighbours);
  const kinds: Record<string, ParserKindFigures> = {};
  for (const [kind, sample] of Object.entries(SAMPLES)) {
    const datagrams = Array.from({ length: options.messages }, (_, n) => asReceived(sample(n)));
    kinds[kind] = measure(datagrams, options.rounds, neighbours);
  }
  return {
    ...kinds.invite!,
    messages: options.messages,
    rounds: options.rounds,
    missing: NEIGHBOURS.filter((name) => !neighbours.has(name)),
    kinds,
  };
}

/** A UDP socket gives each datagram in memory of its own. */
function asReceived(text: string): Buffer {
  const datagram = Buffer.allocUnsafeSlow(text.length);
  datagram.write(text, 'latin1');
  return datagram;
}

function measure(datagrams: Buffer[], rounds: number, neighbours: Map<Neighbour, Read>): ParserKindFigures {
  const reads = [readOurs, ...neighbours.values()];
  for (const read of reads.slice(1)) for (const datagram of datagrams) agree(datagram, read);
  const into = blank();
  const best = bestOfRounds(
    rounds,
    reads.map((read) => () => {
      // As long for each, so that none spends more of its round on filling the caches that the one before has emptied.
      let passes = 0;
      let passed_ns = 0;
      const start = now_ns();
      do {
        for (const datagram of datagrams) read(datagram, into);
        passes++;
        passed_ns = now_ns() - start;
      } while (passed_ns < ROUND_NS);
      return passed_ns / (passes * datagrams.length);
    }),
  );
  const ratio = (name: Neighbour): number | null => {
    const index = [...neighbours.keys()].indexOf(name);
    return index < 0 ? null : rounded(best[index + 1]! / best[0]!);
  };
  return {
    bytes: datagrams[0]!.length,
    ns_per_message: Math.round(best[0]!),
    ratio_sip: ratio('sip'),
    ratio_drachtio_sip: ratio('drachtio-sip'),
    ratio_jssip: ratio('jssip'),
  };
}

const readOurs: Read = (datagram, into) => {
  const message = parseMessage(datagram.toString('latin1'), datagram);
  if (message.kind === 'failure') throw new Error(`a sample is refused: ${message.reason}`);
  into.callId = message.callId;
  const { from, to, via } = message;
  into.from = from.uri;
  into.fromTag = from.tag;
  into.to = to.uri;
  into.toTag = to.tag;
  into.host = via.host;
  into.branch = via.branch;
  into.cseq = message.cseq;
  into.method = message.method;
  into.contact = message.contact?.uri ?? '';
};

/** Parsers that read different things are not compared. */
function agree(datagram: Buffer, read: Read): void {
  const [ours, theirs] = [readOurs, read].map((each) => {
    const fields = blank();
    each(datagram, fields);
    return { ...fields, from: String(fields.from), to: String(fields.to), contact: String(fields.contact) };
  });
  if (!isDeepStrictEqual(ours, theirs)) {
    throw new Error(`parsers differ: ${JSON.stringify(ours)} and ${JSON.stringify(theirs)}`);
  }
}

function blank(): Fields {
  return {
    callId: '',
    from: '',
    fromTag: '',
    to: '',
    toTag: '',
    host: '',
    branch: '',
    cseq: 0,
    method: '',
    contact: '',
  };
}

export function parserTable(figures: ParserFigures): string {
  const cell = (ratio: number | null): string => (ratio === null ? '-' : `${ratio}x`);
  const rows = Object.entries(figures.kinds).map(([kind, of]) => [
    kind,
    of.bytes,
    of.ns_per_message,
    cell(of.ratio_sip),
    cell(of.ratio_drachtio_sip),
    cell(of.ratio_jssip),
  ]);
  const missing = figures.missing.length > 0 ? `not installed: ${figures.missing.join(', ')}\n` : '';
  return table([['message', 'bytes', 'ns', ...NEIGHBOURS], ...rows]) + missing;
}

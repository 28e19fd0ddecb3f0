/** Other SIP parsers for Node, loaded if they are installed, each behind the same small interface. */
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import type { Fields } from './parser.js';

/** Reads one message, as a socket gives it, and fills the fields from it. */
export type Read = (datagram: Buffer, into: Fields) => void;

export const NEIGHBOURS = ['sip', 'drachtio-sip', 'jssip'] as const;
export type Neighbour = (typeof NEIGHBOURS)[number];

/** An address as `sip` and `drachtio-sip` give it. */
interface Address {
  uri: string;
  params: Record<string, string | undefined>;
}

interface ViaValue {
  host: string;
  params: Record<string, string | undefined>;
}

interface SipPackage {
  parse(data: Buffer): {
    headers: {
      'call-id': string;
      from: Address;
      to: Address;
      via: ViaValue[];
      cseq: { seq: number; method: string };
      contact: Address[];
    };
  };
}

interface DrachtioPackage {
  SipMessage: new (
    text: string,
  ) => {
    get(name: string): string;
    getParsedHeader(name: string): unknown;
  };
}

/** A URI of JsSIP; `String(uri)` is its text. */
interface JsSipAddress {
  uri: object;
}

interface JsSipParser {
  parseMessage(
    text: string,
    ua: object,
  ): {
    call_id: string;
    from: JsSipAddress;
    from_tag: string;
    to: JsSipAddress;
    to_tag: string | undefined;
    via: { host: string };
    via_branch: string;
    cseq: number;
    method: string;
    parseHeader(name: string): JsSipAddress;
  };
}

/**
 * The neighbours that are installed.
 * @param folder where a `node_modules` with them is; by default where Node looks, NODE_PATH included
 */
export function loadNeighbours(folder: string | undefined): Map<Neighbour, Read> {
  const require = createRequire(
    folder === undefined ? import.meta.url : join(resolve(folder), 'package.json'),
  );
  const found = new Map<Neighbour, Read>();
  for (const name of NEIGHBOURS) {
    const path = where(require, name);
    if (path !== undefined) found.set(name, READERS[name](require, path));
  }
  return found;
}

/** The package's main file; undefined when it is not installed. */
function where(require: NodeJS.Require, name: string): string | undefined {
  try {
    return require.resolve(name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

const READERS: Record<Neighbour, (require: NodeJS.Require, path: string) => Read> = {
  sip: (require, path) => {
    const { parse } = require(path) as SipPackage;
    return (datagram, into) => {
      const { headers } = parse(datagram);
      into.callId = headers['call-id'];
      addresses(headers.from, headers.to, headers.via[0]!, headers.contact[0]!, into);
      into.cseq = headers.cseq.seq;
      into.method = headers.cseq.method;
    };
  },

  // The class that its users have: headers are parsed when they are read.
  'drachtio-sip': (require, path) => {
    const { SipMessage } = require(path) as DrachtioPackage;
    return (datagram, into) => {
      const message = new SipMessage(datagram.toString('latin1'));
      into.callId = message.get('call-id');
      addresses(
        message.getParsedHeader('from') as Address,
        message.getParsedHeader('to') as Address,
        (message.getParsedHeader('via') as ViaValue[])[0]!,
        (message.getParsedHeader('contact') as Address[])[0]!,
        into,
      );
      const cseq = message.getParsedHeader('cseq') as { seq: number; method: string };
      into.cseq = cseq.seq;
      into.method = cseq.method;
    };
  },

  jssip: (require, path) => {
    const { parseMessage } = require(join(dirname(path), 'Parser.js')) as JsSipParser;
    const ua = {};
    return (datagram, into) => {
      const message = parseMessage(datagram.toString('latin1'), ua);
      into.callId = message.call_id;
      into.from = message.from.uri;
      into.fromTag = message.from_tag;
      into.to = message.to.uri;
      into.toTag = message.to_tag ?? '';
      into.host = message.via.host;
      into.branch = message.via_branch;
      into.cseq = message.cseq;
      into.method = message.method;
      into.contact = message.parseHeader('contact').uri;
    };
  },
};

function addresses(from: Address, to: Address, via: ViaValue, contact: Address, into: Fields): void {
  into.from = from.uri;
  into.fromTag = from.params.tag ?? '';
  into.to = to.uri;
  into.toTag = to.params.tag ?? '';
  into.host = via.host;
  into.branch = via.params.branch ?? '';
  into.contact = contact.uri;
}

/** Header names on the wire: case-insensitive, with one-letter compact forms (IANA's registry). */

const COMPACT: Readonly<Record<string, string>> = {
  'accept-contact': 'a',
  'allow-events': 'u',
  'call-id': 'i',
  contact: 'm',
  'content-encoding': 'e',
  'content-length': 'l',
  'content-type': 'c',
  event: 'o',
  from: 'f',
  identity: 'y',
  'identity-info': 'n',
  'refer-to': 'r',
  'referred-by': 'b',
  'reject-contact': 'j',
  'request-disposition': 'd',
  'session-expires': 'x',
  subject: 's',
  supported: 'k',
  to: 't',
  via: 'v',
};

const codes = new Map(Object.entries(COMPACT).map(([name, letter]) => [name, letter.charCodeAt(0)]));

/** Char code of the compact form of a full lower-case name; -1 when it has none. */
export function findCompactName(name: string): number {
  return codes.get(name) ?? -1;
}

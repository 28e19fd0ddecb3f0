/** The messages that `bench parser` reads: number `n` differs from the others in ids, names and numbers. */

const CRLF = '\r\n';

function sdp(n: number): string {
  return [
    'v=0',
    `o=- ${1_700_000_000 + n} 1 IN IP4 192.0.2.${n % 250}`,
    's=-',
    `c=IN IP4 192.0.2.${n % 250}`,
    't=0 0',
    `m=audio ${10_000 + 2 * (n % 20_000)} RTP/AVP 8 0 101`,
    'a=rtpmap:8 PCMA/8000',
    'a=rtpmap:0 PCMU/8000',
    'a=rtpmap:101 telephone-event/8000',
    'a=fmtp:101 0-15',
    'a=sendrecv',
    '',
  ].join(CRLF);
}

function message(lines: string[], body = ''): string {
  return [...lines, `Content-Length: ${body.length}`, '', body].join(CRLF);
}

function id(n: number, salt: number): string {
  return (((n + 1) * 2_654_435_761 * salt) % 2 ** 40).toString(16).padStart(10, '0');
}

function user(n: number): string {
  return `+4930${1_000_000 + n}`;
}

function invite(n: number): string {
  return message(
    [
      `INVITE sip:sales${n % 100}@callcenter.example.com SIP/2.0`,
      `Via: SIP/2.0/UDP 198.51.100.${n % 250}:5060;branch=z9hG4bK${id(n, 3)};rport`,
      'Max-Forwards: 69',
      `From: "Caller ${n}" <sip:${user(n)}@sbc.example.net>;tag=${id(n, 5)}`,
      `To: <sip:sales${n % 100}@callcenter.example.com>`,
      `Call-ID: ${id(n, 7)}-${id(n, 11)}@198.51.100.${n % 250}`,
      `CSeq: ${1 + (n % 1000)} INVITE`,
      `Contact: <sip:${user(n)}@198.51.100.${n % 250}:5060;transport=udp>`,
      'Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO',
      'Supported: timer, replaces',
      'User-Agent: Example-SBC/7.4',
      'Content-Type: application/sdp',
    ],
    sdp(n),
  );
}

function bye(n: number): string {
  return message([
    `BYE sip:queue@203.0.113.5:5060 SIP/2.0`,
    `Via: SIP/2.0/UDP 198.51.100.${n % 250}:5060;branch=z9hG4bK${id(n, 13)};rport`,
    'Max-Forwards: 69',
    `From: "Caller ${n}" <sip:${user(n)}@sbc.example.net>;tag=${id(n, 5)}`,
    `To: <sip:sales${n % 100}@callcenter.example.com>;tag=${id(n, 17)}`,
    `Call-ID: ${id(n, 7)}-${id(n, 11)}@198.51.100.${n % 250}`,
    `CSeq: ${2 + (n % 1000)} BYE`,
    `Contact: <sip:${user(n)}@198.51.100.${n % 250}:5060;transport=udp>`,
    'User-Agent: Example-SBC/7.4',
  ]);
}

function ok(n: number): string {
  return message(
    [
      'SIP/2.0 200 OK',
      `Via: SIP/2.0/UDP 203.0.113.5:5060;branch=z9hG4bK${id(n, 19)};rport=5060;received=203.0.113.5`,
      'Record-Route: <sip:198.51.100.1;lr;ftag=a1>',
      'Record-Route: <sip:198.51.100.2:5080;transport=udp;lr>',
      `From: "Caller ${n}" <sip:${user(n)}@callcenter.example.com>;tag=${id(n, 23)}`,
      `To: <sip:agent${n}@desk.example.com>;tag=${id(n, 29)}`,
      `Call-ID: ${id(n, 31)}@203.0.113.5`,
      `CSeq: ${1 + (n % 1000)} INVITE`,
      `Contact: <sip:agent${n}@192.0.2.${n % 250}:5062>`,
      'Allow: INVITE, ACK, BYE, CANCEL, OPTIONS',
      'Content-Type: application/sdp',
    ],
    sdp(n),
  );
}

/** An INVITE with SDP, a BYE inside a dialog, and a 200 with Record-Route. */
export const SAMPLES = { invite, bye, ok } as const satisfies Record<string, (n: number) => string>;

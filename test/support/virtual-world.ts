/**
 * A B2BUA in virtual time among scripted peers: what it sends lands in the inbox of the peer with that
 * address at once, what a peer sends is received at once, and time passes only in `advance`.
 */
import type { Decision, Report } from '../../core/messages.js';
import { B2bua } from '../../core/sip/b2bua.js';
import { buildRequest, buildResponse } from '../../core/sip/build.js';
import type { B2buaEnvironment, B2buaOptions } from '../../core/sip/environment.js';
import { SipRequest, SipResponse } from '../../core/sip/message.js';
import { parseMessage } from '../../core/sip/parser.js';
import type { Recorder } from '../../core/sip/recorder.js';
import { type Recorded, ReplayEnvironment, replay } from '../../core/sip/replay.js';
import type { Path } from '../../core/sip/transport.js';
import { parseUri } from '../../core/sip/uri.js';
import { TimerWheel } from '../../core/timers.js';

export const ENGINE = '192.0.2.1:5060';
export const OPTIONS: B2buaOptions = {
  offer: 'late',
  early_offer_hosts: [],
  agent_ring_timeout_ms: 30_000,
  agent_no_response_timeout_ms: 4_000,
  message_timeout_ms: 600_000,
  own_addresses: [{ host: '192.0.2.1', port: 5060 }],
  context_param: 'call_center',
  identity_headers: ['X-Account'],
};

/** An SDP with one audio stream of `port`; `media` adds further m-lines. */
export function sdp(host: string, port: number, ...media: string[]): string {
  const lines = [
    'v=0',
    `o=- 1 1 IN IP4 ${host}`,
    's=-',
    `c=IN IP4 ${host}`,
    't=0 0',
    `m=audio ${port} RTP/AVP 0`,
    'a=rtpmap:0 PCMU/8000',
    ...media,
  ];
  return `${lines.join('\r\n')}\r\n`;
}

const START_MS = 1_000_000;

type Untimed = Recorded extends infer R ? (R extends Recorded ? Omit<R, 'at_ms'> : never) : never;

/**
 * Set to let the engine die after every single input, and come back from what was recorded: nobody should be
 * able to tell.
 */
const MORTAL = process.env.SIP_ACD_TEST_MORTAL === '1';

export class World {
  timers = new TimerWheel(START_MS);
  b2bua: B2bua;
  readonly reports: Report[] = [];
  /** What was recorded of the calls. */
  readonly recorded: Recorded[] = [];
  private readonly over = new Set<string>();
  /** How long it took to learn where a URI is, from when on; 0: it was known at once. */
  private readonly lookups = [{ from_ms: 0, lookup_ms: 0 }];
  private readonly peers = new Map<string, Peer>();
  private tokens = 0;
  private calls = 0;

  /** Hosts that stand for several peers, in the order in which they are to be tried. */
  readonly names = new Map<string, readonly string[]>();

  /** Whether new calls are taken. */
  admits = true;
  /** Which flow an INVITE enters: at once the one that its Request-URI names. */
  route: B2buaEnvironment['route'] = (request, _path, done) =>
    done({ flow: parseUri(request.uri)?.user ?? '', param: '', media: undefined });

  constructor(
    private readonly options: Partial<B2buaOptions> = {},
    private readonly onLeg?: B2buaEnvironment['onLeg'],
  ) {
    this.b2bua = new B2bua(this.environment(), { ...OPTIONS, ...options });
  }

  environment(): B2buaEnvironment {
    // Those of an engine that has died are not looked at any more.
    const { timers } = this;
    return {
      timers,
      send: (path, text) => this.peers.get(path.host)?.receive(text),
      token: () => `tok${(this.tokens++).toString(36).padStart(13, '0')}`,
      random: () => 0.5,
      socketFor: () => 1,
      sentBy: (socket) => (socket === 0 ? ENGINE : '192.0.2.1:5160'),
      resolve: (uri, found) => {
        const parsed = parseUri(uri);
        const host = parsed?.host ?? '';
        const targets = (this.names.get(host) ?? [host])
          .filter((each) => this.peers.has(each))
          .map((each) => ({ host: each, port: parsed?.port || 5060 }));
        const lookup_ms = this.lookups.findLast(({ from_ms }) => from_ms <= timers.now_ms)?.lookup_ms ?? 0;
        if (lookup_ms === 0) found(targets);
        else timers.set(lookup_ms, () => found(targets));
      },
      route: (request, path, done) => this.route(request, path, done),
      onLeg: this.onLeg,
      accepting: () => true,
      admits: () => this.admits,
      report: (report) => {
        this.reports.push(report);
      },
      newCall: () => ({ id: `call${++this.calls}`, seed: [this.calls, 2, 3, 4], port: 5160 }),
      recorder: this.recorder(),
      log: () => {},
    };
  }

  private recorder(): Recorder {
    const note = (input: Untimed): void => {
      this.recorded.push({ at_ms: this.timers.now_ms, ...input });
    };
    return {
      undecided: (call, text, path) => note({ kind: 'undecided', call, text, path }),
      decided: (call) => {
        this.over.add(call);
      },
      started: (_scope, start) => note({ kind: 'started', start }),
      datagram: (scope, text, path) => note({ kind: 'datagram', call: scope.id, text, path }),
      decision: (scope, decision) => note({ kind: 'decision', call: scope.id, decision }),
      answered: (scope, question, answer) => note({ kind: 'answered', call: scope.id, question, answer }),
      unreachable: (path) => note({ kind: 'unreachable', path }),
      over: (scope) => {
        this.over.add(scope.id);
      },
    };
  }

  /** From now on it takes so long to learn where a URI is; 0: it is known at once. */
  slowLookups(lookup_ms: number): void {
    this.advance(1);
    this.lookups.push({ from_ms: this.timers.now_ms, lookup_ms });
  }

  /** A datagram for the engine. */
  receive(text: string, path: Path): void {
    this.b2bua.receive(text, path);
    if (MORTAL) this.dieAndReturn();
  }

  /** The engine dies and another one takes over from what was recorded. */
  dieAndReturn(): void {
    const now_ms = this.timers.now_ms;
    this.timers = new TimerWheel(START_MS);
    const env = new ReplayEnvironment(this.environment());
    this.b2bua = new B2bua(env, { ...OPTIONS, ...this.options });
    const live = this.recorded.filter((input) => {
      if (input.kind === 'unreachable') return true;
      return !this.over.has(input.kind === 'started' ? input.start.id : input.call);
    });
    replay(this.b2bua, env, live);
    env.goLive();
    this.timers.advance(now_ms);
    this.b2bua.askAgain();
  }

  peer(host: string): Peer {
    const peer = new Peer(this, host);
    this.peers.set(host, peer);
    return peer;
  }

  decide(decision: Decision): void {
    this.b2bua.decide(decision);
    if (MORTAL) this.dieAndReturn();
  }

  /** Lets time pass, 10 ms at a time. */
  advance(ms: number): void {
    const until = this.timers.now_ms + ms;
    while (this.timers.now_ms < until) this.timers.advance(Math.min(until, this.timers.now_ms + 10));
  }

  /** The reports since the last call, without the times. */
  told(): string[] {
    return this.reports.splice(0).map((report) => {
      switch (report.kind) {
        case 'leg_failed':
          return `leg_failed ${report.leg} ${report.status} ${report.refused_by}`;
        case 'leg_connected':
        case 'leg_ended':
        case 'leg_answered':
        case 'leg_announced':
          return `${report.kind} ${report.leg}`;
        case 'caller_gone':
          return `caller_gone ${report.how}`;
        default:
          return report.kind;
      }
    });
  }
}

export interface ReplyOptions {
  sdp?: string;
  tag?: string;
  headers?: [string, string][];
}

export class Peer {
  readonly inbox: (SipRequest | SipResponse)[] = [];
  private cseq = 0;
  private branches = 0;

  constructor(
    private readonly world: World,
    readonly host: string,
  ) {}

  receive(text: string): void {
    const message = parseMessage(text);
    if (message.kind === 'failure')
      throw new Error(`the engine sent what it cannot parse itself: ${message.reason}\n${text}`);
    this.inbox.push(message);
  }

  /** Takes the oldest request of that method out of the inbox; fails when there is none. */
  request(method: string): SipRequest {
    const index = this.inbox.findIndex(
      (message) => message instanceof SipRequest && message.method === method,
    );
    if (index < 0) throw new Error(`${this.host} got no ${method}; inbox: ${this.summary()}`);
    return this.inbox.splice(index, 1)[0] as SipRequest;
  }

  /** Takes the oldest response of that status (and CSeq method) out of the inbox; fails when there is none. */
  response(status: number, method?: string): SipResponse {
    const index = this.inbox.findIndex(
      (message) =>
        message instanceof SipResponse &&
        message.status === status &&
        (method === undefined || message.method === method),
    );
    if (index < 0) throw new Error(`${this.host} got no ${status}; inbox: ${this.summary()}`);
    return this.inbox.splice(index, 1)[0] as SipResponse;
  }

  /** What has come and was not taken, one word each. */
  summary(): string {
    return this.inbox
      .map((message) => (message instanceof SipRequest ? message.method : `${message.status}`))
      .join(' ');
  }

  reply(request: SipRequest, status: number, options: ReplyOptions = {}): void {
    const text = buildResponse(request, { host: '192.0.2.1', port: 5160 }, status, {
      toTag: options.tag ?? `tag-${this.host}`,
      contact: `<sip:peer@${this.host}:5060>`,
      headers: options.headers ?? [],
      ...(options.sdp === undefined ? {} : { body: options.sdp, contentType: 'application/sdp' }),
    });
    this.world.receive(text, { socket: 1, host: this.host, port: 5060 });
  }

  /** Sends a request. `dialog` is a message of the engine's in the dialog: a response to us or a request of his. */
  send(
    method: string,
    fields: {
      uri?: string;
      callId?: string;
      dialog?: SipRequest | SipResponse;
      sdp?: string;
      cseq?: number;
      branch?: string;
      headers?: [string, string][];
      maxForwards?: number;
      body?: string;
      contentType?: string;
      from?: string;
    },
  ): string {
    const { dialog } = fields;
    const isResponse = dialog instanceof SipResponse;
    const from =
      fields.from ??
      (dialog === undefined
        ? `"Ann" <sip:ann@${this.host}>;tag=caller`
        : (dialog.header(isResponse ? 'from' : 'to') as string));
    const to =
      dialog === undefined ? `<${fields.uri}>` : (dialog.header(isResponse ? 'to' : 'from') as string);
    const cseq = fields.cseq ?? (method === 'ACK' ? (dialog?.cseq ?? this.cseq) : ++this.cseq);
    const branch = fields.branch ?? `z9hG4bK-${this.host}-${this.branches++}`;
    const local =
      !isResponse && dialog !== undefined && !from.includes('tag=') ? `${from};tag=tag-${this.host}` : from;
    const body = fields.sdp ?? fields.body;
    const text = buildRequest({
      method,
      uri: fields.uri ?? dialog?.contact?.uri ?? 'sip:engine@192.0.2.1',
      via: `SIP/2.0/UDP ${this.host}:5060;branch=${branch};rport`,
      from: local,
      to,
      callId: fields.callId ?? dialog?.callId ?? 'call-id@caller',
      cseq,
      maxForwards: fields.maxForwards ?? 70,
      contact: `<sip:peer@${this.host}:5060>`,
      headers: fields.headers ?? [],
      ...(body === undefined ? {} : { body, contentType: fields.contentType ?? 'application/sdp' }),
    });
    this.world.receive(text, { socket: 0, host: this.host, port: 5060 });
    return branch;
  }
}

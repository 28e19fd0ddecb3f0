/** A SIP worker of the simulation: what workers/sip-worker.ts does, around the engine's own B2BUA. */
import { callId } from '../../core/call-id.js';
import type { Decision, Report } from '../../core/messages.js';
import { B2bua } from '../../core/sip/b2bua.js';
import type {
  B2buaEnvironment,
  B2buaOptions,
  LegAnswer,
  LegInvite,
  Routed,
} from '../../core/sip/environment.js';
import type { SipRequest } from '../../core/sip/message.js';
import type { Path } from '../../core/sip/transport.js';
import { parseUri } from '../../core/sip/uri.js';
import type { TimerWheel } from '../../core/timers.js';
import { decisionCodec, reportCodec } from '../../ipc/catalogue.js';
import type { Clock } from './clock.js';
import type { Dice } from './dice.js';
import { SimLink } from './link.js';
import { SimThread } from './thread.js';
import { must } from './violation.js';

export const ENGINE = '192.0.2.1';
export const PUBLIC_PORT = 5060;
/** Port of the first worker's own socket. */
export const WORKER_PORT = 5160;
/** Numbers of a worker's sockets. */
export const PUBLIC_SOCKET = 0;
export const OWN_SOCKET = 1;
/** A full ring is tried again after this. */
const SPILL_RETRY_MS = 2;
const DECISIONS_AT_ONCE = 512;
export const CONTEXT_PARAM = 'call_center';
const CALL_PARAM = 'p';
const LONGEST_ROUTING_MS = 500;

/** What a worker finds around it. */
export interface WorkerWorld {
  readonly timers: TimerWheel;
  note(what: string, text: string): void;
  token(): string;
  wakeDelay_ms(): number;
  /** A datagram is about to be handled. */
  received(text: string): void;
  /** A datagram leaves. */
  sent(worker: SimWorker, path: Path, text: string): void;
  /** Before the report goes its way: what becomes of it. */
  reporting(report: Report): readonly Report[];
  /** A new call of that caller's INVITE. */
  called(call: string, callId: string): void;
  /** What it has sent to the dispatcher wakes it. */
  ringDispatcher(): void;
}

export class SimWorker extends SimThread {
  readonly reports: SimLink<Report>;
  readonly decisions: SimLink<Decision>;
  b2bua: B2bua;
  private calls = 0;

  constructor(
    readonly index: number,
    private readonly around: WorkerWorld,
    clock: Clock,
    private readonly dice: Dice,
    private readonly options: B2buaOptions,
    ring_bytes: number,
    /** A route module sees each leg before it is made. */
    private readonly seesLegs: boolean,
  ) {
    super(around.timers, clock, () => around.wakeDelay_ms());
    this.reports = new SimLink(`worker ${index} to dispatcher`, ring_bytes, reportCodec);
    this.decisions = new SimLink(`dispatcher to worker ${index}`, ring_bytes, decisionCodec);
    this.b2bua = this.build();
  }

  /** The only place where a B2BUA is made: also where a worker that died would come back. */
  private build(): B2bua {
    return new B2bua(this.environment(), this.options);
  }

  /** A datagram has come to it, by its own socket or by the one that received it for all. */
  receive(text: string, path: Path): void {
    this.turn(() => {
      this.around.received(text);
      this.b2bua.receive(text, path);
    });
  }

  /** Address of one of its sockets. */
  sentBy(socket: number): string {
    return `${ENGINE}:${socket === PUBLIC_SOCKET ? PUBLIC_PORT : WORKER_PORT + this.index}`;
  }

  protected override readLinks(): boolean {
    const read = this.decisions.reader.drain((decision) => {
      this.around.note(`decision, worker ${this.index}`, JSON.stringify(decision));
      this.b2bua.decide(decision);
    }, DECISIONS_AT_ONCE);
    return read >= DECISIONS_AT_ONCE;
  }

  protected override flush(): void {
    const { told, left } = this.reports.flush();
    if (told) this.around.ringDispatcher();
    if (left) this.timers.set(SPILL_RETRY_MS, () => {});
  }

  private environment(): B2buaEnvironment {
    const { around, dice } = this;
    return {
      timers: this.timers,
      send: (path, text) => around.sent(this, path, text),
      token: () => around.token(),
      random: () => dice.next(),
      socketFor: () => OWN_SOCKET,
      sentBy: (socket) => this.sentBy(socket),
      resolve: (uri, found) => this.resolve(uri, found),
      route: (request, _path, done) => this.route(request, done),
      onLeg: this.seesLegs ? (invite, done) => this.onLeg(invite, done) : undefined,
      accepting: () => this.reports.writer.hasRoomForNew,
      admits: () => true,
      report: (report) => {
        for (const told of around.reporting(report)) this.reports.writer.send(told);
      },
      newCall: () => ({ id: this.callId(++this.calls), seed: [1 + this.index, this.calls, 0, 0] }),
      recorder: undefined,
      log: () => {},
    };
  }

  /** By the Request-URI's user, mostly at once; else a route module takes its time. */
  private route(request: SipRequest, done: (routed: Routed) => void): void {
    const decided = (): void => {
      this.around.called(this.callId(this.calls + 1), request.callId);
      done({ flow: parseUri(request.uri)?.user ?? '', param: CALL_PARAM, media: undefined });
    };
    if (this.dice.chance(80)) return decided();
    this.later(
      this.dice.between(1, LONGEST_ROUTING_MS),
      `routed, worker ${this.index}`,
      request.callId,
      decided,
    );
  }

  /** A route module that takes its time with each leg, and now and then fails. */
  private onLeg(invite: LegInvite, done: (answer: LegAnswer) => void): void {
    const { call, context, headers, leg, state } = invite;
    must(context[CONTEXT_PARAM] === CALL_PARAM, "a leg has its call's parameter");
    this.later(
      this.dice.between(1, LONGEST_ROUTING_MS),
      `leg seen, worker ${this.index}`,
      `${call} ${leg} ${state}`,
      () => {
        if (this.dice.chance(1)) done({ failed: 'onLeg has failed' });
        else done({ headers: [...headers, ['X-Leg', `${leg}`]], context });
      },
    );
  }

  /** An answer from outside: a turn of its own. */
  private later(delay_ms: number, what: string, text: string, act: () => void): void {
    this.around.timers.set(delay_ms, () => {
      this.turn(() => {
        this.around.note(what, text);
        act();
      });
    });
  }

  private callId(number: number): string {
    return callId(`c${this.index}`, number);
  }

  /** Addresses at once; names of the kind `desk7.example` after a while, now and then in vain. */
  private resolve(uri: string, found: (targets: { host: string; port: number }[]) => void): void {
    const parsed = parseUri(uri);
    const host = parsed?.host ?? '';
    const desk = /^desk(\d+)\.example$/.exec(host)?.[1];
    if (desk === undefined) return found(host === '' ? [] : [{ host, port: parsed?.port || 5060 }]);
    const targets = this.dice.chance(2) ? [] : [{ host: `10.2.0.${desk}`, port: 5060 }];
    this.later(this.dice.between(1, 300), `resolved, worker ${this.index}`, uri, () => found(targets));
  }
}

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
import { ReplayEnvironment, replay } from '../../core/sip/replay.js';
import type { Path } from '../../core/sip/transport.js';
import { parseUri } from '../../core/sip/uri.js';
import { TimerWheel } from '../../core/timers.js';
import { decisionCodec, reportCodec } from '../../ipc/catalogue.js';
import { Wait } from '../../workers/journal/wait.js';
import type { Clock } from './clock.js';
import type { Dice } from './dice.js';
import { SimJournal } from './journal.js';
import { SimLink } from './link.js';
import { SimThread } from './thread.js';
import { must } from './violation.js';

export const ENGINE = '192.0.2.1';
export const PUBLIC_PORT = 5060;
/** Port of the first worker's own socket. */
export const WORKER_PORT = 5160;
/** Number of the socket that all workers share; the workers' own come after it. */
export const PUBLIC_SOCKET = 0;
/** A full ring is tried again after this. */
const SPILL_RETRY_MS = 2;
const DECISIONS_AT_ONCE = 512;
export const CONTEXT_PARAM = 'call_center';
const CALL_PARAM = 'p';
const LONGEST_ROUTING_MS = 500;

/** The number of the socket of that port, the same in all workers. */
export function socketOf(port: number): number {
  return port === PUBLIC_PORT ? PUBLIC_SOCKET : port - WORKER_PORT + 1;
}

export function portOf(socket: number): number {
  return socket === PUBLIC_SOCKET ? PUBLIC_PORT : socket - 1 + WORKER_PORT;
}

/** What a worker finds around it. */
export interface WorkerWorld {
  readonly timers: TimerWheel;
  note(what: string, text: string): void;
  token(): string;
  wakeDelay_ms(): number;
  /** A datagram is about to be handled. */
  received(text: string, bytes: Uint8Array): void;
  /** A datagram leaves; `lost`: it would have, had the worker lived. */
  sent(worker: SimWorker, path: Path, text: string, lost: boolean): void;
  /** Before the report goes its way: what becomes of it. */
  reporting(report: Report): readonly Report[];
  /** A new call of that caller's INVITE. */
  called(call: string, callId: string): void;
  /** What it has sent to the dispatcher wakes it. */
  ringDispatcher(): void;
  /** Whether this turn is the worker's last. */
  dies(): boolean;
  /** It has died. */
  died(worker: SimWorker): void;
  /** Another, which knows what its journal has. */
  comesBack(worker: SimWorker): void;
}

export class SimWorker extends SimThread {
  reports: SimLink<Report>;
  decisions: SimLink<Decision>;
  b2bua: B2bua;
  readonly journal: SimJournal;
  private calls = 0;
  /** How often it has died: call ids and what was asked are of one life. */
  private deaths = 0;
  /** What the turn does to the world outside, in order, once what it took in is safe. */
  private outbox: ((lost: boolean) => void)[] = [];
  /** Something in the outbox or among the reports tells somebody of what was taken in. */
  private telling = false;
  private wait = new Wait();
  /** What came while it was dead. */
  private readonly kept: (() => void)[] = [];

  constructor(
    readonly index: number,
    private readonly around: WorkerWorld,
    clock: Clock,
    private readonly dice: Dice,
    private readonly options: B2buaOptions,
    private readonly ring_bytes: number,
    /** A route module sees each leg before it is made. */
    private readonly seesLegs: boolean,
  ) {
    super(around.timers, clock, () => around.wakeDelay_ms());
    this.reports = this.reportLink(1);
    this.decisions = this.decisionLink();
    this.journal = new SimJournal(
      () => this.timers.now_ms,
      () => this.reports.reader.last_seq,
      (call, callId) => {
        this.outbox.push(() => around.called(call, callId));
      },
    );
    this.b2bua = new B2bua(this.environment(), this.options);
  }

  private reportLink(first_seq: number): SimLink<Report> {
    return new SimLink(`worker ${this.index} to dispatcher`, this.ring_bytes, reportCodec, first_seq);
  }

  private decisionLink(): SimLink<Decision> {
    return new SimLink(`dispatcher to worker ${this.index}`, this.ring_bytes, decisionCodec);
  }

  /** A datagram has come to it, by its own socket or by the one that received it for all. */
  receive(text: string, path: Path): void {
    if (!this.alive) return this.whenBack(() => this.receive(text, path));
    this.turn(() => {
      const bytes = Buffer.from(text, 'latin1');
      this.outbox.push(() => this.around.received(text, bytes));
      this.b2bua.receive(text, path, bytes);
    });
  }

  /** What its predecessor had published has been read: the rings are new, and the numbers of reports go on. */
  relink(): void {
    this.reports = this.reportLink(this.reports.reader.last_seq + 1);
    this.decisions = this.decisionLink();
  }

  /** Another takes its place: its calls are played again, report again, and go on. */
  comeBack(): void {
    const { inputs, calls } = this.journal.recover();
    this.around.comesBack(this);
    this.timers = new TimerWheel(inputs[0]?.at_ms ?? this.timers.now_ms);
    const env = new ReplayEnvironment(this.environment());
    this.b2bua = new B2bua(env, this.options);
    replay(this.b2bua, env, inputs);
    env.goLive();
    for (const report of env.reports) this.report(report);
    for (const call of calls) this.report({ kind: 'resumed', call });
    this.report({ kind: 'all_resumed' });
    this.journal.toldAgain(this.reports.writer.last_seq);
    this.journal.overBefore(calls.filter((call) => !this.b2bua.remembers(call)));
    this.alive = true;
    this.turn(() => this.b2bua.askAgain());
    this.ring();
    for (const act of this.kept.splice(0)) act();
  }

  /** It is dead: that is done once another has taken its place. */
  whenBack(act: () => void): void {
    this.kept.push(act);
  }

  protected override readLinks(): boolean {
    const read = this.decisions.reader.drain((decision) => {
      this.around.note(`decision, worker ${this.index}`, JSON.stringify(decision));
      this.b2bua.decide(decision);
    }, DECISIONS_AT_ONCE);
    return read >= DECISIONS_AT_ONCE;
  }

  /** First what the turn took in becomes safe, then reports leave, then datagrams. In between it may die. */
  protected override flush(): void {
    const { around, dice } = this;
    const dies = around.dies();
    if (dies && dice.chance(50)) return this.die();
    if (!dies && this.waits()) return this.publish();
    this.telling = false;
    this.wait = new Wait();
    this.journal.commit(this.reports.writer.last_seq);
    if (!dies || dice.chance(70)) this.publish();
    const { outbox } = this;
    const leave = dies ? dice.between(0, outbox.length) : outbox.length;
    this.outbox = [];
    outbox.forEach((act, place) => {
      act(place >= leave);
    });
    if (dies) this.die();
  }

  /** Whether what was taken in since the last time becomes safe later, as the engine's journals do it. */
  private waits(): boolean {
    const { wait, timers } = this;
    if (this.outbox.length === 0 && !this.journal.waits) return false;
    const { over_ms } = wait;
    if (!wait.goesOn(this.telling, timers.now_ms)) return false;
    if (wait.over_ms !== over_ms) timers.set(wait.over_ms - timers.now_ms, () => {});
    return true;
  }

  private publish(): void {
    const { told, left } = this.reports.flush();
    if (told) this.around.ringDispatcher();
    if (left) this.timers.set(SPILL_RETRY_MS, () => {});
  }

  private die(): void {
    this.end();
    this.around.died(this);
  }

  /** The process dies, and with it what waits for the worker. */
  endWithProcess(): void {
    this.end();
    this.kept.length = 0;
  }

  private end(): void {
    this.stop();
    this.deaths++;
    this.calls = 0;
    this.outbox = [];
    this.telling = false;
    this.wait = new Wait();
    this.journal.forgetTurn();
  }

  private report(report: Report): void {
    this.telling = true;
    for (const told of this.around.reporting(report)) this.reports.writer.send(told);
  }

  private environment(): B2buaEnvironment {
    const { around, dice } = this;
    return {
      timers: this.timers,
      send: (path, text) => {
        this.telling = true;
        this.outbox.push((lost) => around.sent(this, path, text, lost));
      },
      token: () => around.token(),
      random: () => dice.next(),
      socketFor: (_host, port) => socketOf(port),
      sentBy: (socket) => `${ENGINE}:${portOf(socket)}`,
      resolve: (uri, found) => this.resolve(uri, found),
      route: (request, _path, done) => this.route(request, done),
      onLeg: this.seesLegs ? (invite, done) => this.onLeg(invite, done) : undefined,
      accepting: () => this.reports.writer.hasRoomForNew,
      admits: () => true,
      report: (report) => this.report(report),
      newCall: () => ({
        id: this.callId(++this.calls),
        seed: [1 + this.index, this.calls, this.deaths, 0],
        port: WORKER_PORT + this.index,
      }),
      recorder: this.journal,
      log: () => {},
    };
  }

  /** By the Request-URI's user, mostly at once; else a route module takes its time. */
  private route(request: SipRequest, done: (routed: Routed) => void): void {
    const decided = (): void => {
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
    const { call, context, headers, leg, role, state } = invite;
    // A bridge to a dialog of another worker's never was a call of a flow.
    const param = role === 'target' ? context[CONTEXT_PARAM] || CALL_PARAM : context[CONTEXT_PARAM];
    must(param === CALL_PARAM, "a leg has its call's parameter");
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
    const { deaths } = this;
    this.around.timers.set(delay_ms, () => {
      if (this.deaths !== deaths) return;
      this.turn(() => {
        this.around.note(what, text);
        act();
      });
    });
  }

  private callId(number: number): string {
    return callId(this.deaths === 0 ? `c${this.index}` : `c${this.index}r${this.deaths}`, number);
  }

  /** Addresses at once; names of the kind `desk7.example` after a while, now and then in vain. */
  private resolve(uri: string, found: (targets: { host: string; port: number }[]) => void): void {
    const parsed = parseUri(uri);
    const host = parsed?.host ?? '';
    const desk = /^desk(\d+)\.example$/.exec(host)?.[1];
    const known = host !== '' && !host.endsWith('.example');
    if (desk === undefined) return found(known ? [{ host, port: parsed?.port || 5060 }] : []);
    const targets = this.dice.chance(2) ? [] : [{ host: `10.2.0.${desk}`, port: 5060 }];
    this.later(this.dice.between(1, 300), `resolved, worker ${this.index}`, uri, () => found(targets));
  }
}

/**
 * A SIP worker: the long-lived task of one Piscina thread. It owns the calls of its shards, from datagram to
 * dialog; what has happened goes to the dispatcher as reports, what to do comes back as decisions.
 */
import { callId } from '../core/call-id.js';
import type { Decision, Report } from '../core/messages.js';
import { B2bua } from '../core/sip/b2bua.js';
import type { B2buaEnvironment, Routed } from '../core/sip/environment.js';
import type { SipRequest } from '../core/sip/message.js';
import { MAX_MESSAGE_BYTES } from '../core/sip/parser.js';
import { ReplayEnvironment } from '../core/sip/replay.js';
import { callIdOf, originShardOf, shardOf } from '../core/sip/shard.js';
import type { Path } from '../core/sip/transport.js';
import { unavailable } from '../core/sip/unavailable.js';
import { TimerWheel } from '../core/timers.js';
import { decisionCodec, reportCodec } from '../ipc/catalogue.js';
import { DatagramLinkReader, DatagramLinkWriter } from '../ipc/datagram-link.js';
import { Doorbell, DoorbellListener } from '../ipc/doorbell.js';
import { LinkReader, LinkWriter } from '../ipc/link.js';
import { Entropy } from './entropy.js';
import { Gate } from './gate.js';
import { inviteNumber } from './invite-memory.js';
import { CallJournal } from './journal/call-journal.js';
import { type PlayedCalls, playAgain } from './journal/play-again.js';
import { CallRecovery, type RecoveredCalls, writeCallBase } from './journal/recover-calls.js';
import type { JournalOptions } from './journal/writer.js';
import { createLogger } from './log.js';
import { Overload } from './overload.js';
import { Pace } from './pace.js';
import { SipResolver } from './resolver.js';
import { RouteClient } from './route-client.js';
import { type Router, routerOf } from './routing.js';
import { SipSockets } from './sip-sockets.js';
import {
  OUT_OF_SERVICE,
  type SipWorkerTask,
  type WorkerNotice,
  type WorkerOrder,
} from './sip-worker-task.js';
import { Soundings } from './soundings.js';
import { SourceLimit } from './source-limit.js';
import { now_ms, RETRY_MS, Turns } from './turn.js';

const DRAIN_AT_ONCE = 512;
/** Datagrams from one other thread: they are more to do than decisions, and what a turn answers leaves at its end. */
const DATAGRAMS_AT_ONCE = 64;
/** With so many datagrams and decisions a second the worker pauses for so long between turns; with fewer a free agent
 * would wait for what nobody is short of. */
const PAUSED_FROM_PER_S = 5000;
const PAUSE_MS = 1;
/** All calls that come back report at once. */
const MAX_SPILLED = 4_000_000;
/** Datagrams kept that come before the calls are back. */
const MAX_EARLY = 20_000;
/** After the last BYE, time for its answers and for what they cause. */
const FAREWELL_MS = 200;

/** Runs a SIP worker until it is told to stop; rejects when its sockets cannot be had. */
export default async function sipWorker(task: SipWorkerTask): Promise<void> {
  const worker = new SipWorker(task);
  try {
    await worker.open();
    await worker.stopped;
  } finally {
    worker.close();
  }
}

class SipWorker {
  readonly stopped: Promise<void>;
  private resolveStopped: () => void = () => {};
  private readonly log;
  private timers = new TimerWheel(now_ms());
  private turns: Turns;
  private b2bua: B2bua | undefined = undefined;
  private journal: CallJournal | undefined = undefined;
  private readonly services: Int32Array;
  private readonly reports: LinkWriter<Report>;
  private readonly decisions: LinkReader<Decision>;
  private readonly peersOut: readonly (DatagramLinkWriter | undefined)[];
  private readonly peersIn: readonly (DatagramLinkReader | undefined)[];
  private bell: DoorbellListener | undefined = undefined;
  private readonly resolver: SipResolver;
  private readonly router: Router;
  private readonly routeClient: RouteClient | undefined;
  private readonly sockets: SipSockets;
  /** Datagrams that came before the calls were back. */
  private early: { socket: number; datagram: Buffer; host: string; port: number }[] = [];
  private outbox: { path: Path; text: string }[] = [];
  private readonly entropy = new Entropy();
  private readonly gate: Gate;
  private readonly overload: Overload;
  private readonly doorman: Doorbell;
  private readonly soundings: Soundings;
  private readonly pace = new Pace(PAUSED_FROM_PER_S);
  private overload_told = false;
  /** Datagrams that could not be sent since that was last said. */
  private unsent = 0;
  private unsent_said_ms = 0;
  /** There is a report of this turn. */
  private reporting = false;
  /** Where our calls begin, as their ids say. */
  private readonly origin: string;
  private calls = 0;
  private draining = false;

  constructor(private readonly task: SipWorkerTask) {
    this.log = createLogger(`sip-${task.index}`, task.log_level);
    this.origin = `${task.run}-${task.index.toString(36)}`;
    this.stopped = new Promise((resolve) => {
      this.resolveStopped = resolve;
    });
    this.turns = new Turns(this.timers, () => this.flush());
    this.services = new Int32Array(task.services);
    this.sockets = new SipSockets(task, {
      received: (socket, datagram, host, port) => this.onDatagram(socket, datagram, host, port),
      unsendable: (path, why) => this.unsendable(path, why),
      smallBuffer: (granted_bytes, asked_bytes) => this.tellBuffer(granted_bytes, asked_bytes),
      broken: (name, error) => this.log.error({ err: error.message, socket: name }, 'UDP socket error'),
    });
    this.gate = new Gate(task.gate, 'worker', new SourceLimit(task.source_limit));
    this.overload = new Overload(this.gate.state);
    this.doorman = new Doorbell(task.doorman);
    this.soundings = new Soundings(
      (socket, sounding) => this.sockets.sound(socket, sounding),
      (socket, wait_ms) => this.overload.waited(socket, wait_ms),
    );
    this.reports = new LinkWriter(task.reports, reportCodec, { spill_limit: MAX_SPILLED });
    this.decisions = new LinkReader(task.decisions, decisionCodec);
    this.peersOut = task.datagrams_out.map((link) => link && new DatagramLinkWriter(link));
    // Ways by which datagrams come have numbers: sockets first, then threads.
    const way = this.sockets.names.length;
    const waited = (peer: number) => (wait_ms: number) => this.overload.waited(way + peer, wait_ms);
    this.peersIn = task.datagrams_in.map((link, peer) => link && new DatagramLinkReader(link, waited(peer)));
    this.resolver = new SipResolver(now_ms);
    this.router = routerOf(task.routes);
    this.routeClient = task.route_modules && new RouteClient(task.route_modules.port);
  }

  /**
   * Binds the sockets, reads the journals of former workers, brings our calls back from them, begins a new journal
   * with these, and goes on when told to.
   */
  async open(): Promise<void> {
    const { control, journal, workers, index } = this.task;
    await this.sockets.open();
    // The worker before may have died in overload, when the doorman had bound the ports last.
    this.gate.state.countBound();
    this.doorman.ring();
    control.postMessage({ kind: 'bound' } satisfies WorkerNotice);
    const log: JournalOptions['log'] = (level, message, fields) => this.log[level](fields, message);
    const recovery = new CallRecovery(journal.sources, (shard) => shard % workers === index, log);
    const recover = await this.ordered('recover');
    if (recover === undefined) return this.resolveStopped();
    const began_ms = now_ms();
    const recovered = recovery.read(recover.applied, (name) => this.sockets.named(name));
    const read_ms = now_ms();
    const replayed = this.play(recovered, log);
    const played_ms = now_ms();
    writeCallBase(journal.folder, journal.name, journal.base, this.sockets.names, recovered.inputs);
    const based_ms = now_ms();
    control.postMessage({ kind: 'prepared' } satisfies WorkerNotice);
    if ((await this.ordered('go')) === undefined) return this.resolveStopped();
    control.on('message', (order: WorkerOrder) => this.order(order));
    this.live(replayed, log);
    if (recovered.calls.size > 0) {
      const took = (from_ms: number, to_ms: number): number => Math.round(to_ms - from_ms);
      this.log.info(
        {
          calls: recovered.calls.size,
          inputs: recovered.inputs.length,
          read_ms: took(began_ms, read_ms),
          play_ms: took(read_ms, played_ms),
          base_ms: took(played_ms, based_ms),
        },
        'calls are back',
      );
    }
    control.postMessage({ kind: 'ready', calls: recovered.calls.size } satisfies WorkerNotice);
  }

  /** Waits for that order; others are carried out meanwhile. Undefined when it is to stop instead. */
  private async ordered<K extends WorkerOrder['kind']>(
    kind: K,
  ): Promise<Extract<WorkerOrder, { kind: K }> | undefined> {
    const is = (order: WorkerOrder): order is Extract<WorkerOrder, { kind: K }> => order.kind === kind;
    for (;;) {
      const order = await new Promise<WorkerOrder>((resolve) => this.task.control.once('message', resolve));
      if (is(order)) return order;
      if (order.kind === 'stop') return undefined;
      this.order(order);
    }
  }

  private play(recovered: RecoveredCalls, log: JournalOptions['log']): PlayedCalls {
    return playAgain(
      recovered,
      (timers) => {
        this.timers = timers;
        const env = new ReplayEnvironment(this.environment());
        return { env, b2bua: new B2bua(env, this.task.options) };
      },
      log,
    );
  }

  /** From here on the worker lives. */
  private live({ b2bua, env, calls, over }: PlayedCalls, log: JournalOptions['log']): void {
    const { journal, index, doorbell } = this.task;
    const applied = new BigInt64Array(journal.applied);
    this.b2bua = b2bua;
    this.turns = new Turns(this.timers, () => this.flush());
    this.journal = new CallJournal({ ...journal, sockets: this.sockets.names, log }, this.timers, {
      last_seq: () => this.reports.last_seq,
      applied_seq: () => Number(Atomics.load(applied, index)),
    });
    env.goLive();
    for (const report of env.reports) this.report(report);
    for (const call of calls) this.report({ kind: 'resumed', call });
    this.report({ kind: 'all_resumed' });
    // The next restart has nothing to do with them, once the dispatcher has heard of their end.
    this.journal.overBefore(over);
    this.turns.begin();
    b2bua.askAgain();
    this.bell = new DoorbellListener(doorbell, () => this.onBell(), {
      pause: { ms: PAUSE_MS, due: () => this.pace.due(this.timers.now_ms) },
    });
    const { early } = this;
    this.early = [];
    for (const { socket, datagram, host, port } of early) this.onDatagram(socket, datagram, host, port);
  }

  close(): void {
    this.turns.stop();
    this.bell?.close();
    this.sockets.close();
    this.task.control.close();
    this.routeClient?.close();
  }

  /** One line for all workers. */
  private tellBuffer(granted_bytes: number, asked_bytes: number): void {
    if (this.task.index > 0) return;
    this.log.warn(
      { granted_bytes, asked_bytes },
      'UDP receive buffer smaller than asked for; raise net.core.rmem_max',
    );
  }

  private onDatagram(socket: number, datagram: Buffer, host: string, port: number): void {
    if (this.soundings.received(socket, datagram, now_ms)) return;
    this.pace.tookIn(1);
    // Nobody can be answered at port 0, and a socket throws when asked to.
    if (port === 0) return;
    const { b2bua } = this;
    if (b2bua === undefined || this.journal === undefined) {
      if (this.early.length < MAX_EARLY) this.early.push({ socket, datagram, host, port });
      return;
    }
    const text = datagram.toString('latin1');
    if (this.task.workers > 1) {
      const callId = callIdOf(text);
      // A leg to a dialog of another worker has a Call-ID of that one's shard.
      const shard = this.sockets.owner(socket) === undefined ? shardOf : originShardOf;
      const owner = callId === undefined ? this.task.index : shard(callId) % this.task.workers;
      if (owner !== this.task.index) {
        this.turns.begin();
        if (Atomics.load(this.services, owner) === OUT_OF_SERVICE)
          return this.refuseFor(text, { socket, host, port });
        this.peersOut[owner]?.send(socket, port, host, datagram);
        return;
      }
    }
    this.turns.begin();
    b2bua.receive(text, { socket, host, port }, datagram);
  }

  /** The worker that the datagram is for is not coming back. */
  private refuseFor(text: string, path: Path): void {
    const answer = unavailable(text, path, this.entropy.token());
    if (answer !== undefined) this.outbox.push({ path: answer.target, text: answer.text });
  }

  /** Decisions, and datagrams that other threads received for us or we have to send. True when there is more. */
  private onBell(): boolean {
    const b2bua = this.b2bua as B2bua;
    this.turns.begin();
    let handled = this.decisions.drain((decision) => b2bua.decide(decision), DRAIN_AT_ONCE);
    let more = handled >= DRAIN_AT_ONCE;
    for (const peer of this.peersIn) {
      const came =
        peer?.drain((socket, port, host, datagram) => {
          const text = datagram.toString('latin1');
          const path = { socket, host, port };
          // By a socket that only we have nobody else receives: it leaves there.
          if (this.sockets.owner(socket) === this.task.index) this.sockets.send(path, text);
          else b2bua.receive(text, path, datagram);
        }, DATAGRAMS_AT_ONCE) ?? 0;
      more ||= came >= DATAGRAMS_AT_ONCE;
      handled += came;
    }
    this.pace.tookIn(handled);
    return more;
  }

  private admits(invite: SipRequest, source: string): boolean {
    const { now_ms } = this.timers;
    if (!this.gate.admits(inviteNumber(invite), source, now_ms)) return false;
    this.overload.letIn(now_ms);
    return true;
  }

  /** The end of a turn: what happened becomes safe before anything of it leaves, first reports, then datagrams. */
  private flush(): number {
    const telling = this.reporting || this.outbox.length > 0;
    const due_ms = this.journal?.commit(telling) ?? Number.POSITIVE_INFINITY;
    const ended_ms = now_ms();
    this.soundings.turned(ended_ms);
    const look_ms = this.overload.turned(ended_ms);
    this.tellOverload();
    const spilled = this.reports.flush();
    this.reporting = false;
    const outbox = this.outbox;
    this.outbox = [];
    for (const { path, text } of outbox) this.transmit(path, text);
    for (const peer of this.peersOut) peer?.flush();
    return Math.min(due_ms, look_ms, spilled ? this.timers.now_ms + RETRY_MS : Number.POSITIVE_INFINITY);
  }

  /** One line when calls begin to be turned away, and one when that is over. */
  private tellOverload(): void {
    const { overload } = this;
    if (overload.overloaded === this.overload_told) return;
    this.overload_told = overload.overloaded;
    this.doorman.ring();
    if (overload.overloaded) this.log.warn('more calls than can be served: some are turned away with 503');
    else
      this.log.warn({ calls: overload.takeAway() }, 'all calls are served again; so many were turned away');
  }

  private transmit(path: Path, text: string): void {
    // A Via may name a host to answer to, and a forged datagram can come from port 0.
    const sendable = this.resolver.isAddress(path.host) && path.port > 0 && path.port <= 65_535;
    if (!sendable) return this.unsendable(path, 'no address to send to');
    if (text.length > MAX_MESSAGE_BYTES) return this.unsendable(path, 'too large');
    const owner = this.sockets.owner(path.socket) ?? this.task.index;
    if (owner === this.task.index) this.sockets.send(path, text);
    // The call was another worker's: its dialogs go on by the socket that they have gone by.
    else this.peersOut[owner]?.send(path.socket, path.port, path.host, Buffer.from(text, 'latin1'));
  }

  private unsendable(path: Path, why: string): void {
    // Once a second: what a stranger's packets can cause must not fill the log.
    this.unsent++;
    if (now_ms() - this.unsent_said_ms >= 1000) {
      const count = this.unsent;
      this.log.warn({ err: why, host: path.host, port: path.port, count }, 'datagrams could not be sent');
      this.unsent = 0;
      this.unsent_said_ms = now_ms();
    }
    this.turns.begin();
    this.b2bua?.transportFailed(path);
  }

  private order(order: WorkerOrder): void {
    switch (order.kind) {
      case 'recover':
      case 'go':
        return;
      case 'datagrams':
        for (const { socket, datagram, host, port } of order.datagrams)
          this.onDatagram(this.sockets.named(socket), Buffer.from(datagram), host, port);
        return;
      case 'die':
        throw new Error('told to die');
      case 'drain':
        this.draining = true;
        return;
      case 'stop':
        this.draining = true;
        return this.farewell();
    }
  }

  private farewell(): void {
    this.turns.begin();
    this.b2bua?.endAll('the engine stops');
    // The farewells leave with this turn; their answers have a moment to arrive.
    setTimeout(() => void this.finish(), this.b2bua?.dialogs ? FAREWELL_MS : 0);
  }

  private async finish(): Promise<void> {
    this.flush();
    await this.journal?.close();
    this.resolveStopped();
  }

  private report(report: Report): void {
    this.reports.send(report);
    this.reporting = true;
  }

  private environment(): B2buaEnvironment {
    const worker = this;
    return {
      timers: this.timers,
      send: (path, text) => {
        this.outbox.push({ path, text });
      },
      token: () => this.entropy.token(),
      random: () => Math.random(),
      socketFor: (host, port) => this.sockets.toward(host, port),
      sentBy: (socket) => this.sockets.sentBy(socket),
      resolve: (uri, found, first) => {
        let atOnce = true;
        this.resolver.resolve(first ? this.firstHop(uri) : uri, (targets) => {
          // An answer from DNS is a turn of its own; one at once is part of the turn that asked.
          if (!atOnce) this.turns.begin();
          found(targets);
        });
        atOnce = false;
      },
      route: (request, path, done) => this.route(request, path, done),
      onLeg: this.task.route_modules?.asks_legs
        ? (invite, done) =>
            this.routeClient?.changeLeg(invite, (answer) => {
              this.turns.begin();
              done(answer);
            })
        : undefined,
      admits: (invite, path) => this.admits(invite, path.host),
      accepting: () => !this.draining && !this.journal?.full && this.reports.hasRoomForNew,
      report: (report) => this.report(report),
      newCall: () => ({
        id: callId(this.origin, this.calls++),
        seed: this.entropy.seed(),
        port: this.task.ports[this.task.index] as number,
      }),
      get recorder() {
        return worker.task.journal.calls ? worker.journal : undefined;
      },
      log: (level, message, fields) => this.log[level](fields ?? {}, message),
    };
  }

  private route(request: SipRequest, path: Path, done: (routed: Routed) => void): void {
    const chosen = this.router(request, path.host);
    if (!('module' in chosen)) return done(chosen);
    this.routeClient?.decide(chosen.module, request.text, path.host, (routed) => {
      // A module's answer is a turn of its own.
      this.turns.begin();
      done(routed);
    });
  }

  /** The outbound proxy takes what starts a dialog; inside it the route set says where to (RFC 3261 12.2.1.1). */
  private firstHop(uri: string): string {
    return this.task.outbound_proxy === '' ? uri : this.task.outbound_proxy;
  }
}

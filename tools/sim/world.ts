/**
 * A whole centre in one thread and virtual time: the engine's own B2BUAs and dispatcher, joined by its rings and its
 * message catalogue, among simulated phones on a network that fails. A seed decides everything that happens.
 */
import { parseMessage } from '../../core/sip/parser.js';
import type { Path } from '../../core/sip/transport.js';
import { TimerWheel } from '../../core/timers.js';
import { ForeignWriter } from '../../sql/lane.js';
import { BothSides } from './both-sides.js';
import { Clock } from './clock.js';
import { SimDatabase } from './database.js';
import { Desk } from './desk.js';
import { Dice } from './dice.js';
import { SimDispatcher } from './dispatching.js';
import { SimFleet } from './fleet.js';
import { Neighbours, OUTSIDE, UNKNOWN } from './neighbours.js';
import { ALL_FAULTS, type Faults, Network, NO_FAULTS } from './network.js';
import type { SimOptions } from './options.js';
import type { Phone, PhoneNet } from './phone.js';
import { SimStore } from './store.js';
import { Trace } from './trace.js';
import { must } from './violation.js';
import { Wire } from './wire.js';
import { CONTEXT_PARAM, ENGINE, PUBLIC_PORT, portOf, SimWorker, socketOf } from './worker.js';

const START_MS = 1_700_000_000_000;
const CHECK_EVERYTHING_STEPS = 1_000;
/** How many agents there are, by the seed: from a centre that can hardly cope to one that can. */
const AGENTS = [10, 60, 25];
/** How many workers at first, by the seed, and at most. */
const WORKERS = [1, 2, 3, 4, 2];
const MOST_WORKERS = 4;
/** Per cent of restarts after which there may be more workers, or fewer. */
const RESIZED = 50;
const ARRIVAL_GAP_MS = 200;
/** So small that a thread that stalls finds them full. */
const RING_BYTES = 1_024;
/** Damaged datagrams have names of any length. */
const WIDE_RING_BYTES = 1 << 18;
const LONGEST_STALL_MS = 6_000;
/** How long it takes until the dispatcher hears that a worker has died, and then until another is there. */
const SLOWEST_NEWS_MS = 50;
const SLOWEST_RETURN_MS = 1_000;
const LONGEST_RESTART_MS = 3_000;
const MOST_OFTEN_RESTARTED_MS = 20_000;
/** Per cent of datagrams of which the engine gets a damaged copy too, where it gets any. */
const DAMAGED = 20;
/** Everything must be over so long after the last call arrived: patience, talk, session timers, transactions. */
const SETTLE_MS = 3_000_000;
/** Dialogs and transactions of the engine's for each call that goes on or has lately ended, at most. */
const MOST_DIALOGS = 20;
const MOST_TRANSACTIONS = 400;

/** Whether a route module sees each leg before it is made. */
function seesLegs(seed: number): boolean {
  return seed % 5 === 2;
}

export class World implements PhoneNet {
  readonly timers = new TimerWheel(START_MS);
  readonly trace: Trace;
  steps = 0;
  private readonly people: Dice;
  private readonly desk: Dice;
  /** Damages datagrams. */
  private readonly vandal: Dice;
  private readonly reaper: Dice;
  private last_datagram = '';
  private readonly faults: Faults;
  private readonly network: Network;
  private readonly wire = new Wire(() => this.timers.now_ms);
  private readonly fleet: SimFleet;
  /** Those there are. */
  private readonly workers: readonly SimWorker[];
  private readonly dispatching: SimDispatcher;
  private readonly bothSides: BothSides;
  private readonly database: SimDatabase;
  private store: SimStore;
  /** Somebody waits for a promise that has been settled. */
  private stirred = false;
  /** What went wrong where nobody could be told at once. */
  private broken: unknown;
  private readonly neighbours: Neighbours;
  private readonly management: Desk;
  private arrived = 0;
  private tokens = 0;
  private restarts = 0;
  private next_check = CHECK_EVERYTHING_STEPS;

  constructor(private readonly options: SimOptions) {
    const { seed } = options;
    this.trace = new Trace(options.write);
    this.people = new Dice(seed);
    this.desk = new Dice(seed ^ 0x5bd1e995);
    this.vandal = new Dice(seed ^ 0x1b873593);
    this.reaper = new Dice(seed ^ 0x7f4a7c15);
    this.faults = options.faults === 'all' ? ALL_FAULTS : NO_FAULTS;
    this.network = new Network(this.timers, new Dice(seed ^ 0x2545f491), this.faults, (how, text) =>
      this.note(`network ${how}`, text),
    );
    const machine = new Dice(seed ^ 0x68e31da4);
    const clock = (): Clock => (options.faults === 'all' ? Clock.drifting(machine) : Clock.right());
    // Calls move between workers: what was recorded by one's clock is played by another's.
    const workersClock = clock();
    this.fleet = new SimFleet(
      Array.from({ length: MOST_WORKERS }, (_, index) => this.makeWorker(index, workersClock, machine)),
      WORKERS[seed % WORKERS.length] as number,
      (act) => this.cross(act),
    );
    this.workers = this.fleet.workers;
    this.dispatching = this.makeDispatcher(clock());
    this.bothSides = new BothSides(this.workers, this.dispatching);
    this.database = new SimDatabase(
      this.timers,
      new Dice(seed ^ 0x3c6ef372),
      (text) => this.note('database', text),
      () => this.arrived < options.calls,
      options.faults === 'all',
    );
    this.store = this.makeStore(new Set());
    const goesOn = (): boolean => this.arrived < options.calls;
    const agents = AGENTS[seed % AGENTS.length] as number;
    this.neighbours = new Neighbours(this, this.people, agents, goesOn, this.isVandalized);
    this.management = new Desk(
      {
        timers: this.timers,
        command: (command) => this.dispatching.command(command),
        alive: () => this.dispatching.alive,
        goesOn,
        calls: () => this.dispatching.dispatcher.acd.calls.keys(),
      },
      this.desk,
      agents,
    );
    this.management.load();
  }

  private makeWorker(index: number, clock: Clock, dice: Dice): SimWorker {
    const { plant, seed } = this.options;
    return new SimWorker(
      index,
      {
        timers: this.timers,
        note: (what, text) => this.note(what, text),
        token: () => this.token(),
        wakeDelay_ms: () => this.wakeDelay_ms(),
        received: (text, bytes) => this.received(text, bytes),
        sent: (worker, path, text, lost) => {
          for (const sent of plant?.sent?.(text) ?? [text]) this.toPhone(worker, path, sent, lost);
        },
        reporting: (report) => plant?.report?.(report) ?? [report],
        called: (call, callId) => {
          this.neighbours.called(call, callId);
          this.wire.called(call, callId);
        },
        ringDispatcher: () => this.dispatching.ring(),
        dies: () => this.reaper.chance(this.faults.died),
        died: (worker) => this.replace(worker),
        comesBack: (worker) => this.comesBack(worker),
      },
      clock,
      dice,
      {
        offer: seed % 4 === 3 ? 'early' : 'late',
        early_offer_hosts: ['10.2.0.3'],
        agent_ring_timeout_ms: 15_000,
        agent_no_response_timeout_ms: 4_000,
        message_timeout_ms: 60_000,
        own_addresses: [{ host: ENGINE, port: PUBLIC_PORT }],
        context_param: CONTEXT_PARAM,
        identity_headers: [],
      },
      this.isVandalized ? WIDE_RING_BYTES : RING_BYTES,
      seesLegs(seed),
    );
  }

  private makeDispatcher(clock: Clock): SimDispatcher {
    const { plant, seed } = this.options;
    return new SimDispatcher(
      {
        timers: this.timers,
        note: (what, text) => this.note(what, text),
        wakeDelay_ms: () => this.wakeDelay_ms(),
        deciding: (decision) => plant?.decision?.(decision) ?? [decision],
        recording: (record) => plant?.record?.(record) ?? [record],
        ended: (call) => this.wire.callEnded(call),
        legEnded: (leg) => this.wire.legEnded(leg),
        bridged: (call) => this.wire.goesOn(call),
        bridgeEnded: (call) => {
          this.wire.callEnded(call);
          this.neighbours.bridgeEnded(call);
        },
      },
      clock,
      {
        wrapup_s: 3,
        reject_on_no_agents: true,
        chat_dispatch_policy: seed % 2 === 0 ? 'balancing' : 'full-load',
        internal_call_dispatching: true,
        message_timeout_s: 60,
        transfer: { allow: [ENGINE, `${OUTSIDE}0.1`, UNKNOWN], to_locations: true, callers: true },
        tell_states: seesLegs(seed),
        max_rejections: seed % 3 === 0 ? 3 : 10,
        max_calls: 5_000,
        queue_pos_param: seed % 2 === 0 ? 'pos' : '',
      },
      this.workers,
    );
  }

  private makeStore(live_calls: ReadonlySet<string>): SimStore {
    const { timers } = this;
    return new SimStore(
      {
        now_ms: () => timers.now_ms,
        after: (ms, act) => {
          timers.set(ms, act);
        },
        stirred: () => {
          this.stirred = true;
        },
        fatal: (error) => {
          this.note('store', String(error));
          // A statement that has outlived its process: the next start knows of it.
          if (!(error instanceof ForeignWriter)) this.broken = error;
          else if (this.dispatching.alive) this.restart();
        },
      },
      this.dispatching.records,
      this.database,
      live_calls,
    );
  }

  /** Runs to the end. @throws when a check fails, a Violation or the broken assertion itself */
  async run(): Promise<void> {
    const { timers } = this;
    this.arriveLater();
    this.management.manageLater();
    if (this.faults.restarted) this.restartLater();
    let until_ms = Number.MAX_SAFE_INTEGER;
    let next_ms: number | undefined;
    while ((next_ms = this.due_ms()) !== undefined && next_ms < until_ms) {
      timers.advance(next_ms);
      if (this.stirred) await this.settled();
      if (this.broken !== undefined) throw this.broken;
      for (const worker of this.workers) worker.tick();
      this.dispatching.tick();
      this.bothSides.check(this.steps);
      if (this.steps >= this.next_check) {
        this.next_check = this.steps + CHECK_EVERYTHING_STEPS;
        this.everything();
      }
      if (this.arrived >= this.options.calls && until_ms === Number.MAX_SAFE_INTEGER)
        until_ms = timers.now_ms + SETTLE_MS;
      // The store looks for rows for ever.
      if (this.isOver()) this.store.end();
    }
    this.everything();
    this.nothingIsLeft();
  }

  /** Lets everything go on that waits for a promise: no time passes meanwhile. */
  private async settled(): Promise<void> {
    this.stirred = false;
    // Its turn comes when no promise has anything left to do.
    await new Promise<void>(process.nextTick);
  }

  private isOver(): boolean {
    return (
      this.arrived >= this.options.calls &&
      this.dispatching.alive &&
      this.dispatching.dispatcher.acd.calls.size === 0 &&
      this.store.idle &&
      this.timers.size <= 1
    );
  }

  /** When something happens next; undefined when nothing will. */
  private due_ms(): number | undefined {
    let due_ms = this.timers.next_ms() ?? Number.POSITIVE_INFINITY;
    for (const worker of this.workers) due_ms = Math.min(due_ms, worker.due_ms() ?? due_ms);
    due_ms = Math.min(due_ms, this.dispatching.due_ms() ?? due_ms);
    return due_ms === Number.POSITIVE_INFINITY ? undefined : due_ms;
  }

  private everything(): void {
    this.dispatching.audit.everything();
    this.wire.everything();
    const { records } = this.dispatching;
    if (this.store.idle) records.checkAll(this.database.tables);
    else records.check(this.database.tables);
    const { bridges, calls } = this.dispatching.dispatcher.acd;
    const lately = calls.size + bridges.size + this.wire.endedLately + this.workers.length;
    for (const { b2bua } of this.workers) {
      must(b2bua.dialogs <= MOST_DIALOGS * lately, 'dialogs go with their calls');
      must(b2bua.layer.size <= MOST_TRANSACTIONS * lately, 'transactions go with their calls');
    }
  }

  private nothingIsLeft(): void {
    must(this.dispatching.dispatcher.acd.calls.size === 0, 'no call is left in the dispatcher');
    must(this.dispatching.dispatcher.acd.bridges.size === 0, 'no bridge is left in the dispatcher');
    must(this.dispatching.timers.size === 0, 'no deadline of the dispatcher is left');
    for (const { b2bua, timers } of this.workers) {
      must(b2bua.size === 0, 'no call is left in the B2BUA');
      must(b2bua.dialogs === 0, 'no dialog is left');
      must(b2bua.layer.size === 0, 'no transaction is left');
      must(timers.size === 0, 'no deadline of a worker is left');
    }
    this.dispatching.records.checkAll(this.database.tables);
    must(this.timers.size === 0, 'nobody waits for anything');
  }

  get virtual_seconds(): number {
    return (this.timers.now_ms - START_MS) / 1000;
  }

  /** One step of the simulation, about to be done. */
  note(what: string, text: string): void {
    this.steps++;
    this.trace.add(this.timers.now_ms - START_MS, what, text);
  }

  /** How long it takes to wake a thread: now and then it is busy, and seldom the machine stalls. */
  private wakeDelay_ms(): number {
    const { desk, faults } = this;
    if (desk.chance(faults.stalled)) return desk.between(200, LONGEST_STALL_MS);
    return desk.chance(95) ? 1 : desk.between(1, 50);
  }

  token(): string {
    return `t${(this.tokens++).toString(36).padStart(15, '0')}`;
  }

  unacknowledged(phone: Phone): void {
    if (this.isVandalized) return;
    // Nobody can be joined to a caller who does not acknowledge: until he is given up, the leg waits too.
    const caller = this.neighbours.callerOf(phone.callId.split('.', 1)[0] ?? '');
    if (caller === undefined || caller.deaf || !caller.acknowledges) return;
    must(false, `the 200 of ${phone.name} (${phone.callId}) is acknowledged`);
  }

  forget(who: { readonly callId: string }): void {
    this.neighbours.forget(who.callId);
  }

  /** A worker has died: the dispatcher learns it, and a little later another takes its place. */
  private replace(worker: SimWorker): void {
    const { reaper, timers } = this;
    this.note(`worker ${worker.index}`, 'has died');
    const { restarts } = this;
    timers.set(reaper.between(1, SLOWEST_NEWS_MS), () => {
      if (this.restarts !== restarts) return;
      this.dispatching.replace(worker);
      timers.set(reaper.between(10, SLOWEST_RETURN_MS), () => {
        if (this.restarts === restarts) worker.comeBack();
      });
    });
  }

  private restartLater(): void {
    this.timers.set(this.reaper.between(MOST_OFTEN_RESTARTED_MS, 5 * MOST_OFTEN_RESTARTED_MS), () => {
      if (this.arrived >= this.options.calls) return;
      this.restart();
      this.restartLater();
    });
  }

  /** The whole process dies, and what is in its rings and on its way to it with it. */
  private restart(): void {
    const { dispatching, reaper, timers, workers } = this;
    this.note('process', 'has died');
    this.restarts++;
    for (const worker of workers) worker.endWithProcess();
    dispatching.end();
    this.store.end();
    timers.set(reaper.between(10, LONGEST_RESTART_MS), () => {
      if (reaper.chance(RESIZED)) this.fleet.resize(reaper.between(1, MOST_WORKERS));
      this.note('process', `is back, workers: ${workers.length}`);
      dispatching.comeBack();
      this.store = this.makeStore(new Set(dispatching.dispatcher.acd.calls.keys()));
      for (const worker of workers) {
        worker.relink();
        worker.comeBack();
      }
    });
  }

  private comesBack(worker: SimWorker): void {
    this.note(`worker ${worker.index}`, 'is replaced');
    const isIts = (callId: string, call: string): boolean =>
      this.fleet.ownerOf(this.neighbours.callIdOf(call) ?? callId) === worker;
    const undecided = worker.journal.callIdsUndecided();
    this.wire.cameBack(isIts, (callId, call) => worker.journal.has(call) || undecided.has(callId));
  }

  // The network's ends.

  /** From a phone to one of the engine's sockets. */
  send(phone: Phone, text: string, port: number): void {
    const { damage, datagram } = this.options;
    datagram?.(text);
    this.network.send(text, (arrived) => this.toEngine(phone, arrived, port));
    if (damage === undefined) return;
    if (this.vandal.chance(DAMAGED)) {
      const mutant = damage(text, this.last_datagram, this.vandal);
      this.network.send(mutant, (arrived) => this.toEngine(phone, arrived, port));
    }
    this.last_datagram = text;
  }

  private toEngine(from: { name: string; host: string; port: number }, text: string, port: number): void {
    this.note(`${from.name} ->`, text);
    if (!this.dispatching.alive) return this.note('network lost', text);
    const socket = socketOf(port);
    must(socket >= 0 && socket <= MOST_WORKERS, `port ${port} is one of the engine's`);
    this.fleet.arrive(text, { socket, host: from.host, port: from.port });
  }

  /** From worker to worker: what is under way is lost with the process. */
  private cross(act: () => void): void {
    const { restarts } = this;
    this.timers.set(this.wakeDelay_ms(), () => {
      if (this.restarts === restarts) act();
    });
  }

  /** Whether the engine gets damaged datagrams: then it keeps standing, but what it says mirrors what it gets. */
  private get isVandalized(): boolean {
    return this.options.damage !== undefined;
  }

  private received(text: string, bytes: Uint8Array): void {
    if (this.isVandalized) return;
    const message = parseMessage(text, bytes);
    if (message.kind !== 'failure') this.wire.received(message);
    else if (message.request !== undefined) this.wire.receivedCut(message.request);
  }

  private toPhone(worker: SimWorker, path: Path, text: string, lost: boolean): void {
    const message = parseMessage(text, Buffer.from(text, 'latin1'));
    // A refusal repeats what could not be read.
    if (message.kind === 'failure' && this.isVandalized) return;
    must(message.kind !== 'failure', 'the engine sends what its own parser takes');
    this.options.datagram?.(text);
    const itself = path.host === ENGINE;
    if (!this.isVandalized) {
      if (itself && message.kind === 'request' && message.method === 'INVITE' && message.toTag === '')
        this.wire.callsItself(message);
      this.wire.sent(message, `${ENGINE}:${portOf(path.socket)}`);
    }
    if (lost) return this.note('network lost', text);
    this.fleet.leave(worker, path.socket, () => {
      if (itself) this.toItself(worker, path, text);
      else this.overNetwork(path, text, message);
    });
  }

  private toItself(worker: SimWorker, path: Path, text: string): void {
    const from = { name: `engine, worker ${worker.index}`, host: ENGINE, port: portOf(path.socket) };
    this.network.send(text, (arrived) => this.toEngine(from, arrived, path.port));
  }

  private overNetwork(path: Path, text: string, message: ReturnType<typeof parseMessage>): void {
    this.network.send(text, (arrived) => {
      const heard = arrived.length === text.length ? message : parseMessage(arrived);
      if (heard.kind === 'failure') return;
      let endpoint = this.neighbours.find(heard.callId);
      if (endpoint === undefined && heard.kind === 'request')
        endpoint = this.neighbours.ring(heard, path.host);
      this.note(`${endpoint?.name ?? path.host} <-`, arrived);
      endpoint?.receive(heard);
    });
  }

  // What happens by itself.

  private arriveLater(): void {
    if (this.arrived >= this.options.calls) return;
    this.timers.set(this.people.between(1, 2 * ARRIVAL_GAP_MS), () => {
      this.neighbours.callArrives(++this.arrived);
      this.arriveLater();
    });
  }
}

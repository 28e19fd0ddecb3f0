/**
 * A whole centre in one thread and virtual time: the engine's own B2BUA and dispatcher, joined by the message
 * catalogue, among simulated phones on a network that fails. A seed decides everything that happens.
 */
import type { CallEvent, Command } from '../../core/acd/commands.js';
import { Dispatcher } from '../../core/acd/dispatcher.js';
import type { Provisioning } from '../../core/acd/provisioning.js';
import type { StoreRecord } from '../../core/acd/records.js';
import type { Decision, Report } from '../../core/messages.js';
import { B2bua } from '../../core/sip/b2bua.js';
import { flatten } from '../../core/sip/bytes.js';
import type { LegAnswer, LegInvite } from '../../core/sip/environment.js';
import type { SipRequest, SipResponse } from '../../core/sip/message.js';
import { parseMessage } from '../../core/sip/parser.js';
import { parseUri } from '../../core/sip/uri.js';
import { TimerWheel } from '../../core/timers.js';
import { decisionCodec, recordCodec, reportCodec } from '../../ipc/catalogue.js';
import type { Codec } from '../../ipc/codec.js';
import { Audit, must } from './audit.js';
import { drawProvisioning, FLOWS } from './centre.js';
import { Dice } from './dice.js';
import { ALL_FAULTS, Network, NO_FAULTS } from './network.js';
import { Agent, Caller, MediaServer } from './people.js';
import { Phone } from './phone.js';
import { Trace } from './trace.js';

const START_MS = 1_700_000_000_000;
const ENGINE = '192.0.2.1';
const CHECK_EVERYTHING_STEPS = 1_000;
/** How many agents there are, by the seed: from a centre that can hardly cope to one that can. */
const AGENTS = [10, 60, 25];
const ARRIVAL_GAP_MS = 200;
/** Everything must be over so long after the last call arrived: patience, talk, session timers, transactions. */
const SETTLE_MS = 3_000_000;

/** What becomes of a message on its way: itself, nothing, twice, another. */
export interface Plant {
  record?: (record: StoreRecord) => StoreRecord[];
  report?: (report: Report) => Report[];
  decision?: (decision: Decision) => Decision[];
  /** Of the engine's datagrams. */
  sent?: (text: string) => string[];
}

export interface SimOptions {
  seed: number;
  calls: number;
  faults: 'all' | 'none';
  /** Gets the trace, line by line. */
  write?: (line: string) => void;
  /** A bug, to see the checks fail. */
  plant?: Plant;
}

export interface SimResult {
  seed: number;
  calls: number;
  steps: number;
  violations: number;
  virtual_seconds: number;
  wall_seconds: number;
  trace_hash: string;
}

export interface SimFailure {
  step: number;
  check: string;
  last: string[];
}

export class World {
  readonly timers = new TimerWheel(START_MS);
  readonly trace: Trace;
  readonly audit: Audit;
  steps = 0;
  private readonly people: Dice;
  private readonly desk: Dice;
  private readonly network: Network;
  private readonly b2bua: B2bua;
  private readonly dispatcher: Dispatcher;
  private readonly phones = new Map<string, Phone>();
  private readonly reports = new Link(this, reportCodec, (report: Report) => this.hear(report));
  private readonly decisions = new Link(this, decisionCodec, (decision: Decision) => this.obey(decision));
  /** Call-ID of the phone that made each of the engine's calls. */
  private readonly callers = new Map<string, string>();
  private provisioning: Provisioning;
  private arrived = 0;
  private tokens = 0;
  private next_check = CHECK_EVERYTHING_STEPS;
  private commanded = false;
  private readonly agents: number;

  constructor(private readonly options: SimOptions) {
    const { seed } = options;
    this.agents = AGENTS[seed % AGENTS.length] as number;
    this.trace = new Trace(options.write);
    this.people = new Dice(seed);
    this.desk = new Dice(seed ^ 0x5bd1e995);
    const faults = options.faults === 'all' ? ALL_FAULTS : NO_FAULTS;
    this.network = new Network(this.timers, new Dice(seed ^ 0x2545f491), faults, (how, text) =>
      this.note(`network ${how}`, text),
    );
    this.b2bua = this.makeB2bua();
    this.dispatcher = new Dispatcher(
      {
        wrapup_s: 3,
        reject_on_no_agents: true,
        chat_dispatch_policy: seed % 2 === 0 ? 'balancing' : 'full-load',
        internal_call_dispatching: true,
        max_rejections: seed % 3 === 0 ? 3 : 10,
        message_timeout_s: 60,
        transfer: { allow: ['192.0.2.1'], to_locations: true },
        max_calls: 5_000,
        queue_pos_param: seed % 2 === 0 ? 'pos' : '',
        tell_states: seed % 5 === 2,
      },
      this.timers,
      1,
    );
    this.audit = new Audit(this.dispatcher);
    this.provisioning = drawProvisioning(this.desk, this.agents, undefined);
    this.command({ kind: 'load', provisioning: this.provisioning });
  }

  /** Runs to the end. @throws when a check fails, a Violation or the broken assertion itself */
  run(): void {
    const { timers } = this;
    this.arriveLater();
    this.manageLater();
    let until_ms = Number.MAX_SAFE_INTEGER;
    let next_ms: number | undefined;
    while ((next_ms = timers.next_ms()) !== undefined && next_ms < until_ms) {
      timers.advance(next_ms);
      this.drain();
      this.bothSides();
      if (this.steps >= this.next_check) {
        this.next_check = this.steps + CHECK_EVERYTHING_STEPS;
        this.audit.everything();
      }
      if (this.arrived >= this.options.calls && until_ms === Number.MAX_SAFE_INTEGER)
        until_ms = timers.now_ms + SETTLE_MS;
    }
    this.audit.everything();
    must(this.dispatcher.acd.calls.size === 0, 'no call is left in the dispatcher');
    must(this.b2bua.size === 0, 'no call is left in the B2BUA');
    must(this.b2bua.dialogs === 0, 'no dialog is left');
    must(this.b2bua.layer.size === 0, 'no transaction is left');
    must(timers.size === 0, 'no deadline is left');
  }

  /** A call that one side has and the other has not is one that a message under way is about. */
  private bothSides(): void {
    const apart = Math.abs(this.b2bua.size - this.dispatcher.acd.calls.size);
    must(
      apart <= this.reports.pending + this.decisions.pending,
      'B2BUA and dispatcher have the same calls, but for what is under way',
    );
  }

  get virtual_seconds(): number {
    return (this.timers.now_ms - START_MS) / 1000;
  }

  /** One step of the simulation, about to be done. */
  note(what: string, text: string): void {
    this.steps++;
    this.trace.add(this.timers.now_ms - START_MS, what, text);
  }

  /** How long a message between the workers takes. */
  linkDelay_ms(): number {
    return this.desk.chance(95) ? 1 : this.desk.between(1, 50);
  }

  token(): string {
    return `t${(this.tokens++).toString(36).padStart(15, '0')}`;
  }

  unacknowledged(phone: Phone): void {
    // Nobody can be joined to a caller who does not acknowledge: until he is given up, the leg waits too.
    const caller = this.phones.get(this.callers.get(phone.callId.split('.', 1)[0] ?? '') ?? '');
    if (caller === undefined || caller.deaf || !caller.acknowledges) return;
    must(false, `the 200 of ${phone.name} (${phone.callId}) is acknowledged`);
  }

  forget(phone: Phone): void {
    this.phones.delete(phone.callId);
  }

  // The network's ends.

  /** From a phone to the engine. */
  send(phone: Phone, text: string): void {
    this.network.send(text, (arrived) => {
      this.note(`${phone.name} ->`, arrived);
      const socket = phone.role === 'caller' ? 0 : 1;
      this.b2bua.receive(arrived, { socket, host: phone.host, port: 5060 });
    });
  }

  private toPhone(host: string, text: string): void {
    const message = parseMessage(text);
    must(message.kind !== 'failure', 'the engine sends what its own parser takes');
    this.network.send(text, (arrived) => {
      const heard = arrived.length === text.length ? message : parseMessage(arrived);
      if (heard.kind === 'failure') return;
      let phone = this.phones.get(heard.callId);
      if (phone === undefined && heard.kind === 'request') phone = this.ring(heard as SipRequest, host);
      this.note(`${phone?.name ?? host} <-`, arrived);
      phone?.receive(heard as SipRequest | SipResponse);
    });
  }

  /** A phone for an INVITE that starts a leg, or for a request in a dialog long forgotten: it answers 481. */
  private ring(request: SipRequest, host: string): Phone | undefined {
    if (request.method === 'ACK') return undefined;
    const role = host.startsWith('10.2.') ? 'agent' : host.startsWith('10.3.') ? 'media' : 'caller';
    const user = parseUri(request.uri)?.user ?? '';
    const chat = request.body.includes('MSRP');
    const phone = new Phone(this, role, user, host, request.callId, '', chat);
    const person = role === 'agent' ? new Agent(phone, this.people) : new MediaServer(phone, this.people);
    phone.manners = person;
    this.phones.set(request.callId, phone);
    if (request.method !== 'INVITE' || request.toTag !== '') phone.end();
    return phone;
  }

  // The engine's surroundings.

  private makeB2bua(): B2bua {
    let calls = 0;
    const { plant } = this.options;
    const dice = new Dice(this.options.seed ^ 0x68e31da4);
    const modules = new Dice(this.options.seed ^ 0x1b873593);
    return new B2bua(
      {
        timers: this.timers,
        send: (path, text) => {
          for (const sent of plant?.sent?.(text) ?? [text]) this.toPhone(path.host, sent);
        },
        token: () => this.token(),
        random: () => dice.next(),
        socketFor: () => 1,
        sentBy: (socket) => (socket === 0 ? `${ENGINE}:5060` : `${ENGINE}:5160`),
        resolve: (uri, found) => {
          const host = parseUri(uri)?.host ?? '';
          const desk = /^desk(\d+)\.example$/.exec(host)?.[1];
          if (desk === undefined) return found(host === '' ? [] : [{ host, port: 5060 }]);
          const targets = dice.chance(2) ? [] : [{ host: `10.2.0.${desk}`, port: 5060 }];
          this.timers.set(dice.between(1, 300), () => {
            this.note('resolved', uri);
            found(targets);
          });
        },
        route: (request, _path, done) => {
          const decided = (): void => {
            this.callers.set(`c${calls + 1}`, flatten(request.callId));
            done({ flow: parseUri(request.uri)?.user ?? '', param: 'p', media: undefined });
          };
          if (modules.chance(80)) return decided();
          this.timers.set(modules.between(1, 500), () => {
            this.note('routed', request.callId);
            decided();
          });
        },
        onLeg: this.options.seed % 5 === 2 ? (invite, done) => this.onLeg(modules, invite, done) : undefined,
        accepting: () => true,
        admits: () => true,
        report: (report) => {
          for (const told of plant?.report?.(report) ?? [report]) this.reports.push(told);
        },
        newCall: () => ({ id: `c${++calls}`, seed: [this.options.seed, calls, 0, 0] }),
        recorder: undefined,
        log: () => {},
      },
      {
        offer: this.options.seed % 4 === 3 ? 'early' : 'late',
        early_offer_hosts: ['10.2.0.3'],
        agent_ring_timeout_ms: 15_000,
        agent_no_response_timeout_ms: 4_000,
        message_timeout_ms: 60_000,
        own_addresses: [{ host: '192.0.2.1', port: 5060 }],
        context_param: 'call_center',
        identity_headers: [],
      },
    );
  }

  /** A route module that takes its time with each leg, and now and then fails. */
  private onLeg(dice: Dice, invite: LegInvite, done: (answer: LegAnswer) => void): void {
    const { call, context, headers, leg } = invite;
    must(context.call_center === 'p', "a leg has its call's parameter");
    this.timers.set(dice.between(0, 500), () => {
      this.note('leg seen', `${call} ${leg} ${invite.state}`);
      if (dice.chance(1)) done({ failed: 'onLeg has failed' });
      else done({ headers: [...headers, ['X-Leg', `${leg}`]], context });
    });
  }

  private hear(report: Report): void {
    this.note('report', JSON.stringify(report));
    const cid = this.dispatcher.nextCid;
    this.drain();
    this.audit.hears(report);
    this.dispatcher.report(report, 0);
    this.audit.arrives(report, this.dispatcher.nextCid !== cid, cid);
    this.drain();
  }

  private obey(decision: Decision): void {
    this.note('decision', JSON.stringify(decision));
    this.b2bua.decide(decision);
  }

  private command(command: Command): void {
    this.note('command', JSON.stringify(command));
    this.drain();
    this.commanded = command.kind === 'dispatch';
    if (command.kind === 'reset_stats') this.audit.reset();
    this.dispatcher.command(command);
    this.drain();
    this.commanded = false;
  }

  /** What a turn of the dispatcher produced goes its way, and is held against the audit's books. */
  private drain(): void {
    const { out } = this.dispatcher;
    const { plant } = this.options;
    if (out.empty) return;
    const events: CallEvent[] = [...out.call_events];
    for (const event of events) this.audit.moved(event, this.commanded);
    for (const { decision } of out.decisions) {
      this.audit.decided(decision);
      for (const told of plant?.decision?.(decision) ?? [decision]) this.decisions.push(told);
    }
    for (const record of out.records) {
      for (const sent of plant?.record?.(record) ?? [record]) {
        this.trace.add(this.timers.now_ms - START_MS, 'record', JSON.stringify(sent));
        this.audit.stored(copy(recordCodec, sent));
      }
    }
    this.audit.turned(out.calls, out.agents, events);
    this.audit.forgetGone();
    out.clear();
  }

  // What happens by itself.

  private arriveLater(): void {
    if (this.arrived >= this.options.calls) return;
    this.timers.set(this.people.between(1, 2 * ARRIVAL_GAP_MS), () => {
      this.arrive();
      this.arriveLater();
    });
  }

  private arrive(): void {
    const { people } = this;
    const number = ++this.arrived;
    const flow = people.chance(1) ? 'nowhere' : people.pick(FLOWS);
    const host = `10.1.${number & 255}.${1 + ((number >> 8) & 127)}`;
    const chat = flow === 'chat' || people.chance(3);
    const uri = `sip:${flow}@${ENGINE}`;
    const phone = new Phone(this, 'caller', `u${number}`, host, `${number}@${host}`, uri, chat);
    this.phones.set(phone.callId, phone);
    phone.manners = new Caller(phone, people);
  }

  private manageLater(): void {
    this.timers.set(this.desk.between(100, 4_000), () => {
      if (this.arrived >= this.options.calls) return this.closeDesk();
      this.manage();
      this.manageLater();
    });
  }

  private manage(): void {
    const { desk } = this;
    const roll = desk.between(1, 100);
    const agent_id = `a${desk.between(1, this.agents)}`;
    if (roll <= 70) this.command({ kind: 'agent_login', agent_id, logged_in: desk.chance(75) });
    else if (roll <= 80) {
      this.provisioning = drawProvisioning(desk, this.agents, this.provisioning);
      this.command({ kind: 'load', provisioning: this.provisioning });
    } else if (roll <= 82) this.command({ kind: 'release_agent', agent_id });
    else if (roll <= 84) {
      const calls = [...this.dispatcher.acd.calls.keys()];
      const call = desk.pick(calls);
      if (calls.length > 0) this.command({ kind: 'end_call', call });
    } else if (roll <= 87) this.command({ kind: 'internal_dispatching', on: desk.chance(40) });
    else if (roll <= 95) this.command({ kind: 'internal_dispatching', on: true });
    else if (roll <= 99) {
      const call = this.dispatcher.acd.calls.keys().next().value;
      if (call !== undefined) this.command({ kind: 'dispatch', call, agent_id });
    } else this.command({ kind: 'reset_stats' });
  }

  /** So that whoever still waits is served: calls are dispatched, and everybody is there. */
  private closeDesk(): void {
    this.command({ kind: 'internal_dispatching', on: true });
    for (let n = 1; n <= this.agents; n++)
      this.command({ kind: 'agent_login', agent_id: `a${n}`, logged_in: true });
  }
}

/** A message as it comes out of the catalogue at the other end. */
function copy<T>(codec: Codec<T>, message: T): T {
  const bytes = codec.encode(0, message);
  const own = Uint8Array.prototype.slice.call(bytes, bytes.start, bytes.end);
  return codec.decode(own, own.length, 'simulator').message;
}

/** Between the workers: values through the catalogue, in order, a little later. */
class Link<T> {
  private readonly queue: T[] = [];
  private last_ms = 0;

  constructor(
    private readonly world: World,
    private readonly codec: Codec<T>,
    private readonly arrive: (message: T) => void,
  ) {}

  get pending(): number {
    return this.queue.length;
  }

  push(message: T): void {
    const { timers } = this.world;
    this.queue.push(copy(this.codec, message));
    this.last_ms = Math.max(this.last_ms, timers.now_ms + this.world.linkDelay_ms());
    timers.set(this.last_ms - timers.now_ms, () => this.arrive(this.queue.shift() as T));
  }
}

/** Runs one seed. A check that fails is a result, with what led to it. */
export function simulate(
  options: SimOptions,
  clock_ms: () => number,
): { result: SimResult; failure: SimFailure | undefined } {
  const began_ms = clock_ms();
  const world = new World(options);
  let failure: SimFailure | undefined;
  try {
    world.run();
  } catch (error) {
    // Whatever is thrown in here, by a check or by the engine, is what the simulation is to find.
    const check = error instanceof Error ? (error.stack ?? error.message) : String(error);
    failure = { step: world.steps, check, last: world.trace.last() };
  }
  const result = {
    seed: options.seed,
    calls: options.calls,
    steps: world.steps,
    violations: failure === undefined ? 0 : 1,
    virtual_seconds: Math.round(world.virtual_seconds * 1000) / 1000,
    wall_seconds: Math.round(clock_ms() - began_ms) / 1000,
    trace_hash: world.trace.digest(),
  };
  return { result, failure };
}

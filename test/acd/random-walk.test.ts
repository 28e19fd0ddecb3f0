/**
 * A seeded random centre: callers, agents, media servers and management do whatever may happen, in any
 * order. After every step what must hold does (see invariants.ts), and the dispatcher's picture of each
 * call's legs is the worker's. At the end every call has exactly its CDRs and every agent is free.
 */
import assert from 'node:assert/strict';
import t from 'tap';
import type { DispatcherOptions } from '../../core/acd/dispatcher.js';
import type { AgentConfig, FlowConfig } from '../../core/acd/provisioning.js';
import type { CdrRecord } from '../../core/acd/records.js';
import type { Decision, Media } from '../../core/messages.js';
import { agentConfig, Centre, flowConfig, START_MS } from './centre.js';

/** A small generator of random numbers (mulberry32): equal seeds, equal walks. */
class Dice {
  constructor(private seed: number) {}

  /** An integer from 0 to below `sides`. */
  roll(sides: number): number {
    this.seed = (this.seed + 0x6d2b79f5) | 0;
    let x = Math.imul(this.seed ^ (this.seed >>> 15), 1 | this.seed);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return Math.floor((((x ^ (x >>> 14)) >>> 0) / 2 ** 32) * sides);
  }

  chance(percent: number): boolean {
    return this.roll(100) < percent;
  }

  pick<T>(of: readonly T[]): T {
    assert.ok(of.length > 0);
    return of[this.roll(of.length)] as T;
  }
}

/** The legs of one call as its worker has them. */
class WorkerCall {
  readonly setup = new Map<number, 'media' | 'agent'>();
  /** Of legs with a message for the agent: what comes next. */
  readonly announced = new Map<number, 'answer' | 'message' | 'join'>();
  joined = 0;
  answered = false;
  used = 0;

  obey(decision: Decision): void {
    if (decision.kind === 'connect' || decision.kind === 'connect_announced') {
      const announced = decision.kind === 'connect_announced';
      for (const [leg, role] of this.setup) {
        const besides = this.answered || announced || this.announced.has(leg);
        if (role === decision.role || !besides) this.setup.delete(leg);
      }
      assert.ok(decision.leg > this.used, 'a leg number is used once');
      this.used = announced ? decision.announcement_leg : decision.leg;
      if (announced) this.announced.set(decision.leg, 'answer');
      this.setup.set(decision.leg, decision.role);
    } else if (decision.kind === 'drop') {
      this.setup.delete(decision.leg);
      if (this.joined === decision.leg) this.joined = 0;
    }
  }
}

class Walk {
  readonly centre: Centre;
  readonly worker = new Map<string, WorkerCall>();
  readonly dice: Dice;
  private calls_made = 0;
  readonly cdrs = new Map<number, CdrRecord[]>();
  private flows: FlowConfig[] = [];
  private agents: AgentConfig[] = [];

  constructor(seed: number, options: Partial<DispatcherOptions>) {
    this.dice = new Dice(seed);
    this.provision();
    this.centre = new Centre(this.flows, this.agents, { max_calls: 40, max_rejections: 4, ...options });
  }

  step(): void {
    const { dice, centre } = this;
    const roll = dice.roll(100);
    if (roll < 14) this.arrive();
    else if (roll < 60) this.legHappens();
    else if (roll < 65) this.callerLeaves();
    else if (roll < 88) centre.pass(dice.pick([0.001, 0.3, 0.6, 1, 5, 20, 60]));
    else if (roll < 97) centre.login(dice.pick(this.agents).id, dice.chance(65));
    else this.manage();
    this.settle();
  }

  /** Everybody hangs up, everybody's wrapup passes. */
  finish(): void {
    for (const call of [...this.worker.keys()]) {
      this.centre.gone(call);
      this.worker.delete(call);
      this.settle();
    }
    this.centre.pass(10_000);
  }

  /** The worker does as decided; then both sides agree about every leg. */
  private settle(): void {
    for (const decision of this.centre.decisions) {
      if (decision.kind === 'end') this.worker.delete(decision.call);
      else this.worker.get(decision.call)?.obey(decision);
    }
    for (const cdr of this.centre.cdrs) this.cdrs.set(cdr.cid, [...(this.cdrs.get(cdr.cid) ?? []), cdr]);
    this.centre.forgetOutput();
    assert.equal(this.worker.size, this.centre.dispatcher.acd.calls.size, 'both know the same calls');
    for (const [id, legs] of this.worker) {
      const call = this.centre.dispatcher.acd.calls.get(id);
      assert.ok(call !== undefined, 'the dispatcher has the call');
      const setup = [call.media_setup, call.connected ? 0 : call.agent_leg].filter((leg) => leg > 0);
      assert.deepEqual([...legs.setup.keys()].sort(), setup.sort(), `legs of ${id} being set up`);
      assert.equal(legs.joined, call.connected ? call.agent_leg : call.media_leg, `the leg that ${id} hears`);
      assert.equal(legs.answered, call.caller_answered, `the answer to ${id}`);
    }
  }

  private arrive(): void {
    const { dice, centre } = this;
    const call = `call-${++this.calls_made}`;
    const media = dice.chance(3) ? 'none' : dice.pick<Media>(['rtp', 'rtp', 'msrp']);
    this.worker.set(call, new WorkerCall());
    centre.arrive(call, dice.chance(3) ? 'unknown' : dice.pick(this.flows).id, media);
  }

  private legHappens(): void {
    const { dice, centre } = this;
    if (this.worker.size === 0) return;
    const [id, call] = dice.pick([...this.worker]);
    if (dice.chance(8)) {
      this.staleReport(id, call);
      return;
    }
    const setup = [...call.setup.keys()];
    if (call.joined > 0 && (setup.length === 0 || dice.chance(30))) {
      const leg = call.joined;
      call.joined = 0;
      centre.ended(id, leg);
    } else if (setup.length > 0) {
      const leg = dice.pick(setup);
      if (dice.chance(80) && this.announce(id, call, leg)) return;
      call.setup.delete(leg);
      const ready = (call.announced.get(leg) ?? 'join') === 'join';
      if (ready && dice.chance(55)) {
        call.joined = leg;
        call.answered = true;
        centre.connected(id, leg);
      } else
        centre.failed(
          id,
          leg,
          dice.pick([486, 408, 503, 488, 415, 606, 600]),
          dice.pick(['peer', 'peer', 'caller']),
        );
    }
  }

  /** The next step of an agent's leg whose message is not over; false for every other. */
  private announce(id: string, call: WorkerCall, leg: number): boolean {
    const next = call.announced.get(leg);
    if (next === undefined || next === 'join') return false;
    if (next === 'answer')
      this.centre.report({ kind: 'leg_answered', call: id, leg, answered_ms: this.centre.now_ms });
    else this.centre.report({ kind: 'leg_announced', call: id, leg });
    call.announced.set(leg, next === 'answer' ? 'message' : 'join');
    return true;
  }

  /** A report that crossed a decision: its leg is not wanted any more. */
  private staleReport(id: string, call: WorkerCall): void {
    const leg = this.dice.roll(call.used + 2);
    if (leg === call.joined || call.setup.has(leg)) return;
    if (this.dice.chance(50)) this.centre.failed(id, leg);
    else this.centre.ended(id, leg);
  }

  private callerLeaves(): void {
    const { dice, centre } = this;
    if (this.worker.size === 0) return;
    const id = dice.pick([...this.worker.keys()]);
    this.worker.delete(id);
    if (dice.chance(90)) centre.gone(id);
    else centre.report({ kind: 'call_lost', call: id, at_ms: centre.now_ms, why: 'test' });
  }

  private manage(): void {
    const { dice, centre } = this;
    const roll = dice.roll(6);
    if (roll === 0) {
      this.provision();
      centre.load(this.flows, this.agents);
    } else if (roll === 1) centre.command({ kind: 'internal_dispatching', on: dice.chance(85) });
    else if (roll === 2) centre.command({ kind: 'release_agent', agent_id: dice.pick(this.agents).id });
    else if (roll === 3 && this.worker.size > 0)
      centre.command({ kind: 'end_call', call: dice.pick([...this.worker.keys()]) });
    else if (this.worker.size > 0) {
      const call = dice.pick([...this.worker.keys()]);
      centre.command({ kind: 'dispatch', call, agent_id: dice.pick(this.agents).id });
    }
  }

  /** Flows and agents at random; some of the names are missing each time. */
  private provision(): void {
    const { dice } = this;
    const skills = ['sales', 'tech', 'billing'];
    this.flows = ['f1', 'f2', 'f3', 'f4', 'f5'].map((id) =>
      flowConfig({
        id,
        skill: dice.pick(skills),
        priority: dice.roll(3),
        max_wrapup_s: dice.pick([0, 5, 100]),
        message_welcome: dice.chance(50) ? 'sip:welcome@media' : '',
        message_flow_id: dice.chance(30) ? 'sip:flowid@media' : '',
        message_dissuading: dice.chance(60) ? 'sip:dissuade@media' : '',
        dissuading_hangup: dice.chance(40),
        dissuading_onhold_s: dice.pick([0, 1, 30]),
        dissuading_ewt_s: dice.pick([0, 0, 40]),
        dissuading_qsize: dice.pick([0, 0, 3]),
      }),
    );
    this.agents = ['a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7', 'a8'].map((id) =>
      agentConfig({
        id,
        location: dice.chance(85) ? `sip:${id}@desk` : '',
        msrp_location: `sip:${id}@chat`,
        msrp_max_sessions: dice.roll(5),
        skills: skills.filter(() => dice.chance(50)),
        logged_in: dice.chance(50),
        wrapup_s: dice.pick([0, 3, 40]),
        wrapup_end_time_s: dice.chance(20) ? START_MS / 1000 + dice.roll(5000) : 0,
      }),
    );
    this.flows.splice(dice.roll(5), dice.roll(2));
    this.agents.splice(dice.roll(8), dice.roll(3));
  }
}

const walks: { seed: number; options: Partial<DispatcherOptions> }[] = [
  { seed: 1, options: {} },
  { seed: 2, options: { chat_dispatch_policy: 'full-load', reject_on_no_agents: false } },
  { seed: 3, options: { internal_call_dispatching: false, reject_on_no_agents: false } },
  { seed: 4, options: { wrapup_s: 0, queue_pos_param: 'pos' } },
];

for (const { seed, options } of walks) {
  t.test(`nothing that must hold breaks in 5,000 random steps (seed ${seed})`, async (t) => {
    const walk = new Walk(seed, options);
    const seen = new Set<string>();
    for (let step = 0; step < 5000; step++) {
      try {
        walk.step();
      } catch (error) {
        t.fail(`step ${step} of seed ${seed}: ${String(error)}`);
        return;
      }
      for (const call of walk.centre.dispatcher.acd.calls.values()) seen.add(call.state);
      for (const agent of walk.centre.dispatcher.acd.agents.values()) seen.add(agent.state);
    }
    walk.finish();
    for (const state of [
      'welcome',
      'dissuading1',
      'dissuading2',
      'queued',
      'preagent',
      'toagent',
      'incall',
      'inchat',
    ]) {
      t.ok(seen.has(state), `the walk came through ${state}`);
    }
    const { dispatcher, timers } = walk.centre;
    t.equal(timers.size, 0, 'no deadline is left');
    t.ok([...dispatcher.acd.agents.values()].every((agent) => agent.state === 'free'));
    t.equal(walk.cdrs.size, dispatcher.nextCid - 1, 'every call has a CDR');
    for (const cdrs of walk.cdrs.values()) {
      const last = cdrs.at(-1) as CdrRecord;
      const refusals = cdrs.filter((cdr) => cdr.call_type === -2);
      const whole =
        refusals.length === cdrs.length - 1 &&
        last.call_type !== -2 &&
        last.rejected === refusals.length &&
        refusals.every((cdr, index) => cdr.rejected === index);
      if (!whole) t.fail(`CDRs of one call: ${JSON.stringify(cdrs)}`);
    }
    const finals = [...walk.cdrs.values()].map((cdrs) => cdrs.at(-1) as CdrRecord);
    const { wait_count, aban_incalls } = dispatcher.engineRow();
    t.equal(wait_count, finals.length);
    t.equal(aban_incalls, finals.filter((cdr) => cdr.fstats & 8).length);
  });
}

/** Everything the dispatcher holds, shared by the parts that change it. */
import type { Timer, TimerWheel } from '../timers.js';
import type { Agent } from './agent.js';
import type { Call } from './call.js';
import type { Flow } from './flow.js';
import { Outbox } from './outbox.js';
import { Rows } from './rows.js';
import { Skill } from './skill.js';
import { Statistics } from './statistics.js';
import type { TransferPolicy } from './transfers.js';

export interface DispatcherOptions {
  /** Global wrapup; 0 is none. */
  wrapup_s: number;
  /** Refuse a call when nobody with its skill is logged in. */
  reject_on_no_agents: boolean;
  chat_dispatch_policy: 'balancing' | 'full-load';
  /** Whether calls are delivered without a command; the initial setting. */
  internal_call_dispatching: boolean;
  /** So many refusals end a call. */
  max_rejections: number;
  /** A message that ends (welcome, dissuading) is over after this at the latest. */
  message_timeout_s: number;
  /** So many calls at a time. */
  max_calls: number;
  transfer: TransferPolicy;
  /** URI parameter that tells the queue's media server the position; '' is none. */
  queue_pos_param: string;
  /** Whether workers are told which state a call enters. */
  tell_states: boolean;
}

/** The longest that the timer wheel is asked to wait at once. */
const MAX_DELAY_MS = 2 ** 31;

export class AcdState {
  readonly out = new Outbox();
  readonly statistics = new Statistics(this.out);

  readonly skills = new Map<string, Skill>();
  readonly flows = new Map<string, Flow>();
  readonly agents = new Map<string, Agent>();
  readonly calls = new Map<string, Call>();
  /** Calls that agents have transferred, as long as a worker keeps their bridge. */
  readonly bridges = new Set<string>();
  /** Hosts of the agents' locations, in lower case. */
  location_hosts: ReadonlySet<string> = new Set();
  readonly skill_rows = new Rows<Skill>();
  readonly flow_rows = new Rows<Flow>();
  readonly agent_rows = new Rows<Agent>();
  readonly call_rows = new Rows<Call>();

  internal_dispatching: boolean;
  /** Agents who gained room in this turn and calls that entered the queue in it: to be matched at its end. */
  readonly agents_to_match: Agent[] = [];
  readonly calls_to_match: Call[] = [];
  /** Calls whose row of cc_calls changed in this turn. */
  readonly calls_to_record: Call[] = [];

  /** Calls remembered from before a restart that no worker has said it has yet, nor anything about. */
  readonly dormant = new Set<Call>();
  /** Calls whose worker is gone, until one says that it has them: with the workers that may still say so. */
  readonly away = new Map<Call, ReadonlySet<number>>();

  /** Grows with every event that is ordered by it. */
  private sequence = 0;
  /** Ends a turn; set by the dispatcher. */
  endTurn: () => void = () => undefined;

  constructor(
    readonly options: DispatcherOptions,
    private readonly timers: TimerWheel,
  ) {
    this.internal_dispatching = options.internal_call_dispatching;
  }

  get now_ms(): number {
    return this.timers.now_ms;
  }

  nextSequence(): number {
    return ++this.sequence;
  }

  /** Numbers up to this one were given out before. */
  sequenceUsed(sequence: number): void {
    this.sequence = Math.max(this.sequence, sequence);
  }

  /**
   * Runs `act` as a turn of its own at `due_ms`. A deadline too far for the timer wheel fires earlier, so
   * `act` looks at the time where its deadline is anybody's to configure.
   */
  at(due_ms: number, act: () => void): Timer {
    const delay_ms = Math.min(due_ms - this.now_ms, MAX_DELAY_MS);
    return this.timers.set(delay_ms, () => {
      act();
      this.endTurn();
    });
  }

  cancel(timer: Timer | null): null {
    this.timers.cancel(timer);
    return null;
  }

  /** The call's row of cc_calls is told to the store at the end of the turn. */
  recordLater(call: Call): void {
    if (call.record_due) return;
    call.record_due = true;
    this.calls_to_record.push(call);
  }

  /** Tells the store, once a turn, the rows of cc_calls that changed in it. */
  recordCalls(): void {
    let call: Call | undefined;
    while ((call = this.calls_to_record.pop()) !== undefined) {
      call.record_due = false;
      if (call.state !== 'ended') this.out.records.push(call.record());
    }
  }

  /** The skill of that name, made when there is none, for one more user. */
  useSkill(name: string): Skill {
    let skill = this.skills.get(name);
    if (skill === undefined) {
      skill = this.skill_rows.add((row) => new Skill(name, row));
      this.skills.set(name, skill);
      this.out.skills.add(skill.row);
    }
    skill.users++;
    return skill;
  }

  /** One user less; nobody's skill is forgotten. */
  leaveSkill(skill: Skill): void {
    if (--skill.users > 0) return;
    this.skills.delete(skill.name);
    this.skill_rows.remove(skill.row);
    this.out.skills.add(skill.row);
  }

  /** A flow that is provisioned no longer goes with its last call. */
  forgetFlowWhenIdle(flow: Flow): void {
    if (!flow.removed || flow.ongoing > 0) return;
    this.flows.delete(flow.config.id);
    this.flow_rows.remove(flow.row);
    this.out.flows.add(flow.row);
    this.leaveSkill(flow.skill);
  }
}

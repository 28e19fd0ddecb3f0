/**
 * The statistics: their names, and their values computed from the engine's rows.
 *
 * A counter counts something that happened and can be set back; the others show what is now, or a mean.
 * Setting one back changes nothing in the engine: its value at that moment is remembered here and
 * taken off what is shown from then on.
 */
import type { AgentRow, EngineRow, FlowRow, SkillRow } from '../../core/acd/view.js';
import type { EngineView } from './source.js';

/** Stands before every name on the wire. */
export const GROUP = 'call_center:';

interface Statistic<Row> {
  name: string;
  counter: boolean;
  value(row: Row): number;
}

interface FlowAndSkill {
  flow: FlowRow;
  skill: SkillRow;
}

const counter = <Row>(name: string, value: (row: Row) => number): Statistic<Row> => ({
  name,
  counter: true,
  value,
});
const current = <Row>(name: string, value: (row: Row) => number): Statistic<Row> => ({
  name,
  counter: false,
  value,
});

/** Whole seconds; 0 when nothing has been counted yet. */
const mean = (sum: number, count: number): number => (count === 0 ? 0 : Math.floor(sum / count));
/** Percent. `onhold` counts chats too. */
const load = (onhold: number, logged_in: number, free: number): number =>
  logged_in === 0 ? 0 : Math.floor((100 * (onhold + logged_in - free)) / logged_in);

const ENGINE: readonly Statistic<EngineRow>[] = [
  counter('ccg_incalls', (e) => e.incalls),
  current('ccg_awt', (e) => mean(e.wait_sum_s, e.wait_count)),
  current('ccg_load', (e) => load(e.onhold_calls, e.logged_in_agents, e.free_agents)),
  counter('ccg_distributed_incalls', (e) => e.dist_incalls),
  counter('ccg_answered_incalls', (e) => e.answ_incalls),
  counter('ccg_answered_inchats', (e) => e.answ_inchats),
  counter('ccg_abandonned_incalls', (e) => e.aban_incalls),
  current('ccg_onhold_calls', (e) => e.onhold_calls),
  current('ccg_onhold_chats', (e) => e.onhold_chats),
  current('ccg_free_agents', (e) => e.free_agents),
];

const FLOW: readonly Statistic<FlowAndSkill>[] = [
  counter('ccf_incalls', (f) => f.flow.incalls),
  counter('ccf_dist_incalls', (f) => f.flow.dist_incalls),
  counter('ccf_answ_incalls', (f) => f.flow.answ_incalls),
  counter('ccf_answ_inchats', (f) => f.flow.answ_inchats),
  counter('ccf_aban_incalls', (f) => f.flow.aban_incalls),
  current('ccf_onhold_calls', (f) => f.flow.onhold_calls),
  current('ccf_onhold_chats', (f) => f.flow.onhold_chats),
  current('ccf_queued_calls', (f) => f.flow.queued_calls),
  current('ccf_etw', estimatedWait),
  current('ccf_awt', (f) => mean(f.flow.wait_sum_s, f.flow.wait_count)),
  current('ccf_load', (f) => load(f.flow.onhold_calls, f.skill.logged_in, f.skill.free)),
  current('ccf_free_agents', (f) => f.skill.free),
];

const AGENT: readonly Statistic<AgentRow>[] = [
  counter('cca_dist_incalls', (a) => a.dist_incalls),
  counter('cca_answ_incalls', (a) => a.answ_incalls),
  counter('cca_answ_inchats', (a) => a.answ_inchats),
  counter('cca_aban_incalls', (a) => a.aban_incalls),
  counter('cca_rej_incalls', (a) => a.rej_incalls),
  current('cca_att', (a) => mean(a.talk_sum_s, a.talk_count)),
];

/** For a call arriving now, whole seconds; 0 when nobody is logged in. */
function estimatedWait({ flow, skill }: FlowAndSkill): number {
  if (skill.logged_in === 0 || flow.talk_count === 0) return 0;
  return Math.floor(((flow.talk_sum_s / flow.talk_count) * flow.queued_calls) / skill.logged_in);
}

const NO_SKILL: SkillRow = { name: '', logged_in: 0, free: 0 };

/** Stands for every statistic. */
const EVERYTHING = new Set(['all', GROUP]);

/** What one statistic is now. */
export interface Value {
  /** Without the group. */
  name: string;
  counter: boolean;
  value: number;
}

export class Statistics {
  /** Values at the last reset, by name; at most one a counter. */
  private readonly baselines = new Map<string, number>();

  constructor(private readonly view: EngineView) {}

  /**
   * The statistics asked for, each once, unknown ones left out. A name stands in any case, with or
   * without the group; where ids differ only in case the exact spelling wins. `all` or `call_center:`
   * asks for every one.
   */
  find(names: readonly string[]): Value[] {
    const lower = names.map((name) => name.toLowerCase());
    if (lower.some((name) => EVERYTHING.has(name))) return [...this.all()];
    const asked = new Set<string>();
    for (const name of names) asked.add(withoutGroup(name));
    const folded = new Set<string>();
    for (const name of lower) folded.add(withoutGroup(name));
    const exact = new Map<string, Value>();
    const similar = new Map<string, Value>();
    for (const value of this.all(kindsOf(folded))) {
      const fold = value.name.toLowerCase();
      if (asked.has(value.name)) exact.set(value.name, value);
      if (folded.has(fold) && !similar.has(fold)) similar.set(fold, value);
    }
    const found = new Map<string, Value>();
    for (const name of names) {
      const plain = withoutGroup(name);
      const value = exact.get(plain) ?? similar.get(plain.toLowerCase());
      if (value !== undefined) found.set(value.name, value);
    }
    return [...found.values()];
  }

  /** Counters among them show 0 from now on; the others stay. */
  reset(values: Iterable<Value>): void {
    for (const { name, counter, value } of values) {
      if (counter) this.baselines.set(name, (this.baselines.get(name) ?? 0) + value);
    }
  }

  /** The engine has set its own counters back: what was taken off them no longer applies. */
  engineReset(): void {
    this.baselines.clear();
  }

  private *all(kinds: ReadonlySet<string> = ALL_KINDS): Generator<Value> {
    if (kinds.has('ccg')) yield* this.values(ENGINE, this.view.engine(), '');
    if (kinds.has('ccf')) {
      for (const flow of this.view.flows()) {
        const skill = this.view.skill(flow.skill) ?? NO_SKILL;
        yield* this.values(FLOW, { flow, skill }, `-${flow.id}`);
      }
    }
    if (kinds.has('cca')) {
      for (const agent of this.view.agents()) yield* this.values(AGENT, agent, `-${agent.id}`);
    }
  }

  private *values<Row>(statistics: readonly Statistic<Row>[], row: Row, suffix: string): Generator<Value> {
    for (const statistic of statistics) {
      const name = statistic.name + suffix;
      const value = statistic.value(row);
      yield {
        name,
        counter: statistic.counter,
        value: statistic.counter ? this.sinceReset(name, value) : value,
      };
    }
  }

  private sinceReset(name: string, value: number): number {
    const baseline = this.baselines.get(name);
    if (baseline === undefined) return value;
    if (value >= baseline) return value - baseline;
    // The counter began anew: its flow or agent went and came back.
    this.baselines.delete(name);
    return value;
  }
}

const ALL_KINDS: ReadonlySet<string> = new Set(['ccg', 'ccf', 'cca']);

/** Which rows have to be read for these names. */
function kindsOf(names: Iterable<string>): Set<string> {
  const kinds = new Set<string>();
  for (const name of names) kinds.add(name.slice(0, 3));
  return kinds;
}

function withoutGroup(name: string): string {
  return name.slice(0, GROUP.length).toLowerCase() === GROUP ? name.slice(GROUP.length) : name;
}

/** What the rows of cc_cdrs say the statistics must be. docs/conformance.md has these identities in words. */
import { FSTAT_ABANDONED, FSTAT_ANSWERED } from '../../core/acd/call.js';
import type { CdrShown } from '../../tools/provision.js';

const MSRP = 2;

/**
 * Every statistic of an engine that has no call left and nobody busy, by its name without group.
 *
 * @param flows ids of all flows, each with the number of agents logged in that have its skill
 * @param agents ids of all agents
 * @param logged_in how many agents are logged in
 */
export function statisticsOf(
  cdrs: readonly CdrShown[],
  flows: Readonly<Record<string, number>>,
  agents: readonly string[],
  logged_in: number,
): Record<string, number> {
  const expected: Record<string, number> = {};
  const levels = { awt: meanWait(cdrs), load: 0, onhold_calls: 0, onhold_chats: 0, free_agents: logged_in };
  Object.assign(expected, named('ccg_', levels), {
    ccg_incalls: calls(cdrs),
    ccg_distributed_incalls: deliveries(cdrs),
    ccg_answered_incalls: calls(answered(cdrs)),
    ccg_answered_inchats: calls(answered(cdrs).filter(isChat)),
    ccg_abandonned_incalls: abandoned(cdrs).length,
  });
  for (const [id, free_agents] of Object.entries(flows)) {
    const own = cdrs.filter((cdr) => cdr.flow_id === id);
    const values = {
      incalls: calls(own),
      dist_incalls: deliveries(own),
      answ_incalls: calls(answered(own)),
      answ_inchats: calls(answered(own).filter(isChat)),
      aban_incalls: abandoned(own).length,
      ...{ onhold_calls: 0, onhold_chats: 0, queued_calls: 0, etw: 0, load: 0 },
      awt: meanWait(own),
      free_agents,
    };
    Object.assign(expected, named('ccf_', values, `-${id}`));
  }
  for (const id of agents) {
    const own = cdrs.filter((cdr) => cdr.agent_id === id);
    const values = {
      dist_incalls: own.length,
      answ_incalls: answered(own).length,
      answ_inchats: answered(own).filter(isChat).length,
      aban_incalls: abandoned(own).length,
      // Of an agent to whom every refusal is his own fault.
      rej_incalls: own.filter((cdr) => cdr.call_type === -2).length,
      att: Math.floor(meanTalk(own)),
    };
    Object.assign(expected, named('cca_', values, `-${id}`));
  }
  return expected;
}

/** Mean talk time of the calls that were handled, as cc_list_flows has it; 0 when there are none. */
export function meanTalk(cdrs: readonly CdrShown[]): number {
  const talks = cdrs.filter((cdr) => cdr.call_type === 0);
  return talks.length === 0 ? 0 : sum(talks, (cdr) => cdr.talk_time) / talks.length;
}

/** Each call has one CDR that is no rejection, its last. */
export function lastOnes(cdrs: readonly CdrShown[]): CdrShown[] {
  return cdrs.filter((cdr) => cdr.call_type !== -2);
}

/** A delivery ends in a rejection, or with the call: either CDR names the agent. */
function deliveries(cdrs: readonly CdrShown[]): number {
  return cdrs.filter((cdr) => cdr.agent_id !== null).length;
}

/** The CDRs of deliveries that were answered. */
function answered(cdrs: readonly CdrShown[]): CdrShown[] {
  return cdrs.filter((cdr) => cdr.fstats & FSTAT_ANSWERED);
}

function abandoned(cdrs: readonly CdrShown[]): CdrShown[] {
  return cdrs.filter((cdr) => cdr.fstats & FSTAT_ABANDONED);
}

function calls(cdrs: readonly CdrShown[]): number {
  return new Set(cdrs.map((cdr) => cdr.cid)).size;
}

function meanWait(cdrs: readonly CdrShown[]): number {
  const last = lastOnes(cdrs);
  return last.length === 0 ? 0 : Math.floor(sum(last, (cdr) => cdr.wait_time) / last.length);
}

function isChat(cdr: CdrShown): boolean {
  return cdr.media === MSRP;
}

function sum(cdrs: readonly CdrShown[], value: (cdr: CdrShown) => number): number {
  return cdrs.reduce((total, cdr) => total + value(cdr), 0);
}

function named(prefix: string, values: Record<string, number>, suffix = ''): Record<string, number> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [`${prefix}${name}${suffix}`, value]),
  );
}

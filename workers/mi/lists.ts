/** The lists of calls, flows and agents, with the field names that OpenSIPS's tools expect. */
import type { AgentRow, FlowRow } from '../../core/acd/view.js';
import type { Json } from './json-rpc.js';
import { inSlices, Listing, select } from './listing.js';
import type { EngineView } from './source.js';

/** Whole seconds from one time to another; 0 when that is still to come. */
const seconds = (from_ms: number, to_ms: number): number => Math.max(0, Math.floor((to_ms - from_ms) / 1000));

/** Media as they are named on the wire. */
export const MEDIA = { rtp: 'RTP', msrp: 'MSRP' } as const;

/** cc_list_queue: the waiting calls, the next to be delivered first. */
export function listQueue(view: EngineView): Listing {
  return new Listing('Calls', waitingCalls(view));
}

async function* waitingCalls(view: EngineView): AsyncIterable<Json[]> {
  const now_ms = view.now_ms();
  const waiting = await select(view.calls(), ({ state }) => state === 'queued');
  waiting.sort((a, b) => a.order_priority - b.order_priority || a.order_sequence - b.order_sequence);
  const flow_of = once((row) => view.flow(row));
  const skill_of = once((row) => view.skill(row));
  yield* inSlices(waiting, (call, index) => {
    const flow = flow_of(call.flow);
    return {
      index,
      id: call.id,
      Media: MEDIA[call.media],
      'Caller username': call.caller_user,
      'Caller display name': call.caller_display,
      'Waiting for': seconds(call.queued_ms, now_ms),
      ETW: call.eta_s,
      Flow: flow?.id ?? '',
      Priority: flow?.priority ?? 0,
      Skill: (flow && skill_of(flow.skill)?.name) ?? '',
    };
  });
}

/** cc_list_flows. */
export function listFlows(view: EngineView): Listing {
  return new Listing(
    'Flows',
    inSlices(view.flows(), (flow) => flowItem(view, flow)),
  );
}

function flowItem(view: EngineView, flow: FlowRow): Json {
  return {
    id: flow.id,
    'Avg Call Duration': flow.talk_count === 0 ? 0 : flow.talk_sum_s / flow.talk_count,
    'Processed Calls': flow.talk_count,
    'Logged Agents': view.skill(flow.skill)?.logged_in ?? 0,
    'Ongoing Calls': flow.ongoing,
    'Ref Calls': flow.ongoing,
  };
}

/** cc_list_agents. */
export function listAgents(view: EngineView): Listing {
  const now_ms = view.now_ms();
  return new Listing(
    'Agents',
    inSlices(view.agents(), (agent) => agentItem(agent, now_ms)),
  );
}

function agentItem(agent: AgentRow, now_ms: number): Json {
  const { id, refs, state } = agent;
  if (!agent.logged_in) return { id, Ref: refs, 'Loged in': 'NO' };
  const item = { id, Ref: refs, 'Loged in': 'YES', State: state };
  const wrapup_runs = agent.wrapup_end_ms > now_ms;
  const wrapup_left = { 'Wrapup-ends': Math.max(0, Math.ceil((agent.wrapup_end_ms - now_ms) / 1000)) };
  switch (state) {
    case 'free':
    case 'incall':
      return item;
    case 'wrapup':
      return { ...item, ...wrapup_left };
    case 'inchat':
      return {
        ...item,
        ...(wrapup_runs ? wrapup_left : {}),
        'Ongoing chats': agent.ongoing_chats,
        // One session stays unused while wrapup runs.
        'Free chats': Math.max(0, agent.max_chats - agent.ongoing_chats - (wrapup_runs ? 1 : 0)),
      };
  }
}

/** cc_list_calls. */
export function listCalls(view: EngineView): Listing {
  const now_ms = view.now_ms();
  const flow_of = once((row) => view.flow(row));
  return new Listing(
    'Calls',
    inSlices(view.calls(), (call) => {
      const { id, refs, state } = call;
      const agent = call.agent < 0 ? undefined : view.agent(call.agent);
      return {
        id,
        Ref: refs,
        State: state,
        ...(state === 'ended'
          ? {}
          : { 'Call Time': seconds(call.arrival_ms, now_ms), Flow: flow_of(call.flow)?.id ?? '' }),
        ...(agent === undefined ? {} : { Agent: agent.id }),
      };
    }),
  );
}

/** Looks a row up that many others name, once for all of them. */
function once<Row>(look: (row: number) => Row): (row: number) => Row {
  const known = new Map<number, Row>();
  return (row) => {
    const before = known.get(row);
    if (before !== undefined) return before;
    const found = look(row);
    known.set(row, found);
    return found;
  };
}

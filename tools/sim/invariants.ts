/** What must hold after every turn of the dispatcher, counted anew from scratch. */
import assert from 'node:assert/strict';
import type { Agent } from '../../core/acd/agent.js';
import type { Call } from '../../core/acd/call.js';
import type { Dispatcher } from '../../core/acd/dispatcher.js';

/** Throws when a level is off, somebody is stuck, or an agent and a waiting call that fit have not met. */
export function checkInvariants(dispatcher: Dispatcher): void {
  const { acd } = dispatcher;
  const calls = [...acd.calls.values()];
  const agents = [...acd.agents.values()];
  const held = new Map<Agent, Call[]>();
  for (const call of calls) {
    checkCall(dispatcher, call);
    if (call.agent !== null) held.set(call.agent, [...(held.get(call.agent) ?? []), call]);
  }
  for (const agent of agents) checkAgent(agent, held.get(agent) ?? []);
  for (const agent of held.keys())
    assert.equal(acd.agents.get(agent.config.id), agent, 'a held agent is known');
  checkSkills(dispatcher, calls, agents);
  checkLevels(dispatcher, calls, agents);
  assert.equal(acd.agents_to_match.length + acd.calls_to_match.length, 0, 'nobody is left to be matched');
  assert.equal([...acd.call_rows].length, calls.length, 'every row is a call');
}

/** One call against itself. */
export function checkCall(dispatcher: Dispatcher, call: Call): void {
  // One whose worker has not yet said that it has it goes on only then.
  if (dispatcher.acd.dormant.has(call)) return;
  const name = `call ${call.id} in ${call.state}`;
  assert.equal(dispatcher.callRow(call.row)?.id, call.id, `${name} has its row`);
  assert.notEqual(call.state, 'ended', `${name} is forgotten`);
  const delivered = call.state === 'toagent' || call.state === 'preagent';
  assert.equal(delivered, call.agent !== null, `${name} has an agent only when delivered`);
  assert.equal(call.agent !== null, call.agent_leg !== 0, `${name} has an agent leg with its agent`);
  assert.equal(call.answered_ms > 0, call.connected, `${name} was answered when connected`);
  // Of a caller who has been asked to go the worker says what became of it.
  const pending =
    call.referring || (call.retry_timer?.pending ?? false) || (call.meanwhile_timer?.pending ?? false);
  const media = call.media_leg !== 0 || call.media_setup !== 0;
  if (call.connected) assert.ok(!media && !pending, `${name} hears the agent alone`);
  else if (call.state !== 'toagent') assert.ok(media || pending, `${name} has a deadline or a leg`);
  else if (call.caller_answered) assert.ok(media || pending, `${name} hears something or soon will`);
  if (call.state !== 'queued') assert.ok(!call.onhold_timer?.pending, `${name} has no on-hold deadline`);
}

/** One agent against the calls that hold him. */
export function checkAgent(agent: Agent, held: Call[]): void {
  const name = `agent ${agent.config.id} in ${agent.state}`;
  const chats = held.filter((call) => call.media === 'msrp').length;
  assert.equal(agent.refs, held.length, `${name} is held by its calls`);
  assert.equal(agent.ongoing_chats, chats, `${name} counts its chats`);
  assert.equal(
    agent.wrapup_end_ms > 0,
    agent.wrapup_timer?.pending ?? false,
    `${name}: a wrapup has a deadline`,
  );
  const wrapup = agent.wrapup_end_ms > 0;
  if (agent.state === 'free') assert.ok(held.length === 0 && !wrapup, `${name} is idle`);
  if (agent.state === 'wrapup') assert.ok(held.length === 0 && wrapup, `${name} has none but its wrapup`);
  if (agent.state === 'incall') assert.ok(held.length === 1 && chats === 0, `${name} has one call`);
  if (agent.state === 'inchat')
    assert.ok(held.length === chats && (chats > 0 || wrapup), `${name} has a chat`);
  if (agent.removed) assert.ok(!agent.logged_in && held.length > 0, `${name} is removed and has a last call`);
}

function checkSkills(dispatcher: Dispatcher, calls: Call[], agents: Agent[]): void {
  const { acd } = dispatcher;
  for (const skill of acd.skills.values()) {
    const flows = [...acd.flows.values()].filter((flow) => flow.skill === skill).length;
    const able = agents.filter((agent) => agent.skills.includes(skill));
    assert.equal(skill.users, flows + able.length, `skill ${skill.name} counts its users`);
    for (const media of ['rtp', 'msrp'] as const) {
      const waiting = calls.filter(
        (call) =>
          !acd.dormant.has(call) &&
          call.state === 'queued' &&
          call.flow.skill === skill &&
          call.media === media,
      );
      waiting.sort((a, b) => a.order_priority - b.order_priority || a.order_sequence - b.order_sequence);
      assert.deepEqual(
        [...skill.waiting[media]].map((call) => call.id),
        waiting.map((call) => call.id),
        `the queue of ${skill.name} holds who waits, in order`,
      );
      const ready = able.filter((agent) => agent.canTake(media)).map((agent) => agent.config.id);
      const listed = [...skill.available[media]].map((agent) => agent.config.id);
      assert.deepEqual(listed.sort(), ready.sort(), `who has room is listed for ${skill.name}`);
      if (acd.internal_dispatching) {
        assert.ok(
          waiting.length === 0 || ready.length === 0,
          `a call and an agent of ${skill.name} have met`,
        );
      }
    }
  }
}

function checkLevels(dispatcher: Dispatcher, calls: Call[], agents: Agent[]): void {
  const onhold = (of: Call[]) => of.filter((call) => call.state !== 'toagent').length;
  const chats = calls.filter((call) => call.media === 'msrp');
  const online = agents.filter((agent) => agent.logged_in);
  const free = online.filter((agent) => agent.state === 'free');
  const engine = dispatcher.engineRow();
  assert.equal(engine.onhold_calls, onhold(calls), 'calls on hold');
  assert.equal(engine.onhold_chats, onhold(chats), 'chats on hold');
  assert.equal(engine.logged_in_agents, online.length, 'agents logged in');
  assert.equal(engine.free_agents, free.length, 'free agents');
  for (const flow of dispatcher.acd.flows.values()) {
    const its = calls.filter((call) => call.flow === flow);
    const row = dispatcher.flowRow(flow.row);
    assert.ok(row !== undefined, 'a flow has a row');
    assert.equal(row.ongoing, its.length, 'ongoing calls of a flow');
    assert.equal(row.onhold_calls, onhold(its), 'calls on hold of a flow');
    assert.equal(
      row.onhold_chats,
      onhold(its.filter((call) => call.media === 'msrp')),
      'chats on hold of a flow',
    );
    assert.equal(row.queued_calls, its.filter((call) => call.state === 'queued').length, 'queued calls');
    assert.ok(!flow.removed || its.length > 0, 'a removed flow has a last call');
  }
  for (const skill of dispatcher.acd.skills.values()) {
    const row = dispatcher.skillRow(skill.row);
    assert.ok(row !== undefined, 'a skill has a row');
    assert.equal(
      row.logged_in,
      online.filter((agent) => agent.skills.includes(skill)).length,
      'skilled, logged in',
    );
    assert.equal(row.free, free.filter((agent) => agent.skills.includes(skill)).length, 'skilled, free');
  }
}

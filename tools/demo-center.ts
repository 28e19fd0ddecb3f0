/** The contact centre of the demo: its flows, its ten agents, and how its callers behave. All fixed. */
import type { Tempers } from './endpoints/agent.js';
import type { CallerTemper } from './endpoints/caller.js';
import type { AgentSeed, FlowSeed } from './provision.js';

/** How long the welcome message takes; who has less patience never reaches an agent. */
export const WELCOME_MS = 1000;

/** @param message the URI of a message at the media server */
export function demoFlows(message: (name: string) => string): FlowSeed[] {
  const message_queue = message('queue');
  return [
    {
      flowid: 'support',
      priority: 256,
      skill: 'support',
      message_welcome: message('welcome'),
      message_queue,
    },
    { flowid: 'sales', priority: 10, skill: 'sales', message_queue },
    { flowid: 'billing', priority: 256, skill: 'billing', prependcid: 'Billing', message_queue },
  ];
}

interface DemoAgent {
  name: string;
  skills: string;
  temper: Tempers;
}

const patient: Tempers = { answer_after_ms: 400 };
const brisk: Tempers = { answer_after_ms: 200, hangup_after_ms: 2500 };
/** Declines every fourth call that rings. */
const picky: Tempers = (nth) => (nth % 4 === 3 ? { answer_after_ms: 300, reject: 486 } : patient);

export const DEMO_AGENTS: readonly DemoAgent[] = [
  { name: 'alice', skills: 'support', temper: patient },
  { name: 'bela', skills: 'support,billing', temper: brisk },
  { name: 'chiara', skills: 'support', temper: patient },
  { name: 'dan', skills: 'support,sales', temper: picky },
  { name: 'emre', skills: 'sales', temper: patient },
  { name: 'fay', skills: 'sales,billing', temper: brisk },
  { name: 'goran', skills: 'billing', temper: patient },
  { name: 'hana', skills: 'billing,support', temper: patient },
  { name: 'ivo', skills: 'support,sales,billing', temper: picky },
  { name: 'jin', skills: 'sales', temper: brisk },
];

/** @param location the URI at which an agent is reached */
export function demoAgentRows(location: (name: string) => string): AgentSeed[] {
  return DEMO_AGENTS.map(({ name, skills }) => ({
    agentid: name,
    location: location(name),
    logstate: 1,
    skills,
    wrapup_time: 1,
  }));
}

const FLOWS_IN_TURN = ['support', 'sales', 'support', 'billing', 'support'] as const;

/** The nth caller: whom he calls and how he behaves. */
export function demoCaller(nth: number): { flow: string; temper: CallerTemper } {
  const flow = FLOWS_IN_TURN[nth % FLOWS_IN_TURN.length] ?? 'support';
  const temper: CallerTemper = {
    display: `"Caller ${nth + 1}"`,
    user: `c${nth + 1}`,
    talk_ms: 1500 + ((nth * 700) % 2500),
    patience_ms: 40_000,
  };
  // One in ten gives up during the welcome message, one in twenty as soon as he hears what he is in for.
  if (nth % 10 === 2) temper.patience_ms = WELCOME_MS * 0.6;
  else if (nth % 20 === 14) temper.patience_ms = 250;
  else if (nth % 5 === 0) temper.dtmf = '1';
  return { flow, temper };
}

/** What the demo shows: a live board from MI's answers, and the table at its end. Plain text and ANSI. */

/** As cc_list_agents has it. */
export interface AgentShown {
  id: string;
  'Loged in': 'YES' | 'NO';
  State?: string;
}

/** As cc_list_flows has it. */
export interface FlowShown {
  id: string;
  'Avg Call Duration': number;
  'Processed Calls': number;
  'Logged Agents': number;
  'Ongoing Calls': number;
}

/** As cc_list_queue has it. */
export interface QueuedShown {
  'Waiting for': number;
  Flow: string;
}

export interface BoardData {
  elapsed_s: number;
  agents: readonly AgentShown[];
  flows: readonly FlowShown[];
  queue: readonly QueuedShown[];
  /** Calls in a message or in the queue. */
  onhold: number;
  started: number;
  answered: number;
  abandoned: number;
  failed: number;
  /** URIs that a softphone can dial. */
  dial: readonly string[];
}

export interface DemoSummary {
  calls: number;
  answered: number;
  abandoned: number;
  failed: number;
  /** Deliveries that an agent refused. */
  rejected: number;
  /** Final CDRs (all but those of refusals) in cc_cdrs. */
  cdrs: number;
  wait_p50_ms: number;
  wait_p99_ms: number;
  wait_max_ms: number;
  setup_p50_ms: number;
  setup_p99_ms: number;
  talk_mean_ms: number;
  /** What the engine did that SIP forbids, as the simulated endpoints saw it. */
  violations: number;
  duration_s: number;
}

const HOME_AND_CLEAR = '\x1b[H\x1b[J';
const BOLD = '\x1b[1m';
const PLAIN = '\x1b[0m';
const STATES = ['free', 'incall', 'inchat', 'wrapup', 'offline'] as const;

/** The board as it goes to a terminal, which it clears. */
export function renderBoard(data: BoardData): string {
  const longest_s = Math.max(0, ...data.queue.map((call) => call['Waiting for']));
  const talking = data.agents.filter((agent) => stateOf(agent) === 'incall').length;
  const lines = [
    `${BOLD}sip-acd demo${PLAIN}   ${clock(data.elapsed_s)}   Ctrl-C ends it`,
    '',
    `calls ${data.started}   answered ${data.answered}   abandoned ${data.abandoned}   failed ${data.failed}`,
    `waiting ${data.onhold}   queued ${data.queue.length}   longest wait ${longest_s} s   talking ${talking}`,
    '',
    ...table(
      ['flow', 'queued', 'ongoing', 'handled', 'mean talk', 'agents'],
      data.flows.map((flow) => [
        flow.id,
        data.queue.filter((call) => call.Flow === flow.id).length,
        flow['Ongoing Calls'],
        flow['Processed Calls'],
        `${flow['Avg Call Duration'].toFixed(1)} s`,
        flow['Logged Agents'],
      ]),
    ),
    '',
    ...STATES.map((state) => {
      const names = data.agents.filter((agent) => stateOf(agent) === state).map((agent) => agent.id);
      return `${state.padEnd(8)}${String(names.length).padStart(3)}  ${names.join(' ')}`;
    }),
    '',
    'Dial with a softphone:',
    ...data.dial.map((uri) => `  ${uri}`),
  ];
  return `${HOME_AND_CLEAR}${lines.join('\n')}\n`;
}

/** The table that ends a demo. */
export function renderSummary(summary: DemoSummary): string {
  const rows = Object.entries(summary).map(([name, value]) => {
    const unit = /_(ms|s)$/.exec(name)?.[1] ?? '';
    const words = name.replace(/_(ms|s)$/, '').replaceAll('_', ' ');
    return [words, unit === '' ? value : `${value} ${unit}`];
  });
  return `${table(['demo', ''], rows).join('\n')}\n`;
}

function stateOf(agent: AgentShown): string {
  return agent['Loged in'] === 'YES' ? (agent.State ?? 'offline') : 'offline';
}

function clock(seconds: number): string {
  const whole = Math.floor(seconds);
  return `${String(Math.floor(whole / 60)).padStart(2, '0')}:${String(whole % 60).padStart(2, '0')}`;
}

/** The first column to the left, the others to the right. */
function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  const all = [head, ...rows.map((row) => row.map(String))];
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('   ')
      .trimEnd(),
  );
}

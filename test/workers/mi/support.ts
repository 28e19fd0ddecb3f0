/** An engine in memory to manage, and clients that speak to its management interface. */
import { once } from 'node:events';
import { Writable } from 'node:stream';
import { type Logger, pino } from 'pino';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import type { AgentEvent, CallEvent, Command, CommandResult } from '../../../core/acd/commands.js';
import type { AgentRow, CallRow, EngineRow, FlowRow, SkillRow } from '../../../core/acd/view.js';
import { chooseListener } from '../../../workers/mi/choose-listener.js';
import type { Listen } from '../../../workers/mi/listener.js';
import { listenWithNode } from '../../../workers/mi/node-listener.js';
import { type Mi, startMi } from '../../../workers/mi/server.js';
import type { EngineControl, EngineView } from '../../../workers/mi/source.js';

export const NOW_MS = 1_700_000_000_000;

/** A logged-in free agent with nothing counted. */
export function agentRow(row: Partial<AgentRow> & { id: string }): AgentRow {
  return {
    state: 'free',
    logged_in: true,
    refs: 0,
    wrapup_end_ms: 0,
    ongoing_chats: 0,
    max_chats: 4,
    dist_incalls: 0,
    answ_incalls: 0,
    answ_inchats: 0,
    aban_incalls: 0,
    rej_incalls: 0,
    talk_sum_s: 0,
    talk_count: 0,
    ...row,
  };
}

/** A flow of skill row 0 with nothing counted. */
export function flowRow(row: Partial<FlowRow> & { id: string }): FlowRow {
  return {
    priority: 256,
    skill: 0,
    removed: false,
    ongoing: 0,
    onhold_calls: 0,
    onhold_chats: 0,
    queued_calls: 0,
    incalls: 0,
    dist_incalls: 0,
    answ_incalls: 0,
    answ_inchats: 0,
    aban_incalls: 0,
    talk_sum_s: 0,
    talk_count: 0,
    wait_sum_s: 0,
    wait_count: 0,
    ...row,
  };
}

/** A call of flow row 0 that waits since 10 s and arrived 15 s ago. */
export function callRow(row: Partial<CallRow> & { id: string }): CallRow {
  return {
    flow: 0,
    agent: -1,
    state: 'queued',
    media: 'rtp',
    caller_user: 'alice',
    caller_display: 'Alice',
    arrival_ms: NOW_MS - 15_000,
    queued_ms: NOW_MS - 10_000,
    eta_s: 0,
    order_priority: 256,
    order_sequence: 1,
    refs: 1,
    ...row,
  };
}

export class FakeEngine implements EngineView, EngineControl {
  agentRows: AgentRow[] = [];
  flowRows: FlowRow[] = [];
  skillRows: SkillRow[] = [];
  callRows: CallRow[] = [];
  engineRow: EngineRow = {
    onhold_calls: 0,
    onhold_chats: 0,
    logged_in_agents: 0,
    free_agents: 0,
    incalls: 0,
    dist_incalls: 0,
    answ_incalls: 0,
    answ_inchats: 0,
    aban_incalls: 0,
    wait_sum_s: 0,
    wait_count: 0,
    internal_dispatching: true,
    bridges: 0,
  };
  /** What was asked of the dispatcher. */
  commands: Command[] = [];
  reloads = 0;
  /** What the dispatcher answers next. */
  result: CommandResult = { ok: true };
  /** The dispatcher answers when it is resolved. */
  held: Promise<void> | undefined;
  /** When set, the dispatcher cannot be asked. */
  broken: Error | undefined;

  agents = () => this.agentRows;
  flows = () => this.flowRows;
  calls = () => this.callRows;
  skill = (row: number) => this.skillRows[row];
  flow = (row: number) => this.flowRows[row];
  agent = (row: number) => this.agentRows[row];
  engine = () => this.engineRow;
  now_ms = () => NOW_MS;

  async reload(): Promise<CommandResult> {
    this.reloads++;
    return this.answered();
  }

  async command(command: Command): Promise<CommandResult> {
    this.commands.push(command);
    return this.answered();
  }

  private async answered(): Promise<CommandResult> {
    await this.held;
    if (this.broken !== undefined) throw this.broken;
    return this.result;
  }
}

export interface Answer {
  jsonrpc: string;
  id?: unknown;
  result?: unknown;
  error?: { code: number; message: string; data?: string };
  method?: string;
  params?: unknown;
}

export interface BenchOptions {
  token?: string;
  host?: string;
  listener?: Listen;
}

const choice = chooseListener();
if (process.env.SIP_ACD_REQUIRE_UWS && choice.name !== 'uWebSockets.js') {
  throw new Error(
    `uWebSockets.js is required and cannot be used: ${choice.because ?? 'it is not installed'}`,
  );
}
/** Those that can be tested here. */
const LISTENERS: ReadonlyMap<string, Listen> = new Map([
  ['ws', listenWithNode],
  [choice.name, choice.listen],
]);

/** Tests of the management interface, each on every listener that is installed; `start` starts it. */
export const eachListener = {
  test(
    name: string,
    run: (t: Test, start: (options?: BenchOptions) => Promise<Bench>, listener: Listen) => Promise<void>,
  ): void {
    for (const [server, listener] of LISTENERS) {
      t.test(`${name} (${server})`, (t) =>
        run(t, (options) => Bench.start(t, { ...options, listener }), listener),
      );
    }
  },
};

/** A management interface under test, closed at the end of the test. */
export class Bench {
  readonly engine = new FakeEngine();
  readonly logged: string[] = [];
  /** Which events are wanted. */
  readonly wanted = new Set<string>();
  private mi!: Mi;
  private token = '';

  static async start(test: Tap, options: BenchOptions = {}): Promise<Bench> {
    const bench = new Bench();
    bench.token = options.token ?? '';
    bench.mi = await startMi({
      listen: { host: options.host ?? '127.0.0.1', port: 0 },
      token: bench.token,
      view: bench.engine,
      control: bench.engine,
      interest: (kind, wanted) => (wanted ? bench.wanted.add(kind) : bench.wanted.delete(kind)),
      log: bench.logger(),
      listener: options.listener ?? listenWithNode,
    });
    test.teardown(() => bench.mi.close());
    return bench;
  }

  private logger(): Logger {
    const logged = this.logged;
    const sink = new Writable({
      write(chunk: Buffer, _encoding, done) {
        logged.push(chunk.toString());
        done();
      },
    });
    return pino({ level: 'warn' }, sink);
  }

  get authority(): string {
    return `127.0.0.1:${this.mi.address.port}`;
  }

  get url(): string {
    return `http://${this.authority}/mi`;
  }

  raise(event: Partial<AgentEvent> & { agent_id: string; state: AgentEvent['state'] }): void {
    this.mi.raise({ kind: 'agent_report', wrapup_ends_ms: 0, flow_id: '', ongoing_sessions: 0, ...event });
  }

  raiseCall(event: Omit<CallEvent, 'kind'>): void {
    this.mi.raise({ kind: 'call_report', ...event });
  }

  close(): Promise<void> {
    return this.mi.close();
  }

  /** POSTs a body as it is. */
  post(body: string, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(this.url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body,
    });
  }

  /** POSTs a text that wants an answer. */
  async ask(body: string): Promise<Answer> {
    return (await (await this.post(body)).json()) as Answer;
  }

  call(method: string, params?: unknown): Promise<Answer> {
    return this.ask(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }));
  }

  async result(method: string, params?: unknown): Promise<unknown> {
    return (await this.call(method, params)).result;
  }

  async error(method: string, params?: unknown): Promise<Answer['error']> {
    return (await this.call(method, params)).error;
  }

  connect(headers: Record<string, string> = {}): WebSocket {
    return new WebSocket(`ws://${this.authority}/mi`, { headers });
  }

  async socket(headers: Record<string, string> = {}): Promise<Socket> {
    const ws = this.connect(headers);
    await once(ws, 'open');
    return new Socket(ws);
  }
}

type Tap = { teardown(fn: () => unknown): unknown };

/** A WebSocket client that reads message by message. */
export class Socket {
  private readonly received: Answer[] = [];
  private readonly readers: ((message: Answer) => void)[] = [];

  constructor(readonly ws: WebSocket) {
    ws.on('message', (data) => {
      const message = JSON.parse(String(data)) as Answer;
      const reader = this.readers.shift();
      if (reader === undefined) this.received.push(message);
      else reader(message);
    });
  }

  next(): Promise<Answer> {
    const message = this.received.shift();
    return message !== undefined
      ? Promise.resolve(message)
      : new Promise((resolve) => this.readers.push(resolve));
  }

  call(method: string, params?: unknown, id = 1): Promise<Answer> {
    this.ws.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
    return this.next();
  }

  async close(): Promise<void> {
    this.ws.close();
    await once(this.ws, 'close');
  }
}

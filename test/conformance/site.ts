/**
 * A site for tests of the whole: agents, callers and a media server that stay while engines come and go on
 * databases of the test's choice.
 */
import type { Test } from 'tap';
import { Agent, type Tempers } from '../../tools/endpoints/agent.js';
import type { Call, DialOptions } from '../../tools/endpoints/call.js';
import { Endpoint } from '../../tools/endpoints/endpoint.js';
import { EventLog } from '../../tools/endpoints/log.js';
import { MediaServer, type Message } from '../../tools/endpoints/media.js';
import { callMi, urlOf } from '../../tools/mi.js';
import { freeUdpPorts } from '../../tools/ports.js';
import { loadConfig } from '../../workers/config.js';
import { type Engine, startEngine } from '../../workers/supervisor.js';
import { environment, HOST } from '../support/engine.js';
import { eventually } from '../support/settle.js';

type Listed = Record<string, unknown>;

export class Site {
  private engine: Engine | undefined;
  /** The first of the workers' own ports, of the engine started last. */
  worker_port = 0;
  private readonly agents = new Map<string, Agent>();

  private constructor(
    readonly data_dir: string,
    private readonly port: number,
    private readonly env: Readonly<Record<string, string>>,
    readonly log: EventLog,
    readonly callers: Endpoint,
    readonly media: MediaServer,
    private readonly desks: Endpoint,
  ) {}

  /** Opens everything but an engine; all of it is closed at the end of `t`. @param env configuration of every engine */
  static async open(
    t: Test,
    env: Readonly<Record<string, string>>,
    messages: Record<string, Message> = {},
  ): Promise<Site> {
    const log = new EventLog();
    const open = (name: string) => Endpoint.open({ name, log });
    const [callers, media, desks] = [await open('caller'), await open('media'), await open('agents')];
    const data_dir = t.testdir();
    const server = new MediaServer(media, messages);
    const site = new Site(data_dir, await freeUdpPorts(1), env, log, callers, server, desks);
    t.teardown(async () => {
      await site.engine?.stop({ drain: false });
      for (const endpoint of [callers, media, desks]) await endpoint.close();
    });
    return site;
  }

  /** Starts an engine; the one before must have been stopped. */
  async start(env: Readonly<Record<string, string>> = {}): Promise<void> {
    const own = await environment(this.data_dir, this.port);
    const config = loadConfig({ env: { ...own, ...this.env, ...env } });
    this.worker_port = config.sip.worker_ports;
    this.engine = await startEngine(config);
  }

  /** Stops the engine: all that it had to write is written then. */
  async stop(): Promise<void> {
    const { engine } = this;
    this.engine = undefined;
    await engine?.stop({ drain: false });
  }

  /** Resolves when everything that the engine recorded so far is in its tables. */
  async flushed(): Promise<void> {
    await this.running.flushed();
  }

  /** Where MI answers. */
  get mi_url(): string {
    return urlOf(this.running.mi_address);
  }

  mi(method: string, params: readonly unknown[] | Readonly<Record<string, unknown>> = []): Promise<unknown> {
    return callMi({ url: this.mi_url, token: '' }, method, params);
  }

  /** What a listing method lists. */
  async list(
    method: 'cc_list_agents' | 'cc_list_calls' | 'cc_list_flows' | 'cc_list_queue',
  ): Promise<Listed[]> {
    return Object.values((await this.mi(method)) as Record<string, Listed[]>)[0] ?? [];
  }

  /** One agent as cc_list_agents shows him. */
  async listedAgent(id: string): Promise<Listed | undefined> {
    return (await this.list('cc_list_agents')).find((agent) => agent.id === id);
  }

  /** Resolves when cc_list_agents shows the agent in this state; `offline` is not logged in. */
  async agentIs(id: string, state: string): Promise<void> {
    await eventually(
      () => this.listedAgent(id),
      (agent) => (agent?.['Loged in'] === 'NO' ? 'offline' : agent?.State) === state,
      `${id} is ${state}`,
    );
  }

  /** Resolves when no call is left. */
  async idle(): Promise<void> {
    await eventually(
      () => this.list('cc_list_calls'),
      (calls) => calls.length === 0,
      'all calls have ended',
    );
  }

  /** The statistics of these names, all of them unless told, without their group. */
  async statistics(names: readonly string[] = ['all']): Promise<Record<string, number>> {
    const found = (await this.mi('get_statistics', [names])) as Record<string, number>;
    return Object.fromEntries(Object.entries(found).map(([name, value]) => [name.slice(12), value]));
  }

  /** Somebody who takes calls at {@link Agent.uri}. */
  agent(name: string, temper: Tempers = { answer_after_ms: 0 }): Agent {
    let agent = this.agents.get(name);
    if (agent === undefined) {
      agent = new Agent(this.desks, name, temper);
      this.agents.set(name, agent);
    } else agent.temper = temper;
    return agent;
  }

  /** Calls a flow as a caller of this name. */
  call(flow: string, user: string, options: DialOptions = {}): Call {
    return this.callers.dial(this.uri(flow), { user, ...options });
  }

  /** Where the engine takes calls for a flow. */
  uri(flow: string): string {
    return `sip:${flow}@${HOST}:${this.port}`;
  }

  /** What the engine did on any leg that SIP forbids. */
  violations(): string[] {
    return [this.callers, this.media.endpoint, this.desks].flatMap((endpoint) => endpoint.violations);
  }

  private get running(): Engine {
    if (this.engine === undefined) throw new Error('no engine runs');
    return this.engine;
  }
}

/** A contact centre for end-to-end tests: engine, media server, agents and callers that share one log. */
import { Agent, type Tempers } from '../../tools/endpoints/agent.js';
import type { Call, DialOptions } from '../../tools/endpoints/call.js';
import { Endpoint } from '../../tools/endpoints/endpoint.js';
import { EventLog } from '../../tools/endpoints/log.js';
import { MediaServer } from '../../tools/endpoints/media.js';
import type { CdrShown, FlowSeed } from '../../tools/provision.js';
import { TestEngine } from './engine.js';

/** One flow with a skill of its own, and the agents who alone have that skill. */
export interface TestFlow {
  /** Names of messages of the media server instead of URIs. */
  welcome?: string;
  queue?: string;
  flow_id?: string;
  dissuading?: string;
  flow?: Partial<FlowSeed>;
  agents: Record<string, { temper?: Tempers; logged_in?: boolean }>;
}

export class Center {
  private constructor(
    readonly engine: TestEngine,
    readonly log: EventLog,
    readonly callers: Endpoint,
    readonly media: MediaServer,
    private readonly agentsEndpoint: Endpoint,
    private readonly agents: ReadonlyMap<string, Agent>,
  ) {}

  /** Starts all of it. @param env the engine's configuration as environment variables */
  static async start(
    flows: Readonly<Record<string, TestFlow>>,
    env: Readonly<Record<string, string>> = {},
  ): Promise<Center> {
    const log = new EventLog();
    const callers = await Endpoint.open({ name: 'caller', log });
    const mediaEndpoint = await Endpoint.open({ name: 'media', log });
    const agentsEndpoint = await Endpoint.open({ name: 'agents', log });
    const media = new MediaServer(mediaEndpoint);
    const agents = new Map<string, Agent>();
    try {
      const engine = await TestEngine.start({
        env,
        flows: Object.entries(flows).map(([flowid, { welcome, queue, flow_id, dissuading, flow }]) => ({
          flowid,
          skill: flowid,
          message_queue: media.uri(queue ?? 'queue'),
          ...(flow_id === undefined ? {} : { message_flow_id: media.uri(flow_id) }),
          ...(dissuading === undefined ? {} : { message_dissuading: media.uri(dissuading) }),
          ...(welcome === undefined ? {} : { message_welcome: media.uri(welcome) }),
          ...flow,
        })),
        agents: Object.entries(flows).flatMap(([skills, flow]) =>
          Object.entries(flow.agents).map(([agentid, { temper, logged_in }]) => {
            const agent = new Agent(agentsEndpoint, agentid, temper ?? { answer_after_ms: 0 });
            agents.set(agentid, agent);
            const logstate = logged_in === false ? 0 : 1;
            return { agentid, skills, location: agent.uri, logstate, wrapup_time: 1 };
          }),
        ),
      });
      return new Center(engine, log, callers, media, agentsEndpoint, agents);
    } catch (error) {
      for (const endpoint of [callers, mediaEndpoint, agentsEndpoint]) await endpoint.close();
      throw error;
    }
  }

  agent(name: string): Agent {
    const agent = this.agents.get(name);
    if (!agent) throw new Error(`there is no agent ${name}`);
    return agent;
  }

  /** Calls a flow as a caller of this name, which is what the call's CDRs are found by. */
  call(flow: string, caller: string, options: DialOptions = {}): Call {
    return this.callers.dial(this.engine.uri(flow), { user: caller, ...options });
  }

  async login(agent_id: string, logged_in: boolean): Promise<void> {
    await this.engine.mi('cc_agent_login', { agent_id, state: logged_in ? 1 : 0 });
  }

  /** What the engine did on any leg that SIP forbids. */
  violations(): string[] {
    return [this.callers, this.media.endpoint, this.agentsEndpoint].flatMap(
      (endpoint) => endpoint.violations,
    );
  }

  /** Ends everything. Gives the CDRs, in their order, by caller. */
  async finish(): Promise<Map<string, CdrShown[]>> {
    try {
      const byCaller = new Map<string, CdrShown[]>();
      for (const cdr of await this.engine.finish()) {
        byCaller.set(cdr.caller, [...(byCaller.get(cdr.caller) ?? []), cdr]);
      }
      return byCaller;
    } finally {
      for (const endpoint of [this.callers, this.media.endpoint, this.agentsEndpoint]) await endpoint.close();
    }
  }
}

/** The process is killed amid calls and started again with another number of workers: every dialog keeps its port. */
import { createSocket } from 'node:dgram';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { SipRequest, SipResponse } from '../../core/sip/message.js';
import { Children } from '../../tools/bench/sip/children.js';
import { EngineProcess } from '../../tools/bench/sip/engine.js';
import { Agent } from '../../tools/endpoints/agent.js';
import type { Call } from '../../tools/endpoints/call.js';
import { Endpoint } from '../../tools/endpoints/endpoint.js';
import { MediaServer } from '../../tools/endpoints/media.js';
import { freeTcpPort, freeUdpPorts } from '../../tools/ports.js';
import { seedDatabase } from '../../tools/provision.js';
import { eventually, within } from '../support/settle.js';

t.setTimeout(120_000);
const MOST_WORKERS = 3;
const TALKING = 12;
const WAITING = 9;

/** Ports from which each dialog's messages came and that they name: one each, while all is well. */
class Ports {
  readonly wrong: string[] = [];
  private readonly ports = new Map<string, number>();

  hear(message: SipRequest | SipResponse, port: number): void {
    const { callId } = message;
    const known = this.ports.get(callId) ?? port;
    this.ports.set(callId, known);
    const named = message.kind === 'request' ? message.via.port : port;
    const contact = Number(/:(\d+)>?$/.exec(message.contact?.uri ?? '')?.[1] ?? port);
    if (port !== known || named !== known || contact !== known)
      this.wrong.push(`${callId}: ${known}, then ${port}, Via ${named}, Contact ${contact}`);
  }

  /** Those of an endpoint's dialogs. */
  get all(): Set<number> {
    return new Set(this.ports.values());
  }
}

/** An engine that can be started again, its callers, its agents and its media server. */
class Centre {
  readonly ports = { callers: new Ports(), agents: new Ports(), media: new Ports() };
  readonly base: number;
  private engine: EngineProcess | undefined = undefined;
  private readonly agents = new Map<string, Agent>();
  private callers!: Endpoint;
  private phones!: Endpoint;
  private media!: MediaServer;
  private runs = 0;

  private constructor(
    private readonly folder: string,
    private readonly children: Children,
    private readonly sip: number,
    private readonly mi: number,
  ) {
    this.base = sip + 1;
  }

  static async open(): Promise<Centre> {
    const folder = await mkdtemp(join(tmpdir(), 'sip-acd-count-'));
    const centre = new Centre(
      folder,
      new Children(),
      await freeUdpPorts(1 + MOST_WORKERS),
      await freeTcpPort(),
    );
    const endpoint = (name: 'callers' | 'agents' | 'media'): Promise<Endpoint> =>
      Endpoint.open({ name, hears: (message, { port }) => centre.ports[name].hear(message, port) });
    centre.callers = await endpoint('callers');
    centre.phones = await endpoint('agents');
    centre.media = new MediaServer(await endpoint('media'));
    const flow = (flowid: string) => ({ flowid, skill: flowid, message_queue: centre.media.uri('queue') });
    await seedDatabase(
      join(folder, 'data'),
      [flow('support'), flow('busy')],
      ['support', 'busy'].flatMap((skills) =>
        Array.from({ length: 2 * TALKING }, (_, n) => centre.seat(skills, n)),
      ),
    );
    return centre;
  }

  private seat(skills: string, number: number) {
    const name = `${skills}${number}`;
    const agent = new Agent(this.phones, name, { answer_after_ms: 0 });
    this.agents.set(name, agent);
    const logstate = skills === 'busy' ? 0 : 1;
    return { agentid: name, skills, location: agent.uri, logstate, wrapup_time: 1 };
  }

  /** Starts it, after a kill where it runs. */
  async start(workers: number): Promise<void> {
    await this.engine?.kill();
    this.engine = await EngineProcess.start(this.children, {
      folder: this.folder,
      data_dir: join(this.folder, 'data'),
      db_url: 'embedded',
      wrapup_s: 1,
      reject_on_no_agents: false,
      workers,
      ports: { sip: this.sip, mi: this.mi },
      log: `engine.${++this.runs}.log`,
    });
  }

  /** What the engine that runs has logged. */
  async log(): Promise<string> {
    return (await this.engine?.log()) ?? '';
  }

  async kill(): Promise<void> {
    await this.engine?.kill();
    this.engine = undefined;
  }

  async login(agent: string): Promise<void> {
    await this.engine?.mi('cc_agent_login', [agent, 1]);
  }

  private call(flow: string, number: number): Call {
    return this.callers.dial(`sip:${flow}@127.0.0.1:${this.sip}`, { user: `${flow}-caller${number}` });
  }

  /** Callers with an agent each, with the agents' ends. */
  async talkers(): Promise<{ caller: Call; agent: Call }[]> {
    const callers = Array.from({ length: TALKING }, (_, number) => this.call('support', number));
    await becomes(() => callers.every(({ peer }) => peer.startsWith('support')), 'every talker has an agent');
    return Promise.all(
      callers.map(async (caller) => ({
        caller,
        agent: await (this.agents.get(caller.peer) as Agent).nextCall(),
      })),
    );
  }

  async waiters(): Promise<Call[]> {
    const callers = Array.from({ length: WAITING }, (_, number) => this.call('busy', number));
    await becomes(() => callers.every(({ peer }) => peer === 'queue'), 'every waiter hears the queue');
    return callers;
  }

  get violations(): string[] {
    return [this.callers, this.phones, this.media.endpoint].flatMap(({ violations }) => violations);
  }

  get wrong(): string[] {
    const { agents, callers, media } = this.ports;
    return [callers, agents, media].flatMap(({ wrong }) => wrong);
  }

  async close(): Promise<void> {
    await this.children.close();
    for (const endpoint of [this.callers, this.phones, this.media.endpoint]) await endpoint.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function becomes(condition: () => boolean, what: string): Promise<void> {
  await eventually(async () => condition(), Boolean, what);
}

/** Final status of a re-INVITE, tried again while it crosses another. */
function reinvite(call: Call): Promise<number> {
  const attempt = async (): Promise<number> => {
    try {
      return await call.reinvite();
    } catch {
      // One of the far end's is open.
      return 491;
    }
  };
  return eventually(attempt, (status) => status !== 491, 'a re-INVITE crosses no other');
}

/** Each side speaks to the port that it knows, and then somebody hangs up. */
async function go(talks: readonly { caller: Call; agent: Call }[]): Promise<(string | number)[][]> {
  return within(
    Promise.all(
      talks.map(async ({ caller, agent }, number) => {
        const agents = await reinvite(agent);
        const callers = await reinvite(caller);
        const ends = await Promise.all(
          number % 2 === 0 ? [agent.hangup(), caller.ended] : [caller.hangup(), agent.ended],
        );
        return [agents, callers, ...ends.map(({ how }) => how).sort()];
      }),
    ),
    'every talk goes on and ends',
  );
}

const WELL = [200, 200, 'local-bye', 'remote-bye'];

t.test('calls go on by the ports that their dialogs name, with fewer workers and with more', async (t) => {
  const centre = await Centre.open();
  t.teardown(() => centre.close());
  await centre.start(MOST_WORKERS);
  const first = await centre.talkers();
  const waiting = await centre.waiters();
  // Which workers they come to is left to chance, and with so many to more than one.
  t.ok(centre.ports.agents.all.size > 1, 'several workers have calls');

  await centre.start(1);
  t.same(await go(first.splice(0, TALKING / 2)), Array(TALKING / 2).fill(WELL), 'with one worker');
  const second = await centre.talkers();
  for (const agent of ['busy0', 'busy1', 'busy2']) await centre.login(agent);
  const served = (): Call[] => waiting.filter(({ peer }) => peer.startsWith('busy'));
  await becomes(() => served().length === 3, 'who waited is delivered');

  await centre.start(MOST_WORKERS);
  t.same(await go([...first, ...second]), Array(first.length + TALKING).fill(WELL), 'with more workers');
  for (const agent of ['busy3', 'busy4']) await centre.login(agent);
  await becomes(() => served().length === 5, 'who waited is delivered');
  await within(Promise.all(waiting.map((call) => call.hangup())), 'who waits or was delivered hangs up');
  t.same(centre.wrong, [], 'no dialog was moved to another port');
  t.same(centre.violations, []);
});

t.test('a port of a former worker that another program has by now keeps nobody from starting', async (t) => {
  const centre = await Centre.open();
  t.teardown(() => centre.close());
  await centre.start(MOST_WORKERS);
  const talks = await centre.talkers();
  await centre.kill();
  const thief = createSocket('udp4');
  await new Promise<void>((resolve) => thief.bind(centre.base + 1, '127.0.0.1', resolve));
  t.teardown(() => thief.close());
  await centre.start(1);
  t.match(await centre.log(), `port ${centre.base + 1} is in use by another process`, 'the log says so');
  await within(Promise.all(talks.map(({ caller }) => caller.hangup())), 'every caller is heard');
});

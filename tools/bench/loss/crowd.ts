/**
 * A crowd of callers and agents of many tempers at one engine, who all remember what happened to them: what a
 * crash, or a database that is away, must not change.
 */

import { parseUri } from '../../../core/sip/uri.js';
import { later } from '../../endpoints/agent.js';
import type { Call, CallEnd } from '../../endpoints/call.js';
import { Endpoint } from '../../endpoints/endpoint.js';
import { MediaServer } from '../../endpoints/media.js';
import type { AgentSeed, FlowSeed } from '../../provision.js';

const FLOW = 'crowd';
/** So many deliveries are refused. */
const REFUSING = 0.05;
const MAX_RING_MS = 800;
/** So many callers leave before an agent has come, if they can. */
const IMPATIENT = 0.1;
const PATIENCE_MS = 1500;
/** So many talks are ended by the agent, later than would count as a rejection. */
const AGENT_ENDS = 0.4;
const NO_REJECTION_MS = 1500;
/** Longer than T1: an answer that was lost with what died is sent again, and the engine learns that they talk. */
const LEAST_TALK_MS = 1000;

/** What a caller saw of his call. */
export interface Visit {
  caller: string;
  /** Call-ID of his call. */
  call_id: string;
  /** He heard something: his INVITE was answered. */
  answered: boolean;
  /** He spoke with an agent. */
  talked: boolean;
  /** He, or the agent, meant the end that came. */
  meant: boolean;
  end: CallEnd;
  status: number;
  setup_ms: number | undefined;
}

export interface CrowdOptions {
  agents: number;
  /** Longest talk, ms; they are spread evenly from 0. */
  talk_ms: number;
  random: () => number;
}

export class Crowd {
  readonly visits: Visit[] = [];
  /** What should not have happened, in words. */
  readonly remarks: string[] = [];
  /** Deliveries that agents refused. */
  refused = 0;
  private readonly waiting = new Set<Call>();
  private dialled = 0;
  /** Agents' ends of calls, by the caller. */
  private readonly talking = new Map<string, Call>();
  /** Callers whose agent hung up. */
  private readonly hungUp = new Set<string>();

  private constructor(
    private readonly callers: Endpoint,
    private readonly phones: Endpoint,
    private readonly media: MediaServer,
    private readonly options: CrowdOptions,
  ) {}

  static async gather(options: CrowdOptions): Promise<Crowd> {
    const callers = await Endpoint.open({ name: 'caller' });
    const phones = await Endpoint.open({ name: 'phones' });
    const media = await Endpoint.open({ name: 'media' });
    const crowd = new Crowd(callers, phones, new MediaServer(media), options);
    for (let n = 0; n < options.agents; n++) crowd.seat(`agent${n}`);
    return crowd;
  }

  /** The flow and the agents, as the database has them. */
  provisioning(): { flow: FlowSeed; agents: AgentSeed[] } {
    const flow = {
      flowid: FLOW,
      skill: FLOW,
      message_welcome: this.media.uri('welcome'),
      message_queue: this.media.uri('queue'),
    };
    const agents = Array.from({ length: this.options.agents }, (_, n) => ({
      agentid: `agent${n}`,
      skills: FLOW,
      location: this.phones.uri(`agent${n}`),
      logstate: 1,
      wrapup_time: 1,
    }));
    return { flow, agents };
  }

  /** A caller more. */
  dial(port: number): void {
    void this.visit(`sip:${FLOW}@127.0.0.1:${port}`, `caller${this.dialled++}`);
  }

  get calls(): number {
    return this.dialled;
  }

  /** Callers who are still there. */
  get present(): number {
    return this.waiting.size;
  }

  /** What the engine did on any leg that SIP forbids. */
  get violations(): string[] {
    return [this.callers, this.phones, this.media.endpoint].flatMap((endpoint) => endpoint.violations);
  }

  /** Those who are still there, in words. */
  get stragglers(): string[] {
    return [...this.waiting].map(
      ({ user, callId, state, peer }) =>
        `${user} (${callId}) is ${state}, joined to ${peer}; the agent's side is ${this.talking.get(user)?.state ?? 'gone'}`,
    );
  }

  async close(): Promise<void> {
    for (const endpoint of [this.callers, this.phones, this.media.endpoint]) await endpoint.close();
  }

  /** An agent who answers after a while, mostly. */
  private seat(name: string): void {
    const { random } = this.options;
    this.phones.serve(name, (call) => {
      call.ring();
      const refuses = random() < REFUSING;
      later(call, random() * MAX_RING_MS, () => {
        if (refuses) {
          this.refused++;
          call.reject(486);
          return;
        }
        const caller = parseUri(call.invitation?.from.uri ?? '')?.user ?? '';
        this.talking.set(caller, call);
        void call.ended.then((end) => {
          if (end.how === 'lost') this.remarks.push(`${name} was lost with ${caller} (${call.callId})`);
          if (this.talking.get(caller) === call) this.talking.delete(caller);
        });
        call.accept();
      });
    });
  }

  private async visit(uri: string, caller: string): Promise<void> {
    const { random, talk_ms } = this.options;
    const call = this.callers.dial(uri, { user: caller });
    this.waiting.add(call);
    const impatient = random() < IMPATIENT;
    let talked = false;
    let meant = false;
    const leave = (): void => {
      meant = true;
      void call.hangup();
    };
    // Some leave while they wait, wherever that is.
    const patience = impatient ? setTimeout(leave, random() * PATIENCE_MS) : undefined;
    call.onRemoteSdp = () => {
      if (talked || !call.peer.startsWith('agent')) return;
      talked = true;
      clearTimeout(patience);
      if (random() < AGENT_ENDS)
        setTimeout(() => this.agentLeaves(call), random() * talk_ms + NO_REJECTION_MS);
      else setTimeout(leave, LEAST_TALK_MS + random() * talk_ms);
    };
    let setup_ms: number | undefined;
    const answered = call.answered.then((yes) => {
      if (yes) setup_ms = performance.now() - call.startedMs;
      return yes;
    });
    const end = await call.ended;
    clearTimeout(patience);
    this.waiting.delete(call);
    this.visits.push({
      caller,
      call_id: call.callId,
      answered: await answered,
      talked,
      meant: meant || this.hungUp.has(caller),
      end,
      status: call.final?.status ?? 0,
      setup_ms,
    });
  }

  /** The agent who talks with that caller hangs up. */
  private agentLeaves(call: Call): void {
    const agents = this.talking.get(call.user);
    if (call.state === 'ended' || agents === undefined) return;
    this.hungUp.add(call.user);
    void agents.hangup();
  }
}

/** A route module: loads it, has it decide about INVITEs, and lets it see the legs that are about to be made. */
import type { LegChanges, LegInvite, LegParameters, Routed } from '../core/sip/environment.js';
import type { SipRequest } from '../core/sip/message.js';
import { CallHandling, type FlowBook, HANDLED, refusal, UNKNOWN } from './route-handling.js';
import { LegRequest, RouteRequest } from './route-request.js';

/** What a module's default export gets. */
export interface DecideArguments {
  request: RouteRequest;
  /** IP address that the INVITE came from. */
  source: string;
  /** Gives the call to a flow: 1, or the manual's code (-1 to -7). */
  ccHandleCall(flow: unknown, param?: unknown, media?: unknown): number;
  /** Logs an agent in, or with state 0 out: 1, or -3 for an unknown agent. */
  ccAgentLogin(agent: unknown, state: unknown): Promise<number>;
}

/** What a module's `onLeg` gets. */
export interface LegArguments {
  /** The call's state, as MI names it. */
  state: string;
  /** The call's id, as MI shows it. */
  call: string;
  /** `target`: where somebody is transferred to. */
  leg: { number: number; role: 'media' | 'agent' | 'target'; uri: string };
  request: LegRequest;
  /** Parameters of the leg; what is changed stays on this leg. */
  ctx: Record<string, unknown>;
}

/** What the module's world can tell and do. */
export interface ModuleWorld {
  flows: FlowBook;
  reject_on_no_agents: boolean;
  /** False when there is no such agent. */
  login(agent_id: string, logged_in: boolean): Promise<boolean>;
}

type Decide = (args: DecideArguments) => unknown;
type OnLeg = (args: LegArguments) => unknown;

export class RouteModule {
  private constructor(
    private readonly decide: Decide | undefined,
    private readonly onLeg: OnLeg | undefined,
  ) {}

  /** @param url of the file. Rejects with whatever the module's own code throws */
  static async load(url: string): Promise<RouteModule> {
    const exports = (await import(url)) as Record<string, unknown>;
    const fn = (value: unknown) => (typeof value === 'function' ? value : undefined);
    // A CommonJS module's exports are its default; what it exports by name stands there too.
    const inner = exports.default as Record<string, unknown> | undefined;
    const decide = fn(exports.default) ?? fn(inner?.default);
    return new RouteModule(
      decide as Decide | undefined,
      fn(exports.onLeg ?? inner?.onLeg) as OnLeg | undefined,
    );
  }

  get decides(): boolean {
    return this.decide !== undefined;
  }

  get asksLegs(): boolean {
    return this.onLeg !== undefined;
  }

  /**
   * What the module makes of an INVITE. Where it returns `{ status, reason }` the call is refused with that; else
   * what it last asked of ccHandleCall holds. Rejects with what it throws.
   */
  async route(request: SipRequest, source: string, world: ModuleWorld): Promise<Routed> {
    const handling = new CallHandling(request, world.flows, world.reject_on_no_agents);
    const returned = await this.decide?.({
      request: new RouteRequest(request),
      source,
      ccHandleCall: (flow, param, media) => handling.handle(flow, param, media),
      ccAgentLogin: async (agent, state) =>
        (await world.login(String(agent), Number(state) !== 0)) ? HANDLED : UNKNOWN,
    });
    return refusedBy(returned) ?? handling.outcome ?? refusal(404, 'no flow was chosen');
  }

  /** The INVITE with what the module changed. Rejects with what it throws. */
  async changeLeg(invite: LegInvite): Promise<LegChanges> {
    const request = new LegRequest(invite);
    const ctx: Record<string, unknown> = { ...invite.context };
    const { call, leg: number, role, state } = invite;
    await this.onLeg?.({ state, call, leg: { number, role, uri: request.uri }, request, ctx });
    return { headers: request.onTheWire(), context: parameters(ctx) };
  }
}

function refusedBy(returned: unknown): Routed | undefined {
  if (typeof returned !== 'object' || returned === null || !('status' in returned)) return undefined;
  const { status, reason = '' } = returned as { status: unknown; reason?: unknown };
  if (typeof status !== 'number' || !Number.isInteger(status) || status < 300 || status > 699) {
    throw new Error(`status ${String(status)} is none from 300 to 699`);
  }
  return refusal(status, String(reason));
}

function parameters(ctx: Record<string, unknown>): LegParameters {
  return Object.fromEntries(Object.entries(ctx).map(([name, value]) => [name, String(value ?? '')]));
}

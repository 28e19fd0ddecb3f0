/** A thread of the route modules' pool: what Piscina runs there. Nothing of a call depends on it but its answer. */
import type { MessagePort } from 'node:worker_threads';
import { workerData } from 'node:worker_threads';
import { assert } from '../core/assert.js';
import type { LegChanges, LegInvite, Routed } from '../core/sip/environment.js';
import { parseMessage } from '../core/sip/parser.js';
import { openTables, type TablesDescriptor } from '../ipc/tables.js';
import { type FlowBook, TableFlowBook } from './route-handling.js';
import type {
  DecideAsk,
  LoginReply,
  ModuleDescription,
  RouteNotice,
  RouteResult,
  RouteTask,
} from './route-messages.js';
import { type ModuleWorld, RouteModule } from './route-module.js';

export interface RouteThreadData {
  /** URLs of the modules. */
  modules: readonly string[];
  tables: TablesDescriptor;
  reject_on_no_agents: boolean;
}

const data = workerData as RouteThreadData;
const flows: FlowBook = new TableFlowBook(openTables(data.tables));
const loaded = await Promise.all(data.modules.map(load));

async function load(url: string): Promise<RouteModule | string> {
  try {
    return await RouteModule.load(url);
  } catch (error) {
    return explain(error);
  }
}

/** Answers one question, or without one tells what the modules export. */
export default async function routeTask(task: RouteTask): Promise<RouteResult | ModuleDescription[]> {
  const { ask, port } = task;
  if (ask === undefined) return loaded.map(describe);
  port.postMessage({ kind: 'begun' } satisfies RouteNotice);
  try {
    const answer = ask.kind === 'decide' ? await decide(ask, port) : await changeLeg(ask.invite);
    return { answer };
  } catch (error) {
    return { failed: explain(error) };
  } finally {
    port.close();
  }
}

function describe(module: RouteModule | string): ModuleDescription {
  if (typeof module === 'string') return { error: module, decides: false, asks_legs: false };
  return { error: undefined, decides: module.decides, asks_legs: module.asksLegs };
}

function decide({ module, request, source }: DecideAsk, port: MessagePort): Promise<Routed> {
  const message = parseMessage(request);
  assert(message.kind === 'request', 'what is to be routed has been parsed before');
  const routing = loaded[module];
  assert(routing instanceof RouteModule, 'a module that decides has been loaded');
  const world: ModuleWorld = {
    flows,
    reject_on_no_agents: data.reject_on_no_agents,
    login: loginOver(port),
  };
  return routing.route(message, source, world);
}

/** Every module that wants to sees the leg, in the order of the routes. */
async function changeLeg(invite: LegInvite): Promise<LegChanges> {
  let { headers, context } = invite;
  for (const module of loaded) {
    if (!(module instanceof RouteModule) || !module.asksLegs) continue;
    ({ headers, context } = await module.changeLeg({ ...invite, headers, context }));
  }
  return { headers, context };
}

function loginOver(port: MessagePort): ModuleWorld['login'] {
  const waiting = new Map<number, (known: boolean) => void>();
  let count = 0;
  port.on('message', ({ id, known }: LoginReply) => waiting.get(id)?.(known));
  return (agent_id, logged_in) =>
    new Promise((resolve) => {
      const id = count++;
      waiting.set(id, resolve);
      port.postMessage({ kind: 'login', id, agent_id, logged_in } satisfies RouteNotice);
    });
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return `${error.name}: ${error.message}`;
}

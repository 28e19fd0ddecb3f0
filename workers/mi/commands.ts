/** The methods of the management interface: their names, their parameters and what they do. */
import type { Command, CommandResult } from '../../core/acd/commands.js';
import type { Events, Subscriber } from './events.js';
import { type Invoke, type Json, methodNotFound, type Result, RpcError } from './json-rpc.js';
import { listAgents, listCalls, listFlows, listQueue } from './lists.js';
import { type Bound, bind, textParam, textsParam, wholeParam } from './params.js';
import type { EngineControl, EngineView } from './source.js';
import { GROUP, Statistics, type Value } from './statistics.js';

interface Method {
  /** The parameter lists it takes, each a list of names. */
  lists: readonly (readonly string[])[];
  run(params: Bound, caller: Subscriber | undefined): Result | Promise<Result>;
}

/** What the methods work on. */
export interface Backend {
  view: EngineView;
  control: EngineControl;
  events: Events;
}

const OK = 'OK';
const NONE: readonly string[] = [];

export class Commands {
  private readonly methods = new Map<string, Method>();
  private readonly statistics: Statistics;

  constructor(private readonly backend: Backend) {
    this.statistics = new Statistics(backend.view);
    this.addCallCenter();
    this.addStatistics();
    this.addEvents();
    this.add(['which'], [NONE, ['command']], (params) => this.which(params));
  }

  /** Calls a method on behalf of `caller`, the connection it came over when that can be told events. */
  invokeFor(caller: Subscriber | undefined): Invoke {
    return (name, params) => {
      const method = this.methods.get(name);
      if (method === undefined) throw methodNotFound();
      return method.run(bind(method.lists, params), caller);
    };
  }

  private add(names: readonly string[], lists: Method['lists'], run: Method['run']): void {
    for (const name of names) this.methods.set(name, { lists, run });
  }

  private addCallCenter(): void {
    const { view, control } = this.backend;
    const cc = (name: string, lists: Method['lists'], run: Method['run']) =>
      this.add([`cc_${name}`, `call_center:${name}`], lists, run);
    cc('reload', [NONE], async () => {
      const result = await control.reload();
      if (!result.ok) throw new RpcError(500, 'Failed to reload', result.message);
      return OK;
    });
    cc('agent_login', [['agent_id', 'state']], (params) => {
      const agent_id = textParam(params, 'agent_id');
      const logged_in = wholeParam(params, 'state') !== 0;
      return this.order({ kind: 'agent_login', agent_id, logged_in });
    });
    cc('list_queue', [NONE], () => listQueue(view));
    cc('list_flows', [NONE], () => listFlows(view));
    cc('list_agents', [NONE], () => listAgents(view));
    cc('list_calls', [NONE], () => listCalls(view));
    cc('reset_stats', [NONE], async () => {
      const done = await this.order({ kind: 'reset_stats' });
      this.statistics.engineReset();
      return done;
    });
    cc('dispatch_call_to_agent', [['call_id', 'agent_id']], (params) => {
      const call = textParam(params, 'call_id');
      return this.order({ kind: 'dispatch', call, agent_id: textParam(params, 'agent_id') });
    });
    cc('end_call', [['call_id']], (params) =>
      this.order({ kind: 'end_call', call: textParam(params, 'call_id') }),
    );
    cc('release_agent', [['agent_id']], (params) =>
      this.order({ kind: 'release_agent', agent_id: textParam(params, 'agent_id') }),
    );
    cc('internal_call_dispatching', [NONE, ['dispatching']], async (params) => {
      const asked: Command = { kind: 'internal_dispatching' };
      if (params.has('dispatching')) asked.on = wholeParam(params, 'dispatching') !== 0;
      const result = succeeded(await control.command(asked));
      return { dispatching: (result.dispatching ?? view.engine().internal_dispatching) ? 1 : 0 };
    });
  }

  private addStatistics(): void {
    const named = [['statistics']];
    this.add(['get_statistics', 'statistics:get'], named, (params) =>
      byName(this.known(params), (statistic) => statistic.value),
    );
    this.add(['list_statistics', 'statistics:list'], [NONE, ['statistics']], (params) => {
      const values = params.has('statistics') ? this.known(params) : this.statistics.find(['all']);
      return byName(values, (statistic) => (statistic.counter ? 'incremental' : 'non-incremental'));
    });
    const reset: Method['run'] = (params) => {
      this.statistics.reset(this.known(params));
      return OK;
    };
    this.add(['reset_statistics', 'statistics:reset'], named, reset);
    this.add(['reset_all_statistics', 'statistics:reset_all'], named, reset);
  }

  private addEvents(): void {
    const { events } = this.backend;
    this.add(['events_list', 'evi:list'], [NONE], () => events.list());
    this.add(['event_subscribe', 'evi:subscribe'], [['event']], (params, caller) => {
      const event = textParam(params, 'event');
      if (caller === undefined) throw new RpcError(400, 'Events need a WebSocket');
      events.subscribe(event, caller);
      return OK;
    });
  }

  private which(params: Bound): Json {
    if (!params.has('command')) return [...this.methods.keys()];
    const method = this.methods.get(textParam(params, 'command'));
    if (method === undefined) throw new RpcError(404, 'unknown MI command');
    return method.lists;
  }

  /** Has the dispatcher do something that answers OK. */
  private async order(command: Command): Promise<Json> {
    succeeded(await this.backend.control.command(command));
    return OK;
  }

  private known(params: Bound): Value[] {
    const values = this.statistics.find(textsParam(params, 'statistics'));
    if (values.length === 0) throw new RpcError(404, 'Statistics Not Found');
    return values;
  }
}

function succeeded(result: CommandResult): Extract<CommandResult, { ok: true }> {
  if (!result.ok) throw new RpcError(result.code, result.message);
  return result;
}

function byName(values: readonly Value[], value: (statistic: Value) => Json): Json {
  return Object.fromEntries(values.map((statistic) => [GROUP + statistic.name, value(statistic)]));
}

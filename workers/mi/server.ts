/** The management interface as a whole: methods, events and admission on top of a listener. */
import type { Logger } from 'pino';
import type { EngineEvent } from '../../core/acd/commands.js';
import { assert } from '../../core/assert.js';
import type { EventKind } from '../../ipc/event-interest.js';
import { type HostPort, isLoopback } from '../config-values.js';
import { admission } from './admission.js';
import { chooseListener } from './choose-listener.js';
import { Commands } from './commands.js';
import { Events } from './events.js';
import { answer, errorText, invalidRequest } from './json-rpc.js';
import { type Listen, MAX_REQUEST, type Service } from './listener.js';
import type { EngineControl, EngineView } from './source.js';

export interface MiOptions {
  /** Port 0 takes a free one. */
  listen: HostPort;
  /** '' for none, which only a loopback address allows. */
  token: string;
  view: EngineView;
  control: EngineControl;
  /** Told which events have subscribers: the others need not be raised. */
  interest(kind: EventKind, wanted: boolean): void;
  log: Logger;
  /** Without it the one that is installed. */
  listener?: Listen | undefined;
}

export interface Mi {
  /** Where it listens, with the port that was taken. */
  address: HostPort;
  /** Tells those who have subscribed. */
  raise(event: EngineEvent): void;
  /** Closes every connection; resolves when the port is free again. */
  close(): Promise<void>;
}

/** Starts the management interface; rejects with one line when the address cannot be had. */
export async function startMi(options: MiOptions): Promise<Mi> {
  const { listen, token, view, control, log, listener } = options;
  assert(token !== '' || isLoopback(listen.host), 'MI without a token listens on loopback only');
  const events = new Events(options.interest);
  const commands = new Commands({ view, control, events });
  const onDefect = (error: unknown, method: string): void => log.error({ err: error }, `MI ${method} failed`);
  const service: Service = {
    refuse: admission(listen.host, token),
    answer: (text, caller) => answer(text, commands.invokeFor(caller), onDefect),
    tooLarge: () => errorText(null, invalidRequest(`more than ${MAX_REQUEST} bytes`)),
    gone: (caller) => events.forget(caller),
  };
  const listening = await (listener ?? installed(log))(listen, service, log);
  return {
    address: listening.address,
    raise: (event) => events.raise(event),
    close: () => listening.close(),
  };
}

/** The listener that there is, with a line that says which. */
function installed(log: Logger): Listen {
  const { name, listen, because } = chooseListener();
  if (because === undefined) log.info(`MI is served by ${name}`);
  else log.warn(`MI is served by ${name}, as uWebSockets.js cannot be used: ${because}`);
  return listen;
}

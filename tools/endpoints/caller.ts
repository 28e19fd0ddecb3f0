/** A simulated caller: dials a flow, waits for an agent as long as its patience lasts, talks, hangs up. */
import { later } from './agent.js';
import type { Call, CallEnd, DialOptions } from './call.js';
import type { Endpoint } from './endpoint.js';

export interface CallerTemper extends DialOptions {
  /** From dialling to hanging up when no agent has come; for ever when left out. */
  patience_ms?: number;
  /** From reaching an agent to hanging up; left out, the agent does. */
  talk_ms?: number;
  /** A key pressed as soon as an agent is there, sent as INFO (application/dtmf-relay). */
  dtmf?: string;
}

/** What became of a call. */
export interface CallerOutcome {
  result: 'talked' | 'abandoned' | 'failed';
  end: CallEnd;
  /** Final status of the INVITE; 0 when there was none. */
  status: number;
  /** From dialling to the 200; undefined when there was none. */
  setup_ms: number | undefined;
  /** From dialling to being joined to an agent; undefined when that never happened. */
  wait_ms: number | undefined;
  /** From being joined to an agent to the end. */
  talk_ms: number;
}

/** Dials and plays the caller's part to the end. `isAgent` tells agents' names (s=) from those of messages. */
export async function callAs(
  endpoint: Endpoint,
  uri: string,
  temper: CallerTemper,
  isAgent: (name: string) => boolean,
): Promise<CallerOutcome> {
  const call = endpoint.dial(uri, temper);
  let reached_ms: number | undefined;
  let setup_ms: number | undefined;
  let gaveUp = false;
  call.onRemoteSdp = () => {
    if (reached_ms !== undefined || !isAgent(call.peer)) return;
    reached_ms = performance.now();
    talk(call, temper);
  };
  const { patience_ms } = temper;
  if (patience_ms !== undefined) {
    later(call, patience_ms, () => {
      if (reached_ms !== undefined) return;
      gaveUp = true;
      void call.hangup();
    });
  }
  if (await call.answered) setup_ms = performance.now() - call.startedMs;
  const end = await call.ended;
  const ended_ms = performance.now();
  const talked = reached_ms !== undefined && (end.how === 'local-bye' || end.how === 'remote-bye');
  const abandoned = gaveUp && (end.how === 'cancelled' || end.how === 'local-bye');
  return {
    result: talked ? 'talked' : abandoned ? 'abandoned' : 'failed',
    end,
    status: call.final?.status ?? 0,
    setup_ms,
    wait_ms: reached_ms === undefined ? undefined : reached_ms - call.startedMs,
    talk_ms: reached_ms === undefined ? 0 : ended_ms - reached_ms,
  };
}

function talk(call: Call, temper: CallerTemper): void {
  const { dtmf, talk_ms } = temper;
  if (dtmf !== undefined) void pressKey(call, dtmf);
  if (talk_ms !== undefined) later(call, talk_ms, () => void call.hangup());
}

/** Sends a key as INFO; resolves to the final response's status, 408 when there was none. */
export async function pressKey(call: Call, key: string): Promise<number> {
  const response = await call.send('INFO', {
    contentType: 'application/dtmf-relay',
    body: `Signal=${key}\r\nDuration=160\r\n`,
  });
  return response?.status ?? 408;
}

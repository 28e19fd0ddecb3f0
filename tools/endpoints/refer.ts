/** Transfers by a simulated agent: a REFER within his call, and what the NOTIFYs say of it (RFC 3515). */
import type { Call } from './call.js';

export interface Referral {
  /** Final status of the REFER; 408 when there was none. */
  status: number;
  /** Status lines that the NOTIFYs brought, oldest first. */
  progress: string[];
  /** The status that the last NOTIFY brought; never settles when the call ends first. */
  outcome: Promise<number>;
}

/** Asks the far end of `call` to send its other side to `target`, a URI. One at a time in a call. */
export async function refer(call: Call, target: string): Promise<Referral> {
  const progress: string[] = [];
  const outcome = new Promise<number>((resolve) => {
    call.onNotify = (notify) => {
      const line = notify.body.split('\r\n', 1)[0] ?? '';
      progress.push(line);
      if (notify.header('subscription-state')?.startsWith('terminated')) resolve(Number(line.split(' ')[1]));
    };
  });
  const response = await call.send('REFER', { headers: [['Refer-To', `<${target}>`]] });
  return { status: response?.status ?? 408, progress, outcome };
}

/** The Refer-To URI that has `consulted`'s far end take over its own call there (RFC 3891, RFC 5589 7). */
export function replacing(consulted: Call): string {
  const { uri, callId, localTag, remoteTag } = consulted.identity;
  const replaces = `${callId};to-tag=${remoteTag};from-tag=${localTag}`;
  return `${uri}?Replaces=${encodeURIComponent(replaces)}`;
}

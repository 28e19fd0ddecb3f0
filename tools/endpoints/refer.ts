/** REFER by a simulated endpoint, and of one that is asked by it; what the NOTIFYs say of it (RFC 3515). */
import type { Call, Headers } from './call.js';

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

/** Headers of the INVITE of who can be referred. */
export const TAKES_REFER: Headers = [['Allow', 'INVITE, ACK, BYE, CANCEL, REFER, NOTIFY']];

/**
 * Has `call` follow the REFERs it gets: it calls who is meant, as itself, and tells how that went.
 * @returns the call that is made then
 */
export function followReferral(call: Call): Promise<Call> {
  return new Promise((made) => {
    call.onRefer = (refer) => {
      const target = /<([^>]+)>/.exec(refer.header('refer-to') ?? '')?.[1] ?? '';
      const next = call.endpoint.dial(target, { user: call.user });
      made(next);
      void next.answered.then(() => tell(call, refer.cseq, next.final?.status ?? 408));
      return 202;
    };
  });
}

function tell(call: Call, cseq: number, status: number): void {
  void call.send('NOTIFY', {
    contentType: 'message/sipfrag',
    body: `SIP/2.0 ${status} \r\n`,
    headers: [
      ['Event', `refer;id=${cseq}`],
      ['Subscription-State', 'terminated;reason=noresource'],
    ],
  });
}

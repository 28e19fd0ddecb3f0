/** The engine's own addresses, as peers may write them: how a transfer to the engine itself is told. */

import type { TransferPolicy } from '../core/acd/transfers.js';
import type { Target } from '../core/sip/environment.js';
import { hostPort, type ListenAddress } from './addresses.js';
import type { Config } from './config.js';

/**
 * The public addresses, the first of which requests to any of them are sent to, then what Via and Contact say
 * instead, and the workers' own ports.
 * @param listen expanded: no wildcards
 * @param ports the workers' own
 */
export function ownAddresses(
  listen: readonly ListenAddress[],
  advertise: { host: string; port: number } | undefined,
  ports: readonly number[],
): Target[] {
  const own = listen.map(({ address, port }) => ({ host: address.toLowerCase(), port }));
  const hosts = [...new Set(own.map(({ host }) => host))];
  if (advertise !== undefined) {
    const host = advertise.host.toLowerCase();
    for (const { port } of listen) own.push({ host, port: advertise.port || port });
    hosts.push(host);
  }
  for (const host of hosts) for (const port of ports) own.push({ host, port });
  return own;
}

/** Left out, `transfer.allow` is the engine itself and wherever agents are. */
export function transferPolicy(
  { allow, callers }: Config['transfer'],
  own: readonly Target[],
): TransferPolicy {
  if (allow !== undefined)
    return { allow: allow.map((entry) => entry.toLowerCase()), to_locations: false, callers };
  return { allow: own.map(({ host, port }) => hostPort(host, port)), to_locations: true, callers };
}

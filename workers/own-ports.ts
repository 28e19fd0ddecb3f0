/**
 * Ports of the workers' own sockets: those configured, and while calls go by them those of former workers, of whom
 * there were more or who had other ports.
 */
import type { Logger } from 'pino';
import type { ListenAddress } from './addresses.js';
import type { Config } from './config.js';
import { type CallSource, portsInUse } from './journal/recover-calls.js';
import { probeUdp } from './udp.js';

/** By worker. */
export function configuredPorts({ sip }: Config): number[] {
  return Array.from({ length: sip.workers }, (_, index) => sip.worker_ports + index);
}

/**
 * Those configured, by worker, then those that calls in the journals name besides. One of these that cannot be had is
 * left out with a line in the log: its calls go on by ports that can.
 * @param listen expanded: no wildcards
 */
export async function ownPorts(
  config: Config,
  listen: readonly ListenAddress[],
  sources: readonly CallSource[],
  log: Logger,
): Promise<number[]> {
  const ports = configuredPorts(config);
  // What is public by now is bound as such.
  const known = new Set([...ports, ...listen.map(({ port }) => port)]);
  for (const port of portsInUse(sources, known)) {
    try {
      for (const address of new Set(listen.map((entry) => entry.address))) await probeUdp(address, port);
      ports.push(port);
    } catch (error) {
      log.warn({ err: (error as Error).message }, 'calls go on by another port than they began with');
    }
  }
  return ports;
}

/** Where agents may transfer their callers to, and callers, where they may transfer at all, their agents. */
import type { AgentConfig } from './provisioning.js';
import type { AcdState } from './state.js';

/** Where transfers may go; hosts in lower case. */
export interface TransferPolicy {
  /** `HOST` (any port), `HOST:PORT` or `*.DOMAIN`, an IPv6 address of a HOST:PORT in brackets. */
  allow: readonly string[];
  /** Also to every host that an agent's location names. */
  to_locations: boolean;
  /** Whether callers may transfer. */
  callers: boolean;
}

const DEFAULT_PORT = 5060;

/** @param port 0 where none is given */
export function mayTransferTo(acd: AcdState, host: string, port: number): boolean {
  const { allow, to_locations } = acd.options.transfer;
  if (to_locations && acd.location_hosts.has(host)) return true;
  const at = `${host.includes(':') ? `[${host}]` : host}:${port || DEFAULT_PORT}`;
  return allow.some(
    (entry) => entry === host || entry === at || (entry.startsWith('*.') && host.endsWith(entry.slice(1))),
  );
}

/** Hosts of the agents' locations. */
export function locationHosts(agents: readonly AgentConfig[]): Set<string> {
  const locations = agents.flatMap(({ location, msrp_location }) => [location, msrp_location]);
  return new Set(locations.filter((uri) => uri !== '').map(hostOf));
}

/** The host of a SIP URI, in lower case, an IPv6 address without its brackets. */
function hostOf(uri: string): string {
  const after = uri.slice(Math.max(uri.indexOf(':'), uri.lastIndexOf('@')) + 1).toLowerCase();
  if (after.startsWith('[')) return after.slice(1, after.indexOf(']'));
  return /^[^:;?>]*/.exec(after)?.[0] ?? '';
}

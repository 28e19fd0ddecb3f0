/** Local addresses: what a wildcard stands for, and which of ours reaches a peer. */
import { BlockList, isIP, isIPv6 } from 'node:net';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';

export interface ListenAddress {
  transport: 'udp';
  address: string;
  port: number;
}

/**
 * Expands wildcard addresses into one entry per address of this host, since a socket on a wildcard answers
 * from the wrong address on a host with several. Link-local IPv6 is left out: it needs a zone that SIP
 * cannot name. Entries that come twice are kept once.
 */
export function expandListen(listen: readonly ListenAddress[]): ListenAddress[] {
  const expanded = new Map<string, ListenAddress>();
  for (const entry of listen) {
    for (const address of expandAddress(entry.address)) {
      expanded.set(`${address} ${entry.port}`, { ...entry, address });
    }
  }
  return [...expanded.values()];
}

function expandAddress(address: string): string[] {
  if (address !== '0.0.0.0' && address !== '::') return [address];
  const family = address === '::' ? 'IPv6' : 'IPv4';
  return interfaceAddresses()
    .filter((info) => info.family === family && !info.address.toLowerCase().startsWith('fe80:'))
    .map((info) => info.address);
}

function interfaceAddresses(): NetworkInterfaceInfo[] {
  return Object.values(networkInterfaces()).flatMap((infos) => infos ?? []);
}

/** `address:port`, an IPv6 address in brackets, as Via and Contact have it. */
export function hostPort(host: string, port: number): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * Chooses which of our addresses reaches a peer: one on the peer's subnet, else one that is not loopback, else
 * the first of the peer's family. The routing table is not to be had, and these rules agree with it on
 * hosts with one default route.
 */
export class AddressChooser {
  private readonly subnets: { index: number; list: BlockList }[] = [];
  private readonly fallback: { ipv4: number; ipv6: number };
  private readonly chosen = new Map<string, number>();

  constructor(private readonly addresses: readonly string[]) {
    const infos = interfaceAddresses();
    addresses.forEach((address, index) => {
      const info = infos.find((candidate) => candidate.address === address);
      const list = new BlockList();
      const family = isIPv6(address) ? 'ipv6' : 'ipv4';
      const prefix = Number(info?.cidr?.split('/')[1] ?? (family === 'ipv6' ? 128 : 32));
      list.addSubnet(address, prefix, family);
      this.subnets.push({ index, list });
    });
    this.fallback = { ipv4: this.outward('ipv4'), ipv6: this.outward('ipv6') };
  }

  /** Index of the address to send from; -1 when no address of ours has the peer's family. */
  choose(peer: string): number {
    const known = this.chosen.get(peer);
    if (known !== undefined) return known;
    const family = isIP(peer) === 6 ? 'ipv6' : 'ipv4';
    const subnet = this.subnets.find(({ list }) => list.check(peer, family));
    const index = subnet?.index ?? this.fallback[family];
    if (this.chosen.size >= 4096) this.chosen.clear();
    this.chosen.set(peer, index);
    return index;
  }

  private outward(family: 'ipv4' | 'ipv6'): number {
    const ours = this.addresses
      .map((address, index) => ({ address, index }))
      .filter(({ address }) => isIPv6(address) === (family === 'ipv6'));
    const outside = ours.find(({ address }) => address !== '::1' && !address.startsWith('127.'));
    return (outside ?? ours[0])?.index ?? -1;
  }
}

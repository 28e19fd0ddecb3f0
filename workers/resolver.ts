/**
 * Where a SIP URI's requests go (RFC 3263), asynchronously and cached. Only UDP is spoken, so no NAPTR:
 * a numeric host is taken as it is, a port asks for the address only, otherwise SRV, then the address.
 */
import { lookup, Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import { flatten } from '../core/sip/bytes.js';
import type { Target } from '../core/sip/environment.js';
import { parseUri } from '../core/sip/uri.js';

const DEFAULT_PORT = 5060;
const QUERY_TIMEOUT_MS = 2_000;
/** Node tells no TTL of SRV records. */
const SRV_TTL_MS = 60_000;
const HOSTS_TTL_MS = 30_000;
const FAILURE_TTL_MS = 5_000;
const MAX_CACHED = 10_000;

/** What is asked of DNS. */
export type Dns = Pick<Resolver, 'resolveSrv' | 'resolve4' | 'resolve6'>;

interface Answer {
  targets: Target[];
  until_ms: number;
}

export class SipResolver {
  private readonly cache = new Map<string, Answer>();
  private readonly literal = new Map<string, boolean>();
  private readonly asking = new Map<string, ((targets: Target[]) => void)[]>();

  constructor(
    private readonly now_ms: () => number,
    private readonly dns: Dns = new Resolver({ timeout: QUERY_TIMEOUT_MS, tries: 2 }),
  ) {}

  /** Calls `found` with targets, best first: at once where they are known, else when the answer is there. */
  resolve(uri: string, found: (targets: Target[]) => void): void {
    const parsed = parseUri(uri);
    if (parsed === undefined || parsed.host === '') return found([]);
    const { host, port } = parsed;
    if (this.isAddress(host)) return found([{ host, port: port || DEFAULT_PORT }]);
    const key = `${host} ${port}`;
    const cached = this.cache.get(key);
    if (cached !== undefined && cached.until_ms > this.now_ms()) return found(cached.targets);
    const waiting = this.asking.get(key);
    if (waiting !== undefined) {
      waiting.push(found);
      return;
    }
    this.asking.set(key, [found]);
    void this.ask(host, port).then((answer) => {
      if (this.cache.size >= MAX_CACHED) this.cache.clear();
      this.cache.set(key, answer);
      const callers = this.asking.get(key) ?? [];
      this.asking.delete(key);
      for (const caller of callers) caller(answer.targets);
    });
  }

  /** Whether it is an IP address. Node's own test is a regular expression of a microsecond, and peers are few. */
  isAddress(host: string): boolean {
    let known = this.literal.get(host);
    if (known === undefined) {
      known = isIP(host) !== 0;
      if (this.literal.size >= MAX_CACHED) this.literal.clear();
      this.literal.set(flatten(host), known);
    }
    return known;
  }

  /** Never rejects: a name that cannot be resolved has no targets for a while. */
  private async ask(host: string, port: number): Promise<Answer> {
    if (port !== 0) return this.addresses(host, port);
    const records = await this.dns.resolveSrv(`_sip._udp.${host}`).catch(() => []);
    if (records.length === 0) return this.addresses(host, DEFAULT_PORT);
    // RFC 2782: by priority, within one at random by weight.
    const order = records
      .map((record) => ({ record, chance: Math.random() ** (1 / Math.max(record.weight, 0.01)) }))
      .sort((a, b) => a.record.priority - b.record.priority || b.chance - a.chance);
    const answers = await Promise.all(order.map(({ record }) => this.addresses(record.name, record.port)));
    const targets = answers.flatMap((answer) => answer.targets);
    const until_ms = Math.min(this.now_ms() + SRV_TTL_MS, ...answers.map((answer) => answer.until_ms));
    return { targets, until_ms };
  }

  private async addresses(host: string, port: number): Promise<Answer> {
    const [ipv4, ipv6] = await Promise.all([
      this.dns.resolve4(host, { ttl: true }).catch(() => []),
      this.dns.resolve6(host, { ttl: true }).catch(() => []),
    ]);
    const records = [...ipv4, ...ipv6];
    if (records.length > 0) {
      const ttl_s = Math.min(...records.map((record) => record.ttl));
      return {
        targets: records.map(({ address }) => ({ host: address, port })),
        until_ms: this.now_ms() + ttl_s * 1000,
      };
    }
    // Names of the hosts file are not in DNS.
    const local = await lookup(host, { all: true }).catch(() => []);
    const targets = local.map(({ address }) => ({ host: address, port }));
    return { targets, until_ms: this.now_ms() + (targets.length === 0 ? FAILURE_TTL_MS : HOSTS_TTL_MS) };
  }
}

/** SIPp: the generator of callers and, where nobody has to look at them, of agents and media servers. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freeUdpPorts } from '../../ports.js';
import type { Answer } from './chart.js';
import { BenchError, type Child, type Children } from './children.js';
import { udpPortBound } from './proc.js';

const HOST = '127.0.0.1';
/** Not compiled: they are beside the sources. */
const SCENARIOS = fileURLToPath(new URL('../../../../tools/bench/sip/scenarios/', import.meta.url));
const BUFFER_BYTES = 4_000_000;
const BIND_LIMIT_MS = 5_000;
/** Callees keep an answered BYE in mind for 2 s. */
const QUIT_LIMIT_MS = 4_000;
const MAX_ERROR_CHARACTERS = 1_500;

/** What a SIPp counted. */
export interface SippCounts {
  /** Over how long this was counted. */
  elapsed_ms: number;
  created: number;
  failed: number;
  /** Messages that belong to no call, or came when none was expected. */
  stray: number;
}

export class Sipp {
  private constructor(
    private readonly children: Children,
    readonly child: Child,
    readonly name: string,
    readonly port: number,
    private readonly folder: string,
  ) {}

  /** Where a user of this SIPp is called. */
  uri(user: string): string {
    return `sip:${user}@${HOST}:${this.port}`;
  }

  /** Callees: waits until they can be called. */
  static async callees(children: Children, folder: string, scenario: string, name = scenario): Promise<Sipp> {
    const sipp = await Sipp.start(children, folder, scenario, name, []);
    const bound = await children.until(
      () => sipp.child.code !== undefined || udpPortBound(sipp.port),
      BIND_LIMIT_MS,
    );
    if (!bound || sipp.child.code !== undefined)
      throw new BenchError(`SIPp's ${name} does not start: ${sipp.child.tail()}`);
    return sipp;
  }

  /** Callers: `calls` in all, `rate` a second, to `user` at a port, given up after `limit_s`. */
  static callers(
    children: Children,
    folder: string,
    scenario: string,
    load: { user: string; port: number; calls: number; rate: number; limit_s: number },
  ): Promise<Sipp> {
    const { user, port, calls, rate, limit_s } = load;
    return Sipp.start(children, folder, scenario, scenario, [
      ...['-s', user, '-r', String(rate), '-m', String(calls), '-l', String(calls)],
      ...['-trace_rtt', '-rtt_freq', '1', '-timeout', `${limit_s}s`, '-timeout_error'],
      `${HOST}:${port}`,
    ]);
  }

  private static async start(
    children: Children,
    folder: string,
    scenario: string,
    name: string,
    args: readonly string[],
  ): Promise<Sipp> {
    const port = await freeUdpPorts(1);
    const child = await children.start(
      'sipp',
      [
        ...['-sf', join(SCENARIOS, `${scenario}.xml`), '-i', HOST, '-p', String(port), '-nostdin'],
        ...['-buff_size', String(BUFFER_BYTES), '-trace_err', '-error_file', `${name}.err`],
        ...['-trace_stat', '-stf', `${name}.csv`, '-fd', '1', ...args],
      ],
      join(folder, `${name}.log`),
      { cwd: folder },
    );
    return new Sipp(children, child, name, port, folder);
  }

  /** Callees: lets calls end and stops them. */
  async stop(): Promise<void> {
    await this.children.end(this.child, 'SIGUSR1', QUIT_LIMIT_MS);
  }

  /** The newest line of its statistics, at most 1 s old while it runs. */
  async counts(): Promise<SippCounts> {
    const lines = (await this.read(`${this.name}.csv`)).trimEnd().split('\n');
    const names = (lines[0] ?? '').split(';');
    const values = (lines.at(-1) ?? '').split(';');
    const value = (name: string): number => {
      // A time is given as date, time of day, and seconds since the epoch.
      const number = Number((values[names.indexOf(name)] ?? '').split('\t').at(-1));
      return lines.length < 2 || Number.isNaN(number) ? 0 : number;
    };
    return {
      elapsed_ms: (value('CurrentTime') - value('StartTime')) * 1000,
      created: value('TotalCallCreated'),
      failed: value('FailedCall(C)'),
      stray: value('OutOfCallMsgs(C)'),
    };
  }

  /** Callers: each time taken from INVITE to 200. */
  async answers(): Promise<Answer[]> {
    const file = (await readdir(this.folder)).find((entry) => entry.endsWith(`_${this.child.pid}_rtt.csv`));
    const rows = file === undefined ? [] : (await this.read(file)).trimEnd().split('\n').slice(1);
    return rows.map((row) => {
      const [at, took] = row.split(';');
      return { at_ms: Number(at), took_ms: Number(took) };
    });
  }

  /** The first that it found wrong, '' when nothing was. */
  async firstError(): Promise<string> {
    return ((await this.errors())[0] ?? '').trim().slice(0, MAX_ERROR_CHARACTERS);
  }

  private async errors(): Promise<string[]> {
    if (!(await readdir(this.folder)).includes(`${this.name}.err`)) return [];
    // Each begins with date and time; the end of a line is not always there.
    const events = (await this.read(`${this.name}.err`)).split(/\d{4}-\d\d-\d\d\t[\d:.]+\t[\d.]+: /).slice(1);
    return events.filter((event) => !/watchdog|epoll|jumping to label/.test(event));
  }

  private read(file: string): Promise<string> {
    return readFile(join(this.folder, file), 'latin1');
  }
}

/** SIPp as a caller or a server of the interop suite, where it is installed. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { udpPortFree } from '../../tools/ports.js';
import { HOST } from './engine.js';
import { eventually } from './settle.js';

/** The folder of the scenario files, seen from where this file is built to. */
const SCENARIOS = fileURLToPath(new URL('../../../test/interop/scenarios/', import.meta.url));
/** Below a test's own 30 s, so that SIPp has told what went wrong. */
const TIMEOUT_S = 25;

/** Whether `sipp` can be run here. Throws where the environment says that it must be. */
export function sippInstalled(): boolean {
  // It exits with 99 after printing its version.
  const { error } = spawnSync('sipp', ['-v'], { stdio: 'ignore' });
  if (!error) return true;
  if (process.env.SIP_ACD_REQUIRE_SIPP)
    throw new Error(`sipp is required and cannot be run: ${error.message}`);
  return false;
}

export interface SippRun {
  /** 0 when every call went as its scenario says. */
  exit: number | null;
  /** What SIPp wrote into its error file, cut short. */
  errors: string;
}

/**
 * Places calls and waits for their end.
 *
 * @param scenario name of a file of test/interop/scenarios, without .xml
 * @param target user part and port that are called
 */
export async function sippCalls(
  scenario: string,
  target: { user: string; port: number },
  volume: { calls: number; rate_per_s: number },
): Promise<SippRun> {
  return inFolder(async (folder) => {
    const args = [
      `${HOST}:${target.port}`,
      ...['-sf', join(SCENARIOS, `${scenario}.xml`), '-s', target.user, '-i', HOST],
      ...['-m', String(volume.calls), '-r', String(volume.rate_per_s)],
      ...['-timeout', String(TIMEOUT_S), '-timeout_error', '-nostdin', '-trace_err'],
    ];
    const child = spawn('sipp', args, { cwd: folder, stdio: 'ignore' });
    const exit = await exited(child);
    return { exit, errors: await errorFile(folder) };
  });
}

/** A SIPp that answers calls until it is stopped. */
export class SippServer {
  private constructor(
    private readonly child: ChildProcess,
    private readonly done: Promise<number | null>,
  ) {}

  /** @param scenario a file as above, or `uas`, SIPp's own: rings, answers, waits for the BYE */
  static async start(scenario: string, port: number): Promise<SippServer> {
    const what = scenario === 'uas' ? ['-sn', 'uas'] : ['-sf', join(SCENARIOS, `${scenario}.xml`)];
    const args = [...what, '-i', HOST, '-p', String(port), '-nostdin'];
    const child = spawn('sipp', args, { cwd: tmpdir(), stdio: 'ignore' });
    const done = exited(child);
    await eventually(
      async () => child.exitCode !== null || !(await udpPortFree(port)),
      (ready) => ready,
      `sipp ${scenario} listens on port ${port}`,
    );
    if (child.exitCode !== null) throw new Error(`sipp ${scenario} ended with status ${child.exitCode}`);
    return new SippServer(child, done);
  }

  async stop(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.done;
  }
}

/** The exit status, null after a signal. The child does not outlive this process, however a test fails. */
function exited(child: ChildProcess): Promise<number | null> {
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  child.once('exit', () => process.off('exit', kill));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'sip-acd-sipp-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function errorFile(folder: string): Promise<string> {
  const name = (await readdir(folder)).find((file) => file.endsWith('_errors.log'));
  return name === undefined ? '' : (await readFile(join(folder, name), 'utf8')).slice(0, 4000);
}

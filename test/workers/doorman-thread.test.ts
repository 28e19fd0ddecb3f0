/** The doorman's thread at the ports of a worker, which is played here. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import t, { type Test } from 'tap';
import { shardOf } from '../../core/sip/shard.js';
import { createDatagramLink, DatagramLinkReader } from '../../ipc/datagram-link.js';
import { createDoorbell, Doorbell } from '../../ipc/doorbell.js';
import { openLibC } from '../../workers/batch-udp.js';
import type { DoormanThreadData } from '../../workers/doorman-thread.js';
import { createGate, GateState } from '../../workers/gate.js';
import { OUT_OF_SERVICE } from '../../workers/sip-worker-task.js';
import { asResponse, lines } from '../sip/messages.js';

const HOST = '127.0.0.1';
const MANY = 40;

async function bound(): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  socket.bind(0, HOST);
  await once(socket, 'listening');
  return socket;
}

/** A Call-ID of the first worker's shards. */
function ownCallId(call: number): string {
  for (let n = 0; ; n++) if (shardOf(`call-${call}-${n}`) % 2 === 0) return `call-${call}-${n}`;
}

const portOf = (socket: Socket): number => (socket.address() as AddressInfo).port;

/** A worker, another that is not looked at, their doorman, and a caller. */
class Site {
  readonly gate: GateState;
  readonly others: GateState;
  readonly services = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
  /** What came to the worker itself, what was passed on to it, and the answers that the caller got. */
  readonly direct: string[] = [];
  readonly passed: string[] = [];
  readonly answers: string[] = [];
  readonly waits_ms: number[] = [];
  private readonly bell: Doorbell;
  private readonly reader: DatagramLinkReader;
  private readonly thread: Worker;

  private constructor(
    private readonly worker: Socket,
    private readonly caller: Socket,
  ) {
    const gates = [createGate(), createGate()] as const;
    this.gate = new GateState(gates[0]);
    this.others = new GateState(gates[1]);
    const doorbell = createDoorbell();
    this.bell = new Doorbell(doorbell);
    const link = createDatagramLink(0, createDoorbell());
    this.reader = new DatagramLinkReader(link, (wait_ms) => this.waits_ms.push(wait_ms));
    const workerData: DoormanThreadData = {
      listen: [{ transport: 'udp', address: HOST, port: portOf(worker) }],
      source_limit: 0,
      doorbell,
      gates,
      datagrams: [link, createDatagramLink(0, createDoorbell())],
      services: this.services,
      log_level: 'error',
    };
    this.thread = new Worker(new URL('../../workers/doorman-thread.js', import.meta.url), { workerData });
    worker.on('message', (bytes) => this.direct.push(bytes.toString()));
    caller.on('message', (bytes) => this.answers.push(bytes.toString()));
  }

  static async start(t: Test): Promise<Site> {
    const site = new Site(await bound(), await bound());
    t.teardown(() => site.close());
    return site;
  }

  /** Narrows the gate and waits until he is there. */
  async narrow(per_s: number, gate = this.gate): Promise<void> {
    gate.narrow(per_s);
    this.bell.ring();
    await this.until(() => {
      this.send('is he there?');
      return this.passed.length > 0;
    });
    await sleep(20);
    this.read();
    this.direct.length = 0;
    this.passed.length = 0;
  }

  /** The gate is open again. */
  open(): void {
    this.gate.open();
    this.bell.ring();
  }

  send(text: string): void {
    this.caller.send(text, portOf(this.worker), HOST);
  }

  message(method: string, call: number, to = '', via = ''): string {
    const { port } = this.caller.address() as AddressInfo;
    const callId = ownCallId(call);
    return lines([
      `${method} sip:support@${HOST} SIP/2.0`,
      `Via: SIP/2.0/UDP ${HOST}:${port};branch=z9hG4bK${method}${call}${via}`,
      'Max-Forwards: 70',
      `From: <sip:caller@${HOST}>;tag=f${call}`,
      `To: <sip:support@${HOST}>${to}`,
      `Call-ID: ${callId}`,
      `CSeq: 1 ${method}`,
      'Content-Length: 0',
    ]);
  }

  private read(): void {
    this.reader.drain((_socket, _port, _host, bytes) => this.passed.push(bytes.toString()));
  }

  /** Until that holds, or ten seconds are over. */
  async until(holds: () => boolean): Promise<void> {
    for (let waited = 0; !holds() && waited < 2_000; waited++) {
      await sleep(5);
      this.read();
    }
  }

  async close(): Promise<void> {
    const ended = once(this.thread, 'exit');
    this.thread.postMessage({ kind: 'stop' });
    await ended;
    this.worker.close();
    this.caller.close();
  }
}

if (typeof (await openLibC()) === 'string') t.comment('no doorman on this machine');
else {
  t.test('he turns new calls away at a narrow gate and passes everything else on', async (t) => {
    const site = await Site.start(t);
    site.send('before');
    await site.until(() => site.direct.length > 0);
    t.same(site.direct, ['before'], 'while the gate is open the worker receives itself');
    await site.narrow(10);
    const invites = Array.from({ length: MANY }, (_, call) => site.message('INVITE', call));
    for (const invite of invites) site.send(invite);
    await site.until(() => site.answers.length + site.passed.length === MANY);
    const let_in = site.passed.length;
    t.ok(let_in >= 1 && let_in < MANY / 2, `${let_in} were let in`);
    t.equal(site.answers.length, MANY - let_in);
    t.equal(site.gate.away, MANY - let_in);
    for (const answer of site.answers.map(asResponse)) {
      t.equal(answer.status, 503);
      t.match(answer.header('retry-after'), /^[1-3]$/);
    }
    for (const invite of invites) site.send(invite);
    await site.until(() => site.answers.length + site.passed.length === 2 * MANY);
    t.equal(site.passed.length, 2 * let_in, 'repeated, they fare as before');
    const { length } = site.answers;
    const bye = site.message('BYE', 1, ';tag=t');
    site.send(site.message('ACK', 0, asTo(site.answers[0] as string)));
    site.send(bye);
    await site.until(() => site.passed.includes(bye));
    t.equal(site.passed.length, 2 * let_in + 1, 'the ACK to a refusal is nobody else’s business');
    t.equal(site.answers.length, length);
    t.ok(site.waits_ms.length > 0, 'the worker is told how long they have waited');
    t.same(site.direct, []);
  });

  t.test('when the gate is open again the worker receives itself, and nothing is lost', async (t) => {
    const site = await Site.start(t);
    await site.narrow(1_000);
    let sent = 0;
    const sender = setInterval(() => site.send(site.message('BYE', sent++, ';tag=t')), 1);
    await sleep(50);
    site.open();
    await site.until(() => site.direct.length > 20);
    clearInterval(sender);
    const came = (): number =>
      [...site.direct, ...site.passed].filter((text) => text.startsWith('BYE')).length;
    await site.until(() => came() >= sent);
    t.equal(came(), sent);
    t.ok(site.direct.length > 0 && site.passed.length > 0);
  });

  t.test('what is of a worker that is not coming back is refused', async (t) => {
    const site = await Site.start(t);
    // He is there for the other.
    await site.narrow(10, site.others);
    new Int32Array(site.services)[0] = OUT_OF_SERVICE;
    for (let call = 0; call < MANY; call++) site.send(site.message('INVITE', call));
    site.send(site.message('BYE', 1, ';tag=t'));
    await site.until(() => site.answers.length > MANY);
    t.same(new Set(site.answers.map((answer) => asResponse(answer).status)), new Set([500]));
    t.same(site.passed, []);
  });

  t.test('who asks to be answered where nobody can be gets nothing, and others what is theirs', async (t) => {
    const site = await Site.start(t);
    await site.narrow(0.001);
    for (const maddr of ['fe80::1%lo', 'nowhere.example.com', '::ffff:192.0.2.1', '0.0.0.0'])
      site.send(site.message('INVITE', 1, '', `;maddr=${maddr}`));
    site.send(site.message('INVITE', 2));
    await site.until(() => site.answers.some((answer) => asResponse(answer).callId === ownCallId(2)));
    t.ok(site.answers.some((answer) => asResponse(answer).callId === ownCallId(2)));
  });
}

/** The To tag of a response. */
function asTo(response: string): string {
  return `;tag=${asResponse(response).toTag}`;
}

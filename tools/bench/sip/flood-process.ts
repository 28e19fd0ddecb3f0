/** The process of `flood`: reads of the engine's answers what it needs, and knows them to be written as the engine writes. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { FloodReport, FloodTask } from './flood.js';

const HOST = '127.0.0.1';
const BUFFER_BYTES = 4_000_000;
const TICK_MS = 1;
const TALK_MS = 1_000;
/** Timer A, ended by B, and E, ended by F, from one time that it is sent to the next (RFC 3261 section 17.1). */
const INVITE_WAITS_MS = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 500];
const BYE_WAITS_MS = [500, 1_000, 2_000, ...new Array<number>(7).fill(4_000), 500];
const LONGEST_MS = 65_000;
const REMARKS = 5;
const VIA = '\r\nVia: ';
const FROM = '\r\nFrom: ';
const CALL_ID = '\r\nCall-ID: ';
const CSEQ = '\r\nCSeq: ';
const TO = '\r\nTo: ';
const CONTACT = '\r\nContact: ';
const RETRY_AFTER = '\r\nRetry-After: ';

/** Where a call is. */
const INVITING = 1;
const PROCEEDING = 2;
const TALKING = 3;
const LEAVING = 4;
const OVER = 5;

/** What falls due, in the order in which it was put in: all of it waits equally long. */
class Waiting {
  private calls: number[] = [];
  private dues_ms: number[] = [];
  private first = 0;

  constructor(readonly delay_ms: number) {}

  add(call: number, now_ms: number): void {
    this.calls.push(call);
    this.dues_ms.push(now_ms + this.delay_ms);
  }

  /** The next that is due, undefined when none is. */
  take(now_ms: number): number | undefined {
    if (this.first === this.calls.length) {
      if (this.first > 0) {
        this.calls = [];
        this.dues_ms = [];
        this.first = 0;
      }
      return undefined;
    }
    return (this.dues_ms[this.first] as number) <= now_ms ? this.calls[this.first++] : undefined;
  }
}

/** Requests that are sent until an answer comes, by how often they have been sent. */
class Tries {
  private readonly waiting: Waiting[];

  constructor(delays_ms: readonly number[]) {
    this.waiting = delays_ms.map((delay_ms) => new Waiting(delay_ms));
  }

  first(call: number, now_ms: number): void {
    this.waiting[0]?.add(call, now_ms);
  }

  /** Those due that still wait for an answer: sent `again`, until they are `given_up`. */
  look(now_ms: number, waits: (call: number) => boolean, again: Act, given_up: Act): void {
    for (const [tries, waiting] of this.waiting.entries()) {
      for (let call = waiting.take(now_ms); call !== undefined; call = waiting.take(now_ms)) {
        if (!waits(call)) continue;
        const next = this.waiting[tries + 1];
        if (next === undefined) given_up(call);
        else {
          next.add(call, now_ms);
          again(call);
        }
      }
    }
  }
}

type Act = (call: number) => void;

class Callers {
  private readonly refusals = new Uint32Array(LONGEST_MS);
  private readonly setups = new Uint32Array(LONGEST_MS);
  private readonly endings = new Uint32Array(LONGEST_MS);
  private readonly report: FloodReport = {
    ...{ offered: 0, offering_ms: 0, answered_meanwhile: 0, cpu: 0, answered: 0, refused: 0, failed: 0 },
    ...{ unanswered: 0, unexpected: 0, unfit: 0, resent: 0, refusals: [], setups: [], byes: [], remarks: [] },
  };
  private readonly calls: number;
  private readonly states: Uint8Array;
  /** When its INVITE was sent, then its BYE. */
  private readonly sent_ms: Float64Array;
  /** Of those who talk: where they send to, and whom they talk with. */
  private readonly peers = new Map<number, { uri: string; to: string }>();
  private readonly invites = new Tries(INVITE_WAITS_MS);
  private readonly byes = new Tries(BYE_WAITS_MS);
  private readonly talks = new Waiting(TALK_MS);
  private readonly start_ms = performance.now();
  private now_ms = 0;
  private over = 0;
  private done: (() => void) | undefined;

  /** What all messages have in common. */
  private readonly target: string;
  private readonly via: string;
  private readonly at: string;
  private readonly to: string;
  private readonly offer: string;

  constructor(
    private readonly task: FloodTask,
    private readonly socket: Socket,
  ) {
    this.calls = task.rate * task.duration_s;
    this.states = new Uint8Array(this.calls);
    this.sent_ms = new Float64Array(this.calls);
    const local = `${HOST}:${socket.address().port}`;
    this.target = `sip:${task.user}@${HOST}:${task.port}`;
    this.via = `SIP/2.0\r\nVia: SIP/2.0/UDP ${local};branch=z9hG4bK${process.pid}`;
    this.at = `@${local}>`;
    this.to = `<${this.target}>`;
    const lines = ['v=0', `o=bench 1 1 IN IP4 ${HOST}`, 's=caller', `c=IN IP4 ${HOST}`, 't=0 0'];
    const sdp = [...lines, 'm=audio 6000 RTP/AVP 8 0', 'a=rtpmap:8 PCMA/8000', 'a=rtpmap:0 PCMU/8000', ''];
    const body = sdp.join('\r\n');
    this.offer = `Content-Type: application/sdp\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    socket.on('message', (bytes) => this.take(bytes.toString('latin1'), performance.now()));
  }

  /** Offers all calls; resolves when they are over or their time is. */
  async run(): Promise<FloodReport> {
    const { calls, report, start_ms, task } = this;
    const cpu = process.cpuUsage();
    const timer = setInterval(() => {
      this.tick();
      if (report.offering_ms > 0 || report.offered < calls) return;
      report.offering_ms = this.now_ms - start_ms;
      report.answered_meanwhile = report.answered;
      const { user, system } = process.cpuUsage(cpu);
      report.cpu = (user + system) / 1000 / report.offering_ms;
    }, TICK_MS);
    const limit = setTimeout(() => this.done?.(), (task.duration_s + task.grace_s) * 1000);
    await new Promise<void>((resolve) => {
      this.done = resolve;
    });
    clearInterval(timer);
    clearTimeout(limit);
    const left = this.states.filter((state) => state > 0 && state !== OVER).length;
    report.unanswered += left;
    report.failed += left;
    report.refusals = [...this.refusals];
    report.setups = [...this.setups];
    report.byes = [...this.endings];
    return report;
  }

  private tick(): void {
    this.now_ms = performance.now();
    const { calls, now_ms, report, states } = this;
    const due = Math.min(calls, Math.floor(((now_ms - this.start_ms) / 1000) * this.task.rate));
    while (report.offered < due) {
      const call = report.offered++;
      states[call] = INVITING;
      this.sent_ms[call] = now_ms;
      this.invites.first(call, now_ms);
      this.invite(call);
    }
    for (let call = this.talks.take(now_ms); call !== undefined; call = this.talks.take(now_ms)) {
      if (states[call] !== TALKING) continue;
      states[call] = LEAVING;
      this.sent_ms[call] = now_ms;
      this.byes.first(call, now_ms);
      this.bye(call);
    }
    const again = (send: Act) => (call: number) => {
      report.resent++;
      send(call);
    };
    const fail = (call: number): void => this.fail(call, 'unanswered');
    this.invites.look(now_ms, (call) => states[call] === INVITING, again(this.invite), fail);
    this.byes.look(now_ms, (call) => states[call] === LEAVING, again(this.bye), fail);
  }

  private take(text: string, now_ms: number): void {
    const call = Number.parseInt(header(text, CALL_ID), 10);
    const state = this.states[call];
    if (state === undefined || state === 0) return this.unexpected(text);
    if (!text.startsWith('SIP/2.0 ')) return this.asked(call, text);
    const status = Number(text.slice(8, 11));
    if (!header(text, CSEQ).endsWith(' INVITE')) {
      if (status !== 200) return this.failBy(call, text);
      if (state === LEAVING) {
        this.took(call, this.endings, now_ms);
        this.end(call);
      }
    } else if (status < 200) {
      if (state === INVITING) this.states[call] = PROCEEDING;
    } else if (status === 200) this.answered(call, state, text, now_ms);
    else this.refused(call, state, status, text, now_ms);
  }

  /** The engine asks nothing of callers; one whose ACK does not get through in 8 s it lets go. */
  private asked(call: number, text: string): void {
    const same = [VIA, FROM, TO, CALL_ID, CSEQ].map((name) => name + header(text, name)).join('');
    this.socket.send(Buffer.from(`SIP/2.0 200 OK${same}\r\nContent-Length: 0\r\n\r\n`, 'latin1'));
    this.failBy(call, text);
  }

  private answered(call: number, state: number, text: string, now_ms: number): void {
    if (state <= PROCEEDING) {
      const contact = header(text, CONTACT);
      const uri = contact.slice(contact.indexOf('<') + 1, contact.indexOf('>'));
      this.peers.set(call, { uri, to: header(text, TO) });
      this.states[call] = TALKING;
      this.report.answered++;
      this.took(call, this.setups, now_ms);
      this.talks.add(call, now_ms);
    }
    const peer = this.peers.get(call);
    if (peer !== undefined) this.send(call, 'ACK', peer.uri, 'a', peer.to, '1 ACK');
  }

  private refused(call: number, state: number, status: number, text: string, now_ms: number): void {
    this.send(call, 'ACK', this.target, 'i', header(text, TO), '1 ACK');
    if (state > PROCEEDING) return;
    if (status !== 503) return this.failBy(call, text);
    const after = header(text, RETRY_AFTER).charCodeAt(0);
    if (!(after >= 48 && after <= 57)) return this.fail(call, 'unfit');
    this.report.refused++;
    this.took(call, this.refusals, now_ms);
    this.end(call);
  }

  private readonly invite = (call: number): void => {
    const contact = `Contact: <sip:caller${call}${this.at}\r\n`;
    this.send(call, 'INVITE', this.target, 'i', this.to, '1 INVITE', contact, this.offer);
  };

  private readonly bye = (call: number): void => {
    const peer = this.peers.get(call);
    if (peer !== undefined) this.send(call, 'BYE', peer.uri, 'b', peer.to, '2 BYE');
  };

  private send(
    call: number,
    method: string,
    uri: string,
    transaction: string,
    to: string,
    cseq: string,
    contact = '',
    end = 'Content-Length: 0\r\n\r\n',
  ): void {
    const text = `${method} ${uri} ${this.via}-${transaction}${call}\r\nFrom: "Caller ${call}" <sip:caller${call}${this.at};tag=c${call}\r\nTo: ${to}\r\nCall-ID: ${call}-${process.pid}@${HOST}\r\nCSeq: ${cseq}\r\n${contact}Max-Forwards: 70\r\n${end}`;
    this.socket.send(Buffer.from(text, 'latin1'));
  }

  /** It was answered, after so long. */
  private took(call: number, times: Uint32Array, now_ms: number): void {
    const ms = Math.min(LONGEST_MS - 1, Math.floor(now_ms - (this.sent_ms[call] as number)));
    times[ms] = (times[ms] as number) + 1;
  }

  private unexpected(text: string): void {
    const { report } = this;
    report.unexpected++;
    if (report.remarks.length < REMARKS) report.remarks.push(text.slice(0, text.indexOf('\r\n')));
  }

  private failBy(call: number, text: string): void {
    this.unexpected(text);
    if (this.states[call] === OVER) return;
    this.report.failed++;
    this.end(call);
  }

  private fail(call: number, why: 'unanswered' | 'unfit'): void {
    this.report[why]++;
    this.report.failed++;
    this.end(call);
  }

  private end(call: number): void {
    if (this.states[call] === LEAVING) this.peers.delete(call);
    this.states[call] = OVER;
    if (++this.over === this.calls) this.done?.();
  }
}

/** The value of the header that so begins, '' where there is none. */
function header(text: string, beginning: string): string {
  const start = text.indexOf(beginning);
  if (start < 0) return '';
  const from = start + beginning.length;
  return text.slice(from, text.indexOf('\r\n', from));
}

const task = JSON.parse(process.argv[2]!) as FloodTask;
const socket = createSocket({ type: 'udp4', recvBufferSize: BUFFER_BYTES, sendBufferSize: BUFFER_BYTES });
socket.bind(0, HOST);
await once(socket, 'listening');
socket.connect(task.port, HOST);
await once(socket, 'connect');
const report = await new Callers(task, socket).run();
process.send?.(report, () => process.exit());

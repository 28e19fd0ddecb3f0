/** The simulator's checks can fail: bugs are planted in the running engine, one at a time, and each is noticed. */
import t from 'tap';
import { AgentDesk } from '../../core/acd/agent-desk.js';
import { Calls } from '../../core/acd/calls.js';
import { Legs } from '../../core/acd/legs.js';
import { OrderedSet } from '../../core/acd/ordered-set.js';
import type { StoreRecord } from '../../core/acd/records.js';
import { Statistics } from '../../core/acd/statistics.js';
import type { Decision, Report } from '../../core/messages.js';
import { OwnDescription } from '../../core/sip/own-description.js';
import { OwnInvite } from '../../core/sip/own-invite.js';
import { Referral } from '../../core/sip/referral.js';
import { Writer } from '../../sql/writer.js';
import type { Plant } from '../../tools/sim/options.js';
import { simulate } from '../../tools/sim/simulate.js';

const CALLS = 2_000;

/** Lets the first `skip` of those that fit pass, and does something to the next one. */
function nth<T>(skip: number, fits: (message: T) => boolean, then: (message: T) => T[]): (message: T) => T[] {
  let seen = 0;
  return (message) => (fits(message) && seen++ === skip ? then(message) : [message]);
}

const lost = (): [] => [];
const isFinal = (record: StoreRecord): boolean => record.kind === 'cdr' && record.call_type !== -2;
const isRejection = (record: StoreRecord): boolean => record.kind === 'cdr' && record.call_type === -2;
/** Datagrams that begin so are never sent. */
const unsent = (start: string) => (text: string) => (text.startsWith(start) ? [] : [text]);

/** Bugs on the way from one part of the engine to the next. */
const between: Record<string, { plant: () => Plant; check: RegExp }> = {
  'a final CDR is lost': { plant: () => ({ record: nth(40, isFinal, lost) }), check: /has its final CDR/ },
  "a rejection's CDR is lost": {
    plant: () => ({ record: nth(4, isRejection, lost) }),
    check: /counts the rejections before it/,
  },
  'a CDR is written twice': {
    plant: () => ({ record: nth(40, isFinal, (record) => [record, record]) }),
    check: /no CDR follows/,
  },
  "a caller's leaving is never told": {
    plant: () => ({ report: nth<Report>(24, (report) => report.kind === 'caller_gone', lost) }),
    check: /have the same calls/,
  },
  'the end of a call is never carried out': {
    plant: () => ({ decision: nth<Decision>(4, ({ kind }) => kind === 'end', lost) }),
    check: /have the same calls/,
  },
  'a worker that came back keeps quiet about a call': {
    plant: () => ({ report: nth<Report>(5, ({ kind }) => kind === 'resumed', lost) }),
    check: /comes back with all its calls/,
  },
  'the end of a bridge is never told': {
    plant: () => ({ report: nth<Report>(2, ({ kind }) => kind === 'bridge_ended', lost) }),
    check: /have the same calls/,
  },
  'no ACK is ever sent': { plant: () => ({ sent: unsent('ACK ') }), check: /acknowledged/ },
  'no CANCEL is ever sent': { plant: () => ({ sent: unsent('CANCEL ') }), check: /is cancelled/ },
  'a fork that answered second is not hung up': {
    plant: () => ({
      sent: (text) => (/^(ACK|BYE) .*\r\n.*;branch=[^;]*\.(ack|bye)\b/.test(text) ? [] : [text]),
    }),
    check: /is acknowledged|outlives its call|answers second/,
  },
  'no BYE reaches an agent': {
    plant: () => ({ sent: unsent('BYE sip:a') }),
    check: /outlives its call|by one of its ends/,
  },
  'a message that nobody can read is sent': {
    plant: () => ({
      sent: nth(
        100,
        () => true,
        (text) => [text.replace('CSeq:', 'CSeqs:')],
      ),
    }),
    check: /its own parser takes/,
  },
};

for (const [name, { plant, check }] of Object.entries(between)) {
  t.test(`it is noticed when ${name}`, async (t) => {
    const { failure } = await simulate({ seed: 1, calls: CALLS, faults: 'all', plant: plant() }, () => 0);
    t.match(failure?.check, check);
    t.ok((failure?.last.length ?? 0) > 10, 'the last events are shown');
  });
}

// biome-ignore lint/suspicious/noExplicitAny: methods of any class, private ones too, are replaced by broken ones
type Method = (this: any, ...args: any[]) => any;

/** Bugs within a part: a method of one of its classes, given the sound one, becomes another. */
const within: Record<
  string,
  { of: { prototype: object }; method: string; broken: (sound: Method) => Method; check: RegExp }
> = {
  'an agent who has a call goes on being free': {
    of: AgentDesk,
    method: 'take',
    broken: (sound) =>
      function (agent, media, flow) {
        sound.call(this, agent, media, flow);
        this.change(agent, 'free', true, null);
      },
    check: /has an agent|one audio call|held by the calls|is idle/,
  },
  'an agent is left incall': {
    of: AgentDesk,
    method: 'release',
    broken: () => () => {},
    check: /is held by its calls|held by the calls/,
  },
  'a wrapup is skipped': {
    of: AgentDesk,
    method: 'release',
    broken: (sound) =>
      function (agent, media, flow) {
        sound.call(this, agent, media, flow, 'free');
      },
    check: /a wrapup follows/,
  },
  'a wrapup is a second too long': {
    of: AgentDesk,
    method: 'startWrapup',
    broken: (sound) =>
      function (agent, wrapup_s) {
        sound.call(this, agent, wrapup_s + 1);
      },
    check: /lasts as long as it should/,
  },
  'the call that came last goes first': {
    of: OrderedSet,
    method: 'first',
    broken: () =>
      function () {
        return this.at(this.size - 1);
      },
    check: /in its order/,
  },
  'refusals are not counted': {
    of: Statistics,
    method: 'refused',
    broken: () => () => {},
    check: /rej_incalls/,
  },
  'talk is counted for the flow only': {
    of: Statistics,
    method: 'talked',
    broken: () => (flow, _agent, talk_s) => {
      flow.talk_sum_s += talk_s;
      flow.talk_count++;
    },
    check: /of agent/,
  },
  'who waited does not enter the queue again after a restart': {
    of: Calls,
    method: 'resume',
    broken: () =>
      function (call) {
        this.acd.dormant.delete(call);
        this.acd.away.delete(call);
      },
    check: /holds who waits|is in the set|leave the queue in its order/,
  },
  'who was delivered while his worker was gone is forgotten': {
    of: Legs,
    method: 'sayAgain',
    broken: () => () => {},
    check: /has legs/,
  },
  'a wrapup has no end after a restart': {
    of: AgentDesk,
    method: 'recalled',
    broken: (sound) =>
      function (agent) {
        sound.call(this, agent);
        this.acd.timers.cancel(agent.wrapup_timer);
      },
    check: /a wrapup has a deadline/,
  },
  'the version of an SDP does not grow': {
    of: OwnDescription,
    method: 'signed',
    broken: (sound) =>
      function (sdp, sentBy) {
        this.version = 1;
        return sound.call(this, sdp, sentBy);
      },
    check: /one more with each change/,
  },
  'an INVITE does not wait for the ACK of a refusal': {
    of: OwnInvite,
    method: 'refusing',
    broken: () => () => {},
    check: /no INVITE before the ACK of/,
  },
  'who has transferred does not hear how it went': {
    of: Referral,
    method: 'tell',
    broken: (sound) =>
      function (status, heard) {
        if (status < 200) sound.call(this, status, heard);
        else heard?.();
      },
    check: /is told how it went/,
  },
  'rows that the database has are written again after a restart': {
    of: Writer,
    method: 'push',
    broken: (sound) =>
      function (record, sequence) {
        this.parts.applied.cdrs = 0;
        sound.call(this, record, sequence);
      },
    check: /each CDR is written once/,
  },
};

for (const [name, { of, method, broken, check }] of Object.entries(within)) {
  t.test(`it is noticed when ${name}`, async (t) => {
    const methods = of.prototype as Record<string, Method>;
    const sound = methods[method];
    if (sound === undefined) return t.fail(`there is a method ${method}`);
    methods[method] = broken(sound);
    t.teardown(() => {
      methods[method] = sound;
    });
    const { failure } = await simulate({ seed: 1, calls: CALLS, faults: 'all' }, () => 0);
    t.match(failure?.check, check);
  });
}

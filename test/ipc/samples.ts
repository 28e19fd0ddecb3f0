/** One message of every kind: the compiler sees to it that none is missing. */
import type { EngineEvent } from '../../core/acd/commands.js';
import type { StoreRecord } from '../../core/acd/records.js';
import type { Decision, Report } from '../../core/messages.js';

type OneOfEach<U extends { kind: string }> = { [K in U['kind']]: Extract<U, { kind: K }> };

const CALL = '00c1.7f3a9c-1@203.0.113.9';
const NOW_MS = 1_757_000_000_123;

export const REPORTS: OneOfEach<Report> = {
  arrived: {
    kind: 'arrived',
    call: CALL,
    at_ms: NOW_MS,
    flow: 'support-de',
    param: 'vip=1;ticket=42',
    media: 'msrp',
    caller_user: 'alice',
    caller_display: 'Алиса Ünder 🙂',
  },
  leg_answered: { kind: 'leg_answered', call: CALL, leg: 3, answered_ms: NOW_MS },
  leg_announced: { kind: 'leg_announced', call: CALL, leg: 3 },
  leg_connected: { kind: 'leg_connected', call: CALL, leg: 3, role: 'agent', answered_ms: NOW_MS },
  leg_failed: { kind: 'leg_failed', call: CALL, leg: 70_000, status: 486, refused_by: 'caller' },
  leg_ended: { kind: 'leg_ended', call: CALL, leg: 1, at_ms: NOW_MS + 0.5 },
  transfer_asked: {
    kind: 'transfer_asked',
    call: CALL,
    leg: 3,
    transfer: 1,
    host: 'pbx.example',
    port: 5070,
  },
  transferred: { kind: 'transferred', call: CALL, leg: 3, at_ms: NOW_MS },
  bridge_ended: { kind: 'bridge_ended', call: CALL },
  referred: { kind: 'referred', call: CALL, status: 405 },
  caller_gone: { kind: 'caller_gone', call: CALL, at_ms: NOW_MS, how: 'lost' },
  call_lost: { kind: 'call_lost', call: CALL, at_ms: NOW_MS, why: 'no leg left' },
  resumed: { kind: 'resumed', call: CALL },
  all_resumed: { kind: 'all_resumed' },
};

export const DECISIONS: OneOfEach<Decision> = {
  connect: {
    kind: 'connect',
    call: CALL,
    leg: 4,
    role: 'agent',
    uri: 'sip:agent42@192.0.2.17:5070;transport=udp',
    display: 'Support: Alice',
  },
  connect_announced: {
    kind: 'connect_announced',
    call: CALL,
    leg: 5,
    role: 'agent',
    uri: 'sip:agent42@192.0.2.17:5070;transport=udp',
    display: 'Support: Alice',
    announcement: 'sip:support@media.example',
    announcement_leg: 6,
  },
  transfer: { kind: 'transfer', call: CALL, transfer: 2, status: 202 },
  refer: { kind: 'refer', call: CALL, uri: 'sip:sorry@media.example' },
  keep: { kind: 'keep', call: CALL, agent_leg: 3, media_leg: 0, media_setup: 4 },
  drop: { kind: 'drop', call: CALL, leg: 4 },
  progress: { kind: 'progress', call: CALL },
  entered: { kind: 'entered', call: CALL, state: 'preagent' },
  end: { kind: 'end', call: CALL, status: 603, reason: '' },
};

export const RECORDS: OneOfEach<StoreRecord> = {
  cdr: {
    kind: 'cdr',
    caller: 'alice',
    received_ms: NOW_MS,
    wait_s: 12,
    pickup_s: 3,
    talk_s: 180,
    flow_id: 'support-de',
    agent_id: '',
    call_type: -2,
    rejected: 1,
    fstats: 7,
    cid: 4_294_967_297,
    media: 2,
  },
  call: {
    kind: 'call',
    call: CALL,
    state: 4,
    media: 0,
    rejections: 1,
    setup_s: -1,
    eta_s: 2_147_483_647,
    last_start_ms: 0,
    received_ms: NOW_MS,
    caller_display: 'Alice',
    caller_user: 'alice',
    flow_id: 'support-de',
    agent_id: 'agent42',
    param: '',
  },
  call_gone: { kind: 'call_gone', call: CALL },
  wrapup: { kind: 'wrapup', agent_id: 'agent42', ends_ms: NOW_MS },
};

export const EVENTS: OneOfEach<EngineEvent> = {
  agent_report: {
    kind: 'agent_report',
    agent_id: 'agent42',
    state: 'inchat',
    wrapup_ends_ms: 0,
    flow_id: 'support-de',
    ongoing_sessions: 2,
  },
  call_report: {
    kind: 'call_report',
    call_id: CALL,
    flow_id: 'support-de',
    state: 'toagent',
    media: 'msrp',
    caller: 'alice',
    agent_id: 'agent42',
  },
};

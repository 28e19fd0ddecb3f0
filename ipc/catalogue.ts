/**
 * The message catalogue: every message between threads, its number and its fields in their order.
 *
 * Numbers stay what they are for good, also in journals: a new kind gets a new number, a new field goes
 * to the end and changes the kind's number. 1 to 19 reports, 20 to 39 decisions, 40 to 59 records of
 * the store, 60 to 69 events; so bytes of the wrong link are noticed.
 */
import type { EngineEvent } from '../core/acd/commands.js';
import type { StoreRecord } from '../core/acd/records.js';
import type { Decision, Report } from '../core/messages.js';
import { unionCodec } from './codec.js';

const CALL_STATE = {
  welcome: 0,
  dissuading1: 1,
  dissuading2: 2,
  queued: 3,
  preagent: 4,
  toagent: 5,
  ended: 6,
} as const;

export const reportCodec = unionCodec<Report>({
  arrived: {
    number: 1,
    fields: {
      call: 'text',
      at_ms: 'number',
      flow: 'text',
      param: 'text',
      media: { none: 0, rtp: 1, msrp: 2 },
      caller_user: 'text?',
      caller_display: 'text',
    },
  },
  leg_connected: {
    number: 16,
    fields: { call: 'text', leg: 'number', answered_ms: 'number', role: { media: 0, agent: 1 } },
  },
  leg_failed: {
    number: 4,
    fields: { call: 'text', leg: 'number', status: 'number', refused_by: { peer: 0, caller: 1 } },
  },
  leg_ended: { number: 5, fields: { call: 'text', leg: 'number', at_ms: 'number' } },
  caller_gone: {
    number: 6,
    fields: { call: 'text', at_ms: 'number', how: { cancel: 0, bye: 1, lost: 2 } },
  },
  leg_answered: { number: 10, fields: { call: 'text', leg: 'number', answered_ms: 'number' } },
  leg_announced: { number: 11, fields: { call: 'text', leg: 'number' } },
  transfer_asked: {
    number: 12,
    fields: { call: 'text', leg: 'number', transfer: 'number', host: 'text', port: 'number' },
  },
  transferred: { number: 13, fields: { call: 'text', leg: 'number', at_ms: 'number' } },
  bridge_ended: { number: 14, fields: { call: 'text' } },
  referred: { number: 15, fields: { call: 'text', status: 'number' } },
  call_lost: { number: 7, fields: { call: 'text', at_ms: 'number', why: 'text' } },
  resumed: { number: 8, fields: { call: 'text' } },
  all_resumed: { number: 9, fields: {} },
});

export const decisionCodec = unionCodec<Decision>({
  connect: {
    number: 20,
    fields: { call: 'text', leg: 'number', role: { media: 0, agent: 1 }, uri: 'text', display: 'text' },
  },
  drop: { number: 21, fields: { call: 'text', leg: 'number' } },
  keep: {
    number: 28,
    fields: { call: 'text', agent_leg: 'number', media_leg: 'number', media_setup: 'number' },
  },
  progress: { number: 22, fields: { call: 'text' } },
  end: { number: 23, fields: { call: 'text', status: 'number', reason: 'text' } },
  transfer: { number: 25, fields: { call: 'text', transfer: 'number', status: 'number' } },
  refer: { number: 26, fields: { call: 'text', uri: 'text' } },
  connect_announced: {
    number: 24,
    fields: {
      call: 'text',
      leg: 'number',
      role: { agent: 1 },
      uri: 'text',
      display: 'text',
      announcement: 'text',
      announcement_leg: 'number',
    },
  },
  entered: { number: 27, fields: { call: 'text', state: CALL_STATE } },
});

export const recordCodec = unionCodec<StoreRecord>({
  cdr: {
    number: 40,
    fields: {
      caller: 'text',
      received_ms: 'number',
      wait_s: 'number',
      pickup_s: 'number',
      talk_s: 'number',
      flow_id: 'text',
      agent_id: 'text',
      call_type: 'number',
      rejected: 'number',
      fstats: 'number',
      cid: 'number',
      media: 'number',
    },
  },
  call: {
    number: 41,
    fields: {
      call: 'text',
      state: 'number',
      media: 'number',
      rejections: 'number',
      setup_s: 'number',
      eta_s: 'number',
      last_start_ms: 'number',
      received_ms: 'number',
      caller_display: 'text',
      caller_user: 'text',
      flow_id: 'text',
      agent_id: 'text',
      param: 'text',
    },
  },
  call_gone: { number: 42, fields: { call: 'text' } },
  wrapup: { number: 43, fields: { agent_id: 'text', ends_ms: 'number' } },
});

export const eventCodec = unionCodec<EngineEvent>({
  agent_report: {
    number: 60,
    fields: {
      agent_id: 'text',
      state: { offline: 0, free: 1, incall: 2, inchat: 3, wrapup: 4 },
      wrapup_ends_ms: 'number',
      flow_id: 'text',
      ongoing_sessions: 'number',
    },
  },
  call_report: {
    number: 61,
    fields: {
      call_id: 'text',
      flow_id: 'text',
      state: CALL_STATE,
      media: { rtp: 0, msrp: 1 },
      caller: 'text',
      agent_id: 'text',
    },
  },
});

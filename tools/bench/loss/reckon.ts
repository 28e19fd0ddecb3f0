/** Holds what callers saw against the CDRs: what was lost, and what was written wrong. */
import type { Visit } from './crowd.js';

/** A row of cc_cdrs, as far as it is looked at. */
export interface CdrSeen {
  caller: string;
  call_type: number;
}

export interface Reckoning {
  lost: number;
  refused: number;
  missing: number;
  wrong: number;
  double: number;
  /** One line about each that is not as it should be. */
  remarks: string[];
}

const REJECTED = -2;
const HANDLED = 0;
const NOT_HANDLED = 1;

export function reckon(visits: readonly Visit[], cdrs: readonly CdrSeen[]): Reckoning {
  const last = new Map<string, number[]>();
  for (const { caller, call_type } of cdrs) {
    if (call_type === REJECTED) continue;
    last.set(caller, [...(last.get(caller) ?? []), call_type]);
  }
  const reckoning: Reckoning = { lost: 0, refused: 0, missing: 0, wrong: 0, double: 0, remarks: [] };
  for (const visit of visits) {
    const { caller, answered, talked, meant, end, status } = visit;
    const types = last.get(caller) ?? [];
    const about = `${caller}: answered ${answered}, talked ${talked}, meant ${meant}, end ${end.how}, status ${status}, CDRs ${types.join(' ') || 'none'}`;
    const remark = (what: string): void => {
      reckoning.remarks.push(`${what}: ${about}`);
    };
    if (answered && !(meant && (end.how === 'local-bye' || end.how === 'remote-bye'))) {
      reckoning.lost++;
      remark('lost');
    }
    // Who left while nobody could hear him, or was refused, was no call.
    if (!answered && !meant) {
      reckoning.refused++;
      remark('refused');
    }
    if (types.length > 1) {
      reckoning.double++;
      remark('double');
    }
    if (answered && types.length === 0) {
      reckoning.missing++;
      remark('missing');
    }
    if (answered && types.length === 1 && types[0] !== (talked ? HANDLED : NOT_HANDLED)) {
      reckoning.wrong++;
      remark('wrong');
    }
  }
  return reckoning;
}

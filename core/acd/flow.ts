/** A flow as the dispatcher knows it: its configuration, its skill, its levels and counters. */
import type { FlowConfig } from './provisioning.js';
import type { Skill } from './skill.js';
import type { FlowRow } from './view.js';

export class Flow {
  /** No longer provisioned; takes no new call and lives until its last one ends. */
  removed = false;
  /** Calls that have not ended. */
  ongoing = 0;
  /** Calls on hold, chats among them, and the chats alone. */
  onhold_calls = 0;
  onhold_chats = 0;
  queued_calls = 0;

  incalls = 0;
  dist_incalls = 0;
  answ_incalls = 0;
  answ_inchats = 0;
  aban_incalls = 0;
  talk_sum_s = 0;
  talk_count = 0;
  wait_sum_s = 0;
  wait_count = 0;

  constructor(
    readonly row: number,
    public config: FlowConfig,
    public skill: Skill,
  ) {}

  view(): FlowRow {
    return {
      id: this.config.id,
      priority: this.config.priority,
      skill: this.skill.row,
      removed: this.removed,
      ongoing: this.ongoing,
      onhold_calls: this.onhold_calls,
      onhold_chats: this.onhold_chats,
      queued_calls: this.queued_calls,
      incalls: this.incalls,
      dist_incalls: this.dist_incalls,
      answ_incalls: this.answ_incalls,
      answ_inchats: this.answ_inchats,
      aban_incalls: this.aban_incalls,
      talk_sum_s: this.talk_sum_s,
      talk_count: this.talk_count,
      wait_sum_s: this.wait_sum_s,
      wait_count: this.wait_count,
    };
  }
}

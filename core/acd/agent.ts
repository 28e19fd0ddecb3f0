/** An agent as the dispatcher knows him: what he is provisioned with, what he does, what he has done. */
import type { Media } from '../messages.js';
import type { Timer } from '../timers.js';
import type { Flow } from './flow.js';
import type { AgentConfig } from './provisioning.js';
import type { Skill } from './skill.js';
import type { AgentRow, AgentState } from './view.js';

/** What an agent does without regard to login. */
export type AgentActivity = Exclude<AgentState, 'offline'>;

export class Agent {
  skills: Skill[] = [];
  state: AgentActivity = 'free';
  logged_in = false;
  /** No longer provisioned; lives until his last call ends. */
  removed = false;
  /** Calls and chats that hold him now, ringing or talking. */
  refs = 0;
  ongoing_chats = 0;
  /** End of a running wrapup; 0 when none runs. */
  wrapup_end_ms = 0;
  wrapup_timer: Timer | null = null;

  /** Grows from one beginning of idleness to the next, over all agents. */
  idle_since = 0;
  /** The same of chats delivered; 0 for an agent who has had none. */
  last_chat = 0;
  /** Sort keys under which he is listed for chat; they change only while he is not. */
  chat_rank = 0;
  chat_since = 0;
  /** For which media he is listed as available with each of his skills. */
  readonly listed: Record<Media, boolean> = { rtp: false, msrp: false };
  /** Whether matching is due to look at him. */
  match_due = false;

  dist_incalls = 0;
  answ_incalls = 0;
  answ_inchats = 0;
  aban_incalls = 0;
  rej_incalls = 0;
  talk_sum_s = 0;
  talk_count = 0;

  constructor(
    readonly row: number,
    public config: AgentConfig,
  ) {}

  /** The state that others see. */
  get visible(): AgentState {
    return this.logged_in ? this.state : 'offline';
  }

  /** Chats he could take now besides those he has: a running wrapup leaves one session unused. */
  get sessionsLeft(): number {
    return this.config.msrp_max_sessions - this.ongoing_chats - (this.wrapup_end_ms > 0 ? 1 : 0);
  }

  /** Whether he has room for a call of this medium. */
  canTake(media: Media): boolean {
    if (!this.logged_in) return false;
    if (media === 'rtp') return this.state === 'free' && this.config.location !== '';
    return (
      (this.state === 'free' || this.state === 'inchat') &&
      this.config.msrp_location !== '' &&
      this.sessionsLeft > 0
    );
  }

  /** Length of the wrapup after a call of the flow, in seconds. */
  wrapupAfter(flow: Flow, global_wrapup_s: number): number {
    const own = this.config.wrapup_s === 0 ? global_wrapup_s : this.config.wrapup_s;
    const ceiling = flow.config.max_wrapup_s;
    return ceiling === 0 ? own : Math.min(own, ceiling);
  }

  view(): AgentRow {
    return {
      id: this.config.id,
      state: this.state,
      logged_in: this.logged_in,
      refs: this.refs,
      wrapup_end_ms: this.wrapup_end_ms,
      ongoing_chats: this.ongoing_chats,
      max_chats: this.config.msrp_max_sessions,
      dist_incalls: this.dist_incalls,
      answ_incalls: this.answ_incalls,
      answ_inchats: this.answ_inchats,
      aban_incalls: this.aban_incalls,
      rej_incalls: this.rej_incalls,
      talk_sum_s: this.talk_sum_s,
      talk_count: this.talk_count,
    };
  }
}

/** For audio the one idle longest goes first. */
export function compareForAudio(a: Agent, b: Agent): number {
  return a.idle_since - b.idle_since || a.row - b.row;
}

/** For chat the policy's keys decide, set when the agent is listed. */
export function compareForChat(a: Agent, b: Agent): number {
  return a.chat_rank - b.chat_rank || a.chat_since - b.chat_since || a.row - b.row;
}

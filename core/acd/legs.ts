/**
 * The legs of a call as the dispatcher sees them: which media leg the caller hears, which is being set
 * up, what plays while nothing does. (An agent's leg is tracked in the call; who rings is not decided here.)
 */
import type { Decision } from '../messages.js';
import type { Agent } from './agent.js';
import type { Call } from './call.js';
import { position, withPosition } from './queue.js';
import type { AcdState } from './state.js';

/** Longest pause between two attempts at the queue's media. */
const MAX_RETRY_MS = 30_000;
/** Media that played so long did work: its end is not counted as a failure. */
const PLAYED_MS = 1000;
/** How long an answered caller hears nothing before the queue's media plays while an agent rings. */
const MEANWHILE_MS = 500;

export class Legs {
  constructor(private readonly acd: AcdState) {}

  /** Tells the call's worker. While that is away nobody hears it: what counts by then is said when it is back. */
  send(call: Call, decision: Decision): void {
    if (!this.acd.away.has(call)) this.answer(call, decision);
  }

  /** Tells it what follows from what it has just said: also before it has said that it is back. */
  answer(call: Call, decision: Decision): void {
    this.acd.out.decisions.push({ worker: call.worker, decision });
  }

  /** A leg to a media server; it takes the place of one still being set up. */
  connectMedia(call: Call, uri: string): void {
    this.stopTimers(call);
    const leg = this.newLeg(call);
    call.media_setup = leg;
    this.send(call, { kind: 'connect', call: call.id, leg, role: 'media', uri, display: '' });
  }

  /** A leg to the agent, who then rings and, in preagent, hears the flow's message before he gets the caller. */
  connectAgent(call: Call, agent: Agent): void {
    call.agent_leg = this.newLeg(call);
    if (call.state === 'preagent') {
      call.announcement_leg = this.newLeg(call);
      this.ring(call, agent);
      // That takes longer than a caller should hear nothing.
      this.keepQueueMedia(call);
      return;
    }
    this.ring(call, agent);
    if (!call.caller_answered) {
      // An unanswered caller has one destination at a time: the worker lets go of the one before.
      call.media_setup = 0;
      this.stopTimers(call);
      return;
    }
    this.playMeanwhile(call);
  }

  /** The queue's media, should the agent not answer soon and nothing else play. */
  private playMeanwhile(call: Call): void {
    if (this.hasMedia(call) || call.retry_timer !== null || call.meanwhile_timer !== null) return;
    call.meanwhile_timer = this.acd.at(this.acd.now_ms + MEANWHILE_MS, () => {
      call.meanwhile_timer = null;
      this.connectQueue(call);
    });
  }

  /**
   * Says which legs are wanted, and once more which are to be made: a worker that was told makes none twice. What
   * would play by now had there been no restart plays.
   */
  sayAgain(call: Call): void {
    const { agent_leg, media_setup: media } = call;
    const media_leg = call.media_leg || call.media_joined + 1;
    this.send(call, { kind: 'keep', call: call.id, agent_leg, media_setup: media, media_leg });
    const agent = call.connected ? null : call.agent;
    // In the order of their numbers: a worker takes one that is lower than the last it was told for an old one.
    if (agent !== null && (media === 0 || call.agent_leg < media)) this.ring(call, agent);
    if (media !== 0) {
      const uri = this.mediaUri(call);
      this.send(call, { kind: 'connect', call: call.id, leg: media, role: 'media', uri, display: '' });
    }
    if (agent !== null && media !== 0 && call.agent_leg > media) this.ring(call, agent);
    if (call.referring) this.refer(call);
    const waits = call.state === 'queued' || call.state === 'preagent';
    const silent = waits || (agent !== null && call.caller_answered);
    if (silent && call.retry_timer === null && call.meanwhile_timer === null && !this.hasMedia(call))
      this.retryQueue(call);
  }

  /** What the media leg of a call in its state plays. */
  private mediaUri(call: Call): string {
    const { message_welcome, message_dissuading } = call.flow.config;
    if (call.state === 'welcome') return message_welcome;
    // Who is asked to call the message himself hears the queue's meanwhile.
    const dissuaded = call.state === 'dissuading1' || call.state === 'dissuading2';
    if (dissuaded && !call.referring) return message_dissuading;
    return this.queueUri(call);
  }

  /** Whether the caller hears a media server or soon will. */
  hasMedia(call: Call): boolean {
    return call.media_leg !== 0 || call.media_setup !== 0;
  }

  /** Sees to it that a call in the queue hears the queue's message. */
  keepQueueMedia(call: Call): void {
    if (!this.hasMedia(call) && call.retry_timer === null) this.connectQueue(call);
  }

  /** The queue's media failed or ended: again, at once at first, then after 1, 2, 4 ... 30 s. */
  retryQueue(call: Call): void {
    if (this.hasMedia(call) || call.retry_timer !== null) return;
    const failures = call.media_failures++;
    if (failures === 0) {
      this.connectQueue(call);
      return;
    }
    call.meanwhile_timer = this.acd.cancel(call.meanwhile_timer);
    const delay_ms = Math.min(1000 * 2 ** (failures - 1), MAX_RETRY_MS);
    call.retry_timer = this.acd.at(this.acd.now_ms + delay_ms, () => {
      call.retry_timer = null;
      this.connectQueue(call);
    });
  }

  /** The caller has been joined to that media leg: the one being set up, or the one before, whose answer has crossed it. */
  mediaJoined(call: Call, leg: number): void {
    call.media_leg = leg;
    call.media_joined = leg;
    if (leg === call.media_setup) call.media_setup = 0;
    call.media_since_ms = this.acd.now_ms;
    call.caller_answered = true;
  }

  /** The media leg that the caller was joined to is gone. */
  mediaEnded(call: Call): void {
    call.media_leg = 0;
    if (this.acd.now_ms - call.media_since_ms >= PLAYED_MS) call.media_failures = 0;
  }

  /** The media that the caller hears is to stop. */
  dropMedia(call: Call): void {
    this.send(call, { kind: 'drop', call: call.id, leg: call.media_leg });
    this.mediaEnded(call);
  }

  /** The caller is asked to call the dissuading message himself. */
  refer(call: Call): void {
    this.stopTimers(call);
    call.referring = true;
    this.send(call, { kind: 'refer', call: call.id, uri: call.flow.config.message_dissuading });
  }

  /** The agent's leg has been joined: the worker released what played, nothing else is to start. */
  agentJoined(call: Call): void {
    this.stopTimers(call);
    if (call.media_setup !== 0) {
      this.send(call, { kind: 'drop', call: call.id, leg: call.media_setup });
      call.media_joined = call.media_setup;
    }
    call.media_leg = 0;
    call.media_setup = 0;
    call.media_failures = 0;
    call.caller_answered = true;
  }

  stopTimers(call: Call): void {
    call.retry_timer = this.acd.cancel(call.retry_timer);
    call.meanwhile_timer = this.acd.cancel(call.meanwhile_timer);
  }

  private connectQueue(call: Call): void {
    this.connectMedia(call, this.queueUri(call));
  }

  private queueUri(call: Call): string {
    const uri = call.flow.config.message_queue;
    const param = this.acd.options.queue_pos_param;
    return param === '' ? uri : withPosition(uri, param, position(call));
  }

  private ring(call: Call, agent: Agent): void {
    const uri = call.media === 'rtp' ? agent.config.location : agent.config.msrp_location;
    const { id, agent_leg: leg, announcement_leg, display } = call;
    if (announcement_leg === 0) {
      this.send(call, { kind: 'connect', call: id, leg, role: 'agent', uri, display });
      return;
    }
    const announcement = call.flow.config.message_flow_id;
    this.send(call, {
      kind: 'connect_announced',
      call: id,
      leg,
      role: 'agent',
      uri,
      display,
      announcement,
      announcement_leg,
    });
  }

  /** The number of a new leg, which is about to be made. */
  private newLeg(call: Call): number {
    const leg = call.next_leg++;
    call.last_start_ms = this.acd.now_ms;
    this.acd.recordLater(call);
    this.acd.out.calls.add(call.row);
    return leg;
  }
}

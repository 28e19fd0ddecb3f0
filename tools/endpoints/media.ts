/** A simulated media server: the user part of the URI that is called names what it plays. */
import { hangupAfter } from './agent.js';
import type { Call } from './call.js';
import type { Endpoint } from './endpoint.js';
import { Inbox } from './inbox.js';
import { playTo, type RtpSender } from './rtp.js';

/** What a user part does. */
export interface Message {
  /** Hangs up so long after the ACK; endless when left out. */
  length_ms?: number;
  /** Refuses with this status instead of answering. */
  refuse?: number;
  /** 488 to an INVITE without SDP. */
  refuse_late?: boolean;
}

const MESSAGES: Record<string, Message> = {
  welcome: { length_ms: 300 },
  queue: {},
  dissuading: { length_ms: 300 },
  flowid: { length_ms: 300 },
  refuse: { refuse: 503 },
};

/** A440, and what sets a welcome apart from it by ear. */
const QUEUE_HERTZ = 440;
const WELCOME_HERTZ = 520;

export class MediaServer {
  private readonly inboxes = new Map<string, Inbox>();
  private readonly messages: Map<string, Message>;

  /**
   * @param messages user parts besides, or instead of, welcome, queue, dissuading, flowid and refuse
   * @param sender sends each leg a tone; silence when left out
   */
  constructor(
    readonly endpoint: Endpoint,
    messages: Record<string, Message> = {},
    private readonly sender?: RtpSender,
  ) {
    this.messages = new Map(Object.entries({ ...MESSAGES, ...messages }));
    for (const name of this.messages.keys()) {
      this.inboxes.set(name, new Inbox());
      endpoint.serve(name, (call) => this.take(name, call));
    }
  }

  /** The URI of a message, as cc_flows has it. */
  uri(name: string): string {
    return this.endpoint.uri(name);
  }

  /** How often a message has been asked for. */
  count(name: string): number {
    return this.inbox(name).count;
  }

  /** The next leg to this message that nobody has taken yet. */
  nextCall(name: string): Promise<Call> {
    return this.inbox(name).next();
  }

  private inbox(name: string): Inbox {
    const inbox = this.inboxes.get(name);
    if (!inbox) throw new Error(`the media server has no message ${name}`);
    return inbox;
  }

  private take(name: string, call: Call): void {
    const message = this.messages.get(name) ?? {};
    this.inbox(name).push(call);
    if (message.refuse !== undefined) {
      call.reject(message.refuse);
      return;
    }
    if (message.refuse_late && call.invitation?.body === '') {
      call.reject(488);
      return;
    }
    if (this.sender) playTo(call, this.sender, name === 'welcome' ? WELCOME_HERTZ : QUEUE_HERTZ);
    call.accept();
    hangupAfter(call, message.length_ms);
  }
}

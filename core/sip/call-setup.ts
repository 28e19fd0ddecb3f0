/** What is known of a call from the INVITE that makes it. */
import type { Header } from './session-user.js';

export interface CallSetup {
  id: string;
  shard: number;
  maxForwards: number;
  callerUri: string;
  /** A byte string. */
  callerDisplay: string;
  /** MSRP rather than RTP. */
  chat: boolean;
  /** Headers that agents get from the caller's INVITE. */
  identity: Header;
  /** What routing gave along with the flow; text. */
  param: string;
}

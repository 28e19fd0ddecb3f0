/** What an agent's endpoint tells of how long he waited: from each BYE that he sent to the INVITE that followed. */
import { EventLog, type LogEntry } from '../endpoints/log.js';

/** Of one endpoint; keeps nothing else. */
export class GapLog extends EventLog {
  private bye_ms: number | undefined;

  /** @param gaps_ms where they are put, ms, in order of time */
  constructor(private readonly gaps_ms: number[]) {
    super();
  }

  override add(entry: LogEntry): void {
    if (entry.status !== 0 || entry.again) return;
    if (entry.what === 'sent' && entry.method === 'BYE') this.bye_ms = entry.at_ms;
    else if (entry.what === 'received' && entry.method === 'INVITE' && this.bye_ms !== undefined) {
      this.gaps_ms.push(entry.at_ms - this.bye_ms);
      this.bye_ms = undefined;
    }
  }
}

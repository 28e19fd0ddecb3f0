/** The demo's callers: places calls at a steady rate and counts what becomes of them. */
import type { DemoSummary } from './board.js';
import { demoCaller } from './demo-center.js';
import { type CallerOutcome, callAs } from './endpoints/caller.js';
import type { Endpoint } from './endpoints/endpoint.js';

/** Calls of one demo whose figures are kept for the percentiles; those after only count. */
const MAX_FIGURES = 100_000;
/** Failures told one by one. */
const MAX_TOLD = 20;

export class DemoCallers {
  started = 0;
  answered = 0;
  abandoned = 0;
  /** What failed, in words; the first few. */
  readonly failures: string[] = [];
  failed = 0;
  private readonly waits_ms: number[] = [];
  private readonly setups_ms: number[] = [];
  private talk_sum_ms = 0;
  private readonly running = new Set<Promise<void>>();
  private timer: NodeJS.Timeout | undefined;
  private finish: (() => void) | undefined;

  /**
   * @param uriOf the URI at which the engine takes calls for a flow
   * @param isAgent tells an agent's name from a message's
   */
  constructor(
    private readonly endpoint: Endpoint,
    private readonly uriOf: (flow: string) => string,
    private readonly isAgent: (name: string) => boolean,
  ) {}

  /**
   * Places `calls` calls, or calls without end, `rate_per_s` of them a second. Resolves when all have been
   * placed and have ended, also after {@link stop}.
   */
  async run(rate_per_s: number, calls = Number.POSITIVE_INFINITY): Promise<void> {
    const start_ms = performance.now();
    await new Promise<void>((resolve) => {
      this.finish = resolve;
      const place = (): void => {
        // By the clock, so that a slow moment does not lower the rate.
        const due = Math.floor(((performance.now() - start_ms) * rate_per_s) / 1000) + 1;
        while (this.started < Math.min(due, calls)) this.place(this.started++);
        if (this.started >= calls) {
          resolve();
          return;
        }
        const next_ms = start_ms + (this.started * 1000) / rate_per_s;
        this.timer = setTimeout(place, Math.max(1, next_ms - performance.now()));
      };
      place();
    });
    while (this.running.size > 0) await Promise.all(this.running);
  }

  /** No further calls. */
  stop(): void {
    clearTimeout(this.timer);
    this.finish?.();
  }

  /** Figures of the callers' side. */
  figures(): Omit<DemoSummary, 'cdrs' | 'rejected' | 'violations' | 'duration_s'> {
    return {
      calls: this.started,
      answered: this.answered,
      abandoned: this.abandoned,
      failed: this.failed,
      wait_p50_ms: percentile(this.waits_ms, 0.5),
      wait_p99_ms: percentile(this.waits_ms, 0.99),
      wait_max_ms: percentile(this.waits_ms, 1),
      setup_p50_ms: percentile(this.setups_ms, 0.5),
      setup_p99_ms: percentile(this.setups_ms, 0.99),
      talk_mean_ms: this.answered === 0 ? 0 : Math.round(this.talk_sum_ms / this.answered),
    };
  }

  private place(nth: number): void {
    const { flow, temper } = demoCaller(nth);
    const done = callAs(this.endpoint, this.uriOf(flow), temper, this.isAgent).then((outcome) => {
      this.running.delete(done);
      this.count(nth, flow, outcome);
    });
    this.running.add(done);
  }

  private count(nth: number, flow: string, outcome: CallerOutcome): void {
    const { result, wait_ms, setup_ms } = outcome;
    if (result === 'talked') {
      this.answered++;
      this.talk_sum_ms += outcome.talk_ms;
    } else if (result === 'abandoned') this.abandoned++;
    else {
      this.failed++;
      if (this.failures.length < MAX_TOLD) {
        this.failures.push(`call ${nth + 1} to ${flow}: ${outcome.end.how}, status ${outcome.status}`);
      }
    }
    if (wait_ms !== undefined && this.waits_ms.length < MAX_FIGURES) this.waits_ms.push(wait_ms);
    if (setup_ms !== undefined && this.setups_ms.length < MAX_FIGURES) this.setups_ms.push(setup_ms);
  }
}

/** The value below which `part` (0 to 1) of the values lie, rounded; 0 of none. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const index = Math.max(0, Math.ceil(part * sorted.length) - 1);
  return Math.round(sorted[index] ?? 0);
}

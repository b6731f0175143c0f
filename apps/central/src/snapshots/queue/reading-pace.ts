/** How long a statement for several scopes may take, about: others wait behind it. */
const BATCH_MS = 2_000;
const MAX_SCOPES = 200;
/** The cost of a transaction beside its scopes, in scopes. */
const OVERHEAD_SCOPES = 16;

/** The weight of the latest measurement. */
const WEIGHT = 0.5;

/** Over which the rate is told. */
const WINDOW_MS = 10_000;

const MIN_RETRY_SECONDS = 2;
const MAX_RETRY_SECONDS = 60;

/** Measures how fast scopes are read. */
export class ReadingPace {
  /** The time of one scope in a batch. */
  private scopeMs = 0;
  private served: { atMs: number; scopes: number }[] = [];

  /** `tookMs`: what it took to read so many scopes in one transaction. */
  note(scopes: number, tookMs: number, nowMs: number): void {
    // A transaction with a single scope mostly costs what any transaction does.
    const measured = tookMs / (scopes === 1 ? OVERHEAD_SCOPES : scopes);
    this.scopeMs = this.scopeMs === 0 ? measured : this.scopeMs + WEIGHT * (measured - this.scopeMs);
    this.served = [...this.served.filter(({ atMs }) => atMs > nowMs - WINDOW_MS), { atMs: nowMs, scopes }];
  }

  /** How many scopes are read at once. */
  get batchScopes(): number {
    if (this.scopeMs === 0) return MAX_SCOPES;
    return Math.min(MAX_SCOPES, Math.max(1, Math.floor(BATCH_MS / this.scopeMs)));
  }

  /**
   * After how long a device that is refused is to come again: when as many as wait now have been read. Up to twice that, at
   * random, so that not all return at once.
   */
  retryAfterSeconds(waiting: number, nowMs: number, random: () => number = Math.random): number {
    const recent = this.served.filter(({ atMs }) => atMs > nowMs - WINDOW_MS);
    const perSecond = recent.reduce((sum, { scopes }) => sum + scopes, 0) / (WINDOW_MS / 1_000);
    const seconds = perSecond === 0 ? MAX_RETRY_SECONDS / 4 : waiting / perSecond;
    const bounded = Math.min(MAX_RETRY_SECONDS / 2, Math.max(MIN_RETRY_SECONDS, seconds));
    return Math.ceil(bounded * (1 + random()));
  }
}

/** Between two looks at the definitions that the datasets depend on. */
const MIN_PAUSE_MS = 5_000;
const MAX_PAUSE_MS = 60_000;

/** Looks take at most a tenth of the time of one connection. */
const PAUSE_FOR_LOOK = 9;

/** When to look next: soon where looks are cheap, later where they are not, and ever later while they fail. */
export class LookPace {
  private pauseMs = 0;
  private quietPauseMs = MIN_PAUSE_MS;
  private hadNews = false;
  private failures = 0;

  /** From the end of one look to the beginning of the next. */
  get pause(): number {
    return this.pauseMs;
  }

  /**
   * @param hasNews - some queries were new, or what they read was defined in another way: they took most of the time, and the
   *   next look will be as cheap as the last one without. Not if each look has such.
   */
  succeed(durationMs: number, hasNews: boolean): void {
    this.failures = 0;
    const isRare = hasNews && !this.hadNews;
    this.hadNews = hasNews;
    this.pauseMs = isRare ? this.quietPauseMs : clamp(durationMs * PAUSE_FOR_LOOK);
    if (!hasNews) this.quietPauseMs = this.pauseMs;
  }

  /** @param isAway - there is no source to spare: it is found soon when it is back */
  fail(durationMs: number, isAway: boolean): void {
    this.failures = isAway ? 0 : this.failures + 1;
    this.pauseMs = clamp(Math.max(durationMs * PAUSE_FOR_LOOK, MIN_PAUSE_MS * 2 ** this.failures));
  }
}

function clamp(pauseMs: number): number {
  return Math.min(MAX_PAUSE_MS, Math.max(MIN_PAUSE_MS, pauseMs));
}

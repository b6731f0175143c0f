/** As many at once as ten seconds bring. */
const BURST_SECONDS = 10;

/** How many messages may come on average, and at once. Times by the monotonic clock. */
export class MessageRate {
  private tokens: number;
  private at: number;

  constructor(
    private readonly perSecond: number,
    nowMs: number,
  ) {
    this.tokens = perSecond * BURST_SECONDS;
    this.at = nowMs;
  }

  /** @returns whether one more may come */
  take(nowMs: number): boolean {
    const gained = ((nowMs - this.at) / 1_000) * this.perSecond;
    this.tokens = Math.min(this.perSecond * BURST_SECONDS, this.tokens + gained);
    this.at = nowMs;
    if (this.tokens < 1) return false;
    this.tokens--;
    return true;
  }
}

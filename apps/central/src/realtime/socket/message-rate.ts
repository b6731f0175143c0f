/** A burst: as many at once as ten seconds allow. */
const BURST_SECONDS = 10;

/** How many messages are taken on average, and at once. Times by the monotonic clock. */
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

  /** Takes the next message. @returns how long it has to wait for its turn */
  take(nowMs: number): number {
    const gained = ((nowMs - this.at) / 1_000) * this.perSecond;
    this.tokens = Math.min(this.perSecond * BURST_SECONDS, this.tokens + gained) - 1;
    this.at = nowMs;
    return this.tokens >= 0 ? 0 : (-this.tokens / this.perSecond) * 1_000;
  }
}

/** Nonces of requests that were accepted, for as long as their timestamps count. */
export class SeenNonces {
  /** In the order in which they came. */
  private readonly seen = new Map<string, number>();

  constructor(
    private readonly keptMs: number,
    private readonly max: number,
  ) {}

  /** @returns `full` where none may be forgotten yet to make room */
  take(nonce: string, nowMs: number): 'new' | 'seen' | 'full' {
    for (const [old, at] of this.seen) {
      if (nowMs - at <= this.keptMs) break;
      this.seen.delete(old);
    }
    if (this.seen.has(nonce)) return 'seen';
    if (this.seen.size >= this.max) return 'full';
    this.seen.set(nonce, nowMs);
    return 'new';
  }
}

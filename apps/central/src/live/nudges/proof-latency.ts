import { Injectable } from '@nestjs/common';
import { decodeTime } from 'ulid';

/** Proofs that the percentiles are of. */
const KEPT = 10_000;
/** A device that needs longer for one nudge has other troubles, which are told elsewhere. */
const FORGOTTEN_AFTER_MS = 10 * 60_000;

export interface Percentiles {
  count: number;
  p50Ms: number;
  p95Ms: number;
  p99Ms: number;
}

/**
 * From the commit of a change until a device that was nudged for it has proved its rows. The time of the commit is the
 * source's own where it keeps it, else that of the last look that did not see it: a little too early, never too late.
 */
@Injectable()
export class ProofLatency {
  private readonly publishedAtMs = new Map<string, number>();
  private readonly proved: number[] = [];
  private next = 0;

  published(devices: readonly string[], nowMs: number): void {
    for (const device of devices) if (!this.isWaiting(device, nowMs)) this.publishedAtMs.set(device, nowMs);
  }

  /**
   * @param manifestId - says when the manifest was issued: one from before the change does not prove it
   * @returns how long it took, if it was nudged
   */
  provedBy(device: string, manifestId: string, nowMs: number): number | undefined {
    const publishedAtMs = this.publishedAtMs.get(device);
    if (publishedAtMs === undefined || Date.now() - decodeTime(manifestId) > nowMs - publishedAtMs)
      return undefined;
    this.publishedAtMs.delete(device);
    if (nowMs - publishedAtMs > FORGOTTEN_AFTER_MS) return undefined;
    this.proved[this.next] = nowMs - publishedAtMs;
    this.next = (this.next + 1) % KEPT;
    return nowMs - publishedAtMs;
  }

  forget(device: string): void {
    this.publishedAtMs.delete(device);
  }

  /** Undefined before the first. */
  get percentiles(): Percentiles | undefined {
    if (this.proved.length === 0) return undefined;
    const sorted = this.proved.toSorted((one, other) => one - other);
    const at = (share: number): number =>
      Math.round(sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]!);
    return { count: sorted.length, p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99) };
  }

  private isWaiting(device: string, nowMs: number): boolean {
    const publishedAtMs = this.publishedAtMs.get(device);
    return publishedAtMs !== undefined && nowMs - publishedAtMs <= FORGOTTEN_AFTER_MS;
  }
}

import { Injectable } from '@nestjs/common';

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

/** From when central noticed a change until a device that was nudged for it has proved its rows. */
@Injectable()
export class ProofLatency {
  private readonly noticedAtMs = new Map<string, number>();
  private readonly proved: number[] = [];
  private next = 0;

  noticed(devices: readonly string[], nowMs: number): void {
    for (const device of devices) if (!this.isWaiting(device, nowMs)) this.noticedAtMs.set(device, nowMs);
  }

  /** @returns how long it took, if it was nudged */
  provedBy(device: string, nowMs: number): number | undefined {
    const noticedAtMs = this.noticedAtMs.get(device);
    this.noticedAtMs.delete(device);
    if (noticedAtMs === undefined || nowMs - noticedAtMs > FORGOTTEN_AFTER_MS) return undefined;
    this.proved[this.next] = nowMs - noticedAtMs;
    this.next = (this.next + 1) % KEPT;
    return nowMs - noticedAtMs;
  }

  forget(device: string): void {
    this.noticedAtMs.delete(device);
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
    const noticedAtMs = this.noticedAtMs.get(device);
    return noticedAtMs !== undefined && nowMs - noticedAtMs <= FORGOTTEN_AFTER_MS;
  }
}

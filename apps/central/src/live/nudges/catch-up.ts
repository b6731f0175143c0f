import { Injectable } from '@nestjs/common';
import { atMostEntries } from '@rivulet/platform';
import { LRUCache } from 'lru-cache';
import type { SyncOutcome } from '../../device-sync/sync-outcomes';
import { markOf } from '../../source/change-detection/version-vector';

/** Devices of which it is remembered what they have. The rest is nudged once too often. */
const DEVICES_KEPT = 50_000;
const LIMITS = atMostEntries(DEVICES_KEPT);
/** An edge that has just started syncs by itself, and changes of before are noticed by then. */
const SETTLE_MS = 3_000;
/** After a restart of central, 10,000 devices are through in half a minute. */
const PER_SECOND = 300;
/** Devices that are looked at in one go. */
const LOOKED_AT_ONCE = 500;

/**
 * Which connected devices are to be nudged for what may have changed while nobody could tell them: before they connected
 * first, while their connection was missing, or while no central ran. Those that are known to have everything are not,
 * and the others come at a pace.
 */
@Injectable()
export class CatchUp {
  private readonly proved = new LRUCache<string, string>(LIMITS);
  private readonly issued = new LRUCache<string, { manifestId: string; mark: string }>(LIMITS);
  /** In the order in which they connected, with the earliest time. */
  private readonly waiting = new Map<string, number>();
  private allowed = 0;
  private allowedAtMs = -Infinity;

  connected(deviceId: string, nowMs: number): void {
    this.waiting.delete(deviceId);
    this.waiting.set(deviceId, nowMs + SETTLE_MS);
  }

  disconnected(deviceId: string): void {
    this.waiting.delete(deviceId);
  }

  /** @param vector - what the rows depended on for which it was answered; undefined when that is not known */
  answered(deviceId: string, outcome: SyncOutcome, vector: string | undefined): void {
    if (outcome.kind === 'failed') return;
    if (outcome.kind === 'applied') {
      const issued = this.issued.get(deviceId);
      if (issued?.manifestId === outcome.manifestId) this.proved.set(deviceId, issued.mark);
    } else if (vector === undefined) {
      this.proved.delete(deviceId);
      this.issued.delete(deviceId);
    } else if (outcome.kind === 'current') this.proved.set(deviceId, markOf(vector));
    else this.issued.set(deviceId, { manifestId: outcome.manifestId, mark: markOf(vector) });
  }

  /**
   * Takes those whose turn it is.
   *
   * @param vectorOf - what the rows of a device depend on now; undefined when that is not known
   */
  takeDue(nowMs: number, vectorOf: (deviceId: string) => string | undefined): string[] {
    const passedMs = Math.min(1_000, nowMs - this.allowedAtMs);
    this.allowed = Math.min(PER_SECOND, this.allowed + (passedMs * PER_SECOND) / 1_000);
    this.allowedAtMs = nowMs;
    const due: string[] = [];
    let looked = 0;
    for (const [deviceId, dueAtMs] of this.waiting) {
      if (dueAtMs > nowMs || this.allowed < 1 || looked++ === LOOKED_AT_ONCE) break;
      this.waiting.delete(deviceId);
      if (this.hasProved(deviceId, vectorOf(deviceId))) continue;
      due.push(deviceId);
      this.allowed--;
    }
    return due;
  }

  /** Whether it is known to have the rows that depend on this. */
  hasProved(deviceId: string, vector: string | undefined): boolean {
    return vector !== undefined && this.proved.get(deviceId) === markOf(vector);
  }
}

import { Injectable } from '@nestjs/common';
import type { HealthCheckOutcome, HealthIndicator, Probe } from '@rivulet/platform';
import { abbreviateList } from './abbreviate-list';
import { ChangeDetection } from './change-detection';
import { SourceWatch } from './source-watch';

/** How soon changed definitions are noticed, and what is polled and why. Degraded while they cannot be looked at. */
@Injectable()
export class ChangesIndicator implements HealthIndicator {
  readonly name = 'changes';
  readonly probes: readonly Probe[] = [];

  constructor(
    private readonly watch: SourceWatch,
    private readonly changes: ChangeDetection,
  ) {}

  check(): Promise<HealthCheckOutcome> {
    const look = this.watch.lastLook;
    const polled = [...this.changes.polledBecause].map(([reason, names]): [string, string] => [
      abbreviateList(names, ', '),
      reason,
    ]);
    const detail = {
      ...(look !== undefined && {
        definitionsLookedAt: look.at.toISOString(),
        lookTookMs: Math.round(look.tookMs),
        definitionsNoticedWithinSeconds: Math.ceil((look.pauseMs + look.tookMs) / 1_000) + 1,
        ...(look.failure !== undefined && { problem: look.failure }),
      }),
      ...(polled.length > 0 && { polled: Object.fromEntries(polled) }),
    };
    return Promise.resolve({ up: look?.failure === undefined, detail });
  }
}

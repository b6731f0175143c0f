import { Injectable } from '@nestjs/common';
import type { HealthCheckOutcome, HealthIndicator, Probe } from '@rivulet/platform';
import { SnapshotsEnv } from '../snapshots.env';
import { RetentionService } from './retention.service';
import { mebibytes } from './store-limit';

/** Degraded while central's schema is larger than it should be. Devices are served all the same. */
@Injectable()
export class StoreIndicator implements HealthIndicator {
  readonly name = 'store';
  readonly probes: readonly Probe[] = [];

  constructor(
    private readonly retention: RetentionService,
    private readonly env: SnapshotsEnv,
  ) {}

  check(): Promise<HealthCheckOutcome> {
    const { storeMaxBytes: maxBytes } = this.env;
    const { size } = this.retention;
    if (size === undefined) return Promise.resolve({ up: true, detail: { maxBytes } });
    const { totalBytes, bytes } = size;
    const isOver = totalBytes > maxBytes;
    const detail = {
      bytes: totalBytes,
      maxBytes,
      of: bytes,
      ...(isOver && { problem: explain(totalBytes, maxBytes) }),
    };
    return Promise.resolve({ up: !isOver, detail });
  }
}

function explain(totalBytes: number, maxBytes: number): string {
  return (
    `Central's schema takes ${mebibytes(totalBytes)} MiB, more than CENTRAL_STORE_MAX_BYTES (${mebibytes(maxBytes)} MiB). ` +
    'Raise it if there is room on the disk; VACUUM FULL rivulet.chunks gives back what is no longer in use.'
  );
}

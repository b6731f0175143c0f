import { Injectable } from '@nestjs/common';
import type { HealthCheckOutcome, HealthIndicator, Probe } from '@rivulet/platform';
import { CollectionService } from './collection.service';

/** So long a drop is worth a look. */
const DROP_SHOWN_MS = 86_400_000;

/** Degraded for a day after rows were dropped that central had not got. */
@Injectable()
export class CollectionIndicator implements HealthIndicator {
  readonly name = 'collection';
  readonly probes: readonly Probe[] = [];

  constructor(private readonly collection: CollectionService) {}

  async check(): Promise<HealthCheckOutcome> {
    if (!this.collection.isAllowed) return { up: true, detail: { disabled: 'EDGE_COLLECT_ALLOW is empty' } };
    const { waitingRuns, scheduledJobs, droppedRuns, droppedAgoMs } = await this.collection.state();
    const detail = { waitingRuns, scheduledJobs, droppedRuns };
    if (droppedAgoMs > DROP_SHOWN_MS) return { up: true, detail };
    const problem =
      `The rows of ${droppedRuns} runs were dropped before central had them. ` +
      'Raise EDGE_COLLECT_SPOOL_BYTES, or collect fewer rows.';
    return { up: false, detail: { ...detail, problem } };
  }
}

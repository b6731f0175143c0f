import { RivuletError } from '@rivulet/errors';
import type { CollectionMetrics } from '../collection.metrics';

const RETRY_AFTER_SECONDS = 2;

/** Bounds what goes on at once in this process: whoever finds no room is told to come back, and holds up nobody. */
export class Admission {
  private readonly busy = new Set<string>();
  private taken = 0;

  constructor(
    private readonly places: number,
    private readonly metrics: CollectionMetrics,
  ) {}

  /** @throws RivuletError COLLECTION_BUSY */
  async run<T>(deviceId: string, work: () => Promise<T>): Promise<T> {
    if (this.taken >= this.places || this.busy.has(deviceId)) {
      this.metrics.refusals.inc({ code: 'COLLECTION_BUSY' });
      throw new RivuletError('COLLECTION_BUSY', 'Central is taking in as many rows as it can.', {
        retryAfterSeconds: RETRY_AFTER_SECONDS,
      });
    }
    this.taken += 1;
    this.busy.add(deviceId);
    try {
      return await work();
    } finally {
      this.taken -= 1;
      this.busy.delete(deviceId);
    }
  }
}

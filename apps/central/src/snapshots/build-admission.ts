import { Injectable } from '@nestjs/common';
import { hasSqlState, sqlState } from '@rivulet/postgres';
import type { BoundDataset } from './bound-dataset';
import { serverBusy } from './server-busy';
import { SnapshotLocks } from './snapshot-locks';
import { SnapshotsEnv } from './snapshots.env';
import { SnapshotsMetrics } from './snapshots.metrics';

/** Decides who may read the source now: so many scopes at once, and no dataset for one scope in two processes. */
@Injectable()
export class BuildAdmission {
  private admitted = 0;

  constructor(
    private readonly env: SnapshotsEnv,
    private readonly locks: SnapshotLocks,
    private readonly metrics: SnapshotsMetrics,
  ) {}

  /** @throws RivuletError SERVER_BUSY when too many are reading, or another process reads the same for too long */
  async admit<T>(datasets: BoundDataset[], work: () => Promise<T>): Promise<T> {
    if (this.admitted >= this.env.maxSnapshotBuilds) {
      this.metrics.buildsRefused.inc();
      throw serverBusy(`Central is already reading the data of ${this.admitted} scopes.`);
    }
    this.admitted += 1;
    this.metrics.buildsRunning.inc();
    const stopTimer = this.metrics.buildSeconds.startTimer();
    try {
      return await this.locks.whileBuilding(
        datasets.map(({ cacheKey }) => cacheKey),
        work,
      );
    } catch (error) {
      if (!hasSqlState(error, sqlState.lockNotAvailable)) throw error;
      throw serverBusy('Another central is reading the same data.');
    } finally {
      this.admitted -= 1;
      this.metrics.buildsRunning.dec();
      stopTimer();
    }
  }
}

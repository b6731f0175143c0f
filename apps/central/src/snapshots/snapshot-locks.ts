import { Injectable } from '@nestjs/common';
import { inTransaction, lockForTransaction, withClient } from '@rivulet/postgres';
import type { ClientBase } from 'pg';
import { SnapshotDatabase } from './snapshot-database';

/** Held in common by all who store or rely on what is stored, and alone by who collects. */
const COLLECTION_LOCK = 'rivulet chunk collection';

/** How long to wait for another process that reads the same dataset for the same scope. */
const LOCK_TIMEOUT_MS = 60_000;

/** Keeps builds, patches and collection out of each other's way, in whatever process they run. */
@Injectable()
export class SnapshotLocks {
  constructor(private readonly database: SnapshotDatabase) {}

  /** Runs `work` while nobody else builds the snapshots with these cache keys, and nothing is collected. */
  async whileBuilding<T>(cacheKeys: string[], work: () => Promise<T>): Promise<T> {
    return this.holding(
      cacheKeys.map((cacheKey) => `rivulet snapshot ${cacheKey}`),
      work,
    );
  }

  /** Runs `work` while nothing is collected: a chunk found here stays until the snapshot or patch that names it is entered. */
  async withoutCollection<T>(work: () => Promise<T>): Promise<T> {
    return this.holding([], work);
  }

  private async holding<T>(names: string[], work: () => Promise<T>): Promise<T> {
    // Open for as long as `work` takes, but between its statements a transaction like this holds back no vacuum.
    const limits = { statementTimeoutMs: 0, lockTimeoutMs: LOCK_TIMEOUT_MS, idleTimeoutMs: 0 };
    return withClient(this.database.pool, (client) =>
      inTransaction(client, limits, async () => {
        await lockForTransaction(client, COLLECTION_LOCK, 'shared');
        // In one order everywhere, so that no two wait for each other.
        for (const name of names.toSorted()) await lockForTransaction(client, name);
        return work();
      }),
    );
  }
}

/** Waits until nobody builds; until the end of the transaction nobody begins to. */
export async function lockForCollection(client: ClientBase): Promise<void> {
  await lockForTransaction(client, COLLECTION_LOCK);
}

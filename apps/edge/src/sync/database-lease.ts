import { releaseAdvisoryLock, tryAdvisoryLock } from '@rivulet/postgres';
import { RivuletError } from '@rivulet/errors';
import type { PoolClient } from 'pg';
import type { DataSource, EntityManager } from 'typeorm';

/** The right to sync one database, and the connection that it belongs to: when that breaks, the right is gone. */
export interface DatabaseLease {
  client: PoolClient;
  /** Writes on the same connection. */
  manager: EntityManager;
  /** How the connection broke, if it did. Whoever used it then may have been told something less clear. */
  lostBy: Error | undefined;
}

const LOCK_NAME = 'rivulet edge sync';

/**
 * Runs `work` while no other cycle, of whatever process, syncs this database.
 *
 * @throws RivuletError SYNC_IN_PROGRESS
 */
export async function withDatabaseLease<T>(
  database: DataSource,
  work: (lease: DatabaseLease) => Promise<T>,
): Promise<T> {
  const runner = database.createQueryRunner();
  try {
    const client = (await runner.connect()) as PoolClient;
    if (!(await tryAdvisoryLock(client, LOCK_NAME))) {
      throw new RivuletError('SYNC_IN_PROGRESS', 'Another process is syncing this database.');
    }
    const lease: DatabaseLease = { client, manager: runner.manager, lostBy: undefined };
    const onLost = (error: Error): void => void (lease.lostBy = error);
    client.on('error', onLost);
    try {
      return await work(lease);
    } finally {
      client.off('error', onLost);
      // Fails only when the connection is gone, and the lock with it.
      await releaseAdvisoryLock(client, LOCK_NAME).catch(() => undefined);
    }
  } finally {
    await runner.release();
  }
}

import { releaseAdvisoryLock, tryAdvisoryLock } from '@rivulet/postgres';
import { RivuletError } from '@rivulet/errors';
import type { PoolClient } from 'pg';
import type { DataSource, EntityManager } from 'typeorm';

/** The right to sync one database, bound to a connection: when the connection breaks, the right is gone. */
export interface DatabaseLease {
  client: PoolClient;
  /** Writes on the same connection. */
  manager: EntityManager;
  /** Why the connection broke, if it did. A query that was running then may have failed with a less clear error. */
  lostBy: Error | undefined;
}

const LOCK_NAME = 'rivulet edge sync';

/**
 * Runs `work` while no other cycle, in any process, syncs this database.
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
      // Fails only when the connection is gone, and then the lock is gone too.
      await releaseAdvisoryLock(client, LOCK_NAME).catch(() => undefined);
    }
  } finally {
    await runner.release();
  }
}

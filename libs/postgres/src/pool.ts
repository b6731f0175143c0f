import type { ClientBase, Pool, PoolClient } from 'pg';
import { DatabasePool, type DatabasePoolConfig } from './connections/database-pool';
import type { SessionLimits } from './connections/session-settings';

export interface PoolSettings {
  url: string;
  /** Shown in pg_stat_activity. */
  applicationName: string;
  maxConnections: number;
  /** For what is not in a transaction of ours: 30 s for a statement, 10 s for a lock, unless given. */
  limits?: SessionLimits;
  /** Prepares each new connection. If it fails, the connection is not used. */
  onConnect?: (client: ClientBase) => Promise<void>;
  /** Shorter times, for tests. */
  silence?: NonNullable<DatabasePoolConfig['silence']>;
}

/** A connection pool that replaces broken connections and never crashes the process. */
export function createPool(settings: PoolSettings): Pool {
  return new DatabasePool({
    connectionString: settings.url,
    application_name: settings.applicationName,
    max: settings.maxConnections,
    ...(settings.limits && { limits: settings.limits }),
    ...(settings.onConnect && { prepare: settings.onConnect }),
    ...(settings.silence && { silence: settings.silence }),
  });
}

/** See DatabasePool.renew. */
export function renewConnections(pool: Pool): void {
  if (pool instanceof DatabasePool) pool.renew();
}

/**
 * Runs `work` on its own connection. If it fails, the connection is closed instead of returned to the pool, which ends
 * an unfinished COPY or a session lock.
 */
export async function withClient<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    const result = await work(client);
    client.release();
    return result;
  } catch (error) {
    client.release(true);
    throw error;
  }
}

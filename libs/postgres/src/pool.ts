import { Pool, type ClientBase, type PoolClient } from 'pg';

export interface PoolSettings {
  url: string;
  /** Shown in pg_stat_activity. */
  applicationName: string;
  maxConnections: number;
  /** Prepares each new connection. If it fails, the connection is not used. */
  onConnect?: (client: ClientBase) => Promise<void>;
}

/** A connection pool that replaces broken connections and never crashes the process. */
export function createPool(settings: PoolSettings): Pool {
  const pool = new Pool({
    connectionString: settings.url,
    application_name: settings.applicationName,
    max: settings.maxConnections,
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    // pg-pool awaits it, although the type of the option does not say so.
    onConnect: settings.onConnect as ((client: ClientBase) => void) | undefined,
  });
  // The running query also gets the error; without a listener Node would exit.
  pool.on('error', ignore);
  pool.on('connect', (client) => client.on('error', ignore));
  return pool;
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

function ignore(): void {}

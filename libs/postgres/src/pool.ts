import { Pool, type ClientBase, type PoolClient } from 'pg';

export interface PoolSettings {
  url: string;
  /** Shown in pg_stat_activity. */
  applicationName: string;
  maxConnections: number;
  /** Prepares each new connection; one that it fails for is not used. */
  onConnect?: (client: ClientBase) => Promise<void>;
}

/** A connection pool whose broken connections are replaced and never crash the process. */
export function createPool(settings: PoolSettings): Pool {
  const pool = new Pool({
    connectionString: settings.url,
    application_name: settings.applicationName,
    max: settings.maxConnections,
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    // pg-pool waits for it, whatever the type of the option says.
    onConnect: settings.onConnect as ((client: ClientBase) => void) | undefined,
  });
  // The query under way gets the error too; without a listener Node would end the process.
  pool.on('error', ignore);
  pool.on('connect', (client) => client.on('error', ignore));
  return pool;
}

/**
 * Runs `work` on a connection of its own. When it fails, the connection is closed instead of given back: what
 * was left half done on it (an unfinished COPY, a session lock) ends with it.
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

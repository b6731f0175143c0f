import type { ClientBase, Pool } from 'pg';
import { withClient } from './pool';

/** Takes a lock that belongs to the session, if nobody has it. Names are hashed to PostgreSQL's 64-bit keys. */
export async function tryAdvisoryLock(client: ClientBase, name: string): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>(
    'SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS locked',
    [name],
  );
  return rows[0]!.locked;
}

export async function releaseAdvisoryLock(client: ClientBase, name: string): Promise<void> {
  await client.query('SELECT pg_advisory_unlock(hashtextextended($1, 0))', [name]);
}

/** Waits for a lock that ends with the transaction. */
export async function lockForTransaction(client: ClientBase, name: string): Promise<void> {
  await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [name]);
}

/** Runs `work` while holding a lock that others may hold in the same way, and nobody alone. */
export async function withSharedLock<T>(pool: Pool, name: string, work: () => Promise<T>): Promise<T> {
  return withClient(pool, async (client) => {
    await client.query('SELECT pg_advisory_lock_shared(hashtextextended($1, 0))', [name]);
    const result = await work();
    await client.query('SELECT pg_advisory_unlock_shared(hashtextextended($1, 0))', [name]);
    return result;
  });
}

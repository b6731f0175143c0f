import { escapeLiteral, type ClientBase } from 'pg';

/** Takes a session lock if it is free. Names are hashed to PostgreSQL's 64-bit keys. */
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

/** Waits for a lock that is released at the end of the transaction. `shared` locks exclude only `alone`. */
export async function lockForTransaction(
  client: ClientBase,
  name: string,
  mode: 'alone' | 'shared' = 'alone',
): Promise<void> {
  await client.query(lockingStatement(name, mode));
}

/** The statement that does it. */
export function lockingStatement(name: string, mode: 'alone' | 'shared' = 'alone'): string {
  const lock = mode === 'alone' ? 'pg_advisory_xact_lock' : 'pg_advisory_xact_lock_shared';
  return `SELECT ${lock}(hashtextextended(${escapeLiteral(name)}, 0))`;
}

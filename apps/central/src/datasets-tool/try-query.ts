import { endsSession, isPostgresError, type PostgresError } from '@rivulet/postgres';
import type { ClientBase } from 'pg';

/** What `work` returns, or what PostgreSQL refused it with; the transaction goes on in either case. */
export async function tryQuery<T>(client: ClientBase, work: () => Promise<T>): Promise<T | PostgresError> {
  await client.query('SAVEPOINT attempt');
  try {
    const result = await work();
    await client.query('RELEASE SAVEPOINT attempt');
    return result;
  } catch (error) {
    if (!isPostgresError(error) || endsSession(error)) throw error;
    await client.query('ROLLBACK TO SAVEPOINT attempt; RELEASE SAVEPOINT attempt');
    return error;
  }
}

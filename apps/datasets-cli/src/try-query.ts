import { endsSession, inSavepoint, isPostgresError, type PostgresError } from '@rivulet/postgres';
import type { ClientBase } from 'pg';

/** What `work` returns, or what PostgreSQL refused it with; the transaction goes on in either case. */
export async function tryQuery<T>(client: ClientBase, work: () => Promise<T>): Promise<T | PostgresError> {
  try {
    return await inSavepoint(client, work);
  } catch (error) {
    if (!isPostgresError(error) || endsSession(error)) throw error;
    return error;
  }
}
